"""Measure the preparation of a large bitext on one core and on several, beside that of an earlier version.

    git worktree add /tmp/before f1ce23d
    python -m benchmarks.speed.preparation --before /tmp/before

The pairs are those of `benchmarks.speed.start_up`. Every measurement runs in a process of its own, on its cores only.
Memory is what the process and its workers have at the peak beyond what they began with; what they share counts once.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.records import ROOT, described, measuring_parser, write_part
from benchmarks.speed.start_up import write_bitext

PROGRAM = "python -m benchmarks.speed.preparation"
CHILD = Path(__file__).with_name("prepare_once.py")


@dataclass(frozen=True)
class Row:
    """The preparation of so many pairs on so many cores."""

    code: str  # "before" or "now"
    cores: int
    pairs: int
    seconds: float
    megabytes: float  # at the peak, more than at the beginning


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--before", type=Path, help="A checkout of an earlier version.")
    parser.add_argument("--pairs", type=int, default=300_000)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    return parser.parse_args()


def measure(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield the preparations: for each number of cores that of before, if there is one, and that of now."""
    vocabulary = (arguments.data_dir / "tokenizer" / "mbert-vocab.txt").resolve()
    checkouts = {"before": arguments.before, "now": ROOT}
    for cores in arguments.cores:
        for code in (name for name, checkout in checkouts.items() if checkout):
            with tempfile.TemporaryDirectory() as folder:
                write_bitext(Path(folder), vocabulary, arguments.pairs)
                seconds, megabytes = _measure_apart(Path(folder), vocabulary, checkouts[code], cores)
            yield Row(code, cores, arguments.pairs, round(seconds, 1), round(megabytes))


def _measure_apart(folder: Path, vocabulary: Path, checkout: Path, cores: int) -> tuple[float, float]:
    """Prepare with the package of a checkout in a new process, on so many cores; return seconds and megabytes."""
    allowed = ",".join(map(str, sorted(os.sched_getaffinity(0))[:cores]))
    variables = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    finished = subprocess.run(
        ["taskset", "--cpu-list", allowed, sys.executable, "-P", str(CHILD), str(folder), str(vocabulary)],
        env={**variables, "PYTHONPATH": str(checkout.resolve())},
        check=True,
        stdout=subprocess.PIPE,
    )
    seconds, megabytes = json.loads(finished.stdout)
    return seconds, megabytes


def main() -> None:
    """Measure, write after each row, print."""
    arguments = parse_arguments()
    rows = []
    for row in measure(arguments):
        rows.append(row)
        write_part(described(PROGRAM, rows), "preparation", arguments.output)
        print(row)


if __name__ == "__main__":
    main()
