"""Choose what each plot of the study shows, as plain points; `benchmarks/study/plots.py` draws them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.study.plan import E5, SIZES, baseline
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
from benchmarks.study.tables import wide_backbone
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
    known, wide = mixtures(study), wide_backbone(study)
    ratios = sorted({text.ratio for text in known.values()})
    for low in dict.fromkeys(text.low for text in known.values()):
        own = {name: text for name, text in known.items() if text.low == low}
        exponents = sorted({text.alpha for text in own.values() if text.ratio > 1}) or [1.0]
        for evaluation in OF_ENCODERS:
            for language in (HIGH, low):
                beside = HIGH if language == low else low
                label = (f"{TITLES[evaluation]}: {language}, beside {beside}", UNITS[evaluation])
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
    known, wide = growths(study), wide_backbone(study)
    counts = sorted({text.count for text in known.values()})
    for evaluation in OF_ENCODERS:
        for language, words in ((HIGH, f"{HIGH}, aligned in all"), (MEAN, "mean without English")):
            label = (f"{TITLES[evaluation]}: {words}", UNITS[evaluation])
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
    for metric, words in ((ERROR_RATE, "alignment error rate"), (WORD_RETRIEVAL, "word retrieval")):
        for pair in SPACE_PAIRS:
            for encoder in study.encoders("systems"):
                values = study.layers.get((encoder, pair, metric), [])
                points = [(layer, 100 * value) for layer, value in enumerate(values, start=1)]
                curves.append(Curve(f"{words}, {pair}", "%", encoder, points))
    return drawn(curves)


def size_curves(study: Study) -> list[Curve]:
    """Return scores over the number of layers, before and after."""
    known = depths(study)
    if len({encoder.layers for encoder in known}) < 2:
        return []
    curves = []
    for system in (E5, "weam", "tlm"):
        own = {encoder.layers: encoder.name for encoder in known if encoder.system == system}
        for evaluation in OF_ENCODERS:
            points = percents(study, MEAN, {layers: f"{name}/{evaluation}" for layers, name in own.items()})
            curves.append(Curve(f"{TITLES[evaluation]}, mean without English", UNITS[evaluation], system, points))
        rates = [(layers, study.last(name, ERROR_RATE)) for layers, name in own.items()]
        points = [(layers, 100 * rate) for layers, rate in rates if rate is not None]
        curves.append(Curve("alignment error rate at the last layer", "%", system, points))
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


FORESTS = {  # the tests of a question, each an axis
    "all-layers": (FULL, ENTITIES, RETRIEVAL),
    "systems": OF_SYSTEMS,
}


def forest_rows(study: Study, question: str) -> list[Interval]:
    """Return the mean difference of every encoder of a question to the backbone of its depth, in each test."""
    rows = []
    for evaluation in FORESTS[question]:
        for name in study.encoders(question):
            gap = study.gap(f"{name}/{evaluation}", f"{baseline(name)}/{evaluation}")
            if gap is not None:
                rows.append(Interval(TITLES[evaluation], name, gap))
    return rows


def available(study: Study) -> list[str]:
    """Return which plots there is data for."""
    forests = [question for question in FORESTS if forest_rows(study, question)]
    return forests + [name for name, plot in PLOTS.items() if plot.curves(study)]
