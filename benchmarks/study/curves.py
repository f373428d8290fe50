"""Choose what each plot of the study shows, as plain points; `benchmarks/study/plots.py` draws them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.study import record
from benchmarks.study.plan import E5, SIZES, baseline
from benchmarks.study.record import HIGH, Benchmark, Gap, Study
from benchmarks.study.tables import wide_backbone
from weam.results import MEAN

LOSSES = ("_loss", "_distance", "drift")
UNITS = {Benchmark.PANX: "F1, %", Benchmark.TATOEBA: "accuracy, %"}


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
