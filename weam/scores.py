"""Scores of single examples, from which every figure of an evaluation is a sum: means, intervals, comparisons.

On disk they stand beside the predictions, a line for each test example: what runs are compared by, and what people read
when they ask what a model gets wrong. Knows no tasks and no models.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from weam.storage import CHECKED, numbered_lines, parse_json

DRAWS = 10_000
CHUNK = 500  # draws at once: bounds the memory
PREDICTIONS_FOLDER = "predictions"


@dataclass(frozen=True)
class ExampleScores:
    """One metric over N examples: its value is the sum of the numerators over that of the denominators.

    Attributes:
        numerators: (N,) float64, such as 1 for each right answer, or twice the right entities of a sentence.
        denominators: (N,) float64, such as 1 for each answer, or the predicted and the gold entities of a sentence.
    """

    numerators: np.ndarray
    denominators: np.ndarray

    @classmethod
    def mean(cls, values: Sequence[float] | np.ndarray) -> "ExampleScores":
        """The metric that is the mean of a value per example.

        >>> ExampleScores.mean([1.0, 0.0, 1.0, 1.0]).value
        0.75
        """
        numerators = np.asarray(values, dtype=np.float64)
        return cls(numerators, np.ones_like(numerators))

    @property
    def value(self) -> float:
        """The metric over all examples; nothing over nothing is 0."""
        return float(_divide(self.numerators.sum(), self.denominators.sum()))

    @property
    def count(self) -> int:
        """The number of examples."""
        return len(self.numerators)


@dataclass(frozen=True)
class Difference:
    """How much better one system is than another on the same examples.

    Attributes:
        difference: mean over seeds of the run less that of the baseline.
        low: lower end of the 95 % interval (paired bootstrap over examples, and over seeds where there are several).
        high: upper end.
    """

    difference: float
    low: float
    high: float


def paired_bootstrap(
    tests: Sequence[tuple[Mapping[int, ExampleScores], Mapping[int, ExampleScores]]],
    draws: int = DRAWS,
    weights: Sequence[float] | None = None,
    names: Sequence[Sequence[str]] | None = None,
) -> Difference:
    """Compare two systems on the same test sets by the paired bootstrap (Efron and Tibshirani 1993; Koehn 2004).

    Each draw takes the N examples of a test set with replacement, the same ones for both systems, and the seeds with
    replacement, the same ones for both where both have the same: a seed fixes the fresh head and the order of the
    batches, so that equal seeds fare alike. The interval holds the middle 95 % of the differences, summed over the
    test sets with their weights. Parallel test sets must be resampled alike: those of one size are, and examples of one
    name. With one seed a side it says nothing about other seeds, and with a few it is narrower than it should be.
    Deterministic.

    Args:
        tests: for each test set (run, baseline): scores by seed, all over the same examples in the same order.
        draws: how many.
        weights: of each test set in the difference; None: their mean. 1 for one language and -1 for another compare
            how far the systems fall from the first to the second.
        names: of the examples of each test set, where parallel ones have different sizes, as MLQA's: each draw takes of
            all names as many as there are.

    Raises:
        ValueError: the numbers of examples of a test set differ, or there are none.
    """
    shares = np.full(len(tests), 1 / len(tests)) if weights is None else np.asarray(weights)  # (tests,)
    means = np.array([_mean(run.values()) - _mean(baseline.values()) for run, baseline in tests])
    rows = _rows_of(tests, names)
    drawn = [_drawn_differences(*test, draws, *own) for test, own in zip(tests, rows, strict=True)]  # each (draws,)
    low, high = np.quantile(shares @ np.stack(drawn), [0.025, 0.975])
    return Difference(float(shares @ means), float(low), float(high))


def _mean(trainings: Iterable[ExampleScores]) -> np.floating:
    return np.mean([scores.value for scores in trainings])


def _rows_of(
    tests: Sequence[tuple[Mapping[int, ExampleScores], Mapping[int, ExampleScores]]],
    names: Sequence[Sequence[str]] | None,
) -> list[tuple[np.ndarray, int]]:
    """Return for each test set which (N,) of the drawn examples are its own, and how many are drawn."""
    if names is None:
        counts = [max((scores.count for scores in run.values()), default=0) for run, _ in tests]
        return [(np.arange(count), count) for count in counts]
    numbers = {name: number for number, name in enumerate(sorted(set(chain.from_iterable(names))))}
    return [(np.array([numbers[name] for name in own]), len(numbers)) for own in names]


def _drawn_differences(
    run: Mapping[int, ExampleScores], baseline: Mapping[int, ExampleScores], draws: int, rows: np.ndarray, count: int
) -> np.ndarray:
    counts = {scores.count for side in (run, baseline) for scores in side.values()}
    if len(counts) != 1 or counts == {0}:
        raise ValueError(f"a paired comparison needs the same examples for all, but there are {sorted(counts)} of them")
    generator = np.random.default_rng(0)
    differences = []
    for start in range(0, draws, CHUNK):
        size = min(CHUNK, draws - start)
        drawn = generator.multinomial(count, np.full(count, 1 / count), size=size)
        weights = drawn[:, rows].astype(np.float64)  # (size, N)
        run_seeds, baseline_seeds = (generator.integers(len(side), size=(size, len(side))) for side in (run, baseline))
        if set(run) == set(baseline):
            baseline_seeds = run_seeds
        differences.append(_resampled(run, weights, run_seeds) - _resampled(baseline, weights, baseline_seeds))
    return np.concatenate(differences)


def _resampled(by_seed: Mapping[int, ExampleScores], weights: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return (draws,) means over the drawn seeds (draws, S), on examples that count `weights` (draws, N) times."""
    seeds = [by_seed[seed] for seed in sorted(by_seed)]
    numerators = weights @ np.stack([scores.numerators for scores in seeds], axis=1)  # (draws, seeds)
    denominators = weights @ np.stack([scores.denominators for scores in seeds], axis=1)
    values = _divide(numerators, denominators)
    return np.take_along_axis(values, drawn, axis=1).mean(axis=1)


def _divide(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    return numerators / np.where(denominators == 0, 1, denominators)


@dataclass(frozen=True)
class Scored:
    """What a model did on N examples of one language.

    Attributes:
        metrics: name -> the metric over the N examples.
        predictions: what was predicted for each, for people to read.
    """

    metrics: dict[str, ExampleScores]
    predictions: list[Any]


@dataclass(frozen=True)
class _Line:
    """One example in a file of predictions."""

    __pydantic_config__ = CHECKED

    prediction: Any
    scores: dict[str, tuple[float, float]]  # (numerator, denominator) of each metric


def predictions_file(folder: Path, training: str, benchmark: str, language: str) -> Path:
    """Return where the predictions of one training on one test set belong."""
    return folder / PREDICTIONS_FOLDER / training / f"{benchmark}.{language}.jsonl"


def write_predictions(scored: Scored, path: Path) -> None:
    """Write a line for each example: what was predicted, and numerator and denominator of each metric."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("w", encoding="utf-8") as file:
        for row, prediction in enumerate(scored.predictions):
            scores = {
                name: [float(scores.numerators[row]), float(scores.denominators[row])]
                for name, scores in scored.metrics.items()
            }
            file.write(json.dumps({"prediction": prediction, "scores": scores}, ensure_ascii=False) + "\n")
    unfinished.replace(path)


def read_names(path: Path) -> list[str] | None:
    """Return the `id` of each example, where predictions have one: that of a question, alike in all languages."""
    predictions = [json.loads(line)["prediction"] for _, line in numbered_lines(path)]
    return [each["id"] for each in predictions] if all(isinstance(x, dict) and "id" in x for x in predictions) else None


def read_scores(path: Path) -> dict[str, ExampleScores]:
    """Read the metrics that `write_predictions` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is damaged, or the metrics are not the same on all.
    """
    remedy = "evaluate that checkpoint again"
    scores = [parse_json(line, _Line, place, remedy).scores for place, line in numbered_lines(path)]
    if not scores or any(score.keys() != scores[0].keys() for score in scores):
        raise ValueError(f"{path} has no lines, or other metrics on one than on the first; {remedy}")
    pairs = {name: np.array([score[name] for score in scores]) for name in scores[0]}  # (N, 2)
    return {name: ExampleScores(values[:, 0], values[:, 1]) for name, values in pairs.items()}
