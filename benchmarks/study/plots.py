"""Draw what the study measured: `docs/figures/study_*.svg`, each only where its data is there.

What a plot shows is in `benchmarks/study/curves.py`; `benchmarks/study/report.py` calls this.
"""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.study.curves import FORESTS, PLOTS, Curve, available, forest_rows, is_baseline
from benchmarks.study.record import Study

matplotlib.rcParams["svg.hashsalt"] = "weam"  # the same figure gives the same file
MARKERS = "osD^vP*X<>dph"
WIDTH = 8.5  # inches: as wide as a page
MOST_TICKS = 12


def in_order(study: Study, names: Sequence[str]) -> list[str]:
    """Return the names in a legend in the order of their colours: systems have the same in all plots."""
    systems = study.encoders("systems")
    return systems if set(names) <= set(systems) else list(dict.fromkeys(names))


def finish(figure: Figure, path: Path) -> None:
    """Give a figure one legend for all axes, and write it."""
    handles = {
        label: handle for axis in figure.axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    if handles:
        columns = max(1, int(WIDTH / 2.6))
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw_plot(study: Study, name: str, path: Path) -> None:
    """Draw the curves of a plot, one axis for each panel."""
    horizontal, curves_of = PLOTS[name]
    curves = curves_of(study)
    panels = list(dict.fromkeys(curve.panel for curve in curves))
    columns = min(2, len(panels))
    rows = ceil(len(panels) / columns)
    size = (WIDTH, 2.6 * rows + 0.8)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    names = in_order(study, [curve.name for curve in curves])
    for axis, panel in zip(axes.flat, panels, strict=False):
        draw_panel(axis, [curve for curve in curves if curve.panel == panel], names)
        axis.set(title=panel, xlabel=horizontal)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    finish(figure, path)


def draw_panel(axis: Axes, curves: Sequence[Curve], names: Sequence[str]) -> None:
    """Draw the curves of one axis; where they stand at few numbers, those are its ticks."""
    for curve in curves:
        look = names.index(curve.name)
        style = "--" if is_baseline(curve.name) else "-"
        marker = MARKERS[look % len(MARKERS)]
        axis.plot(*zip(*curve.points, strict=True), style, color=f"C{look}", marker=marker, ms=4, label=curve.name)
    places = sorted({x for curve in curves for x, _ in curve.points})
    if len(places) <= MOST_TICKS:
        if places[-1] > 20 * places[0]:
            axis.set_xscale("log", base=2)
        axis.set_xticks(places, [f"{x:g}" for x in places])
    axis.set(ylabel=curves[0].unit)
    axis.grid(alpha=0.3)


def draw_forest(study: Study, question: str, path: Path) -> None:
    """Draw the mean difference of each encoder to the backbone with its interval, one axis for each test."""
    rows = forest_rows(study, question)
    tests = list(dict.fromkeys(test for test, _, _ in rows))
    names = list(dict.fromkeys(name for _, name, _ in rows))
    size = (WIDTH, 0.22 * len(names) + 1)
    figure, axes = plt.subplots(1, len(tests), figsize=size, layout="constrained", squeeze=False, sharey=True)
    for axis, test in zip(axes.flat, tests, strict=True):
        for name, gap in ((name, gap) for own, name, gap in rows if own == test):
            height, color = names.index(name), f"C{(gap.side + 3) % 3}"
            axis.plot([100 * gap.low, 100 * gap.high], [height, height], color=color, linewidth=1.5)
            axis.plot([100 * gap.difference], [height], "o", color=color, ms=4)
        axis.axvline(0, color="grey", linewidth=1)
        axis.set_title(test.heading.replace(" from", "\nfrom"), fontsize=9)
        axis.tick_params(labelsize=8)
        axis.grid(axis="x", alpha=0.3)
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
    figure.supxlabel("less the backbone, points, with the 95 % interval", fontsize=8)
    finish(figure, path)


def write_plots(study: Study, folder: Path) -> list[str]:
    """Write every plot that there is data for, and return their names."""
    names = available(study)
    for name in names:
        path = folder / f"study_{name}.svg"
        (draw_forest if name in FORESTS else draw_plot)(study, name, path)
    return names
