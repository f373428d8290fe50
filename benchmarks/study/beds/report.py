"""What the beds say: results JSON -> tables, contrasts with intervals, and the figure.

    python -m benchmarks.study.beds.report [--output_dir outputs/beds]

Collects the records of trainings in `benchmarks/results/beds/BED.json`, fills the tables of `docs/study/beds.md`,
`beds_tables.md` and `claims.md`, and draws `docs/figures/beds.svg`. All intervals are over pre-training seeds: a
difference is taken within each seed, then its mean and the 95 % t interval.
"""

import argparse
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.markdown import fill, table
from benchmarks.records import FIGURES, ROOT
from benchmarks.study.beds.contrasts import (
    ANSWERED,
    ANSWERS,
    BY_LANGUAGE,
    CANDIDATES,
    CLAIMS,
    CONTRASTS,
    DRAWN,
    JUDGED,
)
from benchmarks.study.beds.plan import BEDS, OTHER_DOMAIN
from benchmarks.study.beds.records import Record, collect, read_collected

ARMS = list({arm.name: arm for plan in BEDS.values() for arm in plan.arms}.values())
STUDENT = (  # 97.5 %, by degrees of freedom from 1
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131),
    *(2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045),
)
PAGES, FIGURE = ROOT / "docs" / "study", FIGURES / "beds.svg"
FEWEST_SEEDS = 3  # for an interval that is claimed
TO_BE_SEEN = 2.0  # points
APART = ("clone", "real")  # the beds whose languages are not aligned before
TITLES = {
    "clone": "clone bed: English and its clone",
    "real": "real bed: English to de and es",
    "distant": "distant bed: E5, to ar, hi, tr and zh",
}
OF_WORDS = ("tags", OTHER_DOMAIN, "AER", "word retrieval")  # tested on sentences that come in words
LATER = tuple(  # figures of languages that the first seeds of a bed did not test
    f"{name}, {' and '.join(later)}"
    for later in dict.fromkeys(plan.later for plan in BEDS.values())
    for name in OF_WORDS
)
NO_BITEXT = ("tags, no bitext", "retrieval, no bitext", "topics", "topics, no bitext")
SHOWN = (  # of every arm
    *("tags, English", "tags", "gap", "names, English", "names", "XNLI, English", "XNLI", "retrieval", OTHER_DOMAIN),
    *("AER", "word retrieval", "mean", *NO_BITEXT, *LATER),
)
RANKED = ("tags", "retrieval", "AER", "word retrieval")  # "mean" is that of these, of AER what it lacks to 100
COMPARED = (*RANKED, "mean", "XNLI", OTHER_DOMAIN, *NO_BITEXT, *LATER)
NO_LANGUAGES = ("en", "metric", "steps", "layer", "mean", "by layer")  # what else stands among scores by language

Figures = dict[str, dict[int, dict[str, float]]]  # arm -> seed -> figure -> value in per cent


@dataclass(frozen=True)
class Interval:
    """The mean of a figure over seeds, and the half width of its 95 % t interval; None with one seed."""

    mean: float
    half: float | None
    seeds: int
    deviation: float | None

    def __format__(self, sign: str) -> str:
        """Say both, with a sign where that is asked for.

        >>> f"{Interval(12.34, 1.21, 3, 0.5)}, {Interval(12.34, None, 1, None):+}"
        '12.3 ± 1.2, +12.3'
        """
        return f"{self.mean:{sign}.1f}" + ("" if self.half is None else f" ± {self.half:.1f}")

    def __str__(self) -> str:
        """Say both."""
        return f"{self}"

    @property
    def is_clear(self) -> bool:
        """Whether the interval is clear of 0, with enough seeds to say so."""
        return self.half is not None and self.seeds >= FEWEST_SEEDS and abs(self.mean) > self.half


def interval(values: Sequence[float]) -> Interval:
    """Return the mean and the 95 % t interval.

    >>> f"{interval([1.0, 2.0, 3.0])}, {interval(range(12))}"
    '2.0 ± 2.5, 5.5 ± 2.3'
    """
    mean, count = statistics.fmean(values), len(values)
    if count < 2:
        return Interval(mean, None, count, None)
    deviation = statistics.stdev(values)
    return Interval(mean, STUDENT[count - 2] * deviation / math.sqrt(count), count, deviation)


def seeds_needed(deviation: float, difference: float = TO_BE_SEEN) -> int | None:
    """Return how many seeds bring the half width of the interval to a difference; None: more than the table has.

    >>> seeds_needed(0.5), seeds_needed(3.0), seeds_needed(9.0)
    (3, 12, None)
    """
    enough = (n for n in range(2, len(STUDENT) + 2) if STUDENT[n - 2] * deviation / math.sqrt(n) <= difference)
    return next(enough, None)


def read_figures(bed: str) -> Figures:
    """Read the figures of all arms of a bed."""
    figures: Figures = {arm.name: {} for arm in BEDS[bed].all_arms}
    for (name, seed), record in read_collected(bed).items():
        if record["scores"]:
            figures.setdefault(name, {})[seed] = figures_of(record)
    return {name: seeds for name, seeds in figures.items() if seeds}


def figures_of(record: Record) -> dict[str, float]:
    """Return the figures of a record in per cent, as far as they are measured: means over languages but English.

    Languages that a bed has no bitext of, and those that its first seeds did not test, have means of their own.
    """
    scores, plan = record["scores"], BEDS[record["bed"]]
    found: dict[str, float] = {}

    def add(name: str, by_language: dict[str, Any], later: Sequence[str] = ()) -> None:
        measured = {key: value for key, value in by_language.items() if key not in NO_LANGUAGES}
        found.update(means(measured, plan.unaligned, later, name))
        found.update({f"{name} {key}": value for key, value in measured.items()})

    if "as it is" in scores:
        scored = scores["as it is"]
        add("retrieval", scored["retrieval"])
        add("AER", errors(scored["alignment"]["by layer"], plan.later), plan.later)
        words = scored["word retrieval"]["by layer"]["test"]
        add("word retrieval", {pair: rates[-1] for pair, rates in words.items()}, plan.later)
        if OTHER_DOMAIN in scores:
            layer = scored["retrieval"]["layer"] - 1  # chosen on held-out sentences of the bitext
            by_layer = scores[OTHER_DOMAIN]["by layer"]
            add(OTHER_DOMAIN, {language: rates[layer] for language, rates in by_layer.items()}, plan.later)
    if "udpos" in scores:
        add("tags", scores["udpos"], plan.later)
        found["tags, English"] = scores["udpos"]["en"]
        found["gap"] = found["tags, English"] - found["tags"]
    for task, name in (("panx", "names"), ("xnli", "XNLI")):
        if task in scores:
            add(name, scores[task])
            found[f"{name}, English"] = scores[task]["en"]
    if "sib200" in scores:
        add("topics", scores["sib200"])
    if all(name in found for name in RANKED):
        found["mean"] = statistics.fmean(goodness(found, name) for name in RANKED)
    return found


def errors(by_layer: dict[str, dict[str, list[float]]], later: Sequence[str]) -> dict[str, float]:
    """Return the alignment error rate of each language pair, at the layer that is best on dev pairs of those not later.

    >>> parts = {"dev": {"de-en": [3.0, 2.0], "zh-en": [1.0, 9.0]}, "test": {"de-en": [5.0, 4.0]}}
    >>> errors(parts, ["zh"]), errors(parts, [])
    ({'de-en': 4.0}, {'de-en': 5.0})
    """
    chosen_by = [rates for pair, rates in by_layer["dev"].items() if set(pair.split("-")).isdisjoint(later)]
    rates = [statistics.fmean(layer) for layer in zip(*chosen_by, strict=True)]
    layer = rates.index(min(rates))
    return {pair: rates[layer] for pair, rates in by_layer["test"].items()}


def goodness(figures: dict[str, float], name: str) -> float:
    """Return a figure so that more is better: of AER what it lacks to 100."""
    return 100 - figures[name] if name == "AER" else figures[name]


def means(scores: dict[str, float], unaligned: Sequence[str], later: Sequence[str], name: str) -> dict[str, float]:
    """Return the mean of a score over the languages with bitext, over those without, and over those tested later.

    >>> means({"de": 2.0, "es": 4.0, "sw": 1.0, "zh-en": 7.0}, ["sw"], ["zh"], "tags")
    {'tags': 3.0, 'tags, no bitext': 1.0, 'tags, zh': 7.0}
    """
    parts: dict[str, list[float]] = {}
    for key, score in scores.items():
        ending = "" if key not in unaligned else ", no bitext"
        if not set(key.split("-")).isdisjoint(later):
            ending = f", {' and '.join(later)}"
        parts.setdefault(name + ending, []).append(score)
    return {part: statistics.fmean(values) for part, values in parts.items()}


def figure_over_seeds(figures: Figures, arm: str, name: str) -> Interval | None:
    """Return a figure of an arm over its seeds."""
    values = [seed[name] for seed in figures.get(arm, {}).values() if name in seed]
    return interval(values) if values else None


def difference(figures: Figures, one: str, other: str, name: str) -> Interval | None:
    """Return how much higher a figure is in one arm than in another, within each seed that both have."""
    run, baseline = figures.get(one, {}), figures.get(other, {})
    pairs = [seed for seed in run if name in run[seed] and name in baseline.get(seed, {})]
    return interval([run[seed][name] - baseline[seed][name] for seed in pairs]) if pairs else None


def mean_ranks(figures: Figures) -> dict[str, float]:
    """Return the mean rank over tasks of each arm with enough seeds, by what it gains over "none"; 1 is best.

    Within each of its seeds, for arms do not have the same encoders.
    """
    start = figures["none"]
    means: dict[str, dict[str, float]] = {}
    for arm, measured in figures.items():
        pairs = [(found, start[seed]) for seed, found in measured.items() if seed in start]
        pairs = [pair for pair in pairs if all(name in found for name in RANKED for found in pair)]
        if len(pairs) >= FEWEST_SEEDS:
            means[arm] = {
                name: statistics.fmean(goodness(found, name) - goodness(before, name) for found, before in pairs)
                for name in RANKED
            }
    ranks: dict[str, list[int]] = {arm: [] for arm in means}
    for name in RANKED:
        for arm, own in means.items():
            ranks[arm].append(1 + sum(other[name] > own[name] for other in means.values()))
    return {arm: statistics.fmean(found) for arm, found in ranks.items()}


def ranks_table(beds: dict[str, Figures]) -> str:
    """Lay out the mean rank of each candidate that all beds have measured, in each and over all; the best first."""
    ranks = [mean_ranks({arm: figures[arm] for arm in CANDIDATES if arm in figures}) for figures in beds.values()]
    found = {arm: [of_bed[arm] for of_bed in ranks] for arm in CANDIDATES if all(arm in of_bed for of_bed in ranks)}
    best_first = sorted(found, key=lambda arm: statistics.fmean(found[arm]))
    rows = [[arm, *(f"{rank:.1f}" for rank in (*found[arm], statistics.fmean(found[arm])))] for arm in best_first]
    return table(["system", *beds, "both"], rows)


def systems_table(figures: Figures) -> str:
    """Lay out every arm with its figures."""
    ranks, names = mean_ranks(figures), measured_names(figures, SHOWN)
    rows = []
    for arm, measured in figures.items():
        found = [figure_over_seeds(figures, arm, name) for name in names]
        cells = [counted(f"{figure}" if figure else "–", figure, len(measured)) for figure in found]
        rows.append([arm, str(len(measured)), *cells, f"{ranks[arm]:.1f}" if arm in ranks else "–"])
    return table(["system", "seeds", *names, "mean rank"], rows)


def measured_names(figures: Figures, names: Iterable[str]) -> list[str]:
    """Return which of these figures a bed has."""
    return [name for name in names if any(name in seed for seeds in figures.values() for seed in seeds.values())]


def languages_table(figures: Figures, contrasts: Sequence[Sequence[str]], languages: dict[str, str]) -> str:
    """Lay out differences language by language, each figure's mean first."""
    names = [
        name
        for mean, keys in languages.items()
        for name in (mean, *(f"{mean.removesuffix(', no bitext')} {key}" for key in keys.split()))
    ]
    rows = []
    for one, other in contrasts:
        found = [difference(figures, one, other, name) for name in names]
        if found[0] is not None:
            rows.append([f"{one} – {other}", str(found[0].seeds), *map(in_words, found)])
    return table(["contrast", "seeds", *names], rows)


def contrasts_table(figures: Figures) -> str:
    """Lay out the planned contrasts, with the most seeds that any figure has."""
    rows, names = [], measured_names(figures, COMPARED)
    for one, other in CONTRASTS:
        found = {name: difference(figures, one, other, name) for name in names}
        seeds = max((each.seeds for each in found.values() if each is not None), default=0)
        if not seeds:
            continue
        deviation = found["tags"].deviation if found["tags"] is not None else None
        needed = "–" if deviation is None else (seeds_needed(deviation) or f"over {len(STUDENT) + 1}")
        cells = [counted(in_words(figure), figure, seeds) for figure in found.values()]
        rows.append([f"{one} – {other}", str(seeds), *cells, str(needed)])
    return table(["contrast", "seeds", *names, f"seeds for {TO_BE_SEEN:.0f} points of tags"], rows)


def answers_table(beds: dict[str, Figures]) -> str:
    """Lay out the differences that answer the questions of the summary, bed by bed."""
    columns = [(bed, name) for bed, names in ANSWERED.items() for name in names]
    rows = [
        [question, f"{one} – {other}", *(in_words(difference(beds[bed], one, other, name)) for bed, name in columns)]
        for question, one, other in ANSWERS
    ]
    return table(["question", "difference", *(f"{bed}: {name}" for bed, name in columns)], rows)


def claims_table(beds: dict[str, Figures]) -> str:
    """Lay out the paper's claims, with a verdict for each task that a bed decides them by."""
    judged = [(bed, name) for bed in beds for name in JUDGED[bed]]
    rows = []
    for letter, one, relation, other in CLAIMS:
        cells = []
        for bed, name in judged:
            found = difference(beds[bed], one, other, name)
            cells += ["not measured", "–"] if found is None else [f"{found:+}", verdict(found, relation)]
        rows.append([f"{letter}. {one} {relation} {other}", *cells])
    titles = [title for bed, name in judged for title in (f"{bed} bed: {name}, difference", "verdict")]
    return table(["claim", *titles], rows)


def verdict(found: Interval, relation: str) -> str:
    """Say whether a claim holds by the interval over encoders: `above` 0, or `like` within two points.

    >>> [verdict(Interval(mean, 1.0, 3, 0.4), "above") for mean in (2.0, 0.5, -2.0)]
    ['holds', 'undecided', 'fails']
    """
    if found.half is None or found.seeds < FEWEST_SEEDS:
        return "undecided"
    low, high = found.mean - found.half, found.mean + found.half
    if relation == "like":
        holds, fails = -TO_BE_SEEN < low and high < TO_BE_SEEN, low > TO_BE_SEEN or high < -TO_BE_SEEN
    else:
        holds, fails = low > 0, high < 0
    return "holds" if holds else "fails" if fails else "undecided"


def in_words(found: Interval | None) -> str:
    """Write a difference, in bold where its interval is clear of 0.

    >>> in_words(Interval(3.0, 1.0, 3, 0.4)), in_words(Interval(0.5, 1.0, 3, 0.4))
    ('**+3.0 ± 1.0**', '+0.5 ± 1.0')
    """
    if found is None:
        return "–"
    text = f"{found:+}"
    return f"**{text}**" if found.is_clear else text


def counted(text: str, found: Interval | None, seeds: int) -> str:
    """Add to a figure how many seeds it has, where its row has more.

    >>> counted("3.0", Interval(3.0, None, 1, None), 2), counted("3.0", Interval(3.0, None, 1, None), 1)
    ('3.0 (1)', '3.0')
    """
    return text if found is None or found.seeds == seeds else f"{text} ({found.seeds})"


def draw(beds: dict[str, Figures], path: Path) -> None:
    """Draw the gap to English by system, bed by bed, each placebo in the row of its original."""
    found = {arm: [figure_over_seeds(figures, arm, "gap") for figures in beds.values()] for arm in DRAWN}
    measured = {arm: next(filter(None, gaps)).mean for arm, gaps in found.items() if any(gaps)}
    shown = sorted(measured, key=lambda arm: -measured[arm])
    size = (12, 0.35 * len(shown) + 1.9)
    figure, axes = plt.subplots(1, len(beds), figsize=size, layout="constrained", sharey=True, squeeze=False)
    for axis, (bed, figures) in zip(axes[0], beds.items(), strict=True):
        draw_panel(axis, figures, shown, "gap")
        axis.set_title(TITLES[bed], fontsize=10)
    axes[0][0].set_yticks(range(len(shown)), shown)
    handles = dict(zip(*reversed(axes[0][0].get_legend_handles_labels()), strict=True))
    note = "Part-of-speech tags: points behind English, with 95 % intervals; left is better; each bed has its own scale"
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, title=note, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=110)
    plt.close(figure)


def draw_panel(axis: Axes, figures: Figures, arms: Sequence[str], name: str) -> None:
    """Draw one figure of every arm, and of its placebo."""
    placebos = {arm.placebo_of: arm.name for arm in ARMS if arm.placebo_of}
    looks = {"trained as named": ("C0", "o"), "its placebo: links shuffled, or sentences unpaired": ("C3", "D")}
    for row, arm in enumerate(arms):
        for (label, (colour, marker)), drawn in zip(looks.items(), (arm, placebos.get(arm, "")), strict=True):
            value = figure_over_seeds(figures, drawn, name)
            if value is None:
                continue
            half = value.half if value.seeds >= FEWEST_SEEDS else None
            style = {"color": colour, "marker": marker, "mfc": "white" if marker == "D" else colour}
            place = row + 0.25 * (drawn != arm)  # beside its original, not over it
            axis.errorbar(value.mean, place, xerr=half, capsize=3, linestyle="", label=label, **style)  # type: ignore[arg-type]
    axis.grid(alpha=0.3)


def filled_pages(beds: dict[str, Figures]) -> dict[Path, str]:
    """Return the pages with all their tables."""
    apart = {bed: beds[bed] for bed in APART}
    sections = {
        "beds.md": {"answers": answers_table(beds)},
        "beds_tables.md": {"ranks": ranks_table(apart)},
        "claims.md": {"claims in beds": claims_table(apart)},
    }
    for bed, figures in beds.items():
        around = {arm.name for arm in BEDS[bed].follow_ups}
        systems = {arm: seeds for arm, seeds in figures.items() if arm not in around}
        tables = {"systems": systems_table(systems), "contrasts": contrasts_table(figures)}
        tables |= {name: languages_table(figures, *shown) for name, shown in BY_LANGUAGE.get(bed, {}).items()}
        sections["beds_tables.md"] |= {f"{bed} {name}": text for name, text in tables.items()}
    pages = {}
    for name, texts in sections.items():
        page = PAGES / name
        pages[page] = page.read_text(encoding="utf-8")
        for mark, text in texts.items():
            pages[page] = fill(pages[page], mark, text)
    return pages


def main() -> None:
    """Collect the records, write tables and figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.beds.report", description=__doc__.splitlines()[0])
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/beds"), help="Where the beds were trained.")
    folder = parser.parse_args().output_dir
    for bed in BEDS:
        collect(bed, folder / bed / "records")
    matplotlib.rcParams["svg.hashsalt"] = "weam"
    beds = {bed: read_figures(bed) for bed in BEDS}
    for page, text in filled_pages(beds).items():
        page.write_text(text, encoding="utf-8")
    draw({bed: beds[bed] for bed in TITLES}, FIGURE)


if __name__ == "__main__":
    main()
