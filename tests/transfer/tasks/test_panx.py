"""Entities of tagged words, by hand and against seqeval."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score

from weam.transfer.tasks.panx import EntityCounts, entity_counts


def test_an_entity_is_right_with_its_type_and_both_ends() -> None:
    gold = ["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "O"]
    predicted = ["B-PER", "O", "O", "B-LOC", "B-ORG", "B-ORG"]  # too short, right, wrong type, not there
    assert entity_counts(predicted, gold) == EntityCounts(right=1, predicted=4, gold=3)


def test_an_entity_may_begin_with_an_inside_tag() -> None:
    assert entity_counts(["I-PER", "I-LOC"], ["B-PER", "B-LOC"]) == EntityCounts(right=2, predicted=2, gold=2)


def test_unequal_numbers_of_tags_are_refused() -> None:
    with pytest.raises(ValueError, match="not 1 for 2"):
        entity_counts(["O"], ["O", "O"])


tags = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.tuples(tags, tags), max_size=8), min_size=1, max_size=5))
def test_f1_over_all_sentences_equals_seqeval(sentences: list[list[tuple[str, str]]]) -> None:
    predicted = [[tag for tag, _ in sentence] for sentence in sentences]
    gold = [[tag for _, tag in sentence] for sentence in sentences]
    counts = [entity_counts(*pair) for pair in zip(predicted, gold, strict=True)]
    entities = sum(sentence.predicted + sentence.gold for sentence in counts)
    f1 = 2 * sum(sentence.right for sentence in counts) / max(entities, 1)
    assert f1 == pytest.approx(f1_score(gold, predicted, zero_division=0))
