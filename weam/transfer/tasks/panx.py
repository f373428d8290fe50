"""PAN-X, also called WikiANN (Pan et al. 2017; Rahimi et al. 2019): names of persons, organisations and places.

F1 over whole entities, as seqeval counts them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from datasets import Dataset
from seqeval.metrics.sequence_labeling import get_entities

from weam.scores import ExampleScores, Scored
from weam.transfer.tasks.tagging import TaggedSentence, TaggingTask


class PANX(TaggingTask):
    """Named-entity recognition.

    Local files are JSON lines with `tokens` and `ner_tags` (B-PER to O). On the Hub `google/xtreme`, `PAN-X.en` and so
    on.
    """

    benchmark = "panx"
    title = "PAN-X (WikiANN)"
    licence = "not stated"
    metric = "f1"
    languages = (
        "en", "af", "ar", "bg", "bn", "de", "el", "es", "et", "eu", "fa", "fi", "fr", "he", "hi", "hu", "id", "it",
        "ja", "jv", "ka", "kk", "ko", "ml", "mr", "ms", "my", "nl", "pt", "ru", "sw", "ta", "te", "th", "tl", "tr",
        "ur", "vi", "yo", "zh",
    )  # fmt: skip
    labels = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
    untagged = "O"
    columns = ("tokens", "ner_tags")

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return XTREME's configuration of a language."""
        return f"google/xtreme:PAN-X.{language}"

    def score(
        self, outputs: tuple[np.ndarray, ...], encoded: Dataset, examples: Sequence[TaggedSentence], language: str
    ) -> Scored:
        """Count right, predicted and gold entities: F1 = 2 right / (predicted + gold)."""
        predicted = self.tags(outputs[0], encoded, examples)
        counts = [entity_counts(tags, sentence.tags) for tags, sentence in zip(predicted, examples, strict=True)]
        right = np.array([2.0 * count.right for count in counts])
        entities = np.array([float(count.predicted + count.gold) for count in counts])
        return Scored({"f1": ExampleScores(right, entities)}, predicted)


@dataclass(frozen=True)
class EntityCounts:
    """How many entities one sentence has: in both taggings with the same type and extent, and in each of the two."""

    right: int
    predicted: int
    gold: int


def entity_counts(predicted: Sequence[str], gold: Sequence[str]) -> EntityCounts:
    """Count the entities in the tags of one sentence, as `seqeval` reads them by default.

    >>> entity_counts(["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "I-PER", "O", "O"])
    EntityCounts(right=1, predicted=2, gold=1)

    Raises:
        ValueError: the two differ in length.
    """
    if len(predicted) != len(gold):
        raise ValueError(f"a sentence has one predicted tag for each gold tag, not {len(predicted)} for {len(gold)}")
    found, wanted = set(get_entities(list(predicted))), set(get_entities(list(gold)))  # (type, first, last)
    return EntityCounts(right=len(found & wanted), predicted=len(found), gold=len(wanted))
