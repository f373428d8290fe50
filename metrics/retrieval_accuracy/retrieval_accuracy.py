"""Accuracy of translation retrieval as an `evaluate` metric.

Only converts; the computation is in `weam.metrics`, which must be installed.
"""

import datasets
import evaluate
import numpy as np

from weam.metrics import retrieval_accuracy

DESCRIPTION = """
The share of sentence vectors whose nearest candidate by cosine is the one in the same row, their translation's: the
accuracy of the Tatoeba task.
"""
CITATION = """
@article{artetxe-schwenk-2019-massively,
    title = "Massively Multilingual Sentence Embeddings for Zero-Shot Cross-Lingual Transfer and Beyond",
    author = "Artetxe, Mikel and Schwenk, Holger",
    journal = "Transactions of the Association for Computational Linguistics",
    volume = "7",
    pages = "597--610",
    year = "2019",
    url = "https://aclanthology.org/Q19-1038"
}
"""
INPUTS = """
Args:
    predictions: a list of vectors, the queries: sentences in one language.
    references: a list of vectors, the candidates: their translations, in the same order.
Returns:
    retrieval_accuracy, from 0 to 1.
"""


class RetrievalAccuracy(evaluate.Metric):
    """Makes a matrix of each list of vectors."""

    def _info(self) -> evaluate.MetricInfo:
        vector = datasets.List(datasets.Value("float64"))
        features = datasets.Features({"predictions": vector, "references": vector})
        return evaluate.MetricInfo(DESCRIPTION, CITATION, features, INPUTS)

    def _compute(self, predictions: list[list[float]], references: list[list[float]]) -> dict[str, float]:
        return {"retrieval_accuracy": retrieval_accuracy(np.array(predictions), np.array(references))}
