"""Stage 6: predictions and answers -> scores, as plain functions.

Word alignment and sentence retrieval, then question answering (MLQA, SQuAD). Knows neither models nor files.
"""

import re
import string
import sys
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

Link = tuple[int, int]  # (source position, target position)

# The official scorers' rules. These tables delete characters: SQuAD's ASCII signs, $ and + among them; MLQA's Unicode
# punctuation besides, which leaves symbols like € in place.
_SQUAD_PUNCTUATION = str.maketrans("", "", string.punctuation)
_MLQA_PUNCTUATION = _SQUAD_PUNCTUATION | {
    code: None for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "P"
}
_SQUAD_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_ARTICLES = re.compile("(?!)")  # matches nowhere
_MLQA_ARTICLES = {
    "ar": re.compile("ال"),  # inside words too
    "de": re.compile(r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    "en": _SQUAD_ARTICLES,
    "es": re.compile(r"\b(un|una|unos|unas|el|la|los|las)\b"),
    "hi": _NO_ARTICLES,
    "vi": re.compile(r"\b(của|là|cái|chiếc|những)\b"),
    "zh": _NO_ARTICLES,
}
_CHINESE_CHARACTER = re.compile("[\u4e00-\u9fa5]")


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
    return float(retrieved(queries, candidates).mean())


def retrieved(queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return (N,) bool: for which queries `retrieval_accuracy` counts a hit."""
    if queries.shape != candidates.shape or not len(queries):
        raise ValueError(f"retrieval needs as many candidates as queries: {queries.shape}, {candidates.shape}")
    similarity = _unit_length(queries) @ _unit_length(candidates).T  # (N, N)
    return similarity.argmax(axis=1) == np.arange(len(queries))


def mlqa_score(prediction: str, answers: Sequence[str], language: str) -> dict[str, float]:
    """Score one answer as the official scorer of MLQA v1 does; exact match and F1, from 0 to 1.

    Lewis et al. (2020), "MLQA: Evaluating Cross-lingual Extractive Question Answering". Case, punctuation and the
    language's articles do not count; Chinese is compared by characters. Each score is the best over the answers.

    Args:
        prediction: the text found.
        answers: all that are accepted.
        language: of the answers, that is of their context; the question's may be another.

    Without "Der" two words are left, one of them right: precision 1/2, recall 1.

    >>> mlqa_score("Der rote Wal", ["ein Wal."], "de")
    {'exact_match': 0.0, 'f1': 0.6666666666666666}

    Raises:
        ValueError: MLQA does not know the language, or there are no answers.
    """
    if language not in _MLQA_ARTICLES:
        raise ValueError(
            f"MLQA has no rules for the language {language!r}, only for {', '.join(_MLQA_ARTICLES)}; "
            "`squad_score` scores any language, by English rules"
        )
    return _best_scores(_mlqa_tokens(prediction, language), [_mlqa_tokens(answer, language) for answer in answers])


def squad_score(prediction: str, answers: Sequence[str]) -> dict[str, float]:
    """Score one answer as the official scorer of SQuAD v1.1 does; exact match and F1, from 0 to 1.

    Like `mlqa_score` in English, except that only ASCII punctuation goes. XQuAD's authors use it for every language.

    >>> squad_score("The Eiffel Tower!", ["tower", "Eiffel tower"])
    {'exact_match': 1.0, 'f1': 1.0}

    Raises:
        ValueError: there are no answers.
    """
    return _best_scores(_squad_tokens(prediction), [_squad_tokens(answer) for answer in answers])


def mean_answer_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average the scores of many questions.

    >>> mean_answer_scores([{"exact_match": 0.0, "f1": 0.5}, {"exact_match": 1.0, "f1": 1.0}])
    {'exact_match': 0.5, 'f1': 0.75}

    Raises:
        ValueError: there are none.
    """
    if not scores:
        raise ValueError("there are no questions to average over")
    return {name: fmean(score[name] for score in scores) for name in ("exact_match", "f1")}


def _mlqa_tokens(text: str, language: str) -> list[str]:
    text = _MLQA_ARTICLES[language].sub(" ", text.lower().translate(_MLQA_PUNCTUATION))
    if language == "zh":
        text = _CHINESE_CHARACTER.sub(r" \g<0> ", text)
    return text.split()


def _squad_tokens(text: str) -> list[str]:
    return _SQUAD_ARTICLES.sub(" ", text.lower().translate(_SQUAD_PUNCTUATION)).split()


def _best_scores(prediction: list[str], answers: list[list[str]]) -> dict[str, float]:
    if not answers:
        raise ValueError("a question needs at least one accepted answer to score against")
    return {
        "exact_match": float(prediction in answers),
        "f1": max(_token_f1(prediction, answer) for answer in answers),
    }


def _token_f1(prediction: list[str], answer: list[str]) -> float:
    """Return the F1 of two multisets of tokens; as officially 0, not 1, where both are empty."""
    common = (Counter(prediction) & Counter(answer)).total()
    if not common:
        return 0.0
    precision, recall = common / len(prediction), common / len(answer)
    return 2 * precision * recall / (precision + recall)


def _unit_length(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.finfo(vectors.dtype).tiny)  # the zero vector stays what it is


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
