"""Lay out what the study measured as Markdown tables, which `benchmarks/study/report.py` puts into the pages.

Scores are in percent, differences in points with their 95 % intervals; – is what was not measured. A table of which
nothing was measured is empty.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from statistics import fmean, stdev
from typing import Any

from benchmarks.markdown import MISSING, percent, table
from benchmarks.study import plan, record
from benchmarks.study.claims import NOT_MEASURED
from benchmarks.study.collect import TRANSFER_GAP
from benchmarks.study.plan import E5, ENGLISH, SHUFFLED, Growth, baseline, encoders
from benchmarks.study.record import ERROR_RATE, HIGH, OF_ENCODERS, SPACE_PAIRS, WORD_RETRIEVAL, Benchmark, Gap, Study
from weam.results import MEAN
from weam.scores import Difference

LAST, BEST = "last", "best"  # layers
Column = tuple[str, Callable[[str], str]]  # its head, and what it says of an encoder
POINT = 0.01
DEEP = f"{max(plan.LAYERS)} layers"
TRIOS = {  # WEAM, TLM and the placebo, by what they have in common
    name: (f"weam, {name}", f"tlm, {name}", f"weam, {shuffled}")
    for name, shuffled in {
        "6 layers": f"{SHUFFLED}, 6 layers",
        f"{plan.LONG_WARMUP}, 6 layers": f"{plan.LONG_WARMUP}, {SHUFFLED}, 6 layers",
        DEEP: f"{SHUFFLED}, {DEEP}",
        f"{DEEP}, {plan.LARGE_PAIRS:,} pairs": f"{SHUFFLED}, {DEEP}, {plan.LARGE_PAIRS:,} pairs",
    }.items()
}
TASKS = (Benchmark.PANX, Benchmark.XQUAD, Benchmark.MLQA, Benchmark.MLQA_TRANSLATED)
OF_CLAIMS = (Benchmark.XNLI_FROM_NLI, Benchmark.PANX, Benchmark.TATOEBA)


# Cells and columns


def score(values: Sequence[float] | None) -> str:
    """Write the mean of a score over seeds, with the standard deviation where there are several.

    >>> score([0.5, 0.52]), score([0.5]), score(None)
    ('51.0 ± 1.4', '50.0', '–')
    """
    if not values:
        return MISSING
    return percent(fmean(values)) + (f" ± {percent(stdev(values))}" if len(values) > 1 else "")


def points(gap: Difference | None) -> str:
    """Write a difference.

    >>> points(Gap(0.0123, -0.001, 0.02)), points(None)
    ('+1.2 [-0.1, +2.0]', '–')
    """
    return MISSING if gap is None else f"{100 * gap.difference:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"


def signed(difference: float | None) -> str:
    """Write a difference that has no interval.

    >>> signed(-0.0123), signed(None)
    ('-1.2', '–')
    """
    return MISSING if difference is None else f"{100 * difference:+.1f}"


def seed_note(gap: Gap, evaluation: str) -> str:
    """Say where an interval knows nothing of the spread over seeds, as one of both systems has a single one.

    >>> seed_note(Gap(0.01, 0.0, 0.02, (1, 3)), "udpos"), seed_note(Gap(0.01, 0.0, 0.02, (1, 1)), "tatoeba")
    (' (one seed)', '')
    """
    return " (one seed)" if min(gap.seeds) == 1 and evaluation != Benchmark.TATOEBA else ""


def encoder_table(head: str, encoders: Iterable[str], columns: Sequence[Column]) -> str:
    """Lay out a row for each encoder of which a column says anything; nothing if there is none."""
    rows = [[encoder, *(cell(encoder) for _, cell in columns)] for encoder in dict.fromkeys(encoders)]
    kept = [row for row in rows if set(row[1:]) - {MISSING}]
    return table([head, *(title for title, _ in columns)], kept) if kept else ""


def score_column(study: Study, head: str, evaluation: str, language: str = MEAN) -> Column:
    """Return a column of scores."""
    return head, lambda encoder: score(study.scores.get((f"{encoder}/{evaluation}", language)))


def gap_column(
    study: Study,
    head: str,
    evaluation: str,
    baseline: str | Callable[[str], str],
    language: str | Callable[[str], str] = MEAN,
) -> Column:
    """Return a column of differences to an encoder, in a language; each may depend on the encoder of the row."""

    def cell(encoder: str) -> str:
        other, where = (of if isinstance(of, str) else of(encoder) for of in (baseline, language))
        return points(study.gap(f"{encoder}/{evaluation}", f"{other}/{evaluation}", where))

    return head, cell


def pair_columns(
    study: Study, evaluation: Benchmark, baseline: str | Callable[[str], str], words: str = "", language: str = MEAN
) -> list[Column]:
    """Return a column of scores, with words behind the benchmark's title, and one of differences."""
    less = f"less {baseline}" if isinstance(baseline, str) else "difference"
    return [
        score_column(study, evaluation.heading + words, evaluation, language),
        gap_column(study, less, evaluation, baseline, language),
    ]


def compared(study: Study, evaluations: Iterable[Benchmark], baseline: str | Callable[[str], str]) -> list[Column]:
    """Return both columns for each of several benchmarks."""
    return [column for evaluation in evaluations for column in pair_columns(study, evaluation, baseline)]


def layer_cell(study: Study, encoder: str, metric: str, layer: str) -> str:
    """Write a figure of the space for both language pairs, at the last layer or at the best one, which is named."""
    cells = []
    for pair in SPACE_PAIRS:
        values = study.layers.get((encoder, pair, metric))
        if values is None:
            cells.append(MISSING)
        elif layer == LAST:
            cells.append(percent(values[-1]))
        else:
            best = (min if metric == ERROR_RATE else max)(values)
            cells.append(f"{percent(best)} ({values.index(best) + 1})")
    return MISSING if set(cells) == {MISSING} else " / ".join(cells)


def layer_column(study: Study, head: str, metric: str, layer: str) -> Column:
    """Return a column of the space, German / Chinese."""
    return head, lambda encoder: layer_cell(study, encoder, metric, layer)


# Tables


def seeds_needed(deviation: float, of_differences: float | None) -> int:
    """Return how many seeds of each of two systems make a difference of a point more than the spread over seeds.

    The interval of a mean difference over n seeds is 1.96 deviations of a difference times the root of 1/n to either
    side. Where systems share no seeds, a difference deviates by the root of 2 times what a score does.

    >>> seeds_needed(0.01, None), seeds_needed(0.01, 0.007), seeds_needed(0.001, None)
    (8, 2, 1)
    """
    variance = 2 * deviation**2 if of_differences is None else of_differences**2
    return max(1, ceil(1.96**2 * variance / POINT**2))


def spread_table(study: Study) -> str:
    """Lay out the standard deviations over seeds, in points."""
    evaluations = list(dict.fromkeys(evaluation for evaluation, _ in study.spread))
    languages = study.languages(*(f"{study.backbone}/{evaluation}" for evaluation in evaluations))
    rows = []
    for evaluation in evaluations:
        texts = [study.spread.get((evaluation, language)) for language in languages]
        rows.append([Benchmark(evaluation).heading, *(in_points(cell and cell[0]) for cell in texts)])
        total = study.spread.get((evaluation, MEAN))
        ends = (in_points(total[1]), str(total[2]), str(seeds_needed(*total[:2]))) if total else [MISSING] * 3
        rows[-1] += ends
    columns = ["mean, from the backbone", "seeds", "seeds for a point"]
    return table([E5, *languages, *columns], rows) if rows else ""


def in_points(deviation: float | None) -> str:
    """Write a deviation in points.

    >>> in_points(0.0141), in_points(None)
    ('1.41', '–')
    """
    return MISSING if deviation is None else f"{100 * deviation:.2f}"


def claims_table(study: Study) -> str:
    """Lay out every contrast of every claim."""
    rows = []
    for claim in study.record["claims"]:
        for contrast in claim["contrasts"]:
            run, baseline = contrast["run"], contrast["baseline"]
            gap = study.gap(run, baseline)
            texts = [percent(study.mean(run)), percent(study.mean(baseline)), points(gap)]
            seeds = MISSING if gap is None else " and ".join(map(str, gap.seeds))
            rows.append([f"{claim['letter']}. {in_words(contrast)}", *texts, seeds, contrast["verdict"]])
    return table(["claim", "the first, %", "the second, %", "difference", "seeds", "verdict"], rows)


def in_words(contrast: Mapping[str, Any]) -> str:
    """Say what a contrast claims.

    >>> in_words({"run": "tlm, 6 layers/nli zero-shot", "relation": "above", "baseline": "mlm, 6 layers/nli zero-shot"})
    'tlm, 6 layers zero-shot above mlm, 6 layers zero-shot'
    """
    return f"{plain(contrast['run'])} {contrast['relation']} {plain(contrast['baseline'])}"


def plain(system: str) -> str:
    """Name a system where all is on XNLI.

    >>> plain("weam, 6 layers/xnli translate-train"), plain("weam, 12 layers/nli zero-shot")
    ('weam, 6 layers translate-train', 'weam, 12 layers zero-shot')
    """
    return system.replace("/xnli ", " ").replace("/nli ", " ")


def systems_table(study: Study) -> str:
    """Lay out every system in every kind of test, means over languages other than English."""
    tests = (Benchmark.XNLI, Benchmark.XNLI_TRANSLATED, Benchmark.UDPOS, Benchmark.PANX, Benchmark.TATOEBA)
    columns = [
        *(score_column(study, test.heading + ", F1" * (test == Benchmark.PANX), test) for test in tests),
        layer_column(study, "AER de / zh, last layer", ERROR_RATE, LAST),
        layer_column(study, "AER, best layer", ERROR_RATE, BEST),
        layer_column(study, "word retrieval de / zh, last layer", WORD_RETRIEVAL, LAST),
    ]
    return encoder_table("mean, %", study.encoders("systems"), columns)


SUMMARISED = ("weam", "tlm", "mlm", "word-alignment", "weam-representation", f"weam, {SHUFFLED}")


def summary_table(study: Study) -> str:
    """Lay out the systems of the claims with all layers, on as many pairs as most encoders, in few columns."""
    names = [f"{system}, {DEEP}" for system in (E5, *SUMMARISED)]
    return encoder_table("mean, %", study.measured(names), compared(study, OF_CLAIMS, baseline))


def deep_table(study: Study) -> str:
    """Lay out the systems of the claims with all layers, fine-tuned on a large English training set."""
    columns = [
        *compared(study, OF_CLAIMS, baseline),
        layer_column(study, "AER de / zh, last layer", ERROR_RATE, LAST),
        layer_column(study, "word retrieval de / zh, last layer", WORD_RETRIEVAL, LAST),
    ]
    return encoder_table("mean, %", study.encoders("all-layers"), columns)


def siblings_table(study: Study, question: str, evaluations: Sequence[Benchmark]) -> str:
    """Lay out the systems with all layers less WEAM and TLM on as many pairs, and less themselves on fewer."""
    deep = [name for name in study.encoders(question) if DEEP in name and encoders()[name].is_trained]

    def sibling(key: str) -> Callable[[str], str]:
        return lambda encoder: plan.rivals(encoder)[key]

    others = {"weam": "weam", "tlm": "tlm", "fewer": f"itself on {study.scale.pairs:,} pairs"}
    columns = [
        gap_column(study, f"{evaluation.heading}, less {words}", evaluation, sibling(key))
        for evaluation in evaluations
        for key, words in others.items()
    ]
    known = [(head, cell) for head, cell in columns if any(cell(encoder) != MISSING for encoder in deep)]
    return encoder_table("mean, points", deep, known)


def transfer_table(study: Study, evaluation: Benchmark, names: Sequence[str]) -> str:
    """Lay out how far each encoder falls from English to the other languages, beside the backbone of its depth."""
    columns = [
        score_column(study, "English", evaluation, ENGLISH),
        score_column(study, "mean of the others", evaluation),
        score_column(study, "transfer gap", evaluation, TRANSFER_GAP),
        gap_column(study, "difference", evaluation, baseline, TRANSFER_GAP),
    ]
    return encoder_table(f"{evaluation.heading}, %", names, columns)


def refined_table(study: Study) -> str:
    """Lay out the systems of the claims that went on from English NLI, in English or in each language."""
    columns = compared(study, (Benchmark.XNLI, Benchmark.XNLI_TRANSLATED), baseline)
    return encoder_table("mean, %", study.encoders("all-layers"), columns)


def by_backbone(names: Iterable[str]) -> list[list[str]]:
    """Return encoders in groups of those that began with the same backbone.

    >>> by_backbone(["mlm, 6 layers", "tlm, 12 layers", "tlm, 6 layers"])
    [['mlm, 6 layers', 'tlm, 6 layers'], ['tlm, 12 layers']]
    """
    groups: dict[str, list[str]] = {}
    for encoder in names:
        groups.setdefault(baseline(encoder), []).append(encoder)
    return list(groups.values())


def language_table(study: Study, evaluation: Benchmark, names: Sequence[str]) -> str:
    """Lay out an evaluation by language: the scores of the backbone, and what others of its depth differ by."""
    backbones = [baseline(encoder) for encoder in names if study.languages(f"{encoder}/{evaluation}")]
    reference = f"{backbones[-1]}/{evaluation}" if backbones else ""
    languages = study.languages(reference)
    if not languages:
        return ""
    rows = [[f"{backbones[-1]}, %", *(score(study.scores[reference, language]) for language in languages)]]
    for encoder in names:
        gaps = [points(study.gap(f"{encoder}/{evaluation}", reference, language)) for language in languages]
        rows += [] if set(gaps) == {MISSING} else [[encoder, *gaps]]
    return table([evaluation.heading, *languages], rows)


def trainings_table(study: Study, question: str) -> str:
    """Lay out what each training of a question took."""
    known = study.record["encoders"]
    rows = []
    for encoder in study.encoders(question):
        if encoder in known:
            run = known[encoder]
            rows.append([encoder, f"{run['steps']:,}", f"{run['tokens']:,}", f"{run['seconds'] / 60:.0f}"])
    return table(["training", "steps", "tokens", "minutes"], rows) if rows else ""


def ablation_encoders(study: Study) -> list[str]:
    """Return what the ablations are set beside, and they."""
    systems = [study.scale.encoder(name).name for name in (E5, "tlm", "weam", "weam-representation")]
    return study.measured([*systems, *study.encoders("ablations")])


def origin(encoder: str) -> str:
    """Return what an ablation differs from; WEAM for a system.

    >>> origin("tlm, learning rate 2e-4, 6 layers"), origin("weam, no head warm-up, 6 layers"), origin("tlm, 6 layers")
    ('tlm, 6 layers', 'weam, 6 layers', 'weam, 6 layers')
    """
    own = encoders()[encoder]
    return replace(own, system=own.system if own.variants else "weam", variants=()).name


def ablation_table(study: Study) -> str:
    """Lay out the ablations, each less the system that it is named after, systems less WEAM."""
    columns = [
        *compared(study, record.OF_SYSTEMS, origin),
        layer_column(study, "AER de / zh, last layer", ERROR_RATE, LAST),
        layer_column(study, "word retrieval", WORD_RETRIEVAL, LAST),
    ]
    return encoder_table("mean, %", ablation_encoders(study), columns)


def placebo_gaps(study: Study, evaluation: str, weam: str, tlm: str, shuffled: str) -> list[Gap | None]:
    """Return by how much WEAM is above TLM, WEAM with shuffled links above TLM, and the latter above WEAM."""
    pairs = ((weam, tlm), (shuffled, tlm), (shuffled, weam))
    return [study.gap(f"{run}/{evaluation}", f"{baseline}/{evaluation}") for run, baseline in pairs]


def placebo_tests(study: Study) -> dict[str, tuple[Benchmark, list[Gap | None]]]:
    """Return for each test of the placebo, as `Tatoeba (6 layers)`, its evaluation and what `placebo_gaps` has."""
    found = {}
    for variant, trio in TRIOS.items():
        for evaluation in (Benchmark.XNLI_FROM_NLI, *record.OF_SYSTEMS):
            gaps = placebo_gaps(study, evaluation, *trio)
            if any(gaps):
                found[f"{evaluation.heading} ({variant})"] = (evaluation, gaps)
    return found


def placebo_table(study: Study) -> str:
    """Lay out WEAM with true and with shuffled links beside TLM, which is WEAM without links."""
    rows = []
    for title, (evaluation, gaps) in placebo_tests(study).items():
        fewest = min((gap for gap in gaps if gap is not None), key=lambda gap: min(gap.seeds))
        reading = placebo_reading(gaps[0], gaps[2]) + seed_note(fewest, evaluation)
        rows.append([title, *map(points, gaps), reading])
    weam, tlm, shuffled = (study.last(encoder, ERROR_RATE) for encoder in TRIOS["6 layers"])
    if weam is not None and tlm is not None and shuffled is not None:
        rates = [signed(weam - tlm), signed(shuffled - tlm), signed(shuffled - weam)]
        rows.append(["AER, last layer (low is good)", *rates, "no interval"])
    return table(["mean", "weam less tlm", "shuffled less tlm", "shuffled less weam", "reading"], rows)


def placebo_reading(over_tlm: Gap | None, shuffled: Gap | None) -> str:
    """Say what a test shows of the links: by WEAM less TLM, and by shuffled links less true ones.

    >>> placebo_reading(Gap(0.02, 0.01, 0.03), Gap(-0.02, -0.03, -0.01))
    'weam above tlm; worse with shuffled links'
    """
    first = {1: "weam above tlm", 0: "no clear difference between weam and tlm", -1: "weam below tlm"}
    second = {1: "better with shuffled links", 0: "no clear effect of shuffled links", -1: "worse with shuffled links"}
    known = [words[gap.side] for words, gap in ((first, over_tlm), (second, shuffled)) if gap is not None]
    return "; ".join(known) or NOT_MEASURED


def wide_backbone(study: Study) -> str:
    """Return the wide backbone, as the questions about text have it."""
    return study.scale.encoder(plan.WIDE_E5).name


def ratio_table(study: Study, low: str) -> str:
    """Lay out the scores of both languages for each ratio and sampling exponent."""
    names = [wide_backbone(study), *(name for name, text in record.mixtures(study).items() if text.low == low)]
    columns = [
        column
        for evaluation in OF_ENCODERS
        for language in (HIGH, low)
        for column in pair_columns(study, evaluation, wide_backbone(study), f" {language}", language)
    ]
    return encoder_table("%", names, columns)


def sampling_table(study: Study) -> str:
    """Lay out what drawing the low-resource language more often than it comes changes, for it and for the other."""
    low = {name: text.low for name, text in record.mixtures(study).items()}
    columns = [
        gap_column(study, f"{evaluation.heading} {head}", evaluation, plan.drawn_as_it_comes, language)
        for evaluation in OF_ENCODERS
        for head, language in ((HIGH, HIGH), ("low-resource", low.__getitem__))
    ]
    return encoder_table("points, less alpha 1", low, columns)


def part_gap(study: Study, encoder: str, evaluation: str, aligned: bool) -> float | None:
    """Return the mean difference to the backbone over the languages that were aligned, or that were not."""
    text = encoders()[encoder].text
    run, baseline = f"{encoder}/{evaluation}", f"{wide_backbone(study)}/{evaluation}"
    seen = text.aligned if isinstance(text, Growth) else []
    foreign = [language for language in study.languages(baseline) if language not in (ENGLISH, MEAN)]
    gaps = [study.gap(run, baseline, language) for language in foreign if (language in seen) == aligned]
    return record.average([gap.difference if gap else None for gap in gaps])


def growth_table(study: Study) -> str:
    """Lay out the scores for each number of languages: their mean, that of the language aligned in all, both parts."""
    wide = wide_backbone(study)
    columns = []
    for evaluation in OF_ENCODERS:
        columns += pair_columns(study, evaluation, wide, " mean")
        columns.append(gap_column(study, HIGH, evaluation, wide, HIGH))
        columns.append(("aligned", _part_cell(study, evaluation, True)))
        columns.append(("not aligned", _part_cell(study, evaluation, False)))
    return encoder_table("%", [wide, *record.growths(study)], columns)


def _part_cell(study: Study, evaluation: str, aligned: bool) -> Callable[[str], str]:
    return lambda encoder: signed(part_gap(study, encoder, evaluation, aligned))


def size_table(study: Study) -> str:
    """Lay out the encoders of each number of layers, each less the backbone of its depth."""
    columns = [
        *compared(study, OF_ENCODERS, baseline),
        layer_column(study, "AER de / zh, last layer", ERROR_RATE, LAST),
    ]
    return encoder_table("mean, %", [encoder.name for encoder in record.depths(study)], columns)


def orders(study: Study) -> dict[str, str]:
    """Return what came one after the other, and the evaluation that it led to."""
    weam, last = (study.scale.encoder(name) for name in ("weam", "English NLI then weam"))
    after = {encoder: replace(encoder, after_nli=True) for encoder in (weam, weam.base)}
    return {
        "XNLI": f"{study.backbone}/{Benchmark.XNLI}",
        "alignment, XNLI": f"{weam.name}/{Benchmark.XNLI}",
        "English NLI": f"{study.backbone}/{Benchmark.XNLI_FROM_NLI}",
        "alignment, English NLI": f"{weam.name}/{Benchmark.XNLI_FROM_NLI}",
        "English NLI, XNLI": f"{after[weam.base].name}/{Benchmark.XNLI}",
        "English NLI, alignment, XNLI": f"{last.name}/{Benchmark.XNLI}",
        "alignment, English NLI, XNLI": f"{after[weam].name}/{Benchmark.XNLI}",
    }


def orders_table(study: Study) -> str:
    """Lay out the orders of English NLI, alignment and fine-tuning."""
    known = orders(study)
    languages = study.languages(*known.values())
    rows = []
    for order, system in known.items():
        texts = [score(study.scores.get((system, language))) for language in languages]
        gap = study.gap(system, f"{study.backbone}/{system.partition('/')[2]}")
        rows += [] if set(texts) == {MISSING} else [[order, *texts, points(gap)]]
    return table(["trained on, in this order", *languages, "less the backbone"], rows) if rows else ""


def tested_on(study: Study, task: str) -> list[str]:
    """Return the encoders that the plan tests on a task."""
    steps = [step.split("/") for step in study.record["questions"]["beyond"]]
    return list(dict.fromkeys(words[0] for words in steps if words[1:2] == [task]))


def tasks_table(study: Study) -> str:
    """Lay out the tasks other than XNLI, each less the backbone of its depth."""
    tasks = [task for task in TASKS if tested_on(study, task)]
    columns = [column for name in tasks for column in pair_columns(study, name, baseline, ", F1")]
    return encoder_table("mean, %", study.encoders("beyond"), columns)


def space_table(study: Study) -> str:
    """Lay out the spaces of all encoders at the last layer, and where it helps at the best one."""
    names = study.measured(name for question in study.record["questions"] for name in study.encoders(question))
    columns = [
        layer_column(study, "AER, last layer", ERROR_RATE, LAST),
        layer_column(study, "AER, best layer", ERROR_RATE, BEST),
        layer_column(study, "word retrieval, last layer", WORD_RETRIEVAL, LAST),
        layer_column(study, "word retrieval, best layer", WORD_RETRIEVAL, BEST),
        layer_column(study, "cosine of aligned words, last layer", "cosine_aligned", LAST),
        layer_column(study, "of random words", "cosine_random", LAST),
    ]
    return encoder_table("de / zh, %", names, columns)


def correlations_table(study: Study) -> str:
    """Lay out the rank correlations of the space with transfer, and over how many encoders."""
    rows = study.record["correlations"]
    found = {(row["space"], row["transfer"]): row for row in rows}
    transfers = list(dict.fromkeys(row["transfer"] for row in rows))
    lines = []
    for metric in dict.fromkeys(row["space"] for row in rows):
        texts = [found.get((metric, transfer)) for transfer in transfers]
        texts = [f"{row['spearman']:+.2f} ({len(row['encoders'])})" if row else MISSING for row in texts]
        lines.append([metric.replace("_", " "), *texts])
    return table(["last layer", *(Benchmark(name).heading for name in transfers)], lines) if lines else ""


def steps_table(study: Study) -> str:
    """Lay out for each question how much of it is finished, what it took, and what the rest is estimated to take."""
    finished, left = study.record["finished"], study.record["unfinished"]
    rows = []
    for question, steps in record.own_steps(study).items():
        done = [finished[step] for step in steps if step in finished]
        spent = sum(step["seconds"] * step["threads"] for step in done) / 3600
        hours = sum(left.get(step, 0) for step in steps) / 60
        rows.append([question, str(len(steps)), str(len(done)), f"{spent:.1f}", f"{hours:.1f}"])
    return table(["question", "steps", "finished", "core hours taken", "core hours left, estimated"], rows)
