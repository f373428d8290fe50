"""Look up what `benchmarks/results/study.json` holds: scores, differences, layers, and what is left to do.

A system is an encoder and how it is tested, as `weam/xnli zero-shot`. Nothing is measured or laid out here.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.study.collect import TRANSFER_GAP
from benchmarks.study.plan import E5, ENGLISH, LAYERS, SCALES, Encoder, Growth, Mixture, Scale, encoders
from benchmarks.study.store import compared_metric
from weam.results import MEAN
from weam.scores import Difference

ERROR_RATE, WORD_RETRIEVAL = "alignment_error_rate", "word_retrieval"
SPACE_PAIRS = ("en-de", "en-zh")
HIGH = "de"  # the high-resource language of the ratios


class Benchmark(StrEnum):
    """How encoders are tested, as the steps of the plan are called."""

    XNLI = "xnli zero-shot"
    XNLI_TRANSLATED = "xnli translate-train"
    XNLI_FROM_NLI = "nli zero-shot"  # from a large English training set
    UDPOS = "udpos"
    PANX = "panx"
    TATOEBA = "tatoeba"
    XQUAD = "xquad zero-shot"
    MLQA = "mlqa zero-shot"
    MLQA_TRANSLATED = "mlqa translate-train"

    @property
    def heading(self) -> str:
        """Its name in tables.

        >>> Benchmark.XNLI.heading, Benchmark.XNLI_FROM_NLI.heading
        ('XNLI zero-shot', 'XNLI zero-shot from English NLI')
        """
        task, _, setting = self.partition(" ")
        known = {"xnli": "XNLI", "nli": "XNLI", "udpos": "UDPOS", "panx": "PAN-X", "tatoeba": "Tatoeba"}
        known |= {"xquad": "XQuAD", "mlqa": "MLQA"}
        return f"{known[task]} {setting}".strip() + (" from English NLI" if task == "nli" else "")


OF_SYSTEMS = (Benchmark.XNLI, Benchmark.UDPOS, Benchmark.PANX, Benchmark.TATOEBA)  # the tests of systems and ablations
OF_ENCODERS = (Benchmark.PANX, Benchmark.TATOEBA)  # those of ratios, languages and sizes


@dataclass(frozen=True)
class Gap(Difference):
    """A difference with the number of seeds of both systems."""

    seeds: tuple[int, ...] = (1, 1)

    @property
    def side(self) -> int:
        """1 if the interval lies above 0, -1 if below, 0 if it takes 0 in.

        >>> Gap(0.02, 0.01, 0.03).side, Gap(0.02, -0.01, 0.05).side
        (1, 0)
        """
        return (self.low > 0) - (self.high < 0)

    @property
    def mirrored(self) -> "Gap":
        """The second system less the first."""
        return Gap(-self.difference, -self.high, -self.low, self.seeds[::-1])


@dataclass(frozen=True)
class Study:
    """A record of `collect`, made ready to look things up in.

    Attributes:
        record: all of it.
        scores: values over seeds, by system and language; of the metric that systems are compared by.
        gaps: differences, by both systems and language.
        layers: values of a space, layer 1 first, by encoder, language pair and metric.
        spread: standard deviations over seeds, of the backbone and of differences from it, and the number of seeds, by
            evaluation and language.
    """

    record: dict[str, Any]
    scores: dict[tuple[str, str], list[float]]
    gaps: dict[tuple[str, str, str], Gap]
    layers: dict[tuple[str, str, str], list[float]]
    spread: dict[tuple[str, str], tuple[float, float | None, int]]

    @property
    def scale(self) -> Scale:
        """How large the plan is."""
        return SCALES[self.record["plan"]]

    @property
    def backbone(self) -> str:
        """The backbone as it is, with as many layers as most encoders have."""
        return self.scale.encoder(E5).name

    def mean(self, system: str, language: str = MEAN) -> float | None:
        """Return a score's mean over seeds; None where it was not measured."""
        values = self.scores.get((system, language))
        return fmean(values) if values else None

    def gap(self, run: str, baseline: str, language: str = MEAN) -> Gap | None:
        """Return by how much a system is better than another; None where they were not compared."""
        known = self.gaps.get((baseline, run, language))
        return self.gaps.get((run, baseline, language), known and known.mirrored)

    def languages(self, *systems: str) -> list[str]:
        """Return the languages that any of some systems was tested on, English first, their mean last."""
        named = (name for system, name in self.scores if system in systems)
        found = dict.fromkeys(name for name in named if name != TRANSFER_GAP)
        return sorted(found, key=lambda language: (language != ENGLISH) + (language == MEAN))

    def last(self, encoder: str, metric: str) -> float | None:
        """Return a figure of the space at the last layer, mean over both language pairs; None without both."""
        rows = [self.layers.get((encoder, pair, metric)) for pair in SPACE_PAIRS]
        known = [values[-1] for values in rows if values]
        return fmean(known) if len(known) == len(SPACE_PAIRS) else None

    def measured(self, encoders: Iterable[str]) -> list[str]:
        """Return which encoders anything is known of, each once."""
        known = {system.partition("/")[0] for system, _ in self.scores} | {encoder for encoder, _, _ in self.layers}
        return [name for name in dict.fromkeys(encoders) if name in known]

    def encoders(self, question: str) -> list[str]:
        """Return which encoders of a question anything is known of, the backbone first."""
        names = self.measured(step.partition("/")[0] for step in self.record["questions"][question])
        return sorted(names, key=lambda name: encoders()[name].is_trained)


def read_study(path: Path) -> Study:
    """Read `study.json`."""
    return parse_study(json.loads(path.read_text(encoding="utf-8")))


def parse_study(record: dict[str, Any]) -> Study:
    """Make a record ready to look things up in."""
    scores, compared = {}, {}
    for row in record["scores"]:
        if row["metric"] == compared_metric(row["benchmark"]):
            scores[f"{row['encoder']}/{row['evaluation']}", row["language"]] = row["values"]
            compared[row["evaluation"]] = row["metric"]
    gaps = {}
    for row in record["differences"]:
        gap = Gap(row["difference"], row["low"], row["high"], tuple(row["seeds"]))
        gaps[row["run"], row["baseline"], row["language"]] = gap
    layers: dict[tuple[str, str, str], list[float]] = {}
    for row in sorted(record["space"], key=lambda row: row["layer"]):
        layers.setdefault((row["encoder"], row["pair"], row["metric"]), []).append(row["value"])
    spread = {
        (row["evaluation"], row["language"]): (row["deviation"], row["of_differences"], row["seeds"])
        for row in record["seed_spread"]
        if row["metric"] == compared.get(row["evaluation"])
    }
    return Study(record, scores, gaps, layers, spread)


def mixtures(study: Study) -> dict[str, Mixture]:
    """Return the encoders of the question of ratios that anything is known of, and their texts."""
    texts = {name: encoders()[name].text for name in study.encoders("ratios")}
    return {name: text for name, text in texts.items() if isinstance(text, Mixture)}


def growths(study: Study) -> dict[str, Growth]:
    """Return the encoders of the question of languages that anything is known of, and their texts."""
    texts = {name: encoders()[name].text for name in study.encoders("languages")}
    return {name: text for name, text in texts.items() if isinstance(text, Growth)}


def depths(study: Study) -> list[Encoder]:
    """Return the backbone, WEAM and TLM of each number of layers, as questions 1 and 5 have them."""
    systems = (E5, "weam", "tlm")
    names = [*study.encoders("sizes"), *study.measured(study.scale.encoder(system).name for system in systems)]
    found = [encoders()[name] for name in dict.fromkeys(names)]
    return sorted(found, key=lambda encoder: (LAYERS.index(encoder.layers), systems.index(encoder.system)))


def average(values: Sequence[float | None]) -> float | None:
    """Return the mean of what was measured, None if nothing was.

    >>> average([0.5, None, 1.0]), average([None])
    (0.75, None)
    """
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def own_steps(study: Study) -> dict[str, list[str]]:
    """Return the steps of each question that no question before it has."""
    seen: set[str] = set()
    found = {}
    for question, steps in study.record["questions"].items():
        found[question] = [step for step in steps if step not in seen]
        seen.update(steps)
    return found
