"""Columns of data sets on disk as plain Python values or arrays, batch by batch; `datasets` itself goes row by row."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from datasets import Dataset

READ_AT_ONCE = 1000  # rows


def read_rows(dataset: Dataset, *columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the values of some columns, row after row, in the order of the arguments.

    >>> list(read_rows(Dataset.from_dict({"id": [5, 6], "ids": [[1, 2], []]}), "ids", "id"))
    [([1, 2], 5), ([], 6)]
    """
    for table in dataset.select_columns(list(columns)).with_format("arrow").iter(READ_AT_ONCE):
        yield from zip(*(table[name].to_pylist() for name in columns), strict=True)


def whole_column(dataset: Dataset, name: str) -> np.ndarray:
    """Return a column of numbers, (rows,); `datasets` itself gathers row by row where rows have been selected."""
    values = dataset.data.column(name).to_numpy()
    rows = dataset._indices
    return values if rows is None else values[rows.column(0).to_numpy()]
