"""Predictions on disk: a line for each test example, with numerator and denominator of each metric.

They are what runs are compared by, and what people read when they ask what a model gets wrong.
"""

import json
from pathlib import Path

import numpy as np

from weam.scores import Ratio
from weam.transfer.tasks.task import Scored

PREDICTIONS_FOLDER = "predictions"


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
                name: [float(ratio.numerators[row]), float(ratio.denominators[row])]
                for name, ratio in scored.metrics.items()
            }
            file.write(json.dumps({"prediction": prediction, "scores": scores}, ensure_ascii=False) + "\n")
    unfinished.replace(path)


def read_scores(path: Path) -> dict[str, Ratio]:
    """Read the metrics that `write_predictions` wrote.

    Raises:
        FileNotFoundError: there is no such file.
    """
    with path.open(encoding="utf-8") as file:
        scores = [json.loads(line)["scores"] for line in file]
    pairs = {name: np.array([score[name] for score in scores]) for name in scores[0]}  # (N, 2)
    return {name: Ratio(values[:, 0], values[:, 1]) for name, values in pairs.items()}
