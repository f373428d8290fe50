"""Measure how fast pairs are encoded, and how fast batches are made: our collator beside the stock one.

    python -m benchmarks.speed.collator

Encoding turns pairs of token numbers and their links, both read from disk, into features on disk. Both collators, ours
and the stock one for masked language modelling, get the same real sentence pairs, already encoded: ours as features,
the stock one as rows `[CLS] source [SEP] target [SEP]` with their segments, with and without a precomputed mask of the
special tokens. Both mask 30 % and return tensors, on one thread. They take turns, so that what else the machine does
meets all alike.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from transformers import BertTokenizer, DataCollatorForLanguageModeling, PreTrainedTokenizerBase

from benchmarks.records import described, measuring_parser, write_part
from data_collator_weam import DataCollatorForWordExchange
from weam.alignment.links import AlignerSettings, BitextLinks, align_bitext
from weam.bitext.reading import Bitext, load_bitext_files, parse_bitext_file
from weam.bitext.selection import draw_pairs
from weam.pretraining.features import build_features

PROGRAM = "python -m benchmarks.speed.collator"
MASKED_SHARE = 0.3
MAX_LENGTH = 128
BATCH_SIZES = (32, 256)
SETTINGS = AlignerSettings("fast_align", "intersect", seed=42)
OURS = "DataCollatorForWordExchange"
STOCK = "DataCollatorForLanguageModeling"
STOCK_BARE = "DataCollatorForLanguageModeling, special_tokens_mask not precomputed"
NOTE = "Pairs per second of processor time, medians of the repetitions; of a shared machine: read with load_average."

Example = dict[str, Any]
Collator = Callable[[list[Example]], Any]


@dataclass(frozen=True)
class Contender:
    """A collator and the examples in the form that it takes."""

    name: str
    collator: Collator
    examples: list[Example]


@dataclass(frozen=True)
class Row:
    """The speed of one collator."""

    collator: str
    batch_size: int
    pairs_per_second: int
    slowest: int  # of the repetitions
    fastest: int
    times_stock: float  # how many times as fast as the stock one with its mask precomputed


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--pairs", type=int, default=20_000, help="Sentence pairs in one pass.")
    parser.add_argument("--repetitions", type=int, default=5, help="Passes of each collator.")
    return parser.parse_args()


def aligned_pairs(
    data_dir: Path, count: int, tokenizer: PreTrainedTokenizerBase, cache_dir: Path
) -> tuple[Bitext, BitextLinks]:
    """Take `count` real pairs through stages 1 and 2."""
    file = parse_bitext_file(f"en-de={data_dir / 'bitext' / 'en-de.tatoeba.tsv.gz'}")
    bitext = load_bitext_files([file], tokenizer, cache_dir)
    bitext = replace(bitext, pairs=draw_pairs(bitext.pairs, count), key={**bitext.key, "drawn": count})
    return bitext, align_bitext(bitext, SETTINGS, cache_dir)


def encode(bitext: Bitext, links: BitextLinks) -> tuple[list[Example], float]:
    """Take pairs through stage 3; return their features, and pairs per second."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        features = build_features(bitext, links, MAX_LENGTH, Path(folder))
        speed = len(features) / (time.process_time() - start)
        return features.to_list(), speed


def encoded_pairs(data_dir: Path, count: int, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Take `count` real pairs through stages 1 to 3."""
    with tempfile.TemporaryDirectory() as folder:
        features, _ = encode(*aligned_pairs(data_dir, count, tokenizer, Path(folder)))
        return features


def stock_example(feature: Example, tokenizer: PreTrainedTokenizerBase) -> Example:
    """Join the two sides of a feature into the row that the stock collator takes."""
    first, separator = [tokenizer.cls_token_id], [tokenizer.sep_token_id]
    source, target = feature["source_ids"], feature["target_ids"]
    return {
        "input_ids": first + source + separator + target + separator,
        "token_type_ids": [0] * (len(source) + 2) + [1] * (len(target) + 1),
        "attention_mask": [1] * (len(source) + len(target) + 3),
        "special_tokens_mask": [1] + [0] * len(source) + [1] + [0] * len(target) + [1],
    }


def make_contenders(features: list[Example], tokenizer: PreTrainedTokenizerBase) -> list[Contender]:
    """Return ours and the stock one, with and without what it can be spared."""
    stock = DataCollatorForLanguageModeling(tokenizer, mlm_probability=MASKED_SHARE)
    rows = [stock_example(feature, tokenizer) for feature in features]
    bare = [{name: values for name, values in row.items() if name != "special_tokens_mask"} for row in rows]
    ours = DataCollatorForWordExchange(tokenizer, MASKED_SHARE, MAX_LENGTH)
    return [Contender(OURS, ours, features), Contender(STOCK, stock, rows), Contender(STOCK_BARE, stock, bare)]


def measure(contender: Contender, batch_size: int) -> float:
    """Return the pairs per second of one pass."""
    examples = contender.examples
    batches = [examples[first : first + batch_size] for first in range(0, len(examples), batch_size)]
    contender.collator(batches[0])  # what only the first call does is not counted
    start = time.process_time()
    for batch in batches:
        contender.collator(batch)
    return len(examples) / (time.process_time() - start)


def compare(contenders: list[Contender], batch_size: int, repetitions: int) -> Iterator[Row]:
    """Yield the speed of every contender, measured in turns."""
    speeds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(repetitions):
        for contender in contenders:
            speeds[contender.name].append(measure(contender, batch_size))
    for name, found in speeds.items():
        ratio = round(median(found) / median(speeds[STOCK]), 2)
        yield Row(name, batch_size, round(median(found)), round(min(found)), round(max(found)), ratio)


def main() -> None:
    """Encode the pairs and let the collators take turns."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    vocabulary = arguments.data_dir / "tokenizer" / "mbert-vocab.txt"
    tokenizer = BertTokenizer(vocab=str(vocabulary), do_lower_case=False, strip_accents=False)
    with tempfile.TemporaryDirectory() as folder:
        bitext, links = aligned_pairs(arguments.data_dir, arguments.pairs, tokenizer, Path(folder))
        passes = [encode(bitext, links) for _ in range(arguments.repetitions)]
    features, encoding = passes[0][0], [speed for _, speed in passes]
    contenders = make_contenders(features, tokenizer)
    rows = [row for size in BATCH_SIZES for row in compare(contenders, size, arguments.repetitions)]
    figures = {
        "note": NOTE,
        "pairs": len(features),
        "tokens_per_pair": round(mean(feature["length"] for feature in features), 1),  # tokens, with the special ones
        "links_per_pair": round(mean(len(feature["links"]) for feature in features), 1),
        "repetitions": arguments.repetitions,
        "encoding": {  # pairs per second
            "median": round(median(encoding)),
            "slowest": round(min(encoding)),
            "fastest": round(max(encoding)),
        },
    }
    write_part(described(PROGRAM, rows, **figures), "collator", arguments.output)
    print(figures["encoding"], *rows, sep="\n")


if __name__ == "__main__":
    main()
