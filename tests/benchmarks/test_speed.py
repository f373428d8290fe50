"""The benchmark of speed compares like with like: the same rows, the same masks, real tokens counted once."""

from dataclasses import replace

import pytest
import torch
from datasets import Dataset
from transformers import BertForMaskedLM, BertTokenizer

from benchmarks.speed import __main__ as speed
from benchmarks.speed.__main__ import conditions, take_turns
from benchmarks.speed.fine_tuning import stock_rows
from benchmarks.speed.step import CONTENDERS, STOCK, Measured, Shape, full_rows, make_batch, make_model, measure_step
from benchmarks.speed.training import RECIPES, joined, measure_training
from modeling_weam import BertForWEAMPreTraining
from tests.conftest import SPECIAL, WORDS
from weam.transfer.tasks.answer_spans import Windows
from weam.transfer.tasks.mlqa import XQuAD

SHAPE = Shape(layers=1, vocabulary=len(SPECIAL + WORDS), batch_size=4, length=32, mask_rate=0.3)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sixty encoded pairs of three lengths, and a vocabulary file."""
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(SPECIAL + WORDS), encoding="utf-8")
    features = [
        {"id": n, "source_ids": [5 + n % 7] * (3 + n % 3), "target_ids": [9, 8, 7], "links": [[0, 2], [2, 0]]}
        for n in range(60)
    ]
    return [{**feature, "length": len(feature["source_ids"]) + 6} for feature in features], path


def test_rows_are_full_and_their_links_lead_to_the_words_that_they_linked(data):
    features = [{**feature, "target_ids": [feature["source_ids"][0] + 10] * 3} for feature in data[0]]
    rows = full_rows(features, SHAPE)
    assert [row["length"] for row in rows] == [32] * 4
    for row in rows:
        assert len(row["links"]) > 4
        assert all(row["target_ids"][j] == row["source_ids"][i] + 10 for i, j in row["links"])


def test_every_contender_gets_the_same_masks_without_padding(data):
    batch = make_batch(SHAPE, data, torch.device("cpu"))
    assert batch["attention_mask"].all()
    assert (batch["labels"] != -100).float().mean() == pytest.approx(0.3, abs=0.1)
    again = make_batch(SHAPE, data, torch.device("cpu"))
    assert all(torch.equal(values, again[name]) for name, values in batch.items())


def test_tokens_beyond_a_smaller_vocabulary_become_others(data):
    batch = make_batch(replace(SHAPE, vocabulary=6), data, torch.device("cpu"))
    assert batch["input_ids"].max() < 6
    assert set(batch["labels"].unique().tolist()) <= {-100, *range(6)}


def test_the_stock_contender_is_the_stock_class():
    device = torch.device("cpu")
    assert type(make_model(STOCK, SHAPE, device)) is BertForMaskedLM
    assert all(type(make_model(x, SHAPE, device)) is BertForWEAMPreTraining for x in CONTENDERS if x != STOCK)


@pytest.mark.parametrize("contender", CONTENDERS)
def test_a_step_is_measured(contender, data):
    measured = measure_step(contender, SHAPE, 1, data)
    assert measured.pieces_per_second == pytest.approx(4 * 32 / measured.seconds)


@pytest.mark.parametrize("recipe", RECIPES)
def test_tokens_of_sentences_are_counted_and_padding_is_not(recipe, data):
    measured = measure_training(recipe, SHAPE, 1, data)
    mean = sum(feature["length"] for feature in data[0]) / len(data[0])
    assert measured.pieces_per_second * measured.seconds / 4 == pytest.approx(mean - 3, abs=1.01)


def test_the_row_of_the_example_recipe_is_the_pair_and_its_padding(data):
    tokenizer = BertTokenizer(vocab=str(data[1]), do_lower_case=False)
    row = joined(data[0][0], tokenizer, 10)
    assert tokenizer.convert_ids_to_tokens(row["input_ids"])[0] == "[CLS]"
    assert row["attention_mask"] == [1] * 8 + [0] * 2
    assert row["special_tokens_mask"] == [1] + [0] * 6 + [1] * 3


def test_ratios_are_of_medians_over_the_rounds(monkeypatch):
    """The stock contender took 4, 2 and 3 seconds, the other one 1, 9 and 1.5."""
    found = {STOCK: iter([4.0, 2.0, 3.0]), "WEAM": iter([1.0, 9.0, 1.5])}
    monkeypatch.setattr(speed, "in_a_fresh_process", lambda measure, name, *_: Measured(next(found[name]), 100.0, 50.0))
    monkeypatch.setattr(speed, "peak", lambda name, *_: {STOCK: 200.0, "WEAM": 50.0}[name])
    stock, ours = take_turns(SHAPE, [STOCK, "WEAM"], (3, 1), ([], None))
    assert (stock.seconds, stock.times_stock_seconds, stock.times_stock_megabytes) == (3.0, 1.0, 1.0)
    assert (ours.seconds, ours.times_stock_seconds, ours.times_stock_megabytes) == (1.5, 0.5, 0.25)


def test_conditions_vary_one_thing_at_a_time_and_keep_the_tokens_of_a_batch():
    base = Shape(layers=4, vocabulary=119_547, batch_size=8, length=128, mask_rate=0.3)
    found = list(conditions(base))
    assert base in found and len(set(found)) == len(found)
    assert {shape.batch_size * shape.length for shape in found} == {8 * 128}
    fields = ("vocabulary", "length", "mask_rate")
    assert all(sum(getattr(shape, name) != getattr(base, name) for name in fields) <= 1 for shape in found)


@pytest.mark.parametrize(("pads", "length"), [(True, 8), (False, 3)])
def test_the_plain_script_reads_the_rows_that_we_read_under_the_names_of_the_stock_head(pads, length, tokenizer):
    ours = {"input_ids": [2, 5, 3], "attention_mask": [1, 1, 1], "token_type_ids": [0, 0, 0], "labels": [1, 1]}
    (row,) = stock_rows(Dataset.from_list([ours]), XQuAD(windows=Windows(8, 2, 4)), tokenizer, pads)
    assert row["input_ids"] == [2, 5, 3] + [0] * (length - 3)
    assert sum(row["attention_mask"]) == 3
    assert (row["start_positions"], row["end_positions"]) == (1, 1)
    assert "labels" not in row
