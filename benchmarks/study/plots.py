"""Draw what the study measured: `benchmarks/results/study_*.svg`, each only where its data is there.

What a plot shows is in `benchmarks/study/curves.py`; `benchmarks/study/report.py` calls this.
"""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from textwrap import fill

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.study.curves import PLOTS, Curve, Interval, Plot, available, forest_rows, is_baseline
from benchmarks.study.plan import MBERT
from benchmarks.study.record import DEV_ROWS, Study

matplotlib.rcParams["svg.hashsalt"] = "weam"  # the same figure gives the same file
MARKERS = "osD^vP*X<>dph"
COLUMNS = 3
MOST_TICKS = 12


def note(study: Study) -> str:
    """Say in a figure at which scale it was measured."""
    pairs = f"{study.scale.pairs:,}" if study.scale.pairs else "all"
    deeper = f" (headline: {study.scale.headline_layers})" if study.scale.headline_layers else ""
    return (
        f"Plan {study.record['plan']}: {study.depth} layers{deeper}, {pairs} sentence pairs, not the paper's setting."
    )


def in_order(study: Study, names: Sequence[str]) -> list[str]:
    """Return the names in a legend in the order of their colours: systems have the same in all plots."""
    systems = study.encoders("systems")
    return systems if set(names) <= set(systems) else list(dict.fromkeys(names))


def finish(figure: Figure, heading: str, text: str, path: Path) -> None:
    """Give a figure its title and one legend with a note, and write it."""
    handles = {
        label: handle for axis in figure.axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    width = figure.get_figwidth()
    columns, words = max(1, int(width / 2.2)), fill(text, int(11 * width))
    lines, names = list(handles.values()), list(handles)
    figure.legend(lines, names, loc="outside lower center", ncols=columns, title=words, fontsize=9)
    figure.suptitle(heading, fontsize=13)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw_plot(study: Study, plot: Plot, path: Path) -> None:
    """Draw the curves of a plot, one axis for each panel."""
    curves = plot.curves(study)
    panels = list(dict.fromkeys(curve.panel for curve in curves))
    columns = 2 if len(panels) in (2, 4) else min(COLUMNS, len(panels))
    rows = ceil(len(panels) / columns)
    size = (5 * columns, 3.6 * rows + 1.2)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    names = in_order(study, [curve.name for curve in curves])
    for axis, panel in zip(axes.flat, panels, strict=False):
        draw_panel(axis, [curve for curve in curves if curve.panel == panel], names)
        axis.set(title=panel, xlabel=plot.horizontal)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    finish(figure, plot.title, note(study), path)


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


def draw_forest(study: Study, path: Path) -> None:
    """Draw the difference of each system to the backbone with its interval, one axis for each evaluation."""
    rows = forest_rows(study)
    panels = list(dict.fromkeys(row.panel for row in rows))
    names = in_order(study, [row.name for row in rows])
    most = max(len({row.language for row in rows if row.panel == panel}) for panel in panels)
    size = (5 * len(panels), 1 + most * (0.12 * len(names) + 0.15) + 1)
    figure, axes = plt.subplots(1, len(panels), figsize=size, layout="constrained", squeeze=False)
    for axis, panel in zip(axes.flat, panels, strict=True):
        draw_intervals(axis, [row for row in rows if row.panel == panel], names)
        axis.set(title=panel, xlabel=f"less {MBERT}, points, 95 % interval", ylabel="language")
    finish(figure, f"Difference to {MBERT}, zero-shot", f"{note(study)} {DEV_ROWS}", path)


def draw_intervals(axis: Axes, rows: Sequence[Interval], names: Sequence[str]) -> None:
    """Draw the intervals of one axis: languages downwards, and within each the systems."""
    languages = list(dict.fromkeys(row.language for row in rows))
    for row in rows:
        look = names.index(row.name)
        height = languages.index(row.language) + 0.8 * ((look + 0.5) / len(names) - 0.5)
        axis.plot([100 * row.gap.low, 100 * row.gap.high], [height, height], color=f"C{look}", linewidth=1)
        marker = MARKERS[look % len(MARKERS)]
        axis.plot([100 * row.gap.value], [height], color=f"C{look}", marker=marker, ms=4, ls="", label=row.name)
    for edge in range(1, len(languages)):
        axis.axhline(edge - 0.5, color="lightgrey", linewidth=0.5)
    axis.axvline(0, color="grey", linewidth=1)
    axis.set_yticks(range(len(languages)), languages)
    axis.set_ylim(len(languages) - 0.5, -0.5)


def write_plots(study: Study, folder: Path) -> list[str]:
    """Write every plot that there is data for, remove what is left of others, and return the names of the former."""
    names = available(study)
    for name in ("forest", *PLOTS):
        path = folder / f"study_{name}.svg"
        if name not in names:
            path.unlink(missing_ok=True)
        elif name == "forest":
            draw_forest(study, path)
        else:
            draw_plot(study, PLOTS[name], path)
    return names
