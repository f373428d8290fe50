"""Truncation and links, written out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weam.features import encode_pair, truncated_lengths


@pytest.mark.parametrize(
    ("lengths", "budget", "expected"),
    [
        ((3, 4), 7, (3, 4)),
        ((3, 5), 7, (3, 4)),
        ((9, 2), 7, (5, 2)),
        ((2, 9), 7, (2, 5)),
        ((9, 9), 7, (4, 3)),
        ((9, 9), 8, (4, 4)),
        ((100, 3), 6, (3, 3)),
    ],
)
def test_the_longer_side_is_cut_first(lengths, budget, expected):
    assert truncated_lengths(*lengths, budget) == expected


@given(st.integers(0, 300), st.integers(0, 300), st.integers(2, 300))
def test_truncation_equals_taking_one_piece_at_a_time(source, target, budget):
    shorter = [source, target]
    while sum(shorter) > budget:
        shorter[0 if shorter[0] > shorter[1] else 1] -= 1
    assert sorted(truncated_lengths(source, target, budget)) == sorted(shorter)
    cut = truncated_lengths(source, target, budget)
    assert cut[0] <= source and cut[1] <= target


def test_links_to_cut_pieces_are_dropped_and_the_others_stay():
    pair = {"id": 9, "source_ids": [1, 2, 3, 4, 5, 6], "target_ids": [7, 8]}
    feature = encode_pair(pair, [(0, 1), (3, 0), (4, 0), (5, 1)], max_length=9)
    assert feature == {
        "id": 9,
        "source_ids": [1, 2, 3, 4],
        "target_ids": [7, 8],
        "links": [[0, 1], [3, 0]],
        "length": 9,
    }
