"""Programs take the cores that are there, unless the user chose, and say so; work shared out comes out the same."""

import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from tests.conftest import ROOT, TEXTS
from tests.support.command_line import sentence_pairs, write_tsv
from weam import processor
from weam.alignment.arguments import AlignmentArguments
from weam.bitext.arguments import BitextArguments
from weam.bitext.reading import SeenIds
from weam.pretraining.preparation import prepare_language_pairs

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


# Work shared out over processes


@pytest.fixture
def processes(monkeypatch):
    """Let so many processes work, on three lines at a time."""
    monkeypatch.setattr(processor, "AT_ONCE", 3)

    def choose(count: int) -> None:
        monkeypatch.setattr(processor, "workers", lambda: count)

    return choose


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(processes, count):
    processes(count)
    offset = 7  # the function may be a closure
    found = list(processor.in_order(lambda x: (x + offset, os.getpid()), range(20)))
    assert [value for value, _ in found] == list(range(7, 27))
    assert (os.getpid() in {process for _, process in found}) == (count == 1)


def test_one_item_alone_starts_no_process(processes):
    processes(2)
    assert list(processor.in_order(lambda _: os.getpid(), [0])) == [os.getpid()]
    assert list(processor.in_order(lambda _: os.getpid(), [])) == []


def test_an_error_in_a_process_or_between_items_reaches_the_caller(processes):
    def broken():
        yield from (1, 2, 3)
        raise ValueError("line 4")

    processes(2)
    with pytest.raises(ZeroDivisionError):
        list(processor.in_order(lambda x: 1 // x, [1, 2, 0, 3]))
    with pytest.raises(ValueError, match="line 4"):
        list(processor.in_order(lambda x: x, broken()))


@pytest.mark.parametrize(("count", "cut"), [(0, []), (3, [range(3)]), (7, [range(3), range(3, 6), range(6, 7)])])
def test_rows_and_items_are_cut_alike(processes, count, cut):
    assert processor.ranges(count) == cut
    assert list(processor.batches(range(count))) == [list(part) for part in cut]


def prepared(folder, tokenizer: PreTrainedTokenizerBase):
    """Prepare text with duplicates and blank lines; return all files but those that `datasets` names by chance."""
    pairs = [*sentence_pairs()[:40], ("", "leer"), *TEXTS, *sentence_pairs()[:5], *sentence_pairs()[40:60]]
    text = write_tsv(folder / "text.tsv", pairs)
    links = folder / "links.txt"
    links.write_text("".join("0-0\n" if source else "\n" for source, _ in pairs), encoding="utf-8")
    bitext = BitextArguments([f"en-de={text}"], validation_fraction=0.2, cache_dir=str(folder / "cache"))
    language_pairs = prepare_language_pairs(bitext, AlignmentArguments(alignments=[f"en-de={links}"]), tokenizer, 1)
    files = (x for x in (folder / "cache").rglob("*") if x.is_file() and not x.name.startswith("cache-"))
    return {path.relative_to(folder): path.read_bytes() for path in files}, language_pairs["en-de"].report


def test_prepared_text_is_the_same_for_any_number_of_processes(processes, tokenizer, tmp_path):
    outcomes = []
    for count in (1, 2, 3):
        processes(count)
        (tmp_path / str(count)).mkdir()
        outcomes.append(prepared(tmp_path / str(count), tokenizer))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert outcomes[0][1].dropped == {"with an empty side": 1, "duplicate": 5}


@given(st.lists(st.lists(st.integers(-5, 5), max_size=6), max_size=8))
def test_ids_that_were_seen_are_those_of_a_set(batches):
    seen, reference = SeenIds(), set()
    for batch in batches:
        expected = []
        for number in batch:
            expected.append(number not in reference)
            reference.add(number)
        assert seen.add(np.array(batch, dtype=np.int64)).tolist() == expected
    assert all(len(long) >= 2 * len(short) for long, short in zip(seen.runs, seen.runs[1:], strict=False))
