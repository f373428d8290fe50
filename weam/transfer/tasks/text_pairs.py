"""XNLI and PAWS-X: two texts -> a class.

XNLI (Conneau et al. 2018) asks whether the premise entails the hypothesis, in fifteen languages. PAWS-X (Yang et al.
2019) asks whether two sentences are paraphrases, in seven; it is part of XTREME, and XTREME-R drops it.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from weam.transfer.tasks.files import hub_rows, load_from_hub
from weam.transfer.tasks.task import ClassificationTask, check_label, check_text

logger = logging.getLogger("weam")


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

    def from_hub(self, source: str, split: str) -> list[TextPair]:
        """Return the pairs of a Hub data set; of those to train on, machine translations, a few came out empty."""
        rows = list(hub_rows(load_from_hub(source, split), f"{source} {split}", self.columns))
        if split == self.hub_splits["train"]:
            read, texts = len(rows), self.columns[:2]
            rows = [(place, row) for place, row in rows if all((row[column] or "").strip() for column in texts)]
            if len(rows) < read:
                logger.warning(
                    "%s %s: left out %d of %d rows, which lack a text", source, split, read - len(rows), read
                )
        return self.examples(rows)

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


class XNLI(TextPairTask):
    """Natural language inference.

    Local files are JSON lines with `premise`, `hypothesis`, `label`. On the Hub `facebook/xnli`, whose training sets in
    other languages than English are machine translations: those of translate-train.
    """

    benchmark = "xnli"
    title = "XNLI"
    licence = "CC BY-NC 4.0"
    languages = ("en", "ar", "bg", "de", "el", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
    labels = ("entailment", "neutral", "contradiction")
    columns = ("premise", "hypothesis", "label")

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return the configuration of a language."""
        return f"facebook/xnli:{language}"


class PAWSX(TextPairTask):
    """Paraphrase identification.

    Local files are JSON lines with `sentence1`, `sentence2` and `label`, 1 for paraphrases. On the Hub `google/xtreme`,
    whose training sets in other languages are machine translations.
    """

    benchmark = "pawsx"
    title = "PAWS-X"
    licence = "free for any use"
    languages = ("en", "de", "es", "fr", "ja", "ko", "zh")
    labels = ("different", "paraphrase")
    columns = ("sentence1", "sentence2", "label")

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return XTREME's configuration of a language."""
        return f"google/xtreme:PAWS-X.{language}"

    def label_name(self, label: object, place: str) -> str:
        """Return the name of a row's label; the Hub has digits as text."""
        return check_label(int(label) if label in ("0", "1") else label, self.labels, place)
