"""A cached folder is whole or absent."""

import errno
import os
import signal
import subprocess
import sys

import pyarrow as pa
import pytest
from datasets import Dataset, Features, Value, concatenate_datasets

from tests.conftest import ROOT
from weam import storage
from weam.storage import cached_folder, file_fingerprint, read_rows, whole_column, write_arrow


def test_built_once_and_found_by_its_key(tmp_path):
    calls = []

    def build(folder):
        calls.append(folder)
        (folder / "a").write_text("x")

    first = cached_folder(tmp_path, "thing", {"n": 1}, build)
    assert cached_folder(tmp_path, "thing", {"n": 1}, build) == first
    assert cached_folder(tmp_path, "thing", {"n": 2}, build) != first
    assert len(calls) == 2
    assert (first / "a").read_text() == "x"


def test_of_two_processes_that_build_alike_the_faster_one_wins(tmp_path):
    def build(folder):
        (folder / "a").write_text("slower")
        if not done:
            done.append(True)
            faster = cached_folder(tmp_path, "thing", {"n": 1}, build)  # as in another process, meanwhile
            (faster / "a").write_text("faster")

    done = []
    assert (cached_folder(tmp_path, "thing", {"n": 1}, build) / "a").read_text() == "faster"
    assert len(list(tmp_path.iterdir())) == 1


def test_small_tables_become_few_record_batches_in_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "ROWS_OF_A_BATCH", 10)
    features = Features({"id": Value("int64")})
    tables = [pa.table({"id": pa.array(range(start, start + 4))}) for start in range(0, 24, 4)]
    write_arrow(tables, tmp_path / "few.arrow", features)
    write_arrow([], tmp_path / "none.arrow", features)
    few, none = (Dataset.from_file(str(tmp_path / f"{name}.arrow")) for name in ("few", "none"))
    assert few["id"][:] == list(range(24))
    assert [len(batch) for batch in few.data.to_batches()] == [12, 12]
    assert len(none) == 0


def test_others_may_read_what_they_may_read_around_it(tmp_path):
    (tmp_path / "shared").mkdir(mode=0o755)
    (tmp_path / "shared").chmod(0o755)
    folder = cached_folder(tmp_path / "shared", "thing", {}, lambda folder: None)
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_full_disk_leaves_nothing_and_says_where(tmp_path):
    def build(folder):
        (folder / "half").write_text("x")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left") as caught:
        cached_folder(tmp_path, "thing", {}, build)
    assert "free space there or choose another --cache_dir" in caught.value.__notes__[0]
    assert list(tmp_path.iterdir()) == []


def test_a_really_full_file_system_is_not_read_later(tmp_path):
    """/dev/full fails every write as a full disk does."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")

    def build(folder):
        (folder / "data").symlink_to("/dev/full")
        (folder / "data").write_text("x" * 100_000)

    with pytest.raises(OSError, match="No space left"):
        cached_folder(tmp_path, "thing", {}, build)
    rebuilt = cached_folder(tmp_path, "thing", {}, lambda folder: (folder / "data").write_text("whole"))
    assert (rebuilt / "data").read_text() == "whole"


def test_a_killed_build_is_not_read_later(tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path; from weam.storage import cached_folder\n"
        "def build(folder):\n"
        "    (folder / 'data').write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
        f"cached_folder(Path({str(tmp_path)!r}), 'thing', {{}}, build)"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    folder = cached_folder(tmp_path, "thing", {}, lambda folder: (folder / "data").write_text("whole"))
    assert (folder / "data").read_text() == "whole"


def test_fingerprint_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert file_fingerprint(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("rows", [None, [3, 1, 2], range(2, 5)])
def test_a_whole_column_has_the_selected_rows_in_their_order(rows):
    dataset = concatenate_datasets([Dataset.from_dict({"length": [5, 6, 7]}), Dataset.from_dict({"length": [8, 9]})])
    dataset = dataset if rows is None else dataset.select(rows)
    assert whole_column(dataset, "length").tolist() == dataset["length"][:]


@pytest.mark.parametrize("rows", [None, [3, 1, 2], range(2, 5)])
def test_rows_are_read_in_their_order_whatever_the_size_of_a_batch(rows, monkeypatch):
    monkeypatch.setattr(storage, "READ_AT_ONCE", 2)
    dataset = Dataset.from_dict({"id": [0, 1, 2, 3, 4], "ids": [[5], [], [6, 7], [8], [9]], "text": list("abcde")})
    dataset = dataset if rows is None else dataset.select(rows)
    assert list(read_rows(dataset, "ids", "text")) == [(row["ids"], row["text"]) for row in dataset]
