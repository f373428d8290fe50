"""Programs take the cores that are there, unless the user chose, and say so."""

import logging
import os
import subprocess
import sys

import pytest
import torch

from tests.conftest import ROOT
from weam import processor

CHOSEN = "from weam.processor import threads_are_chosen as chosen; print('chosen:', chosen())"
LAUNCHERS = {
    "accelerate": ["-m", "accelerate.commands.launch", "--num_processes", "1", "--mixed_precision", "no"],
    "torchrun": ["-m", "torch.distributed.run", "--nproc_per_node", "1"],
}


def chosen_under(launch, tmp_path, **variables):
    """Start a script that says whether its threads were chosen, through a launcher; the user set these variables."""
    script = tmp_path / "script.py"
    script.write_text(CHOSEN, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment = {**kept, "PYTHONPATH": str(ROOT), **variables}
    found = subprocess.run([sys.executable, *launch, script], env=environment, capture_output=True, text=True)
    return found.stdout.strip()


def test_what_accelerate_sets_by_itself_is_not_the_users_choice(tmp_path):
    assert chosen_under(LAUNCHERS["accelerate"], tmp_path) == "chosen: False"


def test_what_the_user_gives_accelerate_is_a_choice(tmp_path):
    one = [*LAUNCHERS["accelerate"], "--num_cpu_threads_per_process", "1"]
    assert chosen_under(one, tmp_path) == "chosen: True"


def test_an_exported_number_is_a_choice_under_torchrun_too(tmp_path):
    assert chosen_under(LAUNCHERS["torchrun"], tmp_path, OMP_NUM_THREADS="1") == "chosen: True"


def test_without_a_launcher_the_variable_alone_decides(monkeypatch):
    for name in processor.LAUNCHED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert processor.threads_are_chosen()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert not processor.threads_are_chosen()


def test_cores_are_shared_out_over_the_processes_of_the_machine(monkeypatch, set_threads, caplog):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(processor, "physical_cores", lambda: 6)
    monkeypatch.setattr(processor.psutil, "cpu_percent", lambda interval, percpu: [0.0] * os.cpu_count())
    caplog.set_level(logging.INFO, logger="weam")
    for processes, own in (("1", 6), ("2", 3), ("8", 1)):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
        processor.use_free_cores()
        assert torch.get_num_threads() == own
    assert caplog.messages[0] == "computing with 6 threads; OMP_NUM_THREADS sets another number"


def test_a_chosen_number_of_threads_stays(monkeypatch, set_threads):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    processor.use_free_cores()
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("busy", "free"), [([3.0, 12.0, 0.0, 9.0], 4), ([99.0, 2.0, 60.0, 0.0], 2), ([100.0] * 4, 1)])
def test_busy_cores_are_left_to_others(monkeypatch, busy, free):
    """Threads wait for each other, so that one without a core of its own holds up all."""
    monkeypatch.setattr(processor.os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    monkeypatch.setattr(processor.psutil, "cpu_count", lambda logical: 4)
    monkeypatch.setattr(processor.psutil, "cpu_percent", lambda interval, percpu: [*busy, 100.0, 100.0])
    assert processor.free_cores() == free
