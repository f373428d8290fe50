"""Write the tables of docs/results.md: transfer before and after alignment, the joint model, the word aligners.

python -m benchmarks.pages
"""

from benchmarks.markdown import MISSING, percent, table
from benchmarks.records import Record, read
from benchmarks.study.cells import points
from benchmarks.study.record import Gap
from weam.pretraining.held_out import from_measurements
from weam.results import Comparison, Results, parse_results, summarise

TRANSFER_TITLES = {
    "xnli": "XNLI, accuracy.",
    "mlqa": "MLQA dev, contexts and questions in all pairs (context-question), EM and F1 by MLQA's rules.",
    "xquad": "XQuAD, the same models, EM and F1 by SQuAD's rules.",
    "udpos": "UDPOS, trained on LinES, tested on PUD, share of words with the right tag.",
    "tatoeba": "Tatoeba, translation retrieval; the layer is chosen on other pairs.",
}
TRANSFER = tuple(TRANSFER_TITLES)


def transfer() -> str:
    """Write what alignment does to zero-shot transfer."""
    return "\n\n".join([read(TRANSFER[0])["note"], *map(transfer_section, TRANSFER)])


def transfer_section(benchmark: str) -> str:
    """Write a benchmark's table, its command and its plot."""
    record = read(benchmark)
    before, after = (parse_results(record[when], f"{when} in {benchmark}.json") for when in ("before", "after"))
    trained = sum(row["count"] for row in after.data if row["split"] == "train")
    seeds, steps = len({m.seed for m in after.measurements}), after.trainings[0].steps
    training = (
        f"{trained:,} English training examples, {steps} steps, {seeds} seed{'s' * (seeds > 1)}. " if trained else ""
    )
    metrics = list(dict.fromkeys(comparison.metric for comparison in after.comparisons))
    old = {(s.language, s.metric): s.mean for s in summarise(before.measurements)}
    new = {(s.language, s.metric): s.mean for s in summarise(after.measurements)}
    found = {(c.language, c.metric): c for c in after.comparisons}
    rows = []
    for language in dict.fromkeys(comparison.language for comparison in after.comparisons):
        row = [language]
        for metric in metrics:
            c = found[language, metric]
            row.append(change(100 * old[language, metric], 100 * new[language, metric], 1))
            row.append(difference(c))
        rows.append(row)
    columns = [column for metric in metrics for column in (metric.replace("_", " ") + ", %", "difference")]
    text = f"**{TRANSFER_TITLES[benchmark]}** {training}Measured {after.date}: `accelerate launch {after.command}`."
    plot = f"![{benchmark} before and after](figures/{benchmark}.svg)"
    return f"{text}\n\n{table([benchmark, *columns], rows)}\n\n{plot}"


def evidence() -> str:
    """Write what the joint model on real bitext shows."""
    record = read("evidence")
    run = training_of(record, "training")
    hours = run.trainings[0].seconds / 3600
    head = (
        f"Measured {record['date']}. {record['note']} One model for en-de, en-es "
        f"and en-zh, {run.settings['model']['exchange']} exchange, {run.trainings[0].steps:,} steps in {hours:.1f} "
        f"hours on one thread of a shared processor: `accelerate launch {run.command}`, then `{record['command']}`."
    )
    last = max(row["step"] for row in record["alignment"])
    found = {(row["gold_set"], row["layer"], row["step"]): row["alignment_error_rate"] for row in record["alignment"]}
    last_layer = max(row["layer"] for row in record["alignment"])
    rows = []
    for name in ("de-en", "zh-en"):
        own = {}
        for aligner in ("fast_align", "eflomal"):
            rates = [row for row in record["aligners"] if (row["gold_set"], row["aligner"]) == (name, aligner)]
            own[aligner] = percent(min(row["alignment_error_rate"] for row in rates))
        for layer in (record["align_layer"], last_layer):
            ends = [percent(found[name, layer, step]) for step in (0, last)]
            rows.append([f"{name}, layer {layer}", *ends, own["fast_align"], own["eflomal"]])
    error_rates = table(
        ["AER on gold alignments, %", "before", "after", "FastAlign, all bitext", "Eflomal, all bitext"], rows
    )
    parts = [head, held_out_table(run), error_rates, retrieval_table(record), head_warmup(record)]
    picture = "![Losses, error rates and retrieval over steps and layers](figures/evidence.svg)"
    return "\n\n".join([*parts, picture])


def head_warmup(record: Record) -> str:
    """Write what the head warm-up changes in a short training."""
    with_warmup, without = (training_of(record, f"{name}_head_warmup") for name in ("with", "without"))
    text = (
        f"The backbone comes without a prediction head. {with_warmup.trainings[0].steps} steps after a warm-up of "
        f"{with_warmup.settings['model']['head_warmup_steps']} steps in which only the head learns (first table), "
        "and without one (second table):"
    )
    return "\n\n".join([text, held_out_table(with_warmup), held_out_table(without)])


def held_out_table(results: Results) -> str:
    """Lay out the held-out scores of a training."""
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
    return table(["held-out pairs", "multilingual loss", "cross-lingual loss", "retrieval, %", "AER, %"], rows)


def retrieval_table(record: Record) -> str:
    """Lay out Tatoeba retrieval before and after, at the layer that aligns and at the last one."""
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


def training_of(record: Record, name: str) -> Results:
    """Return a training that the evidence was taken from."""
    return parse_results(record[name], f"{name} in evidence.json")


def change(before: float | None, after: float | None, digits: int) -> str:
    """Write a figure before and after; – where it was not measured.

    >>> change(7.391, 1.95, 2)
    '7.39 → 1.95'
    """
    return MISSING if before is None or after is None else f"{before:.{digits}f} → {after:.{digits}f}"


def difference(comparison: Comparison) -> str:
    """Write a difference in points, with its interval."""
    return points(Gap(comparison.difference, comparison.low, comparison.high))


def aligners() -> str:
    """Write how good the statistical aligners are."""
    record = read("alignment")
    head = (
        "Alignment error rate in percent over mBERT's pieces, intersection of both directions, "
        f"trained on the gold sentences and {record['extra_pairs']:,} other pairs; above, the aligners had all bitext, "
        f"the backbone's pieces and the better of two heuristics. Measured {record['date']} with "
        f"`{record['command']}`; all heuristics, words as units, time and memory are in "
        "`benchmarks/results/alignment.json`."
    )
    wanted = [row for row in record["rows"] if (row["unit"], row["heuristic"]) == ("token", "intersect")]
    rates = {(row["gold_set"], row["aligner"]): row["alignment_error_rate"] for row in wanted}
    names = sorted({name for name, _ in rates})
    rows = [[name, percent(rates[name, "fast_align"]), percent(rates[name, "eflomal"])] for name in names]
    return f"{head}\n\n{table(['gold set', 'FastAlign', 'Eflomal'], rows)}"


SECTIONS = {"transfer": transfer, "evidence": evidence, "aligners": aligners}
