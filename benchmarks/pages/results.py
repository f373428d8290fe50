"""The tables of docs/results.md: transfer before and after alignment, the joint model, the word aligners."""

from collections.abc import Callable
from functools import partial

from benchmarks.markdown import MISSING, percent, table
from benchmarks.records import read
from benchmarks.study.tables import points
from weam.pretraining.held_out import from_measurements
from weam.results import Results, parse_results, summarise

TRANSFER = ("xnli", "mlqa", "xquad", "udpos", "tatoeba")
HELD_OUT = ("held-out pairs", "multilingual loss", "cross-lingual loss", "retrieval, %", "AER, %")


def training(name: str) -> str:
    """Lay out the held-out scores of a training of the joint model."""
    return held_out(parse_results(read("before_after")[name], f"{name} in before_after.json"))


def transfer(benchmark: str) -> str:
    """Lay out the scores of each language before and after, and their differences."""
    record = read("before_after")[benchmark]
    runs = [parse_results(record[when], f"{benchmark} {when} in before_after.json") for when in ("before", "after")]
    before, after = ({(s.language, s.metric): 100 * s.mean for s in summarise(run.measurements)} for run in runs)
    rows: dict[str, list[str]] = {}
    metrics: dict[str, None] = {}
    for c in runs[1].comparisons:
        key = (c.language, c.metric)
        rows.setdefault(c.language, [c.language]).extend([change(before[key], after[key], 1), points(c)])
        metrics[c.metric.replace("_", " ") + ", %"] = None
    return table([benchmark, *(column for metric in metrics for column in (metric, "difference"))], list(rows.values()))


def held_out(results: Results) -> str:
    """Lay out the held-out scores of a training."""
    return table(list(HELD_OUT), held_out_rows(results))


def held_out_rows(results: Results) -> list[list[str]]:
    """Return the cells of `HELD_OUT` for each language pair of a training."""
    rows = []
    for before, after in zip(*from_measurements(results.measurements), strict=True):
        error_rates = [scores.alignment_error_rate for scores in (before, after)]
        old, new = [50 * (x.retrieval_source_to_target + x.retrieval_target_to_source) for x in (before, after)]
        rows.append(
            [
                before.language_pair,
                change(before.multilingual_loss, after.multilingual_loss, 2),
                change(before.cross_lingual_loss, after.cross_lingual_loss, 2),
                change(old, new, 1),
                MISSING if None in error_rates else " → ".join(map(percent, error_rates)),
            ]
        )
    return rows


def error_rates() -> str:
    """Lay out AER before and after, at the layer that aligns and at the last, beside the statistical aligners."""
    record = read("before_after")
    found = {(row["gold_set"], row["layer"], row["step"]): row["alignment_error_rate"] for row in record["alignment"]}
    last_layer, last = (max(row[name] for row in record["alignment"]) for name in ("layer", "step"))
    rows = []
    for name in ("de-en", "zh-en"):
        best = [
            min(
                row["alignment_error_rate"]
                for row in record["aligners"]
                if row["gold_set"] == name and row["aligner"] == aligner
            )
            for aligner in ("fast_align", "eflomal")
        ]
        for layer in (record["align_layer"], last_layer):
            rates = [found[name, layer, 0], found[name, layer, last], *best]
            rows.append([f"{name}, layer {layer}", *map(percent, rates)])
    return table(["AER on gold alignments, %", "before", "after", "FastAlign, all bitext", "Eflomal, all bitext"], rows)


def retrieval() -> str:
    """Lay out Tatoeba retrieval before and after, at the layer that aligns and at the last one."""
    record = read("before_after")
    last_step, last_layer = (max(row[name] for row in record["retrieval"]) for name in ("step", "layer"))
    languages = sorted({row["language"] for row in record["retrieval"]})
    found = {
        (row["language"], row["layer"], row["step"]): 50 * (row["from_english"] + row["to_english"])
        for row in record["retrieval"]
    }
    rows = [
        [f"layer {layer}", *(change(found[x, layer, 0], found[x, layer, last_step], 1) for x in languages)]
        for layer in (record["align_layer"], last_layer)
    ]
    return table(["Tatoeba retrieval, mean of both directions, %", *(f"en-{x}" for x in languages)], rows)


def change(before: float | None, after: float | None, digits: int) -> str:
    """Write a figure before and after; – where it was not measured.

    >>> change(7.391, 1.95, 2)
    '7.39 → 1.95'
    """
    return MISSING if before is None or after is None else f"{before:.{digits}f} → {after:.{digits}f}"


def aligners() -> str:
    """Lay out how good the statistical aligners are over tokens, joined by intersection."""
    wanted = [
        row
        for row in read("alignment")["heuristics"]["rows"]
        if (row["unit"], row["heuristic"]) == ("token", "intersect")
    ]
    rates = {(row["gold_set"], row["aligner"]): row["alignment_error_rate"] for row in wanted}
    names = sorted({name for name, _ in rates})
    rows = [[name, percent(rates[name, "fast_align"]), percent(rates[name, "eflomal"])] for name in names]
    return table(["gold set", "FastAlign", "Eflomal"], rows)


TABLES: dict[str, Callable[[], str]] = {
    **{benchmark: partial(transfer, benchmark) for benchmark in TRANSFER},
    "joint model": partial(training, "training"),
    "error rates": error_rates,
    "retrieval": retrieval,
    "with head warm-up": partial(training, "with_head_warmup"),
    "without head warm-up": partial(training, "without_head_warmup"),
    "aligners": aligners,
}
