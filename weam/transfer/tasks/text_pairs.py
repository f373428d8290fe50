"""Two texts -> a class: what XNLI and PAWS-X share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from weam.transfer.tasks.task import ClassificationTask, check_label, check_text


@dataclass(frozen=True)
class TextPair:
    """Two texts and the name of their class."""

    first: str
    second: str
    label: str


class TextPairTask(ClassificationTask):
    """A benchmark of text pairs, read from JSON lines or a Hub data set with the same columns.

    Attributes:
        columns: those of both texts, then `label`.
    """

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

    def texts(self, examples: Sequence[TextPair]) -> list[list[str]]:
        """Return the first texts and the second ones."""
        return [[pair.first for pair in examples], [pair.second for pair in examples]]
