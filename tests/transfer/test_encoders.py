"""The evaluation programs with encoders that have no WEAM class, or another tokenizer than BERT's: stock models, drawn.

Two steps of training each: what is tested is that every program takes them, scores them and leaves a stock model.
"""

import math
from pathlib import Path

import pytest
import torch
import transformers
from transformers import AutoModel, AutoModelForMaskedLM, EuroBertConfig, PretrainedConfig

from tests.conftest import SIZES, config_of
from tests.support.command_line import Evaluation
from tests.support.evaluation_data import (
    write_mlqa,
    write_panx,
    write_sib200,
    write_tatoeba,
    write_udpos,
    write_xnli,
)
from tests.support.tokenizers import (
    byte_fallback_tokenizer,
    byte_level_tokenizer,
    deberta_tokenizer,
    unigram_tokenizer,
)
from weam.results import read_results


def eurobert(**sizes: object) -> PretrainedConfig:
    """Return the config of a small EuroBERT."""
    return EuroBertConfig(**SIZES, num_key_value_heads=1, bos_token_id=1, eos_token_id=2, mask_token_id=4, **sizes)


ENCODERS = {  # by `model_type`: their kind of tokenizer, and a config
    "xlm-roberta": (unigram_tokenizer, lambda **sizes: config_of("xlm-roberta", **sizes)),
    "modernbert": (byte_fallback_tokenizer, lambda **sizes: config_of("modernbert", **sizes)),
    "eurobert": (byte_level_tokenizer, eurobert),
    "deberta-v2": (deberta_tokenizer, lambda **sizes: config_of("deberta-v2", **sizes)),
}
STEPS = "--languages en de --max_steps 2 --max_length 96 --eval_strategy no --load_best_model_at_end no".split()
TESTS = {  # program, settings, what is measured
    "xnli": ("run_xnli", STEPS, ["accuracy"] * 2),
    "mlqa": ("run_mlqa", [*STEPS, "--doc_stride", "8"], ["exact_match", "f1"] * 4),
    "udpos": ("run_xtreme_r", [*STEPS, "--task", "udpos"], ["accuracy"] * 2),
    "panx": ("run_xtreme_r", [*STEPS, "--task", "panx"], ["f1"] * 2),
    "sib200": ("run_xtreme_r", [*STEPS, "--task", "sib200", "--seeds", "1"], ["accuracy"] * 2),
    "tatoeba": (
        "run_xtreme_r",
        "--languages de --task tatoeba --layer 1".split(),
        ["accuracy", "accuracy_from_english"],
    ),
}


@pytest.fixture(scope="module", params=ENCODERS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A checkpoint of each kind beside all benchmarks; its kind, and the folder."""
    folder = tmp_path_factory.mktemp(request.param)
    for write in (write_xnli, write_mlqa, write_udpos, write_panx, write_sib200, write_tatoeba):
        write(folder / "data")
    new_tokenizer, new_config = ENCODERS[request.param]
    tokenizer = new_tokenizer()
    torch.manual_seed(0)
    sizes = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "max_position_embeddings": 128}
    AutoModelForMaskedLM.from_config(new_config(**sizes)).save_pretrained(folder / "checkpoint")
    tokenizer.save_pretrained(folder / "checkpoint")
    return request.param, folder


@pytest.mark.parametrize("test", TESTS)
def test_every_program_takes_it(checkpoint: tuple[str, Path], test: str) -> None:
    kind, folder = checkpoint
    program, options, metrics = TESTS[test]
    workspace = Evaluation(folder, program)
    if (kind, test) == ("eurobert", "mlqa"):
        message = f"'eurobert' model, for which transformers {transformers.__version__} has no AutoModelForQuestion"
        with pytest.raises(ValueError, match=message):
            workspace.here(test, *options)
        return
    measurements = read_results(workspace.here(test, *options) / "results.json").measurements
    assert [m.metric for m in measurements] == metrics
    assert all(math.isfinite(m.value) and m.count > 0 for m in measurements)
    if test != "tatoeba":
        encoder = AutoModel.from_pretrained(folder / test)
        assert (encoder.config.model_type, (folder / test / "modeling_weam.py").exists()) == (kind, False)
