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
from statistics import mean

from benchmarks.records import ROOT, described, measuring_parser, write_part

PROGRAM = "python -m benchmarks.speed.quick_start"
COMMAND = ("accelerate", "launch", "run_pretraining.py", "recipes/quickstart.yaml", "--output_dir")
METRICS = ("cross_lingual_loss", "retrieval", "alignment_error_rate")  # names of both versions begin so


@dataclass(frozen=True)
class Row:
    """A version: seconds from the command to its end, and what the trained model reaches, in the mean of the pairs."""

    code: str  # "before" or "now"
    seed: int
    seconds: float
    cross_lingual_loss: float
    retrieval: float
    alignment_error_rate: float


def run(code: str, checkout: Path, seed: int) -> Row:
    """Run the quick start of a checkout."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"HF_HOME": f"{folder}/cache", "PYTHONPATH": str(checkout.resolve())}
        variables = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | own
        start = time.perf_counter()
        command = [*COMMAND, f"{folder}/model", "--seed", str(seed)]
        subprocess.run(command, cwd=checkout, env=variables, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        measured = json.loads((Path(folder) / "model" / "results.json").read_text(encoding="utf-8"))["measurements"]
    trained = [figure for figure in measured if figure["steps"]]
    means = (mean(f["value"] for f in trained if f["metric"].startswith(name)) for name in METRICS)
    return Row(code, seed, round(seconds, 1), *(round(value, 4) for value in means))


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--before", type=Path, required=True, help="A checkout of an earlier version.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 1, 2], help="A turn of each; 42 is the recipe's.")
    return parser.parse_args()


def main() -> None:
    """Measure, write, print."""
    arguments = parse_arguments()
    checkouts = {"before": arguments.before, "now": ROOT}
    rows = [run(code, checkout, seed) for seed in arguments.seeds for code, checkout in checkouts.items()]
    write_part(described(PROGRAM, rows, seeds=arguments.seeds), "quick start", arguments.output)
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
