"""Pharaoh lines, and alignments made by hand."""

import gzip
import re
from pathlib import Path

import pytest

from weam.alignment.formats import format_pharaoh, read_links, read_pharaoh
from weam.alignment.gold import GoldSentence, read_gold
from weam.alignment.symmetrization import Links


def test_pharaoh_lines_round_trip(tmp_path: Path) -> None:
    links: list[Links] = [[(0, 0), (1, 2)], [], [(10, 3)]]
    text = "".join(format_pharaoh(pair_links) + "\n" for pair_links in links)
    (tmp_path / "links.txt").write_text(text)
    with gzip.open(tmp_path / "links.gz", "wt") as file:
        file.write(text)
    for name in ("links.txt", "links.gz"):
        assert list(read_pharaoh(tmp_path / name)) == links


def test_pharaoh_lines_end_at_newlines_only(tmp_path: Path) -> None:
    (tmp_path / "links").write_bytes("0-0\u2028\x0c1-1\r\n2-2".encode())
    assert list(read_pharaoh(tmp_path / "links")) == [[(0, 0), (1, 1)], [(2, 2)]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-0\n0:1\n", ":2: '0:1' is not a link; write SOURCE-TARGET"),
        ("0-0\n0--1\n", ":2: '0--1' is not a link"),
        ("0-0\n\xff\n", ":2: 'utf-8' codec can't decode"),
    ],
)
def test_bad_pharaoh_files_are_answered_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "links"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=re.escape(f"{path}{message}")):
        list(read_pharaoh(path))


def test_a_link_outside_its_sentence_pair_is_answered_with_its_place() -> None:
    with pytest.raises(ValueError, match="links:2: link 0-1 is outside its sentence pair of 2 and 1 tokens"):
        read_links("0-1", "links:2", (2, 1))


def test_gold_counts_from_one_and_sure_links_are_possible(tmp_path: Path) -> None:
    (tmp_path / "a.src-tgt").write_text("das Haus ||| the house\nja ||| yes\n")
    (tmp_path / "a.gold").write_text("1-1 2p2\n\n")
    first, second = read_gold(tmp_path / "a")
    assert first == GoldSentence(
        ("das", "Haus"), ("the", "house"), sure=frozenset({(0, 0)}), possible=frozenset({(0, 0), (1, 1)})
    )
    assert (second.source, second.sure, second.possible) == (("ja",), frozenset(), frozenset())


@pytest.mark.parametrize(
    ("sentences", "links", "message"),
    [
        ("a ||| b\na b\n", "1-1\n\n", "a.src-tgt:2: 1 sides instead of 2"),
        ("a ||| b\n", "1:1\n", "a.gold:1: '1:1' is not a link"),
        ("a ||| b\n", "0-1\n", "a.gold:1: link 0-1 is outside its sentence pair of 1 and 1 tokens"),
        ("a ||| b\n", "1p2\n", "a.gold:1: link 1-2 is outside its sentence pair"),
        ("a ||| b\n", "1-1\n1-1\n", "a.src-tgt ends after line 1, "),
        ("a ||| b\na ||| b\n", "1-1\n", "a.gold ends after line 1, "),
    ],
)
def test_bad_gold_files_are_answered_with_file_and_line(
    tmp_path: Path, sentences: str, links: str, message: str
) -> None:
    (tmp_path / "a.src-tgt").write_text(sentences)
    (tmp_path / "a.gold").write_text(links)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_gold(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "sentences", "sure", "possible"),
    [("de-en", 508, 9612, 921), ("en-fr", 447, 4038, 13400), ("en-cs", 2501, 67423, 0), ("en-hi", 90, 1408, 0)],
)
def test_gold_sets_have_the_published_sizes(
    research_data: Path, name: str, sentences: int, sure: int, possible: int
) -> None:
    gold = read_gold(research_data / "gold_alignments" / name)
    assert len(gold) == sentences
    assert (sum(len(s.sure) for s in gold), sum(len(s.possible - s.sure) for s in gold)) == (sure, possible)
