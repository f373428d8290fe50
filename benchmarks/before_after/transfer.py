"""Gather transfer results before and after alignment: one record, and a plot for each benchmark.

    accelerate launch run_xnli.py recipes/evidence_xnli.yaml --model_name_or_path models/backbone \
      --output_dir outputs/xnli-before
    accelerate launch run_xnli.py recipes/evidence_xnli.yaml --model_name_or_path outputs/evidence \
      --output_dir outputs/xnli-after --compare_with outputs/xnli-before/results.json
    (likewise run_mlqa.py and run_xtreme_r.py: the head of each recipe has its commands)
    python -m benchmarks.before_after.transfer

`outputs/evidence` is the joint model of `recipes/evidence.yaml`. Nothing is measured here: the last command reads the
results files, sees that they can be compared, and writes `benchmarks/results/transfer.json` and
`docs/figures/<benchmark>.svg`.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.records import FIGURES, RESULTS, write
from weam.results import Comparison, Results, read_results, summarise

BENCHMARKS = ("xnli", "mlqa", "xquad", "udpos", "tatoeba")
NOTE = (
    "Our own numbers, on a small backbone (12 layers of 384, multilingual E5 with 4-bit weights) and with reduced "
    "training sets: not the paper's setting, and not comparable with published figures."
)


def gather(runs: Path, benchmark: str) -> tuple[Results, Results]:
    """Read the results of both checkpoints.

    Raises:
        ValueError: the second run was not compared with the first.
    """
    before, after = (read_results(runs / f"{benchmark}-{when}" / "results.json") for when in ("before", "after"))
    if not after.comparisons:
        raise ValueError(
            f"{benchmark}-after was not compared: run it with --compare_with {benchmark}-before/results.json"
        )
    return before, after


def plot(before: Results, after: Results, path: Path) -> None:
    """Draw the scores of both checkpoints for each test set, and the differences with their intervals."""
    metrics = list(dict.fromkeys(comparison.metric for comparison in after.comparisons))
    tests = len({comparison.language for comparison in after.comparisons})
    size = (11, (1.0 + 0.3 * tests) * len(metrics) + 0.8)
    figure, axes = plt.subplots(len(metrics), 2, figsize=size, layout="constrained", squeeze=False, sharey="row")
    for (left, right), metric in zip(axes, metrics, strict=True):
        rows = [comparison for comparison in after.comparisons if comparison.metric == metric]
        draw_scores(left, before, after, rows)
        draw_differences(right, rows)
    figure.suptitle(f"{after.comparisons[0].benchmark}, zero-shot: {NOTE}", fontsize=8, wrap=True)
    figure.savefig(path, metadata={"Date": None})


def draw_scores(axis: Axes, before: Results, after: Results, rows: list[Comparison]) -> None:
    """Draw both scores of each test set, mean over seeds."""
    for results, label, marker in ((before, "before alignment", "o"), (after, "after alignment", "s")):
        means = {(s.language, s.metric): s.mean for s in summarise(results.measurements)}
        values = [100 * means[row.language, row.metric] for row in rows]
        axis.plot(values, range(len(rows)), marker, label=label, fillstyle="none" if marker == "o" else "full")
    axis.set_yticks(range(len(rows)), [row.language for row in rows])
    axis.set(title=f"{rows[0].metric.replace('_', ' ')}, %")
    axis.invert_yaxis()
    axis.legend(fontsize=8)


def draw_differences(axis: Axes, rows: list[Comparison]) -> None:
    """Draw each difference with its 95 % interval."""
    ends = [[100 * (row.difference - row.low) for row in rows], [100 * (row.high - row.difference) for row in rows]]
    axis.errorbar([100 * row.difference for row in rows], range(len(rows)), xerr=ends, fmt="s", color="C1")
    axis.axvline(0, color="grey", linewidth=1)
    axis.set(title="after less before, points, 95 % interval")


def main() -> None:
    """Read, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("outputs"), help="Folder of NAME-before and NAME-after.")
    runs = parser.parse_args().runs
    matplotlib.rcParams["svg.hashsalt"] = "weam"  # the same figure gives the same file
    found = {benchmark: gather(runs, benchmark) for benchmark in BENCHMARKS}
    records = {name: {"before": asdict(before), "after": asdict(after)} for name, (before, after) in found.items()}
    write({"note": NOTE, **records}, RESULTS / "transfer.json")
    for benchmark, (before, after) in found.items():
        plot(before, after, FIGURES / f"{benchmark}.svg")


if __name__ == "__main__":
    main()
