"""Measure strong scaling: the same training, the same batches, shared out over one process and over two.

    python -m benchmarks.speed.scaling

Each process has one thread of a processor. The command is the real one, `accelerate launch run_pretraining.py`; what
is timed is its training, without preparation and scoring.
"""

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.records import described, measuring_parser, write_part
from benchmarks.speed.__main__ import machine
from weam.results import read_results

PROGRAM = "python -m benchmarks.speed.scaling"
BATCH_SIZE = 32  # pairs of a step, of all processes together
PAIRS = 5000


@dataclass(frozen=True)
class Row:
    """A training on so many processes."""

    processes: int
    seconds: float  # of one step, the median of the rounds
    efficiency: float  # the time of one process, over the time of this many and their number


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--model_name_or_path", default="models/backbone")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


def seconds_per_step(processes: int, arguments: argparse.Namespace, cache: Path) -> float:
    """Train with a number of processes and read what its results say."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *("accelerate", "launch", "--cpu", "--num_processes", str(processes), "--num_machines", "1"),
            *("--mixed_precision", "no", "--dynamo_backend", "no", "run_pretraining.py"),
            *("--model_name_or_path", arguments.model_name_or_path, "--objective", "weam", "--use_cpu", "yes"),
            *("--train_file", f"en-de={arguments.data_dir / 'bitext' / 'en-de.multi30k.tsv.gz'}"),
            *("--max_train_pairs", str(PAIRS), "--max_eval_pairs", "50", "--cache_dir", str(cache)),
            *("--per_device_train_batch_size", str(BATCH_SIZE // processes), "--head_warmup_steps", "0"),
            *("--max_steps", str(arguments.steps), "--save_strategy", "no", "--output_dir", folder),
        ]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        (training,) = read_results(Path(folder) / "results.json").trainings
    return training.seconds / training.steps


def measure(arguments: argparse.Namespace) -> Iterator[Row]:
    """Let the numbers of processes take turns; yield them in order."""
    with tempfile.TemporaryDirectory() as cache:
        found: dict[int, list[float]] = {processes: [] for processes in arguments.processes}
        for processes in arguments.processes * arguments.rounds:
            found[processes].append(seconds_per_step(processes, arguments, Path(cache)))
    alone = median(found[1])
    for processes, seconds in found.items():
        yield Row(processes, round(median(seconds), 3), round(alone / median(seconds) / processes, 3))


def main() -> None:
    """Measure, write, print."""
    arguments = parse_arguments()
    settings = {"batch_size": BATCH_SIZE, "steps": arguments.steps, "rounds": arguments.rounds}
    load = os.getloadavg()  # before the measurements, which are a load themselves
    rows = list(measure(arguments))
    write_part(
        described(PROGRAM, rows, machine=machine(), load_average=load, **settings), "processes", arguments.output
    )
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
