"""What the beds say: results JSON -> tables, contrasts with intervals, and the figure.

    python -m benchmarks.study.beds.report

Writes `docs/study/tables/beds.md` and `docs/figures/beds.svg`. All intervals are over pre-training seeds: a difference
is taken within each seed, then its mean and the 95 % t interval.
"""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.markdown import RESULTS, ROOT, table
from benchmarks.study.beds.plan import ARMS, Arm

STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # 97.5 %, by degrees of freedom from 1
TABLES, FIGURE = ROOT / "docs" / "study" / "tables" / "beds.md", ROOT / "docs" / "figures" / "beds.svg"
FEWEST_SEEDS = 3  # for an interval that is claimed
TO_BE_SEEN = 2.0  # points
FIGURES = {  # of a record -> whether more is better
    "tags, English": True,
    "tags": True,
    "gap": False,
    "retrieval": True,
    "AER": False,
    "word retrieval": True,
}
RANKED = ("tags", "retrieval", "AER", "word retrieval")
CONTRASTS = (
    ("WEAM, representation", "TLM"),
    ("WEAM, target", "TLM"),
    ("WEAM, representation", "WEAM, target"),
    ("WEAM, representation", "WEAM, representation, links shuffled"),
    ("WEAM, target", "WEAM, target, links shuffled"),
    ("pointer", "pointer, links shuffled"),
    ("word-contrastive", "word-contrastive, links shuffled"),
    ("WEAM + word-contrastive", "WEAM + word-contrastive, links shuffled"),
    ("WEAM + word-contrastive", "WEAM, representation"),
    ("WEAM + word-contrastive", "word-contrastive"),
    ("WEAM + pointer", "WEAM, representation"),
    ("WEAM + word-contrastive", "translation ranking"),
    ("WEAM, representation, FastAlign", "WEAM, representation"),
    ("WEAM + word-contrastive, FastAlign", "WEAM + word-contrastive"),
    ("embedding-alignment", "MLM"),
    ("embedding-alignment", "embedding-alignment, links shuffled"),
    ("TLM", "MLM"),
    ("TLM", "TLM, unpaired"),
)

Figures = dict[str, dict[int, dict[str, float]]]  # arm -> seed -> figure -> value in per cent


@dataclass(frozen=True)
class Interval:
    """The mean of a figure over seeds, and the half width of its 95 % t interval; None with one seed."""

    mean: float
    half: float | None
    seeds: int
    deviation: float | None

    def __str__(self) -> str:
        """Say both.

        >>> str(Interval(12.34, 1.21, 3, 0.5)), str(Interval(12.34, None, 1, None))
        ('12.3 ± 1.2', '12.3')
        """
        return f"{self.mean:.1f}" + ("" if self.half is None else f" ± {self.half:.1f}")

    @property
    def verdict(self) -> str:
        """Whether the figure is clear of 0."""
        if self.half is None or self.seeds < FEWEST_SEEDS or abs(self.mean) <= self.half:
            return "undecided"
        return "above" if self.mean > 0 else "below"


def interval(values: Sequence[float]) -> Interval:
    """Return the mean and the 95 % t interval.

    >>> str(interval([1.0, 2.0, 3.0]))
    '2.0 ± 2.5'
    """
    mean, count = statistics.fmean(values), len(values)
    if count < 2:
        return Interval(mean, None, count, None)
    deviation = statistics.stdev(values)
    return Interval(mean, STUDENT[count - 2] * deviation / math.sqrt(count), count, deviation)


def seeds_needed(deviation: float, difference: float = TO_BE_SEEN) -> int | None:
    """Return how many seeds bring the half width of the interval to a difference; None: more than the table has.

    >>> seeds_needed(0.5), seeds_needed(1.0), seeds_needed(9.0)
    (3, 4, None)
    """
    enough = (n for n in range(2, len(STUDENT) + 2) if STUDENT[n - 2] * deviation / math.sqrt(n) <= difference)
    return next(enough, None)


def read_figures(bed: str) -> Figures:
    """Read the figures of all arms of a bed."""
    figures: Figures = {arm.name: {} for arm in ARMS}
    for path in sorted((RESULTS / "beds" / bed).glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["scores"]:
            figures.setdefault(record["name"], {})[record["seed"]] = figures_of(record)
    return {name: seeds for name, seeds in figures.items() if seeds}


def figures_of(record: dict[str, Any]) -> dict[str, float]:
    """Return the figures of a record in per cent, as far as they are measured."""
    scores, found = record["scores"], {}
    if "as it is" in scores:
        found["retrieval"] = scores["as it is"]["retrieval"]["clone"]
        found["AER"] = scores["as it is"]["alignment"]["error"]
        found["word retrieval"] = scores["as it is"]["word retrieval"]["clone"]
    if "udpos" in scores:
        found["tags, English"], found["tags"] = scores["udpos"]["en"], scores["udpos"]["clone"]
        found["gap"] = found["tags, English"] - found["tags"]
    return found


def figure_over_seeds(figures: Figures, arm: str, name: str) -> Interval | None:
    """Return a figure of an arm over its seeds."""
    values = [seed[name] for seed in figures.get(arm, {}).values() if name in seed]
    return interval(values) if values else None


def difference(figures: Figures, one: str, other: str, name: str) -> Interval | None:
    """Return how much higher a figure is in one arm than in another, within each seed that both have."""
    ours, theirs = figures.get(one, {}), figures.get(other, {})
    pairs = [seed for seed in ours if name in ours[seed] and name in theirs.get(seed, {})]
    return interval([ours[seed][name] - theirs[seed][name] for seed in pairs]) if pairs else None


def mean_ranks(figures: Figures) -> dict[str, float]:
    """Return the mean rank, over tasks, of each arm that has all figures in every seed that any arm has; 1 is best."""
    seeds = max((set(measured) for measured in figures.values()), key=len)
    complete = [
        arm
        for arm, measured in figures.items()
        if set(measured) >= seeds and all(name in measured[seed] for seed in seeds for name in RANKED)
    ]
    ranks: dict[str, list[int]] = {arm: [] for arm in complete}
    for name in RANKED:
        values = {arm: statistics.fmean(figures[arm][seed][name] for seed in seeds) for arm in complete}
        for arm in complete:
            better = [v > values[arm] if FIGURES[name] else v < values[arm] for v in values.values()]
            ranks[arm].append(1 + sum(better))
    return {arm: statistics.fmean(found) for arm, found in ranks.items()}


def systems_table(figures: Figures) -> str:
    """Lay out every arm with its figures."""
    ranks = mean_ranks(figures)
    rows = []
    for arm, measured in figures.items():
        cells = [str(figure_over_seeds(figures, arm, name) or "–") for name in FIGURES]
        rows.append([arm, str(len(measured)), *cells, f"{ranks[arm]:.1f}" if arm in ranks else "–"])
    return table(["system", "seeds", *FIGURES, "mean rank"], rows)


def contrasts_table(figures: Figures) -> str:
    """Lay out the planned contrasts: on tags in the clone, and the other figures."""
    rows = []
    for one, other in CONTRASTS:
        tags = difference(figures, one, other, "tags")
        if tags is None:
            continue
        needed = "–" if tags.deviation is None else (seeds_needed(tags.deviation) or f"over {len(STUDENT) + 1}")
        others = [str(difference(figures, one, other, name) or "–") for name in ("retrieval", "AER", "word retrieval")]
        rows.append([f"{one} – {other}", str(tags.seeds), f"{tags}", tags.verdict, str(needed), *others])
    head = ["contrast", "seeds", "tags, clone", "verdict", f"seeds for {TO_BE_SEEN:.0f} points"]
    return table([*head, "retrieval", "AER", "word retrieval"], rows)


def draw(figures: Figures, path: Path) -> None:
    """Draw the gap to English by system, smallest first, each placebo in the row of its original."""
    placebos = {arm.placebo_of: arm for arm in ARMS if arm.placebo_of}
    shown = [arm for arm in ARMS if arm.placebo_of is None and figure_over_seeds(figures, arm.name, "gap")]
    shown.sort(key=lambda arm: -gap(figures, arm).mean)
    figure, axis = plt.subplots(figsize=(8.5, 0.36 * len(shown) + 1.6), layout="constrained")
    for row, arm in enumerate(shown):
        mark(axis, row, gap(figures, arm), "trained as named", "C0", "o")
        placebo = placebos.get(arm.name)
        if placebo is not None and placebo.name in figures:
            mark(axis, row, gap(figures, placebo), "the same, links or pairs shuffled", "C3", "D")
    axis.set_yticks(range(len(shown)), [arm.name for arm in shown])
    axis.set_xlim(left=0)
    axis.grid(axis="x", alpha=0.3)
    seeds = max(len(measured) for measured in figures.values())
    axis.set_xlabel(f"points that the clone lies below English, part-of-speech tags (95 % intervals, {seeds} seeds)")
    axis.set_title("Clone bed: how far the other language is behind English")
    handles = dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    axis.legend(handles.values(), handles.keys(), loc="lower left", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=110)
    plt.close(figure)


def gap(figures: Figures, arm: Arm) -> Interval:
    """Return the gap to English of an arm that has it."""
    found = figure_over_seeds(figures, arm.name, "gap")
    if found is None:
        raise ValueError(f"{arm.name} has no tags")
    return found


def mark(axis: Axes, row: int, value: Interval, label: str, colour: str, marker: str) -> None:
    """Draw one figure with its interval."""
    fill = "white" if marker == "D" else colour
    axis.errorbar(
        value.mean, row, xerr=value.half, color=colour, marker=marker, mfc=fill, capsize=3, linestyle="", label=label
    )


def main() -> None:
    """Write tables and figure."""
    matplotlib.rcParams["svg.hashsalt"] = "weam"
    figures = read_figures("clone")
    TABLES.parent.mkdir(parents=True, exist_ok=True)
    text = f"{systems_table(figures)}\n\n{contrasts_table(figures)}\n"
    TABLES.write_text(text, encoding="utf-8")
    draw(figures, FIGURE)


if __name__ == "__main__":
    main()
