"""Two texts -> a class: what XNLI and PAWS-X share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerBase

from weam.scores import Ratio
from weam.tasks.files import hub_rows, load_from_hub, read_files, read_json_lines
from weam.tasks.task import Scored, Task, check_label, check_text


@dataclass(frozen=True)
class TextPair:
    """Two texts and the name of their class."""

    first: str
    second: str
    label: str


class TextPairTask(Task):
    """A benchmark of text pairs, read from JSON lines or a Hub data set with a configuration for each language.

    Attributes:
        columns: those of both texts.
        patterns: split -> names of local files.
        hub_name: the data set on the Hub.
        hub_splits: split -> its name there.
        hub_config: the name of a language's configuration, with `{language}`.
    """

    metric = "accuracy"
    auto_class = AutoModelForSequenceClassification
    labels: tuple[str, ...]
    columns: tuple[str, str]
    patterns: ClassVar[dict[str, tuple[str, ...]]]
    hub_name: str
    hub_splits: ClassVar[dict[str, str]] = {"train": "train", "dev": "validation", "test": "test"}
    hub_config: str = "{language}"

    def read(self, split: str, language: str) -> list[TextPair]:
        """Return the pairs of a split in a language."""
        paths = self.files.find(split, language, self.patterns[split])
        if paths is not None:
            return read_files(paths, self._from_file)
        return self._from_hub(f"{self.hub_name}:{self.hub_config.format(language=language)}", self.hub_splits[split])

    def read_custom(self, source: str) -> list[TextPair]:
        """Return the pairs of a JSON lines file or of a Hub data set with the same columns."""
        if Path(source).is_file():
            return read_files([Path(source)], self._from_file)
        return self._from_hub(source, "train")

    def _from_file(self, path: Path) -> list[TextPair]:
        return self._pairs(read_json_lines(path, (*self.columns, "label")))

    def _from_hub(self, source: str, split: str) -> list[TextPair]:
        rows = load_from_hub(source, split)
        return self._pairs(hub_rows(rows, f"{source} {split}", (*self.columns, "label")))

    def _pairs(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> list[TextPair]:
        pairs = []
        for place, record in rows:
            first, second = check_text(record, self.columns, place)
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
        return Scored({"accuracy": Ratio.mean(right)}, predicted)
