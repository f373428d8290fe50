"""Stage 3: sentence pairs and their links -> encoded features, on disk.

Truncates pairs to the model's length and drops links to what was cut. It does not mask: that happens anew in every
epoch, in `data_collator_weam.py`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, List, Value
from datasets.arrow_writer import ArrowWriter
from tqdm.auto import tqdm

from weam.bitext import Bitext
from weam.cache import cached_folder
from weam.links import BitextLinks

SPECIAL_PIECES = 3  # [CLS] source [SEP] target [SEP]
FEATURES = Features(
    {
        "id": Value("int64"),
        "source_ids": List(Value("int32")),
        "target_ids": List(Value("int32")),
        "links": List(List(Value("int16"))),
        "length": Value("int32"),  # with special pieces; the Trainer groups by it
    }
)


def truncated_lengths(source: int, target: int, budget: int) -> tuple[int, int]:
    """Shorten two lengths to `budget` in sum, taking from the longer one first.

    >>> truncated_lengths(10, 4, 12), truncated_lengths(10, 9, 12), truncated_lengths(3, 4, 12)
    ((8, 4), (6, 6), (3, 4))
    """
    if source + target <= budget:
        return source, target
    if min(source, target) <= budget // 2:
        return (source, budget - source) if source < target else (budget - target, target)
    return budget - budget // 2, budget // 2


def encode_pair(pair: dict[str, Any], links: Iterable[tuple[int, int]], max_length: int) -> dict[str, Any]:
    """Make the feature of one pair.

    >>> pair = {"id": 5, "source_ids": [7, 8, 9], "target_ids": [4]}
    >>> encode_pair(pair, [(0, 0), (2, 0)], max_length=6)
    {'id': 5, 'source_ids': [7, 8], 'target_ids': [4], 'links': [[0, 0]], 'length': 6}
    """
    budget = max_length - SPECIAL_PIECES
    source, target = truncated_lengths(len(pair["source_ids"]), len(pair["target_ids"]), budget)
    return {
        "id": pair["id"],
        "source_ids": pair["source_ids"][:source],
        "target_ids": pair["target_ids"][:target],
        "links": [[i, j] for i, j in links if i < source and j < target],
        "length": source + target + SPECIAL_PIECES,
    }


def cache_features(bitext: Bitext, links: BitextLinks, max_length: int, cache_dir: Path) -> Dataset:
    """Encode every pair of a bitext, in its order, and keep the result on disk.

    Args:
        bitext: the pairs.
        links: the links between the pieces of every pair.
        max_length: of a row of the batch, special pieces included.
        cache_dir: where the result is kept.

    Returns:
        A memory-mapped data set with the columns of `FEATURES`, row n for pair n.
    """
    key = {"stage": "features 1", "bitext": bitext.key, "links": links.key, "max_length": max_length}

    def build(folder: Path) -> None:
        with ArrowWriter(path=str(folder / "features.arrow"), features=FEATURES) as writer:
            progress = tqdm(bitext.pairs, desc=f"encoding {bitext.language_pair}", unit=" pairs")
            for pair, pair_links in zip(progress, links, strict=True):
                writer.write(encode_pair(pair, pair_links, max_length))
            writer.finalize()

    folder = cached_folder(cache_dir, f"features-{bitext.language_pair}", key, build)
    return Dataset.from_file(str(folder / "features.arrow"))
