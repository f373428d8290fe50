"""Alignments made by hand, and how well links fit them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from weam.alignment.formats import check_inside
from weam.metrics import AlignmentScores, Link, alignment_error_rate
from weam.storage import parallel_lines

GOLD_LINK = re.compile(r"([0-9]{1,9})([-p])([0-9]{1,9})")


@dataclass(frozen=True)
class GoldSentence:
    """A sentence pair aligned by hand; links are (source position, target position), from 0."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    sure: frozenset[tuple[int, int]]
    possible: frozenset[tuple[int, int]]  # the sure ones included


def read_gold(prefix: str | Path) -> list[GoldSentence]:
    """Read `PREFIX.src-tgt`, lines `source words ||| target words`, and their links in `PREFIX.gold`.

    There `i-j` is a sure and `ipj` a possible link, and both count from 1.

    Raises:
        ValueError: a malformed line or link, a link outside its sentence pair, or unequal numbers of lines; names file
            and line.
    """
    sentences, gold = Path(f"{prefix}.src-tgt"), Path(f"{prefix}.gold")
    read = []
    for number, words, links in parallel_lines(sentences, gold):
        source, target = _gold_words(words, f"{sentences}:{number}")
        sure, possible = _gold_links(links, f"{gold}:{number}")
        check_inside(sorted(possible), (len(source), len(target)), f"{gold}:{number}", first=1)
        read.append(GoldSentence(source, target, sure, possible))
    return read


def _gold_words(line: str, place: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split `source words ||| target words`."""
    sides = line.split(" ||| ")
    if len(sides) != 2:
        raise ValueError(f"{place}: {len(sides)} sides instead of 2; write SOURCE WORDS ||| TARGET WORDS")
    return tuple(sides[0].split()), tuple(sides[1].split())


def _gold_links(line: str, place: str) -> tuple[frozenset[tuple[int, int]], frozenset[tuple[int, int]]]:
    """Read sure and possible links, counted from 1, as links counted from 0."""
    sure, possible = set(), set()
    for text in line.split():
        match = GOLD_LINK.fullmatch(text)
        if match is None:
            raise ValueError(f"{place}: {text!r} is not a link; write i-j for a sure, ipj for a possible one, from 1")
        link = (int(match[1]) - 1, int(match[3]) - 1)
        possible.add(link)
        if match[2] == "-":
            sure.add(link)
    return frozenset(sure), frozenset(possible)


def score_links(predicted: Sequence[Collection[Link]], gold: Sequence[GoldSentence]) -> AlignmentScores:
    """Score the links of hand-aligned sentences, in their order."""
    return alignment_error_rate(predicted, [s.sure for s in gold], [s.possible for s in gold])
