"""PAN-X, also called WikiANN (Pan et al. 2017; Rahimi et al. 2019): names of persons, organisations and places.

F1 over whole entities, as seqeval counts them.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from datasets import Dataset

from weam.entities import entity_counts
from weam.scores import Ratio
from weam.tasks.files import SPLITS, hub_rows, load_from_hub, read_files, read_json_lines
from weam.tasks.tagging import TaggedSentence, TaggingTask
from weam.tasks.task import Scored

COLUMNS = ("tokens", "ner_tags")


class PANX(TaggingTask):
    """Named-entity recognition.

    Local layout: `xtreme_r/wikiann/{train,dev,test}.LL.jsonl.gz`, JSON lines with `tokens` and `ner_tags` (B-PER to O).
    On the Hub `google/xtreme`, `PAN-X.en` and so on.
    """

    benchmark = "panx"
    metric = "f1"
    languages = (
        "en", "af", "ar", "bg", "bn", "de", "el", "es", "et", "eu", "fa", "fi", "fr", "he", "hi", "hu", "id", "it",
        "ja", "jv", "ka", "kk", "ko", "ml", "mr", "ms", "my", "nl", "pt", "ru", "sw", "ta", "te", "th", "tl", "tr",
        "ur", "vi", "yo", "zh",
    )  # fmt: skip
    labels = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
    untagged = "O"
    patterns: ClassVar = {split: (f"xtreme_r/wikiann/{split}.{{language}}.jsonl.gz",) for split in SPLITS}
    hub_splits: ClassVar = {"train": "train", "dev": "validation", "test": "test"}

    def read(self, split: str, language: str) -> list[TaggedSentence]:
        """Return the sentences of a split in a language."""
        paths = self.files.find(split, language, self.patterns[split])
        if paths is not None:
            return read_files(paths, self._from_file)
        return self._from_hub(f"google/xtreme:PAN-X.{language}", self.hub_splits[split])

    def read_custom(self, source: str) -> list[TaggedSentence]:
        """Return the sentences of a JSON lines file, or of a Hub data set, with `tokens` and `ner_tags`."""
        if Path(source).is_file():
            return read_files([Path(source)], self._from_file)
        return self._from_hub(source, "train")

    def _from_file(self, path: Path) -> list[TaggedSentence]:
        return self._sentences(read_json_lines(path, COLUMNS))

    def _from_hub(self, source: str, split: str) -> list[TaggedSentence]:
        return self._sentences(hub_rows(load_from_hub(source, split), f"{source} {split}", COLUMNS))

    def _sentences(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> list[TaggedSentence]:
        return [self.sentence(row["tokens"], row["ner_tags"], place) for place, row in rows]

    def score(
        self, outputs: tuple[np.ndarray, ...], encoded: Dataset, examples: Sequence[TaggedSentence], language: str
    ) -> Scored:
        """Count right, predicted and gold entities: F1 = 2 right / (predicted + gold)."""
        predicted = self.tags(outputs[0], encoded, examples)
        counts = [entity_counts(tags, sentence.tags) for tags, sentence in zip(predicted, examples, strict=True)]
        right = np.array([2.0 * count.right for count in counts])
        entities = np.array([float(count.predicted + count.gold) for count in counts])
        return Scored({"f1": Ratio(right, entities)}, predicted)
