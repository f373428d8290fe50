"""Pharaoh lines."""

import gzip
import re
from pathlib import Path

import pytest

from weam.alignment.formats import format_pharaoh, read_pharaoh
from weam.alignment.symmetrization import Links


def test_pharaoh_lines_round_trip(tmp_path: Path) -> None:
    links: list[Links] = [[(0, 0), (1, 2)], [], [(10, 3)]]
    text = "".join(format_pharaoh(pair_links) + "\n" for pair_links in links)
    (tmp_path / "links.txt").write_text(text)
    with gzip.open(tmp_path / "links.gz", "wt") as file:
        file.write(text)
    for name in ("links.txt", "links.gz"):
        assert list(read_pharaoh(tmp_path / name)) == links
        assert list(read_pharaoh(tmp_path / name, [(2, 3), (1, 1), (11, 4)])) == links


def test_pharaoh_lines_end_at_newlines_only(tmp_path: Path) -> None:
    (tmp_path / "links").write_bytes("0-0\u2028\x0c1-1\r\n2-2".encode())
    assert list(read_pharaoh(tmp_path / "links")) == [[(0, 0), (1, 1)], [(2, 2)]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-0\n0:1\n", ":2: '0:1' is not a link; write SOURCE-TARGET"),
        ("0-0\n0--1\n", ":2: '0--1' is not a link"),
        ("0-0\n0-1\n", ":2: link 0-1 is outside its sentence pair of 2 and 1 tokens"),
        ("0-0\n", " ends after line 1; a Pharaoh file has one line"),
        ("0-0\n\n0-0\n", ":3 is one line too many"),
        ("0-0\n\xff\n", ":2: 'utf-8' codec can't decode"),
    ],
)
def test_bad_pharaoh_files_are_answered_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "links"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=re.escape(f"{path}{message}")):
        list(read_pharaoh(path, [(1, 1), (2, 1)]))
