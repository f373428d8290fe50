"""Measure the quick start from the command to its end, beside that of an earlier version.

    git worktree add /tmp/before f1ce23d
    python -m benchmarks.speed.quick_start --before /tmp/before

Needs a machine that does nothing else. Versions take turns, and each run has an empty cache.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from benchmarks.records import ROOT, described, measuring_parser, write_part

PROGRAM = "python -m benchmarks.speed.quick_start"
COMMAND = ("accelerate", "launch", "run_pretraining.py", "recipes/quickstart.yaml", "--output_dir")
METRICS = ("cross_lingual_loss", "retrieval", "alignment_error_rate")  # names of both versions begin so


@dataclass(frozen=True)
class Row:
    """A version: seconds from the command to its end, and what the trained model reaches, in the mean of the pairs."""

    code: str  # "before" or "now"
    seconds: float
    cross_lingual_loss: float
    retrieval: float
    alignment_error_rate: float


def run(code: str, checkout: Path) -> Row:
    """Run the quick start of a checkout."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"HF_HOME": f"{folder}/cache", "PYTHONPATH": str(checkout.resolve())}
        variables = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | own
        start = time.perf_counter()
        subprocess.run([*COMMAND, f"{folder}/model"], cwd=checkout, env=variables, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        measured = json.loads((Path(folder) / "model" / "results.json").read_text(encoding="utf-8"))["measurements"]
    trained = [figure for figure in measured if figure["steps"]]
    means = (mean(f["value"] for f in trained if f["metric"].startswith(name)) for name in METRICS)
    return Row(code, seconds, *means)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--before", type=Path, required=True, help="A checkout of an earlier version.")
    parser.add_argument("--rounds", type=int, default=1, help="Turns of each; the record has medians.")
    return parser.parse_args()


def main() -> None:
    """Measure, write, print."""
    arguments = parse_arguments()
    checkouts = {"before": arguments.before, "now": ROOT}
    runs = [run(code, checkout) for _ in range(arguments.rounds) for code, checkout in checkouts.items()]
    rows = []
    for code in checkouts:
        own = [row for row in runs if row.code == code]
        seconds = median(row.seconds for row in own)
        scores = (own[0].cross_lingual_loss, own[0].retrieval, own[0].alignment_error_rate)
        rows.append(Row(code, round(seconds, 1), *(round(score, 4) for score in scores)))
    write_part(described(PROGRAM, rows, rounds=arguments.rounds), "quick start", arguments.output)
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
