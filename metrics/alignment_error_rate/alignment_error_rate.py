"""Alignment error rate as an `evaluate` metric, of links written as Pharaoh lines.

Only converts; the computation is in `weam.metrics`, which must be installed.
"""

from dataclasses import asdict

import datasets
import evaluate

from weam.alignment.formats import parse_pharaoh
from weam.metrics import alignment_error_rate

DESCRIPTION = """
Scores word alignments against hand-made ones with sure and possible links: a sure link must be found, a possible one
may be. Links are summed over all sentence pairs.
"""
CITATION = """
@article{och-ney-2003-systematic,
    title = "A Systematic Comparison of Various Statistical Alignment Models",
    author = "Och, Franz Josef and Ney, Hermann",
    journal = "Computational Linguistics",
    volume = "29",
    number = "1",
    pages = "19--51",
    year = "2003",
    url = "https://aclanthology.org/J03-1002"
}
"""
INPUTS = """
Args:
    predictions: a list of lines like "0-0 1-2", one for each sentence pair, source-target, counted from 0.
    references: a list of {"sure": "0-0", "possible": "1-2"}; sure links count as possible too.
Returns:
    precision, recall and alignment_error_rate, from 0 to 1.
"""


class AlignmentErrorRate(evaluate.Metric):
    """Reads the links of every sentence pair."""

    def _info(self) -> evaluate.MetricInfo:
        line = datasets.Value("string")
        features = datasets.Features({"predictions": line, "references": {"sure": line, "possible": line}})
        return evaluate.MetricInfo(DESCRIPTION, CITATION, features, INPUTS)

    def _compute(self, predictions: list[str], references: list[dict[str, str]]) -> dict[str, float]:
        predicted = [parse_pharaoh(line) for line in predictions]
        sure, possible = ([parse_pharaoh(row[kind]) for row in references] for kind in ("sure", "possible"))
        return asdict(alignment_error_rate(predicted, sure, possible))
