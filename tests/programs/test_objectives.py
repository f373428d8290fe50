"""WEAM and the systems to compare it with through the command line: what they log and leave, and the laws of training.

What needs one process only runs in that of the tests, which saves its start.
"""

import json
import math
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForPreTraining, BertForMaskedLM, BertModel

from modeling_weam import BertForWEAMPreTraining
from tests.conftest import NO_DROPOUT
from tests.support.command_line import (
    Workspace,
    held_out,
    make_workspace,
    results,
    step_losses,
    training,
    weights,
)
from weam.alignment.encoder import load_encoder
from weam.pretraining.objectives import OBJECTIVES

STOCK = {None: None, AutoModelForMaskedLM: BertForMaskedLM, AutoModel: BertModel}  # what a BERT is left as
PARTS = {  # of the loss, as they are logged
    "weam": ("multilingual_loss", "cross_lingual_loss"),
    "tlm": ("multilingual_loss",),
    "mlm": ("multilingual_loss",),
    "word-alignment": ("alignment_distance", "drift"),
    "translation-ranking": ("contrastive_loss",),
    "simcse": ("contrastive_loss",),
    "weam-ranking": ("multilingual_loss", "cross_lingual_loss", "contrastive_loss"),
    "weam-apart": ("multilingual_loss", "cross_lingual_loss"),
    "word-contrastive": ("word_contrastive_loss",),
    "weam-contrastive": ("multilingual_loss", "cross_lingual_loss", "word_contrastive_loss"),
    "weam-contrastive-ranking": (
        *("multilingual_loss", "cross_lingual_loss"),
        *("word_contrastive_loss", "contrastive_loss"),
    ),
    "pointer": ("pointer_loss",),
    "weam-pointer": ("multilingual_loss", "cross_lingual_loss", "pointer_loss"),
    "embedding-alignment": ("multilingual_loss", "embedding_distance"),
}
MEASURED = {  # on held-out pairs, beside retrieval
    **dict.fromkeys(PARTS, {"multilingual_loss", "cross_lingual_loss"}),
    **dict.fromkeys(("mlm", "embedding-alignment"), {"multilingual_loss"}),
    **dict.fromkeys(("word-alignment", "translation-ranking", "simcse", "word-contrastive", "pointer"), set()),
}
STEPS = "--max_steps 6 --save_steps 3 --logging_steps 1 --learning_rate 1e-3 --per_device_train_batch_size 8".split()
EXACT = "--max_steps 4 --optim sgd --learning_rate 0.01 --lr_scheduler_type constant --logging_steps 1".split()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A model with dropout."""
    return make_workspace(tmp_path_factory.mktemp("dropout"), hidden_dropout_prob=0.1)


@pytest.fixture(scope="module")
def exact_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A model without dropout, for runs that draw it in another order."""
    return make_workspace(tmp_path_factory.mktemp("exact"), initializer_range=0.1, **NO_DROPOUT)


@pytest.fixture(scope="module", params=list(OBJECTIVES))
def trained(request: pytest.FixtureRequest, workspace: Workspace) -> tuple[str, Path]:
    """Train six steps on an objective."""
    return request.param, workspace.here(request.param, "--objective", request.param, *STEPS)


def config(folder: Path) -> dict[str, Any]:
    """Return `config.json`."""
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def same_weights(one: Path, other: Path) -> bool:
    """Compare all weights bit for bit."""
    ours, theirs = weights(one), weights(other)
    return ours.keys() == theirs.keys() and all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def encoder_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights of the encoder under the names that they have without a head."""
    found = weights(folder)
    headed = {name.removeprefix("bert."): tensor for name, tensor in found.items() if name.startswith("bert.")}
    return headed or found


def test_every_objective_logs_the_parts_of_its_loss(trained: tuple[str, Path]) -> None:
    objective, folder = trained
    logged = step_losses(folder)
    assert [record["step"] for record in logged] == [1, 2, 3, 4, 5, 6]
    known = {name for parts in PARTS.values() for name in parts}
    for record in logged:
        assert known & set(record) == set(PARTS[objective])
        assert all(math.isfinite(record[name]) and record[name] > 0 for name in ("loss", *PARTS[objective]))


def test_every_objective_learns(workspace: Workspace, trained: tuple[str, Path]) -> None:
    _, folder = trained
    start, end = encoder_weights(workspace.folder / "checkpoint"), encoder_weights(folder)
    assert all(tensor.isfinite().all() for tensor in end.values())
    assert [name for name, tensor in end.items() if "key.bias" not in name and torch.equal(tensor, start[name])] == []


def test_held_out_pairs_are_measured_before_and_after(trained: tuple[str, Path]) -> None:
    objective, folder = trained
    retrieval = {"retrieval_source_to_target", "retrieval_target_to_source"}
    measurements = results(folder)["measurements"]
    for steps in (0, 6):
        assert {m["metric"] for m in measurements if m["steps"] == steps} == MEASURED[objective] | retrieval
    assert len(measurements) == 2 * len(MEASURED[objective] | retrieval)


def test_what_is_left_is_what_the_last_checkpoint_has(trained: tuple[str, Path]) -> None:
    _, folder = trained
    last, left = encoder_weights(folder / "checkpoint-6"), encoder_weights(folder)
    assert all(torch.equal(tensor, last[name]) for name, tensor in left.items())


def test_weam_leaves_its_code_and_what_it_is_compared_with_a_stock_checkpoint(trained: tuple[str, Path]) -> None:
    objective, folder = trained
    stock = STOCK[OBJECTIVES[objective].auto_class]
    read = config(folder)
    code = [path.name for path in folder.glob("*.py")]
    assert read["model_type"] == "bert"
    if stock is None:
        assert read["architectures"] == ["BertForWEAMPreTraining"]
        assert read["auto_map"]["AutoModelForPreTraining"] == "modeling_weam.BertForWEAMPreTraining"
        assert code == ["modeling_weam.py"]
        options = {"trust_remote_code": True, "output_loading_info": True}
        model, report = AutoModelForPreTraining.from_pretrained(folder, **options)
        assert type(model).__name__ == "BertForWEAMPreTraining"
        assert not report["missing_keys"] and not report["unexpected_keys"]
    else:
        assert read["architectures"] == [stock.__name__] and stock in (BertForMaskedLM, BertModel)
        assert "auto_map" not in read
        assert set(read["weam"]) == {"align_layer", "align_statistics"}
        assert code == []


def test_the_encoder_that_is_left_aligns_words_as_was_noted(trained: tuple[str, Path]) -> None:
    _, folder = trained
    encoder = load_encoder(str(folder)).model
    noted = config(folder)["weam"]
    assert encoder.align_layer() == noted["align_layer"]
    assert 1 <= noted["align_layer"] <= encoder.config.num_hidden_layers
    assert len(b64decode(noted["align_statistics"])) == 2 * 4 * encoder.config.hidden_size


def test_the_stock_auto_classes_load_what_is_left(workspace: Workspace, trained: tuple[str, Path]) -> None:
    objective, folder = trained
    encoder, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert type(encoder) is BertModel
    assert set(report["missing_keys"]) == {"pooler.dense.weight", "pooler.dense.bias"}
    saved = encoder_weights(folder)
    assert all(torch.equal(tensor, saved[name]) for name, tensor in encoder.state_dict().items() if name in saved)
    if OBJECTIVES[objective].predicts:
        model, report = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
        assert type(model) is BertForMaskedLM
        assert not report["missing_keys"] and not report["unexpected_keys"]
        assert weights(folder).keys() == weights(workspace.folder / "checkpoint").keys()
    else:
        assert not report["unexpected_keys"]
        assert weights(folder).keys() == encoder_weights(workspace.folder / "checkpoint").keys()


def test_a_resumed_training_equals_an_uninterrupted_one(workspace: Workspace, trained: tuple[str, Path]) -> None:
    objective, whole = trained
    options = ["--objective", objective, *STEPS, "--resume_from_checkpoint", str(whole / "checkpoint-3")]
    resumed = workspace.here(f"{objective} resumed", *options)
    assert same_weights(resumed, whole)
    assert not same_weights(resumed, whole / "checkpoint-3")
    assert results(resumed)["measurements"] == results(whole)["measurements"]
    for name in ("steps", "tokens"):
        assert training(resumed)[name] == training(whole)[name]


def test_a_resumed_training_equals_an_uninterrupted_one_that_accumulates(workspace: Workspace) -> None:
    """Under dropout the vectors of the other batches are drawn by what is drawn for the step."""
    options = [*STEPS, "--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "4"]
    options += ["--objective", "weam-contrastive"]
    whole = workspace.here("accumulated", *options)
    resumed = workspace.here("accumulated, resumed", *options, "--resume_from_checkpoint", str(whole / "checkpoint-3"))
    assert same_weights(resumed, whole)
    assert not same_weights(resumed, whole / "checkpoint-3")


@pytest.mark.parametrize("objective", ["weam", "word-alignment", "word-contrastive"])
def test_what_is_saved_may_keep_a_share_of_the_start(workspace: Workspace, objective: str) -> None:
    options = ["--objective", objective, *STEPS]
    trained = workspace.here(f"{objective} without the start", *options)
    averaged = workspace.here(f"{objective} with the start", *options, "--start_share", "0.25")
    start, after, found = map(encoder_weights, (workspace.folder / "checkpoint", trained, averaged))
    assert not same_weights(trained, averaged)
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, 0.25 * start[name] + 0.75 * after[name])
    assert same_weights(trained / "checkpoint-6", averaged / "checkpoint-6"), "the training itself is the same"
    resume = ["--start_share", "0.25", "--resume_from_checkpoint", "last"]
    assert same_weights(workspace.here(f"{objective} without the start", *options, *resume), averaged)


def test_a_baseline_goes_on_from_ours_without_its_code(workspace: Workspace) -> None:
    ours = workspace.here("ours", "--max_steps", "1")
    from_ours = ["--model_name_or_path", str(ours)]
    folder = workspace.here("mlm from ours", "--objective", "mlm", "--max_steps", "1", *from_ours)
    assert "auto_map" in config(ours) and "auto_map" not in config(folder)
    assert list(folder.glob("*.py")) == []
    ours_again = workspace.here("ours from mlm", "--max_steps", "1", "--model_name_or_path", str(folder))
    assert "auto_map" in config(ours_again) and (ours_again / "modeling_weam.py").exists()


@pytest.mark.parametrize("objective", ["tlm", "weam-pointer", "weam-apart"])
def test_before_and_after_are_measured_alike(workspace: Workspace, objective: str) -> None:
    """A stock checkpoint knows of no exchange: what is saved is scored with the one that it was trained with."""
    options = "--exchange representation --max_steps 1 --learning_rate 0".split()
    folder = workspace.here(f"{objective} standing still", "--objective", objective, *options)
    before, after = held_out(folder, 0), held_out(folder, 1)
    assert after == pytest.approx(before) and ("en-de", "cross_lingual_loss") in before


# One batch, shared out


@pytest.fixture(scope="module")
def batch_of_eight(exact_workspace: Workspace) -> dict[str, Path]:
    """Four steps of SGD on batches of eight, by objective, as they are asked for."""

    class Trainings(dict):
        def __missing__(self, objective: str) -> Path:
            options = [*EXACT, "--per_device_train_batch_size", "8", "--objective", objective]
            self[objective] = exact_workspace.here(f"{objective} 8", *options)
            return self[objective]

    return Trainings()


def check_same_steps(objective: str, one: Path, other: Path, start: Path) -> None:
    """Compare the logged losses of four steps, and the final weights; something must have been learnt."""
    pairs = list(zip(step_losses(one), step_losses(other), strict=True))
    assert len(pairs) == 4
    for first, second in pairs:
        for name in ("loss", "grad_norm", "num_input_tokens_seen", *PARTS[objective]):
            # a drift of nothing is nothing but rounding
            assert second[name] == pytest.approx(first[name], rel=1e-3 if name == "drift" else 1e-4, abs=1e-9), name
    base, moved = encoder_weights(start), 0.0
    ours, theirs = encoder_weights(one), encoder_weights(other)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, rtol=1e-4, atol=1e-5)
        moved = max(moved, (tensor - base[name]).abs().max().item())
    assert moved > 1e-3, "nothing was learned, so nothing was compared"


@pytest.mark.parametrize(
    "objective",
    [
        *("mlm", "weam-apart", "word-alignment", "pointer", "embedding-alignment"),
        *("translation-ranking", "word-contrastive", "weam-contrastive", "weam-contrastive-ranking"),
    ],
)
def test_accumulation_changes_nothing(
    exact_workspace: Workspace, batch_of_eight: dict[str, Path], objective: str
) -> None:
    options = ["--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "8", "--objective", objective]
    shared = exact_workspace.here(f"{objective} 1 x 8", *EXACT, *options)
    check_same_steps(objective, batch_of_eight[objective], shared, exact_workspace.folder / "checkpoint")


@pytest.mark.parametrize(
    ("objective", "batch_size", "accumulated"),
    [
        *((name, 4, 1) for name in ("mlm", "word-alignment", "translation-ranking", "weam-ranking")),
        *(("weam-contrastive", 4, 1), ("weam-contrastive", 2, 2), ("weam-contrastive-ranking", 2, 2)),
    ],
)
def test_two_processes_change_nothing(
    exact_workspace: Workspace, batch_of_eight: dict[str, Path], objective: str, batch_size: int, accumulated: int
) -> None:
    """In-batch negatives come from both processes, and one of them scores held-out pairs by itself."""
    options = ["--per_device_train_batch_size", str(batch_size), "--gradient_accumulation_steps", str(accumulated)]
    name = f"{objective} 2 x {batch_size} x {accumulated}"
    shared = exact_workspace.forked(name, *EXACT, *options, "--objective", objective, processes=2)
    assert results(shared)["settings"]["training"]["world_size"] == 2
    check_same_steps(objective, batch_of_eight[objective], shared, exact_workspace.folder / "checkpoint")
    left = STOCK[OBJECTIVES[objective].auto_class] or BertForWEAMPreTraining
    assert config(shared)["architectures"] == [left.__name__]


# Layers


def test_one_layer_can_be_trained(workspace: Workspace) -> None:
    """It begins as the first of the checkpoint; a step of Adam moves no weight further than the learning rate."""
    options = "--num_hidden_layers 1 --max_steps 4 --learning_rate 1e-4 --head_warmup_steps 0".split()
    folder = workspace.here("one layer", *options, "--objective", "mlm")
    assert config(folder)["num_hidden_layers"] == 1
    start, end = encoder_weights(workspace.folder / "checkpoint"), encoder_weights(folder)
    assert end.keys() == {name for name in start if ".layer.1." not in name}
    distances = {name: (tensor - start[name]).abs().max().item() for name, tensor in end.items()}
    assert max(distances.values()) < 4.1e-4
    assert distances["encoder.layer.0.output.dense.weight"] > 1e-5
    second = start["encoder.layer.1.output.dense.weight"]
    assert (end["encoder.layer.0.output.dense.weight"] - second).abs().max() > 1e-2
    assert AutoModelForMaskedLM.from_pretrained(folder).config.num_hidden_layers == 1


# Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--objective translation-ranking --head_warmup_steps 2",
            "--objective translation-ranking has no prediction head; leave --head_warmup_steps out",
        ),
        ("--objective mlm --cross_lingual_weight 0.5", "mlm has no cross-lingual prediction; leave --cross_lingual"),
        ("--objective word-alignment --use_lora yes", "word-alignment keeps a copy of .* leave --use_lora out"),
        (
            "--max_length 4",
            "--max_length is 4; give 5, for a token of each text .* to [0-9]+, the positions of the model",
        ),
        ("--max_length 4096", "--max_length is 4096; give 5, .* to [0-9]+, the positions of the model"),
        ("--num_hidden_layers 3", "--num_hidden_layers is 3, and .* has 2; give 1 to that"),
        ("--objective simcse --num_hidden_layers 0", "--num_hidden_layers is 0, and .* has 2; give 1 to that"),
    ],
)
def test_what_cannot_be_meant_is_refused(workspace: Workspace, options: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        workspace.here("refused", *options.split())
    assert not (workspace.folder / "refused").exists()


def test_adapters_learn_an_objective_and_are_merged(workspace: Workspace) -> None:
    options = "--objective translation-ranking --use_lora --per_device_train_batch_size 4".split()
    folder = workspace.here("adapters", *STEPS, *options, "--gradient_accumulation_steps", "2")
    start, end = encoder_weights(workspace.folder / "checkpoint"), weights(folder)
    changed = {name for name, tensor in end.items() if not torch.equal(tensor, start[name])}
    layers = [f"encoder.layer.{n}.attention.self.{part}.weight" for n in (0, 1) for part in ("query", "value")]
    assert changed == set(layers)
    assert config(folder)["architectures"] == ["BertModel"]
    assert all(math.isfinite(record["contrastive_loss"]) for record in step_losses(folder))
