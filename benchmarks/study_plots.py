"""Draw what the study measured: `benchmarks/results/study_*.svg`, each only where its data is there.

First what each plot shows, as plain points, then how it is drawn. `benchmarks/study_report.py` calls this.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.study_plan import MBERT, SIZES, WIDE_MBERT
from benchmarks.study_record import (
    DEV_ROWS,
    ERROR_RATE,
    HIGH,
    RETRIEVAL,
    SPACE_PAIRS,
    TAGS,
    WORD_RETRIEVAL,
    ZERO_SHOT,
    Gap,
    Study,
    before,
    depths,
    growths,
    mixtures,
)

matplotlib.rcParams["svg.hashsalt"] = "weam"  # the same figure gives the same file
MARKERS = "osD^vP*X<>"
COLUMNS = 3
MOST_TICKS = 12


@dataclass(frozen=True)
class Curve:
    """A line of a plot.

    Attributes:
        panel: title of the axes it belongs to.
        unit: of the height.
        name: for the legend.
        points: (x, height).
    """

    panel: str
    unit: str
    name: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Interval:
    """A difference of a system to the backbone, in points."""

    panel: str
    language: str
    name: str
    gap: Gap


@dataclass(frozen=True)
class Plot:
    """A plot of curves.

    Attributes:
        title: of the figure.
        horizontal: name of the x axis.
        uses_dev_rows: whether dev rows were training data.
        curves: what it shows; none: nothing of it was measured.
    """

    title: str
    horizontal: str
    uses_dev_rows: bool
    curves: Callable[[Study], list[Curve]]


def percents(study: Study, language: str, systems: dict[float, str]) -> list[tuple[float, float]]:
    """Return the scores in percent of systems over the numbers they stand at, of those that were measured."""
    means = {number: study.mean(system, language) for number, system in sorted(systems.items())}
    return [(number, 100 * mean) for number, mean in means.items() if mean is not None]


def level(study: Study, language: str, system: str, over: Sequence[float]) -> list[tuple[float, float]]:
    """Return the score of one system as a level line."""
    return percents(study, language, dict.fromkeys(over, system))


def drawn(curves: Sequence[Curve]) -> list[Curve]:
    """Return the curves that have points; none if nothing is left but the backbone's."""
    found = [curve for curve in curves if curve.points]
    return found if any(not is_baseline(curve.name) for curve in found) else []


def is_baseline(name: str) -> bool:
    """Return whether a system or curve is the backbone: those are dashed."""
    return name.startswith(MBERT)


def learning_curves(study: Study) -> list[Curve]:
    """Return each loss of each system over the steps."""
    curves = []
    for encoder in study.encoders("systems"):
        log = study.record["encoders"].get(encoder, {"log": []})["log"]
        names = dict.fromkeys(name for entry in log for name in entry if name.endswith(LOSSES))
        for name in names:
            points = [(entry["step"], entry[name]) for entry in log if name in entry]
            curves.append(Curve(name.replace("_", " "), UNITS.get(name, "nats"), encoder, points))
    return drawn(curves)


LOSSES = ("_loss", "_distance", "drift")
UNITS = {"alignment_distance": "squared distance", "drift": "squared distance"}


def ratio_curves(study: Study) -> list[Curve]:
    """Return the scores of both languages over the ratio, for each sampling exponent.

    At 1 to 1 all exponents are the same run.
    """
    curves = []
    known = mixtures(study)
    ratios = sorted({mixture.ratio for mixture in known})
    for low in dict.fromkeys(mixture.low for mixture in known):
        own = [mixture for mixture in known if mixture.low == low]
        exponents = sorted({m.alpha for m in own if m.ratio > 1}) or ["1"]
        for evaluation in (ZERO_SHOT, RETRIEVAL):
            for language in (HIGH, low):
                label = (f"{evaluation}: {language}, beside {HIGH if language == low else low}", "accuracy, %")
                for alpha in exponents:
                    runs = {m.ratio: f"{m.encoder}/{evaluation}" for m in own if m.alpha == alpha or m.ratio == 1}
                    curves.append(Curve(*label, f"alpha {alpha}", percents(study, language, dict(runs))))
                base = level(study, language, f"{WIDE_MBERT}/{evaluation}", ratios)
                curves.append(Curve(*label, WIDE_MBERT, base))
    return drawn(curves)


def language_curves(study: Study) -> list[Curve]:
    """Return the scores over the number of languages, with the pairs of all or of each language fixed.

    With the most languages the two are the same run.
    """
    curves = []
    known = growths(study)
    counts = sorted({growth.count for growth in known})
    for evaluation in (ZERO_SHOT, RETRIEVAL):
        for language, title in ((HIGH, f"{HIGH}, aligned in all"), ("mean", "mean without English")):
            label = (f"{evaluation}: {title}", "accuracy, %")
            for fixed in ("total", "each"):
                runs = {
                    g.count: f"{g.encoder}/{evaluation}" for g in known if g.fixed == fixed or g.count == max(SIZES)
                }
                curves.append(Curve(*label, f"pairs fixed: {fixed}", percents(study, language, dict(runs))))
            curves.append(Curve(*label, WIDE_MBERT, level(study, language, f"{WIDE_MBERT}/{evaluation}", counts)))
    return drawn(curves)


def layer_curves(study: Study) -> list[Curve]:
    """Return error rate and word retrieval over the layers of each system."""
    curves = []
    for metric, title in ((ERROR_RATE, "alignment error rate"), (WORD_RETRIEVAL, "word retrieval")):
        for pair in SPACE_PAIRS:
            for encoder in study.encoders("systems"):
                values = study.layers.get((encoder, pair, metric), [])
                points = [(layer, 100 * value) for layer, value in enumerate(values, start=1)]
                curves.append(Curve(f"{title}, {pair}", "%", encoder, points))
    return drawn(curves)


def size_curves(study: Study) -> list[Curve]:
    """Return scores over the number of layers, before and after."""
    by_depth = depths(study)
    if not set(by_depth) - {study.depth}:
        return []
    curves = []
    names = {MBERT: "mbert, before", "weam": "weam, after", "tlm": "tlm, after"}
    for kind, name in names.items():
        own = {float(layers): row for layers, rows in by_depth.items() for row in rows if row.split()[0] == kind}
        for evaluation in (ZERO_SHOT, TAGS, RETRIEVAL):
            points = percents(study, "mean", {x: f"{encoder}/{evaluation}" for x, encoder in own.items()})
            curves.append(Curve(f"{evaluation}, mean without English", "accuracy, %", name, points))
        rates = [(x, study.last(encoder, ERROR_RATE)) for x, encoder in own.items()]
        points = [(x, 100 * rate) for x, rate in rates if rate is not None]
        curves.append(Curve("alignment error rate at the last layer", "%", name, points))
    return drawn(curves)


PLOTS = {
    "learning": Plot("Losses in training", "step", False, learning_curves),
    "ratio": Plot(
        "A low-resource beside a high-resource language", f"pairs of {HIGH} to one of the other", True, ratio_curves
    ),
    "languages": Plot("One model for more and more languages", "languages aligned with English", True, language_curves),
    "layers": Plot("How far the space is aligned", "layer", False, layer_curves),
    "size": Plot("Model size", "layers", True, size_curves),
}


def forest_rows(study: Study) -> list[Interval]:
    """Return the differences of every system to the backbone, zero-shot, for each language."""
    rows = []
    for evaluation in (ZERO_SHOT, TAGS, RETRIEVAL):
        theirs = f"{MBERT}/{evaluation}"
        for language in study.languages(theirs):
            for encoder in study.encoders("systems"):
                gap = study.gap(f"{encoder}/{evaluation}", theirs, language)
                if gap is not None:
                    rows.append(Interval(evaluation, language, encoder, gap))
    return rows


def note(study: Study, uses_dev_rows: bool) -> str:
    """Say in a figure at which scale it was measured."""
    pairs = f"{study.scale.pairs:,}" if study.scale.pairs else "all"
    scale = f"Plan {study.record['plan']}: {study.depth} layers, {pairs} sentence pairs. Not the paper's setting."
    return f"{scale}\n{DEV_ROWS}" if uses_dev_rows else scale


def finish(figure: Figure, title: str, text: str, path: Path) -> None:
    """Give a figure its title, one legend and a note, and write it."""
    handles = {
        label: handle for axis in figure.axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=5, fontsize=9)
    figure.suptitle(title, fontsize=13)
    figure.supxlabel(text, fontsize=8)
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
    names = list(dict.fromkeys(curve.name for curve in curves))
    for axis, panel in zip(axes.flat, panels, strict=False):
        draw_panel(axis, [curve for curve in curves if curve.panel == panel], names)
        axis.set(title=panel, xlabel=plot.horizontal)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    finish(figure, plot.title, note(study, plot.uses_dev_rows), path)


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
    names = list(dict.fromkeys(row.name for row in rows))
    most = max(len({row.language for row in rows if row.panel == panel}) for panel in panels)
    size = (5 * len(panels), 1 + most * (0.12 * len(names) + 0.15) + 1)
    figure, axes = plt.subplots(1, len(panels), figsize=size, layout="constrained", squeeze=False)
    for axis, panel in zip(axes.flat, panels, strict=True):
        draw_intervals(axis, [row for row in rows if row.panel == panel], names)
        axis.set(title=panel, xlabel=f"less {MBERT}, points, 95 % interval", ylabel="language")
    finish(figure, f"Difference to {MBERT}, zero-shot", note(study, uses_dev_rows=True), path)


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


def available(study: Study) -> list[str]:
    """Return which plots there is data for."""
    forest = ["forest"] if forest_rows(study) else []
    return forest + [name for name, plot in PLOTS.items() if plot.curves(study)]


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
