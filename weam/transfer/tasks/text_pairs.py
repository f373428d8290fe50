"""Two texts -> a class: what XNLI and PAWS-X share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerBase

from weam.scores import ExampleScores, Scored
from weam.transfer.tasks.task import RowTask, check_label, check_text


@dataclass(frozen=True)
class TextPair:
    """Two texts and the name of their class."""

    first: str
    second: str
    label: str


class TextPairTask(RowTask):
    """A benchmark of text pairs, read from JSON lines or a Hub data set with the same columns.

    Attributes:
        columns: those of both texts, then `label`.
    """

    metric = "accuracy"
    auto_class = AutoModelForSequenceClassification
    labels: tuple[str, ...]
    hub_task = "text-classification"

    def examples(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> list[TextPair]:
        """Return the pairs of the rows."""
        pairs = []
        for place, record in rows:
            first, second = check_text(record, self.columns[:2], place)
            pairs.append(TextPair(first, second, self.label_name(record["label"], place)))
        return pairs

    def label_name(self, label: object, place: str) -> str:
        """Return the name of a row's label, which may be given by number."""
        return check_label(label, self.labels, place)

    def encode(self, examples: Sequence[TextPair], tokenizer: PreTrainedTokenizerBase) -> Dataset:
        """Encode each pair as one row; the longer text is cut first where both are too long together."""
        texts = [[pair.first for pair in examples], [pair.second for pair in examples]]
        columns = dict(tokenizer(*texts, truncation="longest_first", max_length=self.max_length))
        columns["length"] = [len(row) for row in columns["input_ids"]]
        columns["labels"] = [self.labels.index(pair.label) for pair in examples]
        return Dataset.from_dict(columns)

    def score(
        self, outputs: tuple[np.ndarray, ...], encoded: Dataset, examples: Sequence[TextPair], language: str
    ) -> Scored:
        """Count right classes; `outputs` holds (N, C) logits."""
        predicted = [self.labels[number] for number in outputs[0].argmax(axis=-1)]
        right = [label == pair.label for label, pair in zip(predicted, examples, strict=True)]
        return Scored({"accuracy": ExampleScores.mean(right)}, predicted)
