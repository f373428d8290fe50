"""Gather what the study measured: all figures, differences and verdicts.

    python -m benchmarks.study --workers 2
    python -m benchmarks.study.collect
    python -m benchmarks.study.report

The second command puts what was finished since it last ran on record (`benchmarks/study/store.py`): all figures, in
`benchmarks/results/study.json`, which the third command lays out. Intervals are paired bootstraps over test examples
and seeds (`weam/scores.py`), drawn once for each pair of measurements. Nothing is measured here; what is not finished
is listed as such.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.study import claims
from benchmarks.study.places import BACKBONES, BACKBONES_FILE, RECORD_FILE, changed_backbones, places, read_record
from benchmarks.study.plan import (
    E5,
    ENGLISH,
    QUESTIONS,
    SCALES,
    WIDE_E5,
    Scale,
    Step,
    baseline,
    deepened,
    drawn_as_it_comes,
    encoders,
    is_foreign,
    plan,
    relatives,
    rivals,
)
from benchmarks.study.store import Measured, compared_metric, finished_steps, measure, read_measured, write_examples
from weam.results import MEAN, Results, versions
from weam.scores import ExampleScores, paired_bootstrap
from weam.storage import write_json

TRANSFER_GAP = "transfer gap"  # the score of English less the mean of the others (Hu et al. 2020), beside languages
SPACE = "space"
DRAWS = 2000  # of each bootstrap: there are many comparisons; those on record keep their own


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.collect", description=__doc__.splitlines()[0])
    parser.add_argument("--plan", choices=list(SCALES), default="small", help="Which plan was run.")
    parser.add_argument("--runs", type=Path, default=Path("outputs/study"), help="Folder of the steps.")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    return parser.parse_args()


def by_evaluation(names: Iterable[str]) -> dict[str, list[str]]:
    """Return for each `encoder/evaluation` its steps, one for each seed.

    >>> by_evaluation({"tlm/udpos/seed 1": None, "tlm/udpos/seed 2": None, "tlm": None, "tlm/space": None})
    {'tlm/udpos': ['tlm/udpos/seed 1', 'tlm/udpos/seed 2']}
    """
    steps: dict[str, list[str]] = {}
    for name in names:
        evaluation = name.partition("/seed ")[0]
        if evaluation.partition("/")[2] not in ("", SPACE):
            steps.setdefault(evaluation, []).append(name)
    return steps


def scores(results: Mapping[str, Results]) -> Iterator[dict[str, Any]]:
    """Yield each figure of each evaluation with its values over seeds, the mean without English, the transfer gap."""
    for name, steps in by_evaluation(results).items():
        encoder, _, evaluation = name.partition("/")
        values: dict[tuple[str, str, str], dict[int, float]] = {}
        counts: dict[tuple[str, str, str], int] = {}
        for m in (m for step in steps for m in results[step].measurements):
            values.setdefault((m.benchmark, m.language, m.metric), {})[m.seed] = m.value
            counts[m.benchmark, m.language, m.metric] = m.count
        for benchmark, metric in dict.fromkeys((benchmark, metric) for benchmark, _, metric in values):
            by_language = {language: v for (b, language, m), v in values.items() if (b, m) == (benchmark, metric)}
            values |= {(benchmark, name, metric): v for name, v in summaries(by_language).items()}
        for (benchmark, language, metric), by_seed in values.items():
            yield {
                "encoder": encoder,
                "evaluation": evaluation,
                "benchmark": benchmark,
                "language": language,
                "metric": metric,
                "seeds": list(by_seed),
                "values": list(by_seed.values()),
                "count": counts.get((benchmark, language, metric)),
            }


def summaries(by_language: Mapping[str, Mapping[int, float]]) -> dict[str, dict[int, float]]:
    """Return by seed the mean of the languages other than English, of two at least, and the transfer gap.

    >>> summaries({"en": {1: 0.75}, "de": {1: 0.5, 2: 0.625}, "zh": {1: 0.25}})
    {'mean': {1: 0.375}, 'transfer gap': {1: 0.375}}
    """
    foreign = [values for language, values in by_language.items() if is_foreign(language)]
    seeds = set.intersection(*map(set, foreign)) if len(foreign) > 1 else set()
    means = {seed: float(np.mean([values[seed] for values in foreign])) for seed in sorted(seeds)}
    english = by_language.get(ENGLISH, {})
    gaps = {seed: english[seed] - value for seed, value in means.items() if seed in english}
    return {name: found for name, found in ((MEAN, means), (TRANSFER_GAP, gaps)) if found}


@dataclass(frozen=True)
class Evaluation:
    """The finished steps of an evaluation, by seed."""

    by_seed: dict[int, Measured]

    @property
    def tests(self) -> dict[tuple[str, str], str]:
        """Return (benchmark, language) -> fingerprint of the examples."""
        rows = [m for one in self.by_seed.values() for m in one.results.measurements]
        return {(m.benchmark, m.language): m.data_fingerprint for m in rows}


def evaluations(measured: Mapping[str, Measured]) -> dict[str, Evaluation]:
    """Return the evaluations that have finished steps."""
    return {
        name: Evaluation(
            {training.seed: measured[step] for step in steps for training in measured[step].results.trainings}
        )
        for name, steps in by_evaluation(measured).items()
    }


def compare(
    run: str, baseline: str, known: Mapping[str, Evaluation], drawn: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Compare two evaluations on the test sets that they share, on their mean without English, by the transfer gap.

    Args:
        run: an evaluation.
        baseline: another.
        known: all of them.
        drawn: how they were compared before; it stands as long as no side is measured again with another outcome.
            What is drawn anew leaves out seeds whose examples have no scores.
    """
    sides = with_equal_seeds(known[run].by_seed, known[baseline].by_seed)
    if drawn and all(row["measured"] == fingerprints(sides) for row in drawn):
        return [dict(row) for row in drawn]
    sides = with_equal_seeds(*({seed: one for seed, one in side.items() if one.examples} for side in sides))
    if not all(sides):
        return []
    both = [Evaluation(side).tests for side in sides]
    rows: list[dict[str, Any]] = []
    foreign, english = [], []
    for benchmark, language in (test for test, data in both[0].items() if both[1].get(test) == data):
        metric = compared_metric(benchmark)
        first, second = ({seed: one.ratio(benchmark, language) for seed, one in side.items()} for side in sides)
        pair = (first, second)
        rows.append({"language": language, "metric": metric, **difference([pair])})
        foreign += [pair] if is_foreign(language) else []
        english += [pair] if language == ENGLISH else []
    if len(foreign) > 1:
        rows.append({"language": MEAN, "metric": metric, **difference(foreign)})
        if english:
            weights = [1, *[-1 / len(foreign)] * len(foreign)]
            rows.append({"language": TRANSFER_GAP, "metric": metric, **difference(english + foreign, weights)})
    return [{"run": run, "baseline": baseline, **row, "measured": fingerprints(sides)} for row in rows]


def with_equal_seeds(
    run: Mapping[int, Measured], baseline: Mapping[int, Measured]
) -> tuple[dict[int, Measured], dict[int, Measured]]:
    """Leave out the seeds that only one side has; where they share none, all stay."""
    shared = sorted(set(run) & set(baseline))
    return {seed: run[seed] for seed in shared or run}, {seed: baseline[seed] for seed in shared or baseline}


def fingerprints(sides: Iterable[Mapping[int, Measured]]) -> list[str]:
    """Return what identifies the measurements of each side, by which their comparison is known again."""
    return [" ".join(one.fingerprint for one in side.values()) for side in sides]


def difference(
    tests: Sequence[tuple[dict[int, ExampleScores], dict[int, ExampleScores]]], weights: Sequence[float] | None = None
) -> dict[str, Any]:
    """Return one difference with its interval and the seeds of both sides."""
    return {**vars(paired_bootstrap(tests, DRAWS, weights)), "seeds": [len(side) for side in tests[0]]}


def wanted_comparisons(names: Iterable[str], scale: Scale) -> list[tuple[str, str]]:
    """Return which evaluations to compare: each with those that `compared_with` names, and what claims name."""
    known = list(names)
    contrasts = [contrast for claim in claims.CLAIMS for contrast in claim.contrasts]
    pairs = [pair for contrast in contrasts for pair in claims.evaluations(contrast, scale)]
    for name in known:
        encoder, _, evaluation = name.partition("/")
        pairs += [(name, f"{other}/{evaluation}") for other in compared_with(encoder)]
    return [pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1] and all(side in known for side in pair)]


def compared_with(encoder: str) -> list[str]:
    """Return what an encoder is compared with: what it began with, WEAM, TLM, and what differs from it in one thing.

    With the wide backbone that is what it began with, and a mixture of the same texts with exponent 1.
    """
    own = encoders()[encoder]
    if not own.is_trained:  # a difference is looked up from either side
        return [replace(own, after_nli=False).name]
    if own.backbone == WIDE_E5:
        return [baseline(encoder), drawn_as_it_comes(encoder)]
    before_nli = replace(own.base, after_nli=False).name
    return [baseline(encoder), before_nli, *rivals(encoder).values(), *relatives(encoder)]


def space(results: Mapping[str, Results]) -> Iterator[dict[str, Any]]:
    """Yield each figure of the spaces."""
    for name, result in results.items():
        encoder, _, evaluation = name.partition("/")
        if evaluation == SPACE:
            for m in result.measurements:
                layer = int(m.benchmark.split()[-1])
                yield {"encoder": encoder, "pair": m.language, "layer": layer, "metric": m.metric, "value": m.value}


def correlations(
    figures: Sequence[Mapping[str, Any]], spaces: Sequence[Mapping[str, Any]], common: int
) -> list[dict[str, Any]]:
    """Correlate each figure of the last layer of the spaces with each transfer score, over encoders of one depth.

    Spearman's rank correlation; the mean over both language pairs, the mean over languages other than English.
    """
    if not spaces:
        return []
    frame = pd.DataFrame(spaces)
    last = frame[(frame.layer == common) & (frame.layer == frame.groupby("encoder").layer.transform("max"))]
    transfer: dict[str, dict[str, float]] = {}
    for row in figures:
        if row["language"] == MEAN and row["metric"] == compared_metric(row["benchmark"]):
            transfer.setdefault(row["evaluation"], {})[row["encoder"]] = float(np.mean(row["values"]))
    found = []
    for metric in frame.metric.unique():
        spaced = last[last.metric == metric].groupby("encoder", sort=False).value.mean()
        for evaluation, scored in transfer.items():
            both = spaced[spaced.index.isin(list(scored))]
            if len(both) > 3:
                value = spearman(both, [scored[name] for name in both.index])
                found.append({"space": metric, "transfer": evaluation, "spearman": value, "encoders": list(both.index)})
    return found


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the rank correlation of two lists; equal values share the mean of their ranks.

    >>> spearman([1.0, 2.0, 3.0], [10.0, 30.0, 20.0])
    0.5
    """
    return round(float(np.corrcoef(*(pd.Series(list(values)).rank() for values in (first, second)))[0, 1]), 4)


def seed_spread(figures: Sequence[Mapping[str, Any]], scale: Scale) -> list[dict[str, Any]]:
    """Return the standard deviation over seeds of every evaluation of the backbone that has several.

    The backbone as most encoders have it, where it has not several seeds with all layers, at last the latter after
    English NLI. Beside it that of the difference between a system that began with it and the backbone with the same
    seed: the root of its mean square over the systems that have all of these seeds; none: None.
    """
    keys = ("evaluation", "language", "metric")
    several: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for backbone in (scale.encoder(E5), deepened(E5), replace(deepened(E5), after_nli=True)):
        for row in figures:
            if row["encoder"] == backbone.name and len(row["values"]) > 1:
                several.setdefault(tuple(row[key] for key in keys), row)
    found = []
    for row in several.values():
        own = dict(zip(row["seeds"], row["values"], strict=True))
        variances = [
            stdev(value - own[seed] for seed, value in zip(x["seeds"], x["values"], strict=True)) ** 2
            for x in figures
            if x["encoder"] != row["encoder"] == baseline(x["encoder"])
            and all(x[key] == row[key] for key in keys)
            and set(x["seeds"]) == set(own)
        ]
        deviations = {"deviation": stdev(own.values()), "of_differences": sqrt(mean(variances)) if variances else None}
        found.append({key: row[key] for key in keys} | deviations | {"seeds": len(own)})
    return found


def trainings(results: Mapping[str, Results]) -> dict[str, dict[str, Any]]:
    """Return the course of every pre-training: steps, tokens, seconds, the log of its losses, held-out figures."""
    found = {}
    for name, result in results.items():
        if result.program == "run_pretraining":
            (training,) = result.trainings
            after = [asdict(m) for m in result.measurements if m.steps == training.steps]
            found[name] = {
                "steps": training.steps,
                "tokens": training.tokens,
                "seconds": training.seconds,
                "log": [record for record in training.log if "loss" in record],
                "held_out": [{key: m[key] for key in ("language", "metric", "value", "count")} for m in after],
            }
    return found


def check_plan(plan_name: str, record: Mapping[str, Any]) -> None:
    """See that a record is of the plan that is gathered.

    Raises:
        ValueError: it is of another, whose steps would be lost.
    """
    if record.get("plan", plan_name) != plan_name:
        raise ValueError(f"the record is of the plan {record['plan']}, not {plan_name}; give another --output")


def same_backbones(runs: Path, record: Mapping[str, Any]) -> dict[str, str]:
    """Return the fingerprints of the weights that all steps began with.

    Raises:
        ValueError: those on record began with others than those of this machine.
    """
    now, before = read_record(runs / BACKBONES_FILE), record.get("backbones", {})
    changed = changed_backbones(now, before)
    if changed:
        raise ValueError(
            f"the steps on record began with other weights ({', '.join(changed)}) than those in {runs}; give another "
            "--output"
        )
    return {**before, **now}


def gather(
    scale: Scale,
    steps: Sequence[Step],
    finished: Mapping[str, Mapping[str, Any]],
    measured: Mapping[str, Measured],
    drawn: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return all figures of the finished steps of a plan, and what is not finished.

    Args:
        scale: of the plan.
        steps: of the plan.
        finished: what is known of each that is finished.
        measured: what each measured.
        drawn: differences that were computed before.
    """
    results = {name: one.results for name, one in measured.items()}
    figures, spaces = list(scores(results)), list(space(results))
    before: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in drawn:
        before.setdefault((row["run"], row["baseline"]), []).append(row)
    known = evaluations(measured)
    compared = {pair: compare(*pair, known, before.get(pair, [])) for pair in wanted_comparisons(known, scale)}
    differences = [row for rows in compared.values() for row in rows]
    return {
        "finished": dict(finished),
        "unfinished": {step.name: step.minutes for step in steps if step.name not in finished},
        "seed_spread": seed_spread(figures, scale),
        "claims": claims.judge(claims.CLAIMS, differences, scale),
        "encoders": trainings(results),
        "scores": figures,
        "differences": differences,
        "not_compared": [list(pair) for pair, rows in compared.items() if not rows],
        "space": spaces,
        "correlations": correlations(figures, spaces, scale.layers),
    }


def main() -> None:
    """Put on record what is new, gather and write."""
    arguments = parse_arguments()
    record_file, examples_file = (arguments.output / RECORD_FILE.with_suffix(end).name for end in (".json", ".parquet"))
    before, scale = read_record(record_file), SCALES[arguments.plan]
    check_plan(arguments.plan, before)
    backbones = same_backbones(arguments.runs, before)
    steps = plan(scale, list(QUESTIONS))
    found = places(steps, dict.fromkeys((*BACKBONES, "data", "cache"), Path()), arguments.runs)
    finished = finished_steps(found, before)
    known = read_measured(before.get("results", {}), examples_file)
    new = {name for name, step in finished.items() if step != before.get("finished", {}).get(name)}
    both = {name: measure(found[name]) if name in new else known.get(name) for name in finished}
    measured = {name: one for name, one in both.items() if one is not None}
    record = {
        "plan": arguments.plan,
        "date": datetime.now(UTC).date().isoformat(),
        "command": " ".join(["python -m benchmarks.study.collect", *sys.argv[1:]]),
        "versions": versions(),
        "backbones": backbones,
        "questions": {question: [step.name for step in plan(scale, [question])] for question in QUESTIONS},
        **gather(scale, steps, finished, measured, before.get("differences", [])),
        "results": {name: asdict(one.results) for name, one in measured.items()},
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_json(record, record_file)
    if new:
        write_examples(measured, examples_file)
    print(f"{len(finished)} steps are finished, {len(record['unfinished'])} are not")
    for name in sorted(set(before.get("finished", {})) - set(finished)):
        print(f"{name} is on record no longer: the plan has it with other settings, or not at all")
    for pair in record["not_compared"]:
        print(
            f"{' is not compared with '.join(pair)}: no test set in common, or one has no scores of examples on record"
        )


if __name__ == "__main__":
    main()
