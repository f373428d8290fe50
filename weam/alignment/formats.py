"""Words and links as lines of text: Pharaoh's `0-0 1-2`."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from weam.alignment.symmetrization import Links
from weam.storage import numbered_lines

PHARAOH_LINK = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")


def split_words(text: str) -> list[str]:
    """Split as FastAlign and its kin do: at spaces and tabs, not at the other spaces of Unicode."""
    return [word for word in text.replace("\t", " ").split(" ") if word]


def format_pharaoh(links: Links) -> str:
    """Write links as one line.

    >>> format_pharaoh([(0, 0), (1, 2)])
    '0-0 1-2'
    """
    return " ".join(f"{i}-{j}" for i, j in links)


def parse_pharaoh(line: str) -> Links:
    """Read one line of links, in any order.

    >>> parse_pharaoh("1-2 0-0")
    [(0, 0), (1, 2)]

    Raises:
        ValueError: a link is malformed.
    """
    links = set()
    for text in line.split():
        match = PHARAOH_LINK.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a link; write SOURCE-TARGET positions counted from 0, like 0-0 1-2")
        links.add((int(match[1]), int(match[2])))
    return sorted(links)


def read_pharaoh(path: Path) -> Iterator[Links]:
    r"""Yield the links of each line of a Pharaoh file, gzipped or not, split at `\n` only.

    Raises:
        ValueError: a malformed link; names file and line.
    """
    for place, line in numbered_lines(path):
        yield read_links(line, place)


def read_links(line: str, place: str, size: tuple[int, int] | None = None, unit: str = "token") -> Links:
    """Read one line of a Pharaoh file.

    Args:
        line: the links.
        place: `FILE:LINE`, for errors.
        size: how many units source and target have, to check the links by.
        unit: what is linked.

    Raises:
        ValueError: a malformed link, or one outside its sentence pair; names the place.
    """
    try:
        links = parse_pharaoh(line)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
    if size is not None:
        check_inside(links, size, place, unit=unit)
    return links


def check_inside(
    links: Iterable[tuple[int, int]], size: tuple[int, int], place: str, first: int = 0, unit: str = "token"
) -> None:
    """Refuse links outside a sentence pair; `first` is what the file calls the first of what it links, a `unit`."""
    for i, j in links:
        if not (0 <= i < size[0] and 0 <= j < size[1]):
            raise ValueError(
                f"{place}: link {i + first}-{j + first} is outside its sentence pair of {size[0]} and {size[1]} "
                f"{unit}s; links are source-target and count from {first}"
            )
