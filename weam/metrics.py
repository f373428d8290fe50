"""Stage 6: predictions and answers -> scores, as plain functions.

Knows neither models nor files.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from weam.word_alignment import GoldSentence

Link = tuple[int, int]  # (source position, target position)


@dataclass(frozen=True)
class AlignmentScores:
    """How well predicted links fit hand-made ones; all from 0 to 1."""

    precision: float
    recall: float
    alignment_error_rate: float


def alignment_error_rate(
    predicted: Sequence[Collection[Link]], sure: Sequence[Collection[Link]], possible: Sequence[Collection[Link]]
) -> AlignmentScores:
    """Score predicted links A against sure links S and possible links P, summed over all sentence pairs.

    Och and Ney (2003), "A Systematic Comparison of Various Statistical Alignment Models":
    precision = |A∩P| / |A|, recall = |A∩S| / |S|, error rate = 1 - (|A∩S| + |A∩P|) / (|A| + |S|).
    A ratio of nothing to nothing is 1: no link is wrong, none is missed.

    Args:
        predicted: links of each sentence pair.
        sure: links that must be there.
        possible: links that may be there; sure ones count as possible whether repeated here or not.

    Three predicted links, two of them possible, one of them sure; two sure links in all: 1 - (1 + 2) / (3 + 2).

    >>> alignment_error_rate([[(0, 0), (0, 1), (2, 2)]], [{(0, 0), (1, 1)}], [{(0, 0), (1, 1), (0, 1)}])
    AlignmentScores(precision=0.6666666666666666, recall=0.5, alignment_error_rate=0.4)
    """
    found = right_sure = right_possible = all_sure = 0
    for links, sure_links, possible_links in zip(map(set, predicted), map(set, sure), map(set, possible), strict=True):
        found += len(links)
        all_sure += len(sure_links)
        right_sure += len(links & sure_links)
        right_possible += len(links & (sure_links | possible_links))
    return AlignmentScores(
        precision=_ratio(right_possible, found),
        recall=_ratio(right_sure, all_sure),
        alignment_error_rate=1 - _ratio(right_sure + right_possible, found + all_sure),
    )


def score_links(predicted: Sequence[Collection[Link]], gold: Sequence[GoldSentence]) -> AlignmentScores:
    """Score the links of hand-aligned sentences, in their order."""
    return alignment_error_rate(predicted, [s.sure for s in gold], [s.possible for s in gold])


def retrieval_accuracy(queries: np.ndarray, candidates: np.ndarray) -> float:
    """Return the share of queries whose nearest candidate by cosine is the one of the same row.

    Args:
        queries: (N, H) float, sentence vectors in one language.
        candidates: (N, H) float, those of their translations, in the same order.

    The second query is nearer to the first candidate (cosine 0.71) than to its own (0).

    >>> retrieval_accuracy(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[3.0, 0.0], [1.0, -1.0]]))
    0.5

    Raises:
        ValueError: the two differ in shape, or there are none.
    """
    if queries.shape != candidates.shape or not len(queries):
        raise ValueError(f"retrieval needs as many candidates as queries: {queries.shape}, {candidates.shape}")
    similarity = _unit_length(queries) @ _unit_length(candidates).T  # (N, N)
    return float((similarity.argmax(axis=1) == np.arange(len(queries))).mean())


def _unit_length(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.finfo(vectors.dtype).tiny)  # the zero vector stays what it is


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
