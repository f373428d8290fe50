"""Columns of data sets on disk: rows and whole columns are those that `datasets` itself reads."""

import pytest
from datasets import Dataset, concatenate_datasets

from weam import columns
from weam.columns import read_rows, whole_column


@pytest.mark.parametrize("rows", [None, [3, 1, 2], range(2, 5)])
def test_a_whole_column_has_the_selected_rows_in_their_order(rows):
    dataset = concatenate_datasets([Dataset.from_dict({"length": [5, 6, 7]}), Dataset.from_dict({"length": [8, 9]})])
    dataset = dataset if rows is None else dataset.select(rows)
    assert whole_column(dataset, "length").tolist() == dataset["length"][:]


@pytest.mark.parametrize("rows", [None, [3, 1, 2], range(2, 5)])
def test_rows_are_read_in_their_order_whatever_the_size_of_a_batch(rows, monkeypatch):
    monkeypatch.setattr(columns, "READ_AT_ONCE", 2)
    dataset = Dataset.from_dict({"id": [0, 1, 2, 3, 4], "ids": [[5], [], [6, 7], [8], [9]], "text": list("abcde")})
    dataset = dataset if rows is None else dataset.select(rows)
    assert list(read_rows(dataset, "ids", "text")) == [(row["ids"], row["text"]) for row in dataset]
