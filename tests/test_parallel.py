"""Work is shared out over processes, and what comes out does not depend on how many there are."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from tests.conftest import TEXTS
from tests.support.command_line import sentence_pairs, write_tsv
from weam import parallel
from weam.alignment.arguments import AlignmentArguments
from weam.bitext.arguments import BitextArguments
from weam.bitext.reading import SeenIds
from weam.pretraining.preparation import prepare_language_pairs


@pytest.fixture
def processes(monkeypatch):
    """Let so many processes work, on three lines at a time."""
    monkeypatch.setattr(parallel, "AT_ONCE", 3)

    def choose(count: int) -> None:
        monkeypatch.setattr(parallel, "workers", lambda: count)

    return choose


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(processes, count):
    processes(count)
    offset = 7  # the function may be a closure
    found = list(parallel.in_order(lambda x: (x + offset, os.getpid()), range(20)))
    assert [value for value, _ in found] == list(range(7, 27))
    assert (os.getpid() in {process for _, process in found}) == (count == 1)


def test_one_item_alone_starts_no_process(processes):
    processes(2)
    assert list(parallel.in_order(lambda _: os.getpid(), [0])) == [os.getpid()]
    assert list(parallel.in_order(lambda _: os.getpid(), [])) == []


def test_an_error_in_a_process_or_between_items_reaches_the_caller(processes):
    def broken():
        yield from (1, 2, 3)
        raise ValueError("line 4")

    processes(2)
    with pytest.raises(ZeroDivisionError):
        list(parallel.in_order(lambda x: 1 // x, [1, 2, 0, 3]))
    with pytest.raises(ValueError, match="line 4"):
        list(parallel.in_order(lambda x: x, broken()))


@pytest.mark.parametrize(("count", "cut"), [(0, []), (3, [range(3)]), (7, [range(3), range(3, 6), range(6, 7)])])
def test_rows_and_items_are_cut_alike(processes, count, cut):
    assert parallel.ranges(count) == cut
    assert list(parallel.batches(range(count))) == [list(part) for part in cut]


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
