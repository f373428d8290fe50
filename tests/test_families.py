"""Which models have a family, and what the programs say of those that have none."""

import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from transformers import CanineTokenizer

from tests.conftest import small_tokenizer
from tests.support.command_line import Evaluation, Workspace

REFUSED = {  # what is said of a config, by programs that pre-train and by those that fine-tune
    "decoder": ({"model_type": "gpt2"}, r"\('gpt2'\) is a decoder, or no masked language model; WEAM needs an encoder"),
    "encoder-decoder": ({"model_type": "mbart"}, r"\('mbart'\) is an encoder-decoder; WEAM needs an encoder"),
    "absent": ({"model_type": "hypobert"}, rf"'hypobert', which transformers {transformers.__version__} does not have"),
}


def run_on(folder: Path, pretraining: bool) -> None:
    """Run a program on the checkpoint in a folder."""
    if pretraining:
        (folder / "train.tsv").write_text("the cat\tdie katze\n")
        Workspace(folder).here("output")
    else:
        Evaluation(folder, "run_xnli").here("output")


def write_checkpoint(folder: Path, config: dict[str, Any], tokenizer: Any = None) -> None:  # noqa: ANN401
    """Write a config and a tokenizer, which is all that is looked at."""
    (tokenizer or small_tokenizer()).save_pretrained(folder / "checkpoint")
    (folder / "checkpoint" / "config.json").write_text(json.dumps(config), encoding="utf-8")


@pytest.mark.parametrize("pretraining", [True, False])
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_encoder_or_unknown_is_refused_by_the_programs(kind: str, pretraining: bool, tmp_path: Path) -> None:
    config, message = REFUSED[kind]
    write_checkpoint(tmp_path, config)
    with pytest.raises(ValueError, match=message):
        run_on(tmp_path, pretraining)


def test_an_encoder_without_family_is_refused_by_pretraining_with_the_list(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"model_type": "eurobert"})
    message = (
        "is a 'eurobert' model; WEAM continues the pre-training of bert, xlm-roberta, deberta-v2, modernbert, such as"
    )
    with pytest.raises(ValueError, match=message):
        run_on(tmp_path, pretraining=True)


def test_a_tokenizer_without_mask_token_is_refused_by_pretraining(tmp_path: Path) -> None:
    tokenizer = small_tokenizer()
    tokenizer.mask_token = None
    write_checkpoint(tmp_path, {"model_type": "bert"}, tokenizer)
    with pytest.raises(
        ValueError, match=r"has no mask token; masked pre-training needs one: give it a mask_token, like \[MASK\]"
    ):
        run_on(tmp_path, pretraining=True)


@pytest.mark.parametrize("pretraining", [True, False])
def test_a_tokenizer_without_padding_token_is_refused_by_the_programs(pretraining: bool, tmp_path: Path) -> None:
    tokenizer = small_tokenizer()
    tokenizer.pad_token = None
    write_checkpoint(tmp_path, {"model_type": "bert"}, tokenizer)
    with pytest.raises(ValueError, match=r"has no padding token; batches need one: give it a pad_token, like \[PAD\]"):
        run_on(tmp_path, pretraining)


@pytest.mark.parametrize("pretraining", [True, False])
def test_a_slow_tokenizer_is_refused_by_the_programs(pretraining: bool, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"model_type": "bert"}, CanineTokenizer())
    with pytest.raises(ValueError, match=r"has a slow tokenizer \(CanineTokenizer\); WEAM needs .* convert it"):
        run_on(tmp_path, pretraining)
