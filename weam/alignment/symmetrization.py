"""Two directions -> one set of links; links between words <-> links between tokens."""

from collections.abc import Iterable, Sequence
from itertools import product

Links = list[tuple[int, int]]  # (source position, target position), from 0, sorted
HEURISTICS = ("intersect", "union", "grow-diag", "grow-diag-final", "grow-diag-final-and")


def symmetrize(forward: Links, reverse: Links, heuristic: str) -> Links:
    """Join the links of both directions, both given as (source, target), as the program `atools` does.

    The grow heuristics are those of Koehn et al. (2005), "Edinburgh System Description for the 2005 IWSLT Speech
    Translation Evaluation".

    Args:
        forward: links in which each target token has one source token at most.
        reverse: links in which each source token has one target token at most.
        heuristic: one of `HEURISTICS`.

    >>> forward, reverse = [(0, 0), (0, 1), (3, 2)], [(0, 0), (1, 1), (2, 3)]
    >>> symmetrize(forward, reverse, "intersect")
    [(0, 0)]
    >>> symmetrize(forward, reverse, "grow-diag")  # 0-1 touches 0-0, then 1-1 touches both
    [(0, 0), (0, 1), (1, 1)]
    >>> symmetrize(forward, reverse, "grow-diag-final")  # takes in links that touch none
    [(0, 0), (0, 1), (1, 1), (2, 3), (3, 2)]
    """
    check_choice(heuristic, HEURISTICS, "symmetrisation heuristic")
    both, either = set(forward) & set(reverse), set(forward) | set(reverse)
    if heuristic == "intersect":
        return sorted(both)
    if heuristic == "union":
        return sorted(either)
    links = _LinkSet(both)
    _grow_diagonally(links, either)
    if heuristic != "grow-diag":
        _add_unaligned(links, sorted(forward), both_sides=heuristic.endswith("-and"))
        _add_unaligned(links, sorted(reverse), both_sides=heuristic.endswith("-and"))
    return sorted(links.links)


class _LinkSet:
    """Links, with the tokens that have one."""

    def __init__(self, links: Iterable[tuple[int, int]]) -> None:
        self.links: set[tuple[int, int]] = set()
        self.sources: set[int] = set()
        self.targets: set[int] = set()
        for link in links:
            self.add(link)

    def add(self, link: tuple[int, int]) -> None:
        """Add a link."""
        self.links.add(link)
        self.sources.add(link[0])
        self.targets.add(link[1])

    def unaligned_sides(self, link: tuple[int, int]) -> int:
        """Count the tokens of a link, 0 to 2, that have no link yet."""
        return (link[0] not in self.sources) + (link[1] not in self.targets)

    def touches(self, link: tuple[int, int]) -> bool:
        """Say whether one of the eight neighbours is linked."""
        rows, columns = range(link[0] - 1, link[0] + 2), range(link[1] - 1, link[1] + 2)
        return any(neighbour in self.links for neighbour in product(rows, columns) if neighbour != link)


def _grow_diagonally(links: _LinkSet, candidates: set[tuple[int, int]]) -> None:
    """Add neighbours of links that give an unaligned token its first link, until there is none."""
    waiting = sorted(candidates - links.links)
    grown = True
    while grown:
        refused = []
        for link in waiting:
            if links.unaligned_sides(link) and links.touches(link):
                links.add(link)
            else:
                refused.append(link)
        grown = len(refused) < len(waiting)
        waiting = refused


def _add_unaligned(links: _LinkSet, candidates: Links, both_sides: bool) -> None:
    """Add links, in order, that give an unaligned token its first link; both tokens, where `both_sides` asks for it."""
    needed = 2 if both_sides else 1
    for link in candidates:
        if links.unaligned_sides(link) >= needed:
            links.add(link)


def word_links(links: Links, source_words: Sequence[int], target_words: Sequence[int]) -> Links:
    """Turn links between tokens into links between words: two words are linked if any of their tokens are.

    Args:
        links: between tokens.
        source_words: for each source token the number of its word.
        target_words: for each target token the number of its word.

    >>> word_links([(0, 0), (1, 0), (2, 2)], [0, 0, 1], [0, 1, 1])
    [(0, 0), (1, 1)]
    """
    return sorted({(source_words[i], target_words[j]) for i, j in links})


def token_links(links: Links, source_words: Sequence[int], target_words: Sequence[int]) -> Links:
    """Turn links between words into links between all tokens of the one and all tokens of the other.

    Args:
        links: between words.
        source_words: for each source token the number of its word.
        target_words: for each target token the number of its word.

    >>> token_links([(0, 0), (1, 1)], [0, 0, 1], [0, 1, 1])
    [(0, 0), (1, 0), (2, 1), (2, 2)]
    """
    source_tokens, target_tokens = _tokens_of_words(source_words), _tokens_of_words(target_words)
    tokens = {pair for i, j in links for pair in product(source_tokens.get(i, ()), target_tokens.get(j, ()))}
    return sorted(tokens)


def _tokens_of_words(words: Sequence[int]) -> dict[int, list[int]]:
    """Gather the tokens of each word."""
    tokens: dict[int, list[int]] = {}
    for token, word in enumerate(words):
        tokens.setdefault(word, []).append(token)
    return tokens


def check_choice(value: str, allowed: Sequence[str], noun: str) -> None:
    """Refuse a name that is not among the allowed ones."""
    if value not in allowed:
        raise ValueError(f"{value!r} is no {noun}; choose one of {', '.join(allowed)}")
