"""Scores against values worked out by hand."""

import pytest

from weam.metrics import alignment_error_rate


def test_a_perfect_alignment_has_no_error() -> None:
    scores = alignment_error_rate([[(0, 0)], [(1, 1)]], [{(0, 0)}, {(1, 1)}], [{(0, 0)}, {(1, 1)}])
    assert (scores.precision, scores.recall, scores.alignment_error_rate) == (1, 1, 0)


def test_possible_links_are_right_but_not_needed() -> None:
    sure, possible = [{(0, 0)}], [{(0, 0), (1, 1)}]
    assert alignment_error_rate([[(0, 0)]], sure, possible).alignment_error_rate == 0
    assert alignment_error_rate([[(0, 0), (1, 1)]], sure, possible).alignment_error_rate == 0


def test_counts_are_summed_over_sentences_before_they_are_divided() -> None:
    predicted = [[(0, 0)], [(0, 0), (1, 1), (2, 2)]]
    sure = [{(0, 0)}, {(0, 1)}]
    scores = alignment_error_rate(predicted, sure, sure)
    assert (scores.precision, scores.recall) == (1 / 4, 1 / 2)
    assert scores.alignment_error_rate == pytest.approx(1 - (1 + 1) / (4 + 2))


def test_sure_links_count_as_possible_and_repeated_links_once() -> None:
    scores = alignment_error_rate([[(0, 0), (0, 0)]], [{(0, 0)}], [set()])
    assert (scores.precision, scores.alignment_error_rate) == (1, 0)


def test_no_links_at_all() -> None:
    assert alignment_error_rate([[]], [{(0, 0)}], [set()]).alignment_error_rate == 1
    assert alignment_error_rate([[]], [set()], [set()]).alignment_error_rate == 0


def test_unequal_numbers_of_sentences_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        alignment_error_rate([[(0, 0)]], [{(0, 0)}, {(0, 0)}], [set(), set()])
