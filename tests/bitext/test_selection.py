"""Held-out pairs share no sentence with training pairs, and fewer pairs are always the same ones."""

import numpy as np
import pytest
from datasets import Dataset

from tests.support.evaluation_data import pairs
from weam.bitext.selection import choose_held_out, draw_pairs, sentence_key, training_rows

ENGLISH = [f"sentence {number}" for number in range(2000)]


def translated(sources, mark):
    return pairs(sources, [f"{mark} {source}" for source in sources])


@pytest.mark.parametrize(
    ("one", "other"), [("Hi, Tom!", "hi tom"), ("STRASSE", "straße"), ("你好。", "你好"), ("It's 5 p.m.", "its 5pm")]
)
def test_case_punctuation_and_spaces_make_no_other_sentence(one, other):
    assert sentence_key(one) == sentence_key(other)


@pytest.mark.parametrize(("one", "other"), [("a cat", "a cut"), ("?", "!"), ("5", "6"), ("你好", "您好")])
def test_other_letters_make_another_sentence(one, other):
    assert sentence_key(one) != sentence_key(other)


@pytest.mark.parametrize("fraction", [0.05, 0.3])
def test_about_the_fraction_is_held_out_and_always_the_same(fraction):
    rows, keys = choose_held_out(translated(ENGLISH, "Satz"), fraction, limit=2000)
    assert len(rows) == pytest.approx(2000 * fraction, rel=0.2)
    assert (rows, keys) == choose_held_out(translated(ENGLISH, "Satz"), fraction, limit=2000)


def test_nothing_and_everything_can_be_held_out():
    assert choose_held_out(translated(ENGLISH, "Satz"), 0.0, limit=2000) == ([], set())
    assert choose_held_out(translated(ENGLISH, "Satz"), 1.0, limit=2000)[0] == list(range(2000))


def test_a_larger_fraction_holds_out_the_same_sentences_and_more():
    few, many = (set(choose_held_out(translated(ENGLISH, "Satz"), share, 2000)[0]) for share in (0.1, 0.2))
    assert few < many


def test_the_limit_takes_fewer_rows_but_keeps_all_held_out_sentences_from_training():
    every, keys = choose_held_out(translated(ENGLISH, "Satz"), 0.1, limit=2000)
    assert choose_held_out(translated(ENGLISH, "Satz"), 0.1, limit=7) == (every[:7], keys)
    assert len(keys) == 2 * len(every)


def test_the_same_english_sentence_is_held_out_in_every_language_pair():
    german, swahili = translated(ENGLISH[:1500], "Satz"), translated(ENGLISH[:500:-1], "sentensi")
    held_out = [
        {data["source"][row] for row in choose_held_out(data, 0.2, limit=2000)[0]} for data in (german, swahili)
    ]
    shared = set(ENGLISH[501:1500])
    assert held_out[0] & shared == held_out[1] & shared
    assert len(held_out[0] & shared) > 100


def test_no_sentence_is_evaluated_twice_on_either_side():
    data = pairs(["a b", "A b.", "c", "d", "c d"], ["x", "y", "z", "Z!", "w"])
    assert choose_held_out(data, 1.0, limit=5)[0] == [0, 2, 4]


def test_no_training_row_shares_a_sentence_with_the_held_out_ones():
    data = pairs(
        ["new", "HELD out", "other", "noch neu", "gehalten", "new"],
        ["neu", "anders", "Gehalten!", "even newer", "?", "neu"],
    )
    assert training_rows(data, {sentence_key("held out."), sentence_key("gehalten")}).tolist() == [0, 3, 5]


def test_the_split_of_repeated_sentences_shares_nothing():
    generator = np.random.default_rng(0)
    numbers = generator.integers(300, size=(1000, 2))
    data = pairs([f"Word {n}." for n in numbers[:, 0]], [f"Wort {n}!" for n in numbers[:, 1]])
    rows, keys = choose_held_out(data, 0.1, limit=1000)
    train = training_rows(data, keys)
    sentences = [
        {sentence_key(text) for side in data.select(part)[:].values() for text in side} for part in (rows, train)
    ]
    assert sentences[0].isdisjoint(sentences[1])
    assert len(rows) > 10
    assert len(train) > 500


def numbered(ids):
    return Dataset.from_dict({"id": list(ids)})


def test_the_drawn_pairs_do_not_depend_on_the_order():
    drawn = draw_pairs(numbered(range(100)), 10)["id"][:]
    assert sorted(draw_pairs(numbered(reversed(range(100))), 10)["id"]) == sorted(drawn)
    assert drawn == sorted(drawn)  # they stay in the order of the data
    assert drawn != list(range(10))


def test_drawing_fewer_draws_a_subset():
    drawn = [set(draw_pairs(numbered(range(1000)), limit)["id"]) for limit in (5, 10, 500)]
    assert drawn[0] < drawn[1] < drawn[2]
    assert [len(ids) for ids in drawn] == [5, 10, 500]


def test_more_data_only_adds_candidates():
    """What is drawn of a larger data set is, where the smaller one has it, drawn of that too."""
    small, large = (set(draw_pairs(numbered(range(count)), 20)["id"]) for count in (100, 150))
    assert large & set(range(100)) <= small
    assert large != small


@pytest.mark.parametrize("limit", [None, 7, 8])
def test_nothing_is_drawn_where_the_limit_is_no_limit(limit):
    assert draw_pairs(numbered(range(7)), limit)["id"][:] == list(range(7))
