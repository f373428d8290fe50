"""Exact match and F1 of MLQA as an `evaluate` metric, for inputs like those of the `squad` metric.

Only converts; the rules are in `weam.metrics`, which must be installed.
"""

from typing import Any

import datasets
import evaluate

from weam.metrics import mean_answer_scores, mlqa_score

DESCRIPTION = """
Scores extracted answers as the official scorer of MLQA v1 does: punctuation, case and the articles of the language do
not count, and Chinese is compared by characters.
"""
CITATION = """
@inproceedings{lewis-etal-2020-mlqa,
    title = "{MLQA}: Evaluating Cross-lingual Extractive Question Answering",
    author = "Lewis, Patrick and Oguz, Barlas and Rinott, Ruty and Riedel, Sebastian and Schwenk, Holger",
    booktitle = "Proceedings of the 58th Annual Meeting of the Association for Computational Linguistics",
    year = "2020",
    url = "https://aclanthology.org/2020.acl-main.653"
}
"""
INPUTS = """
Args:
    predictions: a list of {"id": "1", "prediction_text": "Berlin"}.
    references: a list of {"id": "1", "answers": {"text": ["Berlin"], "answer_start": [0]}}, in any order.
    language: of the contexts: ar, de, en, es, hi, vi or zh.
Returns:
    exact_match and f1, means over the questions, from 0 to 1.
"""


class MLQA(evaluate.Metric):
    """Pairs predictions with references by id, and averages their scores."""

    def _info(self) -> evaluate.MetricInfo:
        text, number = datasets.Value("string"), datasets.Value("int32")
        answers = {"text": datasets.List(text), "answer_start": datasets.List(number)}
        features = {
            "predictions": {"id": text, "prediction_text": text},
            "references": {"id": text, "answers": answers},
        }
        return evaluate.MetricInfo(DESCRIPTION, CITATION, datasets.Features(features), INPUTS)

    def _compute(
        self, predictions: list[dict[str, Any]], references: list[dict[str, Any]], language: str
    ) -> dict[str, float]:
        texts = {prediction["id"]: prediction["prediction_text"] for prediction in predictions}
        answers = {reference["id"]: reference["answers"]["text"] for reference in references}
        if unpaired := texts.keys() ^ answers.keys():
            raise ValueError(f"these ids are in only one of predictions and references: {sorted(unpaired)[:5]}")
        if len(texts) < len(predictions):
            raise ValueError(f"only {len(texts)} of {len(predictions)} ids differ; each question needs its own")
        return mean_answer_scores([mlqa_score(texts[question], answers[question], language) for question in texts])
