"""Choose what each plot of the study shows, as plain points; `benchmarks/study/plots.py` draws them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.study.plan import HEADLINE, MBERT, SIZES, WIDE_MBERT, baseline
from benchmarks.study.record import (
    ENTITIES,
    ERROR_RATE,
    FULL,
    HIGH,
    OF_ENCODERS,
    OF_SYSTEMS,
    RETRIEVAL,
    SPACE_PAIRS,
    TITLES,
    WORD_RETRIEVAL,
    Gap,
    Study,
    depths,
    growths,
    mixtures,
)
from weam.results import MEAN


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
        curves: what it shows; none: nothing of it was measured.
    """

    title: str
    horizontal: str
    curves: Callable[[Study], list[Curve]]


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
    return name.startswith(MBERT)


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
            curves.append(Curve(name.replace("_", " "), UNITS.get(name, "nats"), encoder, points))
    return drawn(curves)


LOSSES = ("_loss", "_distance", "drift")
UNITS = {
    "alignment_distance": "squared distance",
    "drift": "squared distance",
    ENTITIES: "F1, %",
    RETRIEVAL: "accuracy, %",
}


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
        for evaluation in OF_ENCODERS:
            for language in (HIGH, low):
                label = (
                    f"{TITLES[evaluation]}: {language}, beside {HIGH if language == low else low}",
                    UNITS[evaluation],
                )
                for alpha in exponents:
                    runs = {m.ratio: f"{m.encoder}/{evaluation}" for m in own if m.alpha == alpha or m.ratio == 1}
                    curves.append(Curve(*label, f"alpha {alpha}", percents(study, language, runs)))
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
    for evaluation in OF_ENCODERS:
        for language, words in ((HIGH, f"{HIGH}, aligned in all"), (MEAN, "mean without English")):
            label = (f"{TITLES[evaluation]}: {words}", UNITS[evaluation])
            for fixed in ("total", "each"):
                runs = {
                    g.count: f"{g.encoder}/{evaluation}" for g in known if g.fixed == fixed or g.count == max(SIZES)
                }
                curves.append(Curve(*label, f"pairs fixed: {fixed}", percents(study, language, runs)))
            curves.append(Curve(*label, WIDE_MBERT, level(study, language, f"{WIDE_MBERT}/{evaluation}", counts)))
    return drawn(curves)


def layer_curves(study: Study) -> list[Curve]:
    """Return error rate and word retrieval over the layers of each system."""
    curves = []
    for metric, words in ((ERROR_RATE, "alignment error rate"), (WORD_RETRIEVAL, "word retrieval")):
        for pair in SPACE_PAIRS:
            for encoder in study.encoders("systems"):
                values = study.layers.get((encoder, pair, metric), [])
                points = [(layer, 100 * value) for layer, value in enumerate(values, start=1)]
                curves.append(Curve(f"{words}, {pair}", "%", encoder, points))
    return drawn(curves)


def size_curves(study: Study) -> list[Curve]:
    """Return scores over the number of layers, before and after."""
    by_depth = depths(study)
    if not set(by_depth) - {study.depth}:
        return []
    curves = []
    names = {MBERT: "mbert, before", "weam": "weam, after", "tlm": "tlm, after"}
    for kind, name in names.items():
        own = {layers: row for layers, rows in by_depth.items() for row in rows if row.split()[0] == kind}
        for evaluation in OF_ENCODERS:
            points = percents(study, MEAN, {x: f"{encoder}/{evaluation}" for x, encoder in own.items()})
            curves.append(Curve(f"{TITLES[evaluation]}, mean without English", UNITS[evaluation], name, points))
        rates = [(x, study.last(encoder, ERROR_RATE)) for x, encoder in own.items()]
        points = [(x, 100 * rate) for x, rate in rates if rate is not None]
        curves.append(Curve("alignment error rate at the last layer", "%", name, points))
    return drawn(curves)


PLOTS = {
    "learning": Plot("Losses in training, running mean of two logs", "step", learning_curves),
    "ratio": Plot(
        "A low-resource beside a high-resource language", f"pairs of {HIGH} to one of the other", ratio_curves
    ),
    "languages": Plot("One model for more and more languages", "languages aligned with English", language_curves),
    "layers": Plot("How far the space is aligned", "layer", layer_curves),
    "size": Plot("Model size", "layers", size_curves),
}


FOREST = (  # its panels
    ("headline", FULL),
    *(("systems", evaluation) for evaluation in OF_SYSTEMS),
)


def forest_rows(study: Study) -> list[Interval]:
    """Return the differences of every system to the backbone of its depth, zero-shot, for each language."""
    rows = []
    for question, evaluation in FOREST:
        encoders = study.encoders(question)
        theirs = [f"{baseline(encoder)}/{evaluation}" for encoder in encoders]
        for language in study.languages(*theirs):
            for encoder, other in zip(encoders, theirs, strict=True):
                gap = study.gap(f"{encoder}/{evaluation}", other, language)
                if gap is not None:
                    system, _, pairs = encoder.partition(HEADLINE)
                    panel = f"{question}{pairs}: {TITLES[evaluation]}"
                    rows.append(Interval(panel, language, system, gap))
    return rows


def available(study: Study) -> list[str]:
    """Return which plots there is data for."""
    forest = ["forest"] if forest_rows(study) else []
    return forest + [name for name, plot in PLOTS.items() if plot.curves(study)]
