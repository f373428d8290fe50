"""Stage 3: sentence pairs and their links -> encoded features, on disk.

Truncates pairs to the model's length and drops links to what was cut. It does not mask: that happens anew in every
epoch, in `data_collator_weam.py`.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features, List, Value

from weam.alignment.formats import read_links
from weam.alignment.links import BitextLinks
from weam.alignment.symmetrization import Links
from weam.bitext.reading import Bitext
from weam.processor import batches, in_order, with_progress
from weam.storage import CACHE_DIR, cached_folder, read_lines, write_arrow

FEATURES = Features(
    {
        "id": Value("int64"),
        "source_ids": List(Value("int32")),
        "target_ids": List(Value("int32")),
        "links": List(List(Value("int16"))),
        "length": Value("int16"),  # with special tokens; the Trainer groups by it
    }
)


def truncated_lengths(source: np.ndarray, target: np.ndarray, budget: int) -> tuple[np.ndarray, np.ndarray]:
    """Shorten pairs of lengths to `budget` in sum, taking from the longer one first.

    >>> truncated_lengths(np.array([10, 10, 3]), np.array([4, 9, 4]), 12)
    (array([8, 6, 3]), array([4, 6, 4]))
    """
    half, too_long = budget // 2, source + target > budget
    shorter = np.minimum(np.minimum(source, target), half)
    cut_source = (source >= target) | (source > half)  # down to what the shorter target leaves, or to a half
    return (
        np.where(too_long, np.where(cut_source, budget - shorter, shorter), source),
        np.where(too_long, np.where(cut_source, shorter, budget - shorter), target),
    )


def encode_pairs(pairs: pa.Table, links: Sequence[Links], max_length: int, special_tokens: int) -> pa.Table:
    """Make the features of some pairs.

    Args:
        pairs: N rows with the columns `id`, `source_ids` and `target_ids`.
        links: between the tokens of each.
        max_length: of a row of the batch, special tokens included.
        special_tokens: how many of them the tokenizer adds to a pair.

    Returns:
        N rows with the columns of `FEATURES`.

    >>> pairs = pa.table({"id": [5], "source_ids": [[7, 8, 9]], "target_ids": [[4]]})
    >>> encode_pairs(pairs, [[(0, 0), (2, 0)]], max_length=6, special_tokens=3).to_pylist()
    [{'id': 5, 'source_ids': [7, 8], 'target_ids': [4], 'links': [[0, 0]], 'length': 6}]
    """
    sides = [pairs[name].combine_chunks() for name in ("source_ids", "target_ids")]
    lengths = [side.value_lengths().to_numpy() for side in sides]
    source, target = truncated_lengths(lengths[0], lengths[1], max_length - special_tokens)
    counts = np.fromiter(map(len, links), np.int64, len(links))
    ends = np.fromiter(chain.from_iterable(chain.from_iterable(links)), np.int16).reshape(-1, 2)  # (K, 2)
    row = np.repeat(np.arange(len(links)), counts)  # (K,)
    kept = (ends[:, 0] < source[row]) & (ends[:, 1] < target[row])
    pairs_of_ends = _lists(ends[kept].ravel(), np.full(int(kept.sum()), 2))
    columns = {
        "id": pairs["id"],
        "source_ids": _first(sides[0], lengths[0], source),
        "target_ids": _first(sides[1], lengths[1], target),
        "links": _lists(pairs_of_ends, np.bincount(row[kept], minlength=len(links))),
        "length": source + target + special_tokens,
    }
    return pa.table(columns).cast(FEATURES.arrow_schema)


def _first(lists: pa.ListArray, lengths: np.ndarray, kept: np.ndarray) -> pa.ListArray:
    """Keep the first so many values of each list."""
    places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)  # within its list
    return _lists(lists.flatten().to_numpy()[places < np.repeat(kept, lengths)], kept)


def _lists(values: np.ndarray | pa.Array, lengths: np.ndarray) -> pa.ListArray:
    """Cut values into lists of these lengths."""
    return pa.ListArray.from_arrays(np.append(0, np.cumsum(lengths)).astype(np.int32), values)


def build_features(
    bitext: Bitext, links: BitextLinks, max_length: int = 128, cache_dir: str | Path = CACHE_DIR
) -> Dataset:
    """Encode every pair of a bitext, in its order; once, then from the cache.

    Args:
        bitext: the pairs.
        links: the links between the tokens of every pair.
        max_length: of a row of the batch, special tokens included.
        cache_dir: where the result is kept.

    Returns:
        A memory-mapped data set with the columns of `FEATURES`, row n for pair n.

    Raises:
        ValueError: there are more or fewer lists of links than pairs.
    """
    key = {"stage": "features 2", "bitext": bitext.key, "links": links.key, "max_length": max_length}
    if bitext.special_tokens != 3:  # what every pair had when the key was made
        key["special_tokens"] = bitext.special_tokens

    columns = bitext.pairs.select_columns(["id", "source_ids", "target_ids"]).with_format("arrow")

    def encode(part: tuple[range, list[str]]) -> pa.Table:
        rows, lines = part
        pairs_links = [read_links(line, f"{links.path}:{row + 1}") for row, line in zip(rows, lines, strict=True)]
        return encode_pairs(columns.select(rows)[:], pairs_links, max_length, bitext.special_tokens)

    def build(folder: Path) -> None:
        tables = in_order(encode, _lines_of_rows(links.path, len(columns)))
        shown = with_progress(tables, len(columns), f"encoding {bitext.language_pair}")
        write_arrow(shown, folder / "features.arrow", FEATURES)

    folder = cached_folder(Path(cache_dir), f"features-{bitext.language_pair}", key, build)
    return Dataset.from_file(str(folder / "features.arrow"))


def _lines_of_rows(path: Path, count: int) -> Iterator[tuple[range, list[str]]]:
    """Yield rows and their lines in a file of links, which must have so many."""
    done = 0
    for lines in batches(read_lines(path)):
        if done + len(lines) > count:
            raise ValueError(f"{path} has links of more than the {count:,} pairs; align again")
        yield range(done, done + len(lines)), lines
        done += len(lines)
    if done < count:
        raise ValueError(f"{path} has links of {done:,} of {count:,} pairs only; align again")
