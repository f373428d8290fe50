"""Interrupted checkpoints are passed over, and output directories guarded."""

from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import distributed
from torch.multiprocessing import start_processes
from transformers import TrainingArguments

from weam.runs import (
    check_output_dir,
    check_settings,
    find_checkpoint,
    last_complete_checkpoint,
    leave_process_group,
)


def write_checkpoint(folder, step, state='{"global_step": 1}'):
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").write_bytes(b"weights")
    if state is not None:
        (checkpoint / "trainer_state.json").write_text(state, encoding="utf-8")
    return checkpoint


def test_the_last_checkpoint_is_the_one_of_the_highest_number(tmp_path):
    for step in (900, 1000, 20):
        write_checkpoint(tmp_path, step)
    assert last_complete_checkpoint(tmp_path) == tmp_path / "checkpoint-1000"


@pytest.mark.parametrize("state", [None, "", '{"global_step": 1', "\x00" * 20])
def test_an_interrupted_checkpoint_is_passed_over(tmp_path, state):
    write_checkpoint(tmp_path, 10)
    write_checkpoint(tmp_path, 20, state)
    assert last_complete_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_a_copy_of_a_checkpoint_under_another_name_is_passed_over(tmp_path):
    write_checkpoint(tmp_path, 10)
    write_checkpoint(tmp_path, "20-copy")
    write_checkpoint(tmp_path, "best")
    assert last_complete_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_without_a_complete_checkpoint_there_is_none(tmp_path):
    write_checkpoint(tmp_path, 10, state=None)
    assert last_complete_checkpoint(tmp_path) is None
    assert last_complete_checkpoint(tmp_path / "nowhere") is None


def test_no_checkpoint_is_looked_for_unless_asked(tmp_path):
    write_checkpoint(tmp_path, 10)
    assert find_checkpoint(tmp_path, None) is None


def test_last_is_the_last_complete_checkpoint_or_a_new_start(tmp_path):
    assert find_checkpoint(tmp_path, "last") is None
    checkpoint = write_checkpoint(tmp_path, 10)
    assert find_checkpoint(tmp_path, "last") == checkpoint


def test_a_named_checkpoint_is_taken_wherever_it_is(tmp_path):
    write_checkpoint(tmp_path / "one", 20)
    checkpoint = write_checkpoint(tmp_path / "other", 10)
    assert find_checkpoint(tmp_path / "one", str(checkpoint)) == checkpoint


@pytest.mark.parametrize("state", [None, "{"])
def test_a_named_checkpoint_that_was_interrupted_is_refused(tmp_path, state):
    checkpoint = write_checkpoint(tmp_path, 10, state)
    with pytest.raises(
        FileNotFoundError, match=r"checkpoint-10 is no complete checkpoint; name another, or write last"
    ):
        find_checkpoint(tmp_path, str(checkpoint))


def test_a_checkpoint_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="checkpoint-10 is no complete checkpoint"):
        find_checkpoint(tmp_path, str(tmp_path / "checkpoint-10"))


def test_a_new_or_empty_output_directory_is_taken(tmp_path):
    assert check_output_dir(tmp_path / "new", resuming=False, overwrite=False) is None
    assert check_output_dir(tmp_path, resuming=False, overwrite=False) is None


def test_an_output_directory_with_something_in_it_is_refused(tmp_path):
    (tmp_path / ".hidden").touch()
    with pytest.raises(FileExistsError, match=r"is not empty; continue it with .* last, .* --overwrite_output_dir"):
        check_output_dir(tmp_path, resuming=False, overwrite=False)


@pytest.mark.parametrize(("resuming", "overwrite"), [(True, False), (False, True)])
def test_an_output_directory_with_something_in_it_is_taken_when_told_to(tmp_path, resuming, overwrite):
    (tmp_path / "model.safetensors").touch()
    assert check_output_dir(tmp_path, resuming, overwrite) is None
    assert (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize(("chosen", "threads"), [(None, 3), ("1", 1)])
def test_a_continued_run_computes_with_the_threads_it_began_with_unless_the_user_chose(
    chosen, threads, tmp_path, monkeypatch, set_threads
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    args = TrainingArguments(str(tmp_path), use_cpu=True)
    set_threads(3)
    check_settings({"checkpoint": "a1"}, tmp_path / "settings.json", args)
    set_threads(1)  # fewer cores are free
    if chosen is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    check_settings({"checkpoint": "a1"}, tmp_path / "settings.json", args)
    assert torch.get_num_threads() == threads


def test_runs_that_began_before_threads_were_noted_go_on(tmp_path, set_threads):
    (tmp_path / "settings.json").write_text('{"checkpoint": "a1"}', encoding="utf-8")
    set_threads(1)
    check_settings({"checkpoint": "a1"}, tmp_path / "settings.json", TrainingArguments(str(tmp_path), use_cpu=True))
    assert torch.get_num_threads() == 1


def gather_and_leave(rank: int, folder: Path) -> None:
    """Leave right after a collective operation, whose tensors gloo's threads may still hold."""
    meeting = {"init_method": f"file://{folder}/meeting", "timeout": timedelta(seconds=60)}
    distributed.init_process_group("gloo", rank=rank, world_size=2, **meeting)
    distributed.all_gather([torch.zeros(100_000) for _ in range(2)], torch.ones(100_000))
    leave_process_group()


def test_a_process_that_leaves_right_after_the_others_were_heard_does_not_hang(tmp_path):
    for number in range(6):  # with torch 2.6 some of them hung
        folder = tmp_path / str(number)
        folder.mkdir()
        processes = start_processes(gather_and_leave, args=(folder,), nprocs=2, join=False, start_method="fork")
        ended = processes.join(timeout=20) or processes.join(timeout=20)  # one join may return when the first ended
        for process in processes.processes:
            process.kill()
        assert ended
