"""The laws of training, through the real command line."""

import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from tests.conftest import NO_DROPOUT, small_tokenizer
from tests.support.command_line import (
    TWO_PROCESSES,
    Workspace,
    held_out,
    make_workspace,
    results,
    sentence_pairs,
    step_losses,
    training,
    weights,
    write_tsv,
)

LOADERS = {
    "no workers": "--dataloader_num_workers 0".split(),  # grouped by length
    "2 workers": "--dataloader_num_workers 2 --dataloader_persistent_workers true".split(),
    "random order": "--train_sampling_strategy random".split(),
}
LAUNCHED = "no workers"  # through `accelerate launch`, as users do; the others begin as forks
LONG = "--num_train_epochs 3 --per_device_train_batch_size 8 --save_steps 6 --learning_rate 1e-3 --seed 5".split()
TEN_STEPS = "--max_steps 10 --optim sgd --learning_rate 0.1 --lr_scheduler_type constant --logging_steps 1".split()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A model with dropout."""
    return make_workspace(tmp_path_factory.mktemp("dropout"), hidden_dropout_prob=0.1)


@pytest.fixture(scope="module")
def exact_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A model without dropout, for runs that draw it in another order."""
    return make_workspace(tmp_path_factory.mktemp("exact"), **NO_DROPOUT)


@pytest.fixture(scope="module", params=list(LOADERS))
def uninterrupted(request: pytest.FixtureRequest, workspace: Workspace) -> tuple[str, Path]:
    """Train three epochs without interruption, with each way of loading."""
    loader = request.param
    train = workspace.run if loader == LAUNCHED else workspace.forked
    return loader, train(f"uninterrupted {loader}", *LONG, *LOADERS[loader])


def test_killed_and_resumed_equals_uninterrupted(workspace: Workspace, uninterrupted: tuple[str, Path]) -> None:
    loader, whole = uninterrupted
    output, is_launched = f"killed {loader}", loader == LAUNCHED
    kill_after = workspace.kill_after if is_launched else workspace.kill_fork_after
    kill_after("checkpoint-60", output, *LONG, *LOADERS[loader])

    train = workspace.run if is_launched else workspace.forked
    resumed = train(output, *LONG, *LOADERS[loader], "--resume_from_checkpoint", "last")

    assert 1 < 60 / (training(whole)["steps"] / 3) < 2, "the checkpoint is not in the second epoch"
    assert all(torch.equal(tensor, weights(resumed)[name]) for name, tensor in weights(whole).items())
    assert results(resumed)["measurements"] == results(whole)["measurements"]
    assert training(resumed)["steps"] == training(whole)["steps"]
    assert training(resumed)["tokens"] == training(whole)["tokens"]


def test_adapters_resume_with_the_head_that_they_were_trained_with(workspace: Workspace) -> None:
    options = "--use_lora --head_warmup_steps 3 --save_steps 3 --max_steps 6 --learning_rate 1e-2".split()
    whole = workspace.here("adapters", *options)
    resumed = workspace.here("adapters resumed", *options, "--resume_from_checkpoint", str(whole / "checkpoint-3"))
    assert all(torch.equal(tensor, weights(resumed)[name]) for name, tensor in weights(whole).items())


def test_a_head_that_the_checkpoint_lacks_or_has_for_another_layer_is_trained_first(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("run_pretraining.NEW_HEAD_WARMUP_STEPS", 3)
    headless = shutil.copytree(workspace.folder / "checkpoint", workspace.folder / "encoder alone")
    AutoModel.from_pretrained(headless, add_pooling_layer=False).save_pretrained(headless)
    options = ["--model_name_or_path", str(headless), "--save_steps", "1", "--max_steps"]
    warm = workspace.here("warm", *options, "1")
    cold = workspace.here("cold", *options, "1", "--head_warmup_steps", "0")
    trained = workspace.here("trained", "--max_steps", "1")
    cut = workspace.here("cut", "--num_hidden_layers", "1", "--max_steps", "1")

    folders = (warm, cold, trained, cut)
    assert [results(folder)["settings"]["model"]["head_warmup_steps"] for folder in folders] == [3, 0, 0, 3]
    message = "no prediction head trained on these layers: first it learns alone, for 3 steps (--head_warmup_steps)"
    told = [text for text in caplog.messages if "prediction head" in text]
    assert len(told) == 2
    assert told[0].endswith(f"encoder alone has {message}") and told[1].endswith(f"checkpoint has {message}")
    head = "cls.predictions.transform.dense.weight"
    assert not torch.equal(weights(warm)[head], weights(cold)[head])
    workspace.here("warm", *options, "2", "--resume_from_checkpoint", "last")


def test_a_finished_training_that_goes_on_takes_no_further_step(workspace: Workspace) -> None:
    """As one that was killed when it scored held-out pairs; the sixth step is within an epoch."""
    options = "--max_steps 6 --save_steps 3 --learning_rate 1e-3 --lr_scheduler_type constant".split()
    whole = workspace.here("finished", *options)
    resumed = workspace.here("finished resumed", *options, "--resume_from_checkpoint", str(whole / "checkpoint-6"))
    assert all(torch.equal(tensor, weights(resumed)[name]) for name, tensor in weights(whole).items())
    assert results(resumed)["measurements"] == results(whole)["measurements"]
    for name in ("steps", "tokens"):
        assert training(resumed)[name] == training(whole)[name]


def test_a_training_does_not_go_on_as_another_one(workspace: Workspace) -> None:
    """Another weight of the loss, another seed or other text make another run; more steps do not."""
    options = "--max_steps 3 --save_steps 3".split()
    folder = workspace.here("first", *options)
    other_text = write_tsv(workspace.folder / "other.tsv", sentence_pairs()[:200])
    last = ["--resume_from_checkpoint", "last"]
    for change, message in {
        ("--cross_lingual_weight", "2"): r"another model \(cross_lingual_weight 1.0, now 2.0\)",
        ("--seed", "7"): r"another training \(seed 42, now 7\)",
        ("--learning_rate", "0.01"): r"another training \(learning_rate 5e-05, now 0.01\)",  # which it would not use
        ("--train_file", f"en-de={other_text}"): r"another data \(en-de features-",
    }.items():
        with pytest.raises(ValueError, match=message):
            workspace.here("first", *options, *last, *change)
    workspace.here("first", "--max_steps", "5", "--save_steps", "3", *last)
    assert training(folder)["steps"] == 5


def test_a_training_that_learns_nothing_changes_no_score(workspace: Workspace) -> None:
    """The layer that is read is chosen in the same way before and after, by sentences that do not test."""
    gold = workspace.folder / "gold"
    Path(f"{gold}.src-tgt").write_text("".join(f"{a} ||| {b}\n" for a, b in sentence_pairs()[:9]), encoding="utf-8")
    Path(f"{gold}.gold").write_text("1-1 2-2\n" * 9, encoding="utf-8")
    options = f"--max_steps 1 --learning_rate 0 --head_warmup_steps 0 --gold_alignments en-de={gold}".split()
    folder = workspace.here("nothing learnt", *options)
    assert held_out(folder, 1) == held_out(folder, 0)
    (tested,) = {row["count"] for row in results(folder)["measurements"] if row["metric"] == "alignment_error_rate"}
    assert tested == 5


def test_what_a_training_begins_with_is_not_overwritten(workspace: Workspace) -> None:
    folder = workspace.here("begun with", "--max_steps", "2", "--save_steps", "2")
    before = weights(folder)
    for name in (str(folder), str(folder / "checkpoint-2")):
        with pytest.raises(ValueError, match="lies in .*begun with, which --overwrite_output_dir clears"):
            workspace.here("begun with", "--model_name_or_path", name, "--overwrite_output_dir")
    assert (folder / "checkpoint-2" / "model.safetensors").is_file()
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(folder).items())


def test_a_folder_that_is_overwritten_leaves_nothing_to_go_on_from(workspace: Workspace) -> None:
    folder = workspace.here("twice", "--max_steps", "4", "--save_steps", "2")
    before = held_out(folder, 0)
    (folder / ".eval_results").mkdir()  # what `weam card` wrote of evaluations of the earlier model
    smaller = ["--max_eval_pairs", "10", "--seed", "7", "--overwrite_output_dir"]
    workspace.here("twice", "--max_steps", "2", "--save_steps", "2", *smaller)
    assert [path.name for path in folder.glob("checkpoint-*")] == ["checkpoint-2"]
    assert held_out(folder, 0) != before
    assert not (folder / ".eval_results").exists()


def test_one_command_gives_the_same_weights_twice_and_another_seed_others(workspace: Workspace) -> None:
    steps = ["--max_steps", "6"]
    first, second = weights(workspace.run("launched", *steps)), weights(workspace.here("in this process", *steps))
    other = weights(workspace.here("other seed", *steps, "--seed", "43"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.fixture(scope="module")
def batch_of_eight(exact_workspace: Workspace) -> Path:
    """Ten steps of SGD on batches of eight."""
    return exact_workspace.here("8", *TEN_STEPS, "--per_device_train_batch_size", "8")


@pytest.mark.parametrize(
    ("options", "processes"),
    [
        (["--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "8"], 1),
        (["--per_device_train_batch_size", "4"], 2),
    ],
)
def test_a_batch_is_the_same_however_it_is_shared_out(
    exact_workspace: Workspace, batch_of_eight: Path, options: list[str], processes: int
) -> None:
    launch = {"launch": TWO_PROCESSES} if processes == 2 else {}
    shared = exact_workspace.run(f"{processes} processes", *TEN_STEPS, *options, **launch)

    assert results(shared)["settings"]["training"]["world_size"] == processes
    for one, other in zip(step_losses(batch_of_eight), step_losses(shared), strict=True):
        for name in ("loss", "multilingual_loss", "cross_lingual_loss", "num_input_tokens_seen"):
            assert other[name] == pytest.approx(one[name], rel=1e-4), name
    start = weights(exact_workspace.folder / "checkpoint")
    moved = 0.0
    for name, tensor in weights(batch_of_eight).items():
        torch.testing.assert_close(weights(shared)[name], tensor, rtol=1e-4, atol=1e-6)
        moved = max(moved, (tensor - start[name]).abs().max().item())
    assert moved > 1e-3, "nothing was learned, so nothing was compared"


def test_both_losses_are_logged_and_fall(workspace: Workspace, uninterrupted: tuple[str, Path]) -> None:
    _, whole = uninterrupted
    before, after = held_out(whole, 0), held_out(whole, training(whole)["steps"])
    for loss in ("multilingual_loss", "cross_lingual_loss"):
        assert after["en-de", loss] < before["en-de", loss]


def test_a_folder_that_holds_something_is_refused_and_left_as_it_is(workspace: Workspace) -> None:
    folder = workspace.folder / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("ten years of work")
    with pytest.raises(FileExistsError, match="mine is not empty; continue it with --resume_from_checkpoint last"):
        workspace.here("mine", "--max_steps", "1")
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
    shutil.rmtree(folder)


def test_the_encoder_aligns_its_own_training_text_and_notes_how_it_aligns(workspace: Workspace) -> None:
    folder = workspace.here("by itself", "--aligner", "encoder", "--max_steps", "1", "--head_warmup_steps", "0")
    (links,) = [
        path for path in (workspace.folder / "cache").glob("links-*") if "encoder" in (path / "key.json").read_text()
    ]
    assert (links / "links.txt").read_text().strip()
    encoder = AutoModel.from_pretrained(folder, trust_remote_code=True)
    assert encoder.alignment_statistics(encoder.align_layer()).shape == (2, 32)
    source, target = sentence_pairs()[0]
    assert encoder.align_words(small_tokenizer(), [source], [target])[0]
