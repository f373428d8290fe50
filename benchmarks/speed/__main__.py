"""Measure what a training step costs: WEAM beside the stock masked language model, on the same masked batches.

    python -m benchmarks.speed

Four comparisons, all at the shape of mBERT (12 layers of 768, a vocabulary of 119,547) unless told otherwise:
    step: one batch of full rows; time, and the memory that comes on top of parameters, gradients and optimiser state.
    bitext: pairs of uneven lengths through the Trainer; tokens of the sentences per second, beside transformers' own
        example recipe (the pair as one row, padded to 128), and beside that recipe with batches grouped by length.
    growth: one batch, with its length, vocabulary and mask rate varied one at a time.
    families: as step, for every family of models, with the 250,002 tokens of XLM-R.

Every measurement runs in a process of its own; contenders take turns, and ratios are of medians. Memory is measured in
a run by itself, on a processor with an allocator that gives back what is freed: glibc keeps it otherwise, and what it
keeps would count. The precision is that of the programs: bfloat16 on a GPU and on a processor that has it.
"""

import argparse
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from tqdm.auto import tqdm
from transformers import BertTokenizer

from benchmarks.processes import in_a_fresh_process
from benchmarks.records import described, measuring_parser, write_part
from benchmarks.speed.collator import encoded_pairs
from benchmarks.speed.step import CONTENDERS, STOCK, Data, Measured, Shape, measure_step
from benchmarks.speed.training import RECIPES, measure_training
from weam.families import FAMILIES

PROGRAM = "python -m benchmarks.speed"
MASK_RATES = (0.15, 0.3, 0.45)
LENGTHS = (32, 64, 128, 256)
VOCABULARIES = (30_522, 119_547, 250_002)
PARTS = ("step", "bitext", "growth", "families")


@dataclass(frozen=True)
class Row:
    """A contender under one condition: medians over the rounds, and ratios to the stock one under the same."""

    contender: str
    shape: Shape
    seconds: float  # of one step
    tokens_per_second: float  # as `Measured` counts them
    megabytes: float | None  # at the peak, above parameters, gradients and optimiser state
    times_stock_seconds: float
    times_stock_tokens_per_second: float
    times_stock_megabytes: float | None
    rounds: int


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--batch_size", type=int, default=32, help="Rows of a batch; growth takes a quarter.")
    parser.add_argument("--layers", type=int, default=12, help="Of 768, with 12 heads; growth takes a third.")
    parser.add_argument("--steps", type=int, default=2, help="Timed, after one that is not; in the Trainer, 10 times.")
    parser.add_argument("--rounds", type=int, default=2, help="Turns of each contender.")
    return parser.parse_args()


def peak(contender: str, shape: Shape, data: Data) -> float:
    """Return the megabytes of a contender at the peak of its second step."""
    with patch.dict(os.environ, MALLOC_MMAP_THRESHOLD_="1000000"):
        return in_a_fresh_process(measure_step, contender, shape, 1, data).megabytes


def take_turns(shape: Shape, contenders: list[str], settings: tuple[int, int], data: Data) -> Iterator[Row]:
    """Yield every contender under one condition, the stock one first; settings are rounds, and steps in each."""
    found: dict[str, list[Measured]] = {name: [] for name in contenders}
    rounds, steps = settings
    for name in tqdm(contenders * rounds, desc=str(shape), unit=" runs"):
        measure = measure_training if name in RECIPES else measure_step
        found[name].append(in_a_fresh_process(measure, name, shape, steps, data))
    peaks = {name: peak(name, shape, data) for name in contenders if name in CONTENDERS}
    stock = contenders[0]
    for name in contenders:
        seconds, stock_seconds = (median(one.seconds for one in found[x]) for x in (name, stock))
        tokens, stock_tokens = (median(one.tokens_per_second for one in found[x]) for x in (name, stock))
        yield Row(
            contender=name,
            shape=shape,
            seconds=round(seconds, 2),
            tokens_per_second=round(tokens, 1),
            megabytes=round(peaks[name]) if name in peaks else None,
            times_stock_seconds=round(seconds / stock_seconds, 3),
            times_stock_tokens_per_second=round(tokens / stock_tokens, 3),
            times_stock_megabytes=round(peaks[name] / peaks[stock], 3) if name in peaks else None,
            rounds=rounds,
        )


def conditions(base: Shape) -> Iterator[Shape]:
    """Vary length, vocabulary and mask rate one at a time; the tokens of a batch stay as many."""
    tokens = base.batch_size * base.length
    yield from (replace(base, length=length, batch_size=tokens // length) for length in LENGTHS)
    yield from (replace(base, vocabulary=vocabulary) for vocabulary in VOCABULARIES if vocabulary != base.vocabulary)
    yield from (replace(base, mask_rate=rate) for rate in MASK_RATES if rate != base.mask_rate)


def measure_all(arguments: argparse.Namespace) -> Iterator[tuple[str, list[Row]]]:
    """Yield the rows of each part that was asked for."""
    vocabulary = arguments.data_dir / "tokenizer" / "mbert-vocab.txt"
    features = encoded_pairs(arguments.data_dir, 20_000, BertTokenizer(vocab=str(vocabulary), do_lower_case=False))
    data, settings = (features, vocabulary), (arguments.rounds, arguments.steps)
    shape = Shape(arguments.layers, 119_547, arguments.batch_size, 128, 0.3)
    families = [replace(shape, vocabulary=VOCABULARIES[-1], family=family) for family in FAMILIES]
    small = replace(shape, layers=arguments.layers // 3, batch_size=arguments.batch_size // 4)
    plans = {
        "step": ([shape], list(CONTENDERS)),
        "bitext": ([shape], list(RECIPES)),
        "growth": (list(conditions(small)), [STOCK, "WEAM"]),
        "families": (families, [STOCK, "WEAM"]),
    }
    for part in arguments.parts:
        shapes, contenders = plans[part]
        yield part, [row for one in shapes for row in take_turns(one, contenders, settings, data)]


def main() -> None:
    """Measure, write after each part, print."""
    arguments = parse_arguments()
    for part, rows in measure_all(arguments):
        write_part(described(PROGRAM, rows, machine=machine(), steps=arguments.steps), part, arguments.output)
        print(*rows, sep="\n")


def machine() -> dict[str, Any]:
    """Describe what it ran on."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    return {"device": device, "cores": os.cpu_count(), "threads": torch.get_num_threads()}


if __name__ == "__main__":
    main()
