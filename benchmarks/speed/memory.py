"""Measure whether memory grows during a training: uneven batches in bfloat16 on a processor.

    python -m benchmarks.speed.memory

A small model (2 million parameters) reads real sentence pairs, for the batches must differ, not be large. A processor
keeps a kernel for every shape of a matrix product that it has met. Memory is the peak of the whole process so far.
"""

import argparse
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from datasets import Dataset
from transformers import BertConfig, BertTokenizer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from benchmarks.processes import in_a_fresh_process, process_status
from benchmarks.records import described, measuring_parser, write_part
from benchmarks.speed.collator import encoded_pairs
from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import BertForWEAMPreTraining
from weam.trainer import WEAMTrainer

PROGRAM = "python -m benchmarks.speed.memory"
VOCABULARY = 9_000
BATCH_SIZE = 4


@dataclass(frozen=True)
class Row:
    """The most memory that a training had until a step."""

    steps: int
    megabytes: float
    times_first: float


class Peaks(TrainerCallback):
    """Notes the peak of this process after some steps."""

    def __init__(self, steps: list[int]) -> None:
        """Look after these steps."""
        self.steps, self.megabytes = steps, list[float]()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Look."""
        if state.global_step in self.steps:
            self.megabytes.append(process_status("VmHWM") / 1e6)


def train(steps: list[int], vocabulary: Path, data_dir: Path) -> tuple[int, list[float]]:
    """Train, and return the number of parameters and the peaks in megabytes after these steps."""
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "vocab.txt"  # a model of that size has few tokens
        first.write_text("".join(islice(vocabulary.open(encoding="utf-8"), VOCABULARY)), encoding="utf-8")
        tokenizer = BertTokenizer(vocab=str(first), do_lower_case=False)
    features = encoded_pairs(data_dir, BATCH_SIZE * steps[-1] // 3, tokenizer)
    torch.manual_seed(0)
    sizes = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512}
    model = BertForWEAMPreTraining(BertConfig(vocab_size=VOCABULARY, **sizes))
    peaks = Peaks(steps)
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            folder,
            per_device_train_batch_size=BATCH_SIZE,
            max_steps=steps[-1],
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            report_to="none",
            bf16=True,
            use_cpu=True,
            disable_tqdm=True,
        )
        collator = DataCollatorForWordExchange(tokenizer, pad_to_multiple_of=8)
        WEAMTrainer(model, args, collator, Dataset.from_list(features), callbacks=[peaks]).train()
    return model.num_parameters(), peaks.megabytes


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--steps", type=int, nargs="+", default=[200, 2_000])
    return parser.parse_args()


def main() -> None:
    """Measure, write, print."""
    arguments = parse_arguments()
    vocabulary = arguments.data_dir / "tokenizer" / "mbert-vocab.txt"
    parameters, peaks = in_a_fresh_process(train, arguments.steps, vocabulary, arguments.data_dir)
    rows = [
        Row(steps, round(megabytes), round(megabytes / peaks[0], 3))
        for steps, megabytes in zip(arguments.steps, peaks, strict=True)
    ]
    write_part(described(PROGRAM, rows, parameters=parameters, batch_size=BATCH_SIZE), "memory", arguments.output)
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
