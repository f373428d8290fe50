"""Scores against values worked out by hand."""

import numpy as np
import pytest

from weam.metrics import alignment_error_rate, retrieval_accuracy


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


def test_a_query_counts_where_its_own_candidate_is_the_nearest_by_cosine() -> None:
    candidates = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    queries = np.array([[0.9, 0.1], [0.9, 0.1], [-5.0, 4.0], [0.1, -0.2]])  # the second is nearest to the first
    assert retrieval_accuracy(queries, candidates) == 0.75
    assert retrieval_accuracy(candidates, candidates) == 1.0
    assert retrieval_accuracy(candidates, -candidates) == 0.0


def test_retrieval_has_a_direction() -> None:
    """Both queries are nearest to the first candidate, but each candidate is nearest to its own query."""
    queries, candidates = np.array([[1.0, 0.1], [1.0, 0.3]]), np.array([[1.0, 0.15], [0.0, 1.0]])
    assert retrieval_accuracy(queries, candidates) == 0.5
    assert retrieval_accuracy(candidates, queries) == 1.0


def test_retrieval_does_not_depend_on_the_length_of_vectors() -> None:
    generator = np.random.default_rng(0)
    queries, candidates = generator.normal(size=(2, 200, 8)).astype(np.float32)
    candidates += queries
    lengths = 10.0 ** generator.uniform(-4, 4, size=(200, 1)).astype(np.float32)
    accuracy = retrieval_accuracy(queries, candidates)
    assert 0.05 < accuracy < 0.95
    assert retrieval_accuracy(queries * lengths, candidates) == accuracy
    assert retrieval_accuracy(queries, candidates * lengths) == accuracy


def test_vectors_that_are_all_the_same_retrieve_one_in_n() -> None:
    assert retrieval_accuracy(np.ones((4, 3)), np.ones((4, 3))) == 0.25


def test_a_zero_vector_has_cosine_zero_and_does_not_warn() -> None:
    queries, candidates = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    with np.errstate(all="raise"):
        assert retrieval_accuracy(queries, candidates) == 0.5
        assert retrieval_accuracy(queries.astype(np.float32), candidates.astype(np.float32)) == 0.5


@pytest.mark.parametrize(("queries", "candidates"), [((2, 3), (3, 3)), ((2, 3), (2, 4)), ((0, 3), (0, 3))])
def test_unequal_or_no_sentence_vectors_are_refused(queries: tuple[int, int], candidates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="as many candidates as queries"):
        retrieval_accuracy(np.ones(queries), np.ones(candidates))
