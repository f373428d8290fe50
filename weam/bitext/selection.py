"""Which sentence pairs are held out, trained on, and drawn where fewer are wanted.

Pairs are held out so that no held-out sentence is trained on in either language.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from datasets import Dataset

from data_collator_weam import hash_uniform
from weam.processor import in_order, ranges, with_progress
from weam.storage import read_rows, whole_column

NO_LETTER = re.compile(r"[\W_]+")


def sentence_key(sentence: str) -> str:
    """Reduce a sentence to what must not be shared between training and held-out text.

    >>> sentence_key("Hi, Tom!") == sentence_key("hi tom")
    True
    """
    folded = unicodedata.normalize("NFKC", sentence).casefold()
    return NO_LETTER.sub("", folded) or sentence


def _share(key: str) -> float:
    """Hash a sentence to [0, 1)."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=7).digest(), "big") / 2**56


def choose_held_out(pairs: Dataset, fraction: float, limit: int) -> tuple[list[int], set[str]]:
    """Choose held-out rows by a hash of the source sentence.

    A source sentence that several language pairs share is held out of all of them.

    Args:
        pairs: with the columns `source` and `target`.
        fraction: share of source sentences to hold out.
        limit: evaluate on at most so many.

    Returns:
        The rows to evaluate on, no sentence twice, and the keys of all sentences held out.
    """

    def chosen_of(rows: range) -> list[int]:
        sources = read_rows(pairs.select(rows), "source")
        return [row for row, (source,) in zip(rows, sources, strict=True) if _share(sentence_key(source)) < fraction]

    held_out = list(chain.from_iterable(_over_rows(chosen_of, len(pairs), "choosing held-out pairs")))
    chosen = read_rows(pairs.select(held_out), "source", "target")
    keys = [{sentence_key(text) for text in texts} for texts in chosen]
    return _without_repeats(held_out, keys)[:limit], set().union(*keys)


def _without_repeats(rows: Sequence[int], sentence_keys: Sequence[set[str]]) -> list[int]:
    """Keep rows whose sentences, by their keys, are new on both sides: each has one right answer in retrieval."""
    seen: set[str] = set()
    kept = []
    for row, keys in zip(rows, sentence_keys, strict=True):
        if not keys & seen:
            kept.append(row)
        seen |= keys
    return kept


def training_rows(pairs: Dataset, held_out_keys: set[str]) -> np.ndarray:
    """Return the rows, (N,) int64, that share no sentence, in either language, with the held-out ones."""

    def kept_of(rows: range) -> list[int]:
        sides = read_rows(pairs.select(rows), "source", "target")
        texts_of_rows = zip(rows, sides, strict=True)
        return [row for row, texts in texts_of_rows if held_out_keys.isdisjoint(map(sentence_key, texts))]

    return np.fromiter(chain.from_iterable(_over_rows(kept_of, len(pairs), "choosing training pairs")), np.int64)


def _over_rows(function: Callable[[range], list[int]], count: int, progress: str) -> Iterator[list[int]]:
    """Yield what a function makes of so many rows, range after range; all cores work."""
    return with_progress(in_order(function, ranges(count)), count, progress)


def write_rows(rows: np.ndarray | list[int], path: Path) -> None:
    """Write row numbers as `datasets` keeps them."""
    table = pa.table({"indices": pa.array(rows, pa.uint64())})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def select_rows(dataset: Dataset, rows: Path) -> Dataset:
    """Select the rows of a data set on disk that a file of `write_rows` lists; both stay on disk."""
    (file,) = dataset.cache_files
    return Dataset.from_file(file["filename"], indices_filename=str(rows))


def draw_pairs(features: Dataset, limit: int | None) -> Dataset:
    """Draw at most `limit` pairs, the same ones whatever else the data holds."""
    if limit is None or limit >= len(features):
        return features
    order = hash_uniform(whole_column(features, "id")).argsort()
    return features.select(sorted(order[:limit].tolist()))
