"""The laws of training through the program for every family beside BERT, each with its own kind of tokenizer."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM

from tests.conftest import config_of
from tests.support.command_line import Workspace, results, sentence_pairs, step_losses, weights, write_tsv
from tests.support.tokenizers import byte_level_tokenizer, unigram_tokenizer

TOKENIZERS = {"xlm-roberta": unigram_tokenizer, "modernbert": byte_level_tokenizer}
DROPOUT = {"xlm-roberta": {"hidden_dropout_prob": 0.1}, "modernbert": {"mlp_dropout": 0.1, "embedding_dropout": 0.1}}
STEPS = "--max_steps 4 --logging_steps 1 --learning_rate 1e-3 --max_length 96".split()
EIGHT = ["--per_device_train_batch_size", "8"]
EXACT = [*STEPS, "--optim", "sgd", "--lr_scheduler_type", "constant"]


def make_workspace(folder: Path, family: str, **config: object) -> Workspace:
    """Write a small random checkpoint of the family, and text."""
    torch.manual_seed(0)
    tokenizer = TOKENIZERS[family]()
    sizes = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "max_position_embeddings": 128}
    AutoModelForMaskedLM.from_config(config_of(family, **sizes, **config)).save_pretrained(folder / "checkpoint")
    tokenizer.save_pretrained(folder / "checkpoint")
    write_tsv(folder / "train.tsv", sentence_pairs()[:80])
    return Workspace(folder)


@pytest.mark.parametrize("family", TOKENIZERS)
def test_a_resumed_training_equals_an_uninterrupted_one(family: str, tmp_path: Path) -> None:
    """With dropout, bit for bit; what is left loads as the stock model of the family."""
    workspace = make_workspace(tmp_path, family, **DROPOUT[family])
    whole = workspace.here("whole", *STEPS, *EIGHT, "--save_steps", "2")
    options = ["--save_steps", "2", "--resume_from_checkpoint", str(whole / "checkpoint-2")]
    resumed = workspace.here("resumed", *STEPS, *EIGHT, *options)
    ours, theirs, start = weights(whole), weights(resumed), weights(workspace.folder / "checkpoint")
    assert ours.keys() == theirs.keys() == start.keys()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    assert any(not torch.equal(tensor, start[name]) for name, tensor in ours.items())
    assert results(resumed)["measurements"] == results(whole)["measurements"]
    assert type(AutoModel.from_pretrained(whole)).__module__ == f"transformers.models.{family.replace('-', '_')}." + (
        f"modeling_{family.replace('-', '_')}"
    )
    assert (whole / "modeling_weam.py").exists()


@pytest.mark.parametrize("family", TOKENIZERS)
def test_accumulation_changes_nothing(family: str, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, family, initializer_range=0.1)
    one = workspace.here("8", *EXACT, *EIGHT)
    shared = ["--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "8"]
    other = workspace.here("1 x 8", *EXACT, *shared)
    for first, second in zip(step_losses(one), step_losses(other), strict=True):
        for name in ("loss", "grad_norm", "multilingual_loss", "cross_lingual_loss"):
            assert second[name] == pytest.approx(first[name], rel=1e-4), name
    ours, theirs = weights(one), weights(other)
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, rtol=1e-4, atol=1e-5)
