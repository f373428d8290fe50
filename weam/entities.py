"""Tags of words -> entities -> scores, as seqeval counts them.

Apart from `weam/metrics.py` because seqeval takes a second to import, and only named-entity recognition needs it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from seqeval.metrics.sequence_labeling import get_entities


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
