"""The launch profiles of recipes/accelerate that run without GPUs: each trains what one process trains."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest
import torch
from transformers import AutoModelForMaskedLM

from tests.conftest import NO_DROPOUT, ROOT
from tests.support.command_line import PIPES, Workspace, environment, make_workspace, results, step_losses, weights
from tests.support.forks import free_port

PROFILES = ROOT / "recipes" / "accelerate"
STEPS = "--max_steps 10 --save_steps 5 --logging_steps 1 --learning_rate 1e-3 --lr_scheduler_type constant".split()
STEPS += ["--objective", "weam-contrastive"]  # words are told from those of all processes and accumulated batches
STEPS += ["--max_train_pairs", "24"]  # three steps of eight are an epoch: the run is killed in the second
ACCUMULATED = ["--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "2"]
TWO_MACHINES = ["--num_machines", "2", "--num_processes", "2", "--main_process_ip", "127.0.0.1"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A model without dropout, which another number of processes draws in another order."""
    return make_workspace(tmp_path_factory.mktemp("profiles"), **NO_DROPOUT)


@pytest.fixture(scope="module")
def alone(workspace: Workspace) -> Path:
    """Ten steps of one process."""
    return workspace.here("alone", *STEPS, "--per_device_train_batch_size", "8")


def start(workspace: Workspace, output: str, launches: list[list[str]], *options: str) -> list[subprocess.Popen]:
    """Start a command on each machine."""
    commands = [workspace.command(output, *STEPS, *ACCUMULATED, *options, launch=launch) for launch in launches]
    return [subprocess.Popen(x, env=environment(), start_new_session=True, **PIPES) for x in commands]


def finish(started: list[subprocess.Popen]) -> None:
    outputs = [process.communicate(timeout=240)[0] for process in started]
    assert all(process.returncode == 0 for process in started), "\n".join(outputs)


def kill_after(checkpoint: Path, started: list[subprocess.Popen]) -> None:
    """Send SIGKILL to all machines once the checkpoint is complete; torchrun's workers have sessions of their own."""
    deadline = time.monotonic() + 120
    while not (checkpoint / "trainer_state.json").exists():
        assert time.monotonic() < deadline and all(process.poll() is None for process in started)
        time.sleep(0.01)
    workers = [worker for launched in started for worker in psutil.Process(launched.pid).children(recursive=True)]
    for process in (*started, *workers):
        process.kill()
    for process in started:
        process.communicate()
    assert not (checkpoint.parent / "model.safetensors").exists(), "it had finished before it was killed"


def check_same(alone: Path, shared: Path, start: Path) -> None:
    """Two processes, interrupted or not, have the losses and the weights of one; the stock class loads them."""
    assert results(shared)["settings"]["training"]["world_size"] == 2
    for one, other in zip(step_losses(alone), step_losses(shared), strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-4)
    moved = 0.0
    for name, tensor in weights(alone).items():
        torch.testing.assert_close(weights(shared)[name], tensor, rtol=1e-3, atol=1e-5)
        moved = max(moved, (tensor - weights(start)[name]).abs().max().item() if name in weights(start) else 0.0)
    assert moved > 1e-3, "nothing was learned, so nothing was compared"
    _, report = AutoModelForMaskedLM.from_pretrained(shared, output_loading_info=True)
    assert not report["missing_keys"]


def test_two_machines_train_what_one_process_trains_and_go_on_when_both_were_killed(
    workspace: Workspace, alone: Path
) -> None:
    def launches() -> list[list[str]]:
        common = ["--config_file", str(PROFILES / "several_nodes.yaml"), *TWO_MACHINES, "--mixed_precision", "no"]
        port = free_port()
        return [[*common, "--main_process_port", port, "--machine_rank", rank] for rank in ("0", "1")]

    kill_after(workspace.folder / "machines" / "checkpoint-5", start(workspace, "machines", launches()))
    finish(start(workspace, "machines", launches(), "--resume_from_checkpoint", "last"))
    check_same(alone, workspace.folder / "machines", workspace.folder / "checkpoint")


def test_deepspeed_trains_what_one_process_trains_and_goes_on_when_it_was_killed(
    workspace: Workspace, alone: Path
) -> None:
    pytest.importorskip("deepspeed", reason="needs the extra [deepspeed]")
    launch = ["--config_file", str(PROFILES / "deepspeed_zero2.yaml"), "--num_processes", "2"]
    launch += ["--mixed_precision", "no", "--main_process_port", "0"]
    options = ["--use_cpu", "no"]  # else accelerate leaves DeepSpeed out
    kill_after(workspace.folder / "zero" / "checkpoint-5", start(workspace, "zero", [launch], *options))
    assert list((workspace.folder / "zero" / "checkpoint-5").glob("global_step5/*optim_states.pt"))
    finish(start(workspace, "zero", [launch], *options, "--resume_from_checkpoint", "last"))
    check_same(alone, workspace.folder / "zero", workspace.folder / "checkpoint")
