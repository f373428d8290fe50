"""Choose what each plot of the study shows, and draw it: `docs/figures/study_*.svg`, each only where its data is there.

`benchmarks/study/report.py` calls this.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.study import record
from benchmarks.study.plan import E5, SIZES, baseline
from benchmarks.study.record import HIGH, Benchmark, Gap, Study
from benchmarks.study.tables import wide_backbone
from weam.results import MEAN

matplotlib.rcParams["svg.hashsalt"] = "weam"  # the same figure gives the same file
MARKERS = "osD^vP*X<>dph"
WIDTH = 8.5  # inches: as wide as a page
MOST_TICKS = 12
LOSSES = ("_loss", "_distance", "drift")
UNITS = {Benchmark.PANX: "F1, %", Benchmark.TATOEBA: "accuracy, %"}


# What each plot shows, as plain points


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
    points: Sequence[tuple[float, float]]


def percents(study: Study, language: str, systems: Mapping[int, str]) -> list[tuple[float, float]]:
    """Return the scores in percent of systems over the numbers they stand at, of those that were measured."""
    means = {number: study.mean(system, language) for number, system in sorted(systems.items())}
    return [(number, 100 * mean) for number, mean in means.items() if mean is not None]


def level(study: Study, language: str, system: str, over: Sequence[int]) -> list[tuple[float, float]]:
    """Return the score of one system as a level line."""
    return percents(study, language, dict.fromkeys(over, system))


def drawn(curves: Sequence[Curve]) -> list[Curve]:
    """Return the curves that have points, of panels that have more than the backbone's."""
    found = [curve for curve in curves if curve.points]
    panels = {curve.panel for curve in found if not is_baseline(curve.name)}
    return [curve for curve in found if curve.panel in panels]


def is_baseline(name: str) -> bool:
    """Return whether a system or curve is the backbone: those are dashed."""
    return E5 in name


def smooth(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the running mean of two points.

    Batches come sorted by length in groups of twice the steps between logs, so that logs go up and down in turn.

    >>> smooth([(25, 5.0), (50, 4.0), (75, 5.0)])
    [(50, 4.5), (75, 4.5)]
    """
    return [(x, (height + last) / 2) for (_, last), (x, height) in pairwise(points)]


def learning_curves(study: Study) -> list[Curve]:
    """Return each loss of each system over the steps, smoothed."""
    curves = []
    for encoder in study.encoders("systems"):
        log = study.record["encoders"].get(encoder, {"log": []})["log"]
        names = dict.fromkeys(name for entry in log for name in entry if name.endswith(LOSSES))
        for name in names:
            points = smooth([(entry["step"], entry[name]) for entry in log if name in entry])
            curves.append(
                Curve(name.replace("_", " "), "nats" if name.endswith("_loss") else "squared distance", encoder, points)
            )
    return drawn(curves)


def ratio_curves(study: Study) -> list[Curve]:
    """Return the scores of both languages over the ratio, for each sampling exponent.

    At 1 to 1 all exponents are the same run.
    """
    curves = []
    known, wide = record.mixtures(study), wide_backbone(study)
    ratios = sorted({text.ratio for text in known.values()})
    for low in dict.fromkeys(text.low for text in known.values()):
        own = {name: text for name, text in known.items() if text.low == low}
        exponents = sorted({text.alpha for text in own.values() if text.ratio > 1}) or [1.0]
        for evaluation in record.OF_ENCODERS:
            for language in (HIGH, low):
                beside = HIGH if language == low else low
                label = (f"{evaluation.heading}: {language}, beside {beside}", UNITS[evaluation])
                for alpha in exponents:
                    runs = {
                        text.ratio: f"{name}/{evaluation}"
                        for name, text in own.items()
                        if text.alpha == alpha or text.ratio == 1
                    }
                    curves.append(Curve(*label, f"alpha {alpha:g}", percents(study, language, runs)))
                curves.append(Curve(*label, wide, level(study, language, f"{wide}/{evaluation}", ratios)))
    return drawn(curves)


def language_curves(study: Study) -> list[Curve]:
    """Return the scores over the number of languages, with the pairs of all or of each language fixed.

    With the most languages the two are the same run.
    """
    curves = []
    known, wide = record.growths(study), wide_backbone(study)
    counts = sorted({text.count for text in known.values()})
    for evaluation in record.OF_ENCODERS:
        for language, words in ((HIGH, f"{HIGH}, aligned in all"), (MEAN, "mean without English")):
            label = (f"{evaluation.heading}: {words}", UNITS[evaluation])
            for fixed in ("total", "each"):
                runs = {
                    text.count: f"{name}/{evaluation}"
                    for name, text in known.items()
                    if text.fixed == fixed or text.count == max(SIZES)
                }
                curves.append(Curve(*label, f"pairs fixed: {fixed}", percents(study, language, runs)))
            curves.append(Curve(*label, wide, level(study, language, f"{wide}/{evaluation}", counts)))
    return drawn(curves)


def layer_curves(study: Study) -> list[Curve]:
    """Return error rate and word retrieval over the layers of each system."""
    curves = []
    for metric, words in ((record.ERROR_RATE, "alignment error rate"), (record.WORD_RETRIEVAL, "word retrieval")):
        for pair in record.SPACE_PAIRS:
            for encoder in study.encoders("systems"):
                values = study.layers.get((encoder, pair, metric), [])
                points = [(layer, 100 * value) for layer, value in enumerate(values, start=1)]
                curves.append(Curve(f"{words}, {pair}", "%", encoder, points))
    return drawn(curves)


def size_curves(study: Study) -> list[Curve]:
    """Return scores over the number of layers, before and after."""
    known = record.depths(study)
    if len({encoder.layers for encoder in known}) < 2:
        return []
    curves = []
    for system in (E5, "weam", "tlm"):
        own = {encoder.layers: encoder.name for encoder in known if encoder.system == system}
        for evaluation in record.OF_ENCODERS:
            points = percents(study, MEAN, {layers: f"{name}/{evaluation}" for layers, name in own.items()})
            curves.append(Curve(f"{evaluation.heading}, mean without English", UNITS[evaluation], system, points))
        rates = [(layers, study.last(name, record.ERROR_RATE)) for layers, name in own.items()]
        points = [(layers, 100 * rate) for layers, rate in rates if rate is not None]
        curves.append(Curve("alignment error rate at the last layer", "%", system, points))
    return drawn(curves)


PLOTS: dict[str, tuple[str, Callable[[Study], list[Curve]]]] = {  # name -> its x axis, and what it shows
    "learning": ("step", learning_curves),
    "ratio": (f"pairs of {HIGH} to one of the other", ratio_curves),
    "languages": ("languages aligned with English", language_curves),
    "layers": ("layer", layer_curves),
    "size": ("layers", size_curves),
}
FORESTS = {  # the tests of a question, each an axis
    "all-layers": (Benchmark.XNLI_FROM_NLI, Benchmark.PANX, Benchmark.TATOEBA),
    "systems": record.OF_SYSTEMS,
}


def forest_rows(study: Study, question: str) -> list[tuple[Benchmark, str, Gap]]:
    """Return the mean difference of every encoder of a question to the backbone of its depth, in each test."""
    gaps = [
        (test, name, study.gap(f"{name}/{test}", f"{baseline(name)}/{test}"))
        for test in FORESTS[question]
        for name in study.encoders(question)
    ]
    return [(test, name, gap) for test, name, gap in gaps if gap is not None]


def available(study: Study) -> list[str]:
    """Return which plots there is data for."""
    forests = [question for question in FORESTS if forest_rows(study, question)]
    return forests + [name for name, (_, curves) in PLOTS.items() if curves(study)]


# Drawing


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
