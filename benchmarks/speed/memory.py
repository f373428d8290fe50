"""Measure what uneven batches cost in bfloat16 on a processor, which keeps a kernel for every shape that it has met.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.memory

A small model (2 million parameters) reads real sentence pairs, for the batches must differ, not be large. First whether
memory grows over many steps; then what it brings to round lengths and the number of scored vectors up. Memory is the
peak of the whole process so far, seconds are of processor time.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from datasets import Dataset
from tqdm.auto import tqdm
from transformers import BertConfig, BertTokenizer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

import modeling_weam
from benchmarks.processes import in_a_fresh_process, process_status
from benchmarks.records import described, measuring_parser, write_part
from benchmarks.speed.collator import encoded_pairs
from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import SCORED_STEP, BertForWEAMPreTraining
from weam.trainer import WEAMTrainer

PROGRAM = "python -m benchmarks.speed.memory"
VOCABULARY = 9_000
BATCH_SIZE = 4
PARTS = ("memory", "rounding")
ROUNDED = ((1, 1), (1, 32), (2, 32), (4, 32), (8, 32))  # lengths, and numbers of scored vectors, are multiples of these
ROUNDED_SIZE = 32  # rows of a batch there


@dataclass(frozen=True)
class Row:
    """The most memory that a training had until a step."""

    steps: int
    megabytes: float
    times_first: float


@dataclass(frozen=True)
class Batches:
    """How large batches are, and what the lengths of their rows and the numbers of scored vectors are multiples of."""

    size: int
    lengths: int = 8
    scored: int = SCORED_STEP


@dataclass(frozen=True)
class RoundedRow:
    """What a training cost with such batches."""

    lengths: int
    scored: int
    seconds: float
    megabytes: float


class Peaks(TrainerCallback):
    """Notes the peak of this process, and its seconds so far, after some steps."""

    def __init__(self, steps: list[int]) -> None:
        """Look after these steps."""
        self.steps, self.megabytes, self.seconds = steps, list[float](), list[float]()

    def on_train_begin(self, *_: object, **__: object) -> None:
        """Begin."""
        self.start = time.process_time()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Look."""
        if state.global_step in self.steps:
            self.megabytes.append(process_status("VmHWM") / 1e6)
            self.seconds.append(time.process_time() - self.start)


def train(steps: list[int], batches: Batches, data_dir: Path) -> tuple[int, list[float], list[float]]:
    """Train; return the number of parameters, the peaks in megabytes after these steps, and the seconds until then."""
    vocabulary = data_dir / "tokenizer" / "mbert-vocab.txt"
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "vocab.txt"  # a model of that size has few tokens
        first.write_text("".join(islice(vocabulary.open(encoding="utf-8"), VOCABULARY)), encoding="utf-8")
        tokenizer = BertTokenizer(vocab=str(first), do_lower_case=False)
    features = encoded_pairs(data_dir, batches.size * steps[-1] // 3, tokenizer)
    torch.manual_seed(0)
    sizes = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512}
    model = BertForWEAMPreTraining(BertConfig(vocab_size=VOCABULARY, **sizes))
    peaks = Peaks(steps)
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            folder,
            per_device_train_batch_size=batches.size,
            max_steps=steps[-1],
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            report_to="none",
            bf16=True,
            use_cpu=True,
            disable_tqdm=True,
        )
        collator = DataCollatorForWordExchange(tokenizer, pad_to_multiple_of=batches.lengths)
        with patch.object(modeling_weam, "SCORED_STEP", batches.scored):
            WEAMTrainer(model, args, collator, Dataset.from_list(features), callbacks=[peaks]).train()
    return model.num_parameters(), peaks.megabytes, peaks.seconds


def measure_rounding(steps: int, data_dir: Path) -> list[RoundedRow]:
    """Train with batches that are rounded in several ways."""
    rows = []
    for lengths, scored in tqdm(ROUNDED, desc="rounding", unit=" trainings"):
        batches = Batches(ROUNDED_SIZE, lengths, scored)
        _, (megabytes,), (seconds,) = in_a_fresh_process(train, [steps], batches, data_dir)
        rows.append(RoundedRow(lengths, scored, round(seconds, 1), round(megabytes)))
    return rows


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--steps", type=int, nargs="+", default=[200, 2_000], help="Of the part memory.")
    parser.add_argument("--rounding_steps", type=int, default=300, help="Of a training of the part rounding.")
    return parser.parse_args()


def main() -> None:
    """Measure, write after each part, print."""
    arguments = parse_arguments()
    rows: list[Any]
    if "memory" in arguments.parts:
        own = (arguments.steps, Batches(BATCH_SIZE), arguments.data_dir)
        parameters, peaks, _ = in_a_fresh_process(train, *own)
        rows = [
            Row(steps, round(megabytes), round(megabytes / peaks[0], 3))
            for steps, megabytes in zip(arguments.steps, peaks, strict=True)
        ]
        part = described(PROGRAM, rows, parameters=parameters, batch_size=BATCH_SIZE)
        write_part(part, "memory", arguments.output)
        print(*rows, sep="\n")
    if "rounding" in arguments.parts:
        rows = measure_rounding(arguments.rounding_steps, arguments.data_dir)
        part = described(PROGRAM, rows, steps=arguments.rounding_steps, batch_size=ROUNDED_SIZE)
        write_part(part, "rounding", arguments.output)
        print(*rows, sep="\n")


if __name__ == "__main__":
    main()
