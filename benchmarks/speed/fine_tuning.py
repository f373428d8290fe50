"""Measure fine-tuning and prediction beside a plain Trainer script, on the same rows, model, batch size and precision.

    python -m benchmarks.speed.fine_tuning

The plain script is what transformers' examples are: the stock Trainer, rows padded to 128 tokens (XNLI) or 384
(questions), as their defaults have it. A second one pads each batch to its longest row. Seconds are of this process's
processor time on one thread, so that what else runs on the machine does not decide.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from datasets import Dataset
from tqdm.auto import tqdm
from transformers import (
    AutoTokenizer,
    DataCollatorWithPadding,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from benchmarks.processes import in_a_fresh_process
from benchmarks.records import described, measuring_parser, write_part
from weam.checkpoint import load_with_head
from weam.transfer.fine_tuning import FineTuner, by_length
from weam.transfer.tasks.answer_spans import Windows
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.mlqa import XQuAD
from weam.transfer.tasks.task import Task
from weam.transfer.tasks.text_pairs import XNLI

PROGRAM = "python -m benchmarks.speed.fine_tuning"
PADDED, LONGEST, OURS = "plain script, padded to the maximum", "plain script, padded to the longest", "WEAM"
SIZES = {"XNLI": (16, 384), "XQuAD": (8, 128)}  # rows of a batch, and of all that WEAM takes


@dataclass(frozen=True)
class Row:
    """A contender on a task: rows of examples per second of processor time, and times those of the plain script."""

    task: str
    contender: str
    trained_per_second: float
    predicted_per_second: float
    times_trained: float
    times_predicted: float


class Clock(TrainerCallback):
    """Notes the processor time of the steps of a training."""

    def on_train_begin(self, *_: object, **__: object) -> None:
        """Begin."""
        self.start = time.process_time()

    def on_train_end(self, *_: object, **__: object) -> None:
        """End."""
        self.seconds = time.process_time() - self.start


def tasks(data_dir: Path) -> dict[str, Task]:
    """Return the tasks, with files for training in English and for tests in German."""
    nli, squad = data_dir / "nli_train", data_dir / "squad"
    xnli = DataFiles([f"en={nli / 'train.en.jsonl.gz'}"], [], [f"de={data_dir / 'xnli' / 'test.de.jsonl.gz'}"])
    train, test = squad / "squad-v1.1-dev.minus-xquad.en.json.gz", squad / "xquad.de.json.gz"
    return {"XNLI": XNLI(xnli), "XQuAD": XQuAD(DataFiles([f"en={train}"], [], [f"de={test}"]), Windows())}


def stock_rows(rows: Dataset, task: Task, tokenizer: PreTrainedTokenizerBase, pads: bool) -> Dataset:
    """Return rows as the stock heads read them, padded to the task's length or not."""
    records = rows.select_columns([*tokenizer.model_input_names, "labels"]).to_list()
    for record in records:
        if isinstance(record["labels"], list):  # where an answer begins and ends
            record["start_positions"], record["end_positions"] = record.pop("labels")
    padding: Any = {"padding": "max_length", "max_length": task.max_length} if pads else {"padding": False}
    return Dataset.from_list([dict(tokenizer.pad(record, **padding)) for record in records])


def measure(name: str, contender: str, model_name: str, layers: int, data_dir: Path) -> tuple[float, float]:
    """Return how many rows a contender trains on and predicts for in a second."""
    task, tokenizer = tasks(data_dir)[name], AutoTokenizer.from_pretrained(model_name)
    batch_size, count = SIZES[name]
    count = {PADDED: count // 4, LONGEST: count // 2, OURS: count}[contender]  # drawn at random, a part shows the speed
    drawn = [Random(0).sample(task.read(*part), count) for part in (("train", "en"), ("test", "de"))]
    train, test = (task.encode(examples, tokenizer).select(range(count)) for examples in drawn)
    set_seed(0)
    model = load_with_head(task.auto_class, model_name, "main", task.labels, layers).model
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        common = {"use_cpu": True, "report_to": "none", "save_strategy": "no", "disable_tqdm": True}
        sizes = {"per_device_train_batch_size": batch_size, "per_device_eval_batch_size": batch_size}
        args = TrainingArguments(folder, num_train_epochs=1, **common, **sizes)
        if contender == OURS:
            args.train_sampling_strategy, args.remove_unused_columns = "group_by_length", False
            collator = task.collator(tokenizer)
            model = task.prepare_model(model)
            trainer: Trainer = FineTuner(model, args, collator, train, compute_loss_func=task.loss, callbacks=[clock])
            test, _ = by_length(test.remove_columns("labels"))
        else:
            train, test = (stock_rows(rows, task, tokenizer, contender == PADDED) for rows in (train, test))
            trainer = Trainer(model, args, DataCollatorWithPadding(tokenizer), train, callbacks=[clock])
        trainer.train()
        start = time.process_time()
        trainer.predict(test)
    return count / clock.seconds, count / (time.process_time() - start)


def compare(arguments: argparse.Namespace) -> list[Row]:
    """Measure all contenders on all tasks."""
    rows = []
    for name in arguments.tasks:
        own = (arguments.model_name_or_path, arguments.num_hidden_layers, arguments.data_dir)
        found = {one: in_a_fresh_process(measure, name, one, *own) for one in tqdm((PADDED, LONGEST, OURS), desc=name)}
        trained, predicted = found[PADDED]
        rows += [
            Row(name, one, round(t, 2), round(p, 2), round(t / trained, 2), round(p / predicted, 2))
            for one, (t, p) in found.items()
        ]
    return rows


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--model_name_or_path", default="models/backbone")
    parser.add_argument("--tasks", nargs="+", default=["XNLI", "XQuAD"], choices=["XNLI", "XQuAD"])
    parser.add_argument("--num_hidden_layers", type=int, default=12, help="Of the model, the lowest.")
    return parser.parse_args()


def main() -> None:
    """Measure, write, print."""
    arguments = parse_arguments()
    rows = compare(arguments)
    settings = {"model": arguments.model_name_or_path, "layers": arguments.num_hidden_layers, "sizes": SIZES}
    write_part(described(PROGRAM, rows, **settings), "fine-tuning", arguments.output)
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
