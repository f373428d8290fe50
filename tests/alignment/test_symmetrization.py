"""Symmetrised links are those of `atools`, and links of words and tokens lead to each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.alignment.conftest import Reference
from weam.alignment.formats import format_pharaoh, parse_pharaoh
from weam.alignment.symmetrization import HEURISTICS, Links, symmetrize, token_links, word_links

links_strategy = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12).map(lambda x: sorted(set(x)))


@pytest.mark.parametrize("heuristic", HEURISTICS)
def test_symmetrisation_equals_the_program_atools(reference: Reference, heuristic: str) -> None:
    directions = zip(reference.links["forward"], reference.links["reverse"], strict=True)
    assert [symmetrize(forward, reverse, heuristic) for forward, reverse in directions] == reference.links[heuristic]


@pytest.mark.parametrize(
    ("heuristic", "expected"),
    [
        ("intersect", "0-0 2-2"),
        ("union", "0-0 1-0 1-1 2-2 2-4 3-2 4-3"),
        # 1-0 touches 0-0, 1-1 touches 0-0 and 2-2, 3-2 touches 2-2. 2-4 touches none; 4-3 touches 3-2.
        ("grow-diag", "0-0 1-0 1-1 2-2 3-2 4-3"),
        # 2-4 is added for target 4, which has no link yet, though source 2 has one ...
        ("grow-diag-final", "0-0 1-0 1-1 2-2 2-4 3-2 4-3"),
        # ... but not where both sides must be without.
        ("grow-diag-final-and", "0-0 1-0 1-1 2-2 3-2 4-3"),
    ],
)
def test_a_worked_example(heuristic: str, expected: str) -> None:
    forward, reverse = parse_pharaoh("0-0 1-1 2-2 4-3 2-4"), parse_pharaoh("0-0 1-0 2-2 3-2")
    assert format_pharaoh(symmetrize(forward, reverse, heuristic)) == expected


@given(links_strategy, links_strategy, st.sampled_from(HEURISTICS))
def test_symmetrised_links_lie_between_intersection_and_union(forward: Links, reverse: Links, heuristic: str) -> None:
    links = symmetrize(forward, reverse, heuristic)
    assert set(forward) & set(reverse) <= set(links) <= set(forward) | set(reverse)
    assert links == sorted(set(links))


@given(links_strategy)
def test_word_links_of_one_token_words_are_the_links(links: Links) -> None:
    positions = list(range(9))
    assert word_links(links, positions, positions) == links == token_links(links, positions, positions)


@given(links_strategy)
def test_token_links_lead_back_to_the_word_links(links: Links) -> None:
    words = [n // 2 for n in range(18)]
    assert word_links(token_links(links, words, words), words, words) == links
