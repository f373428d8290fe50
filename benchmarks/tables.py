"""Write the tables of README.md and docs/scaling.md from `benchmarks/results/*.json`.

    python -m benchmarks.tables

Every figure in them comes through here; a test sees to it that they are what this writes.
"""

from pathlib import Path

from benchmarks.markdown import RESULTS, ROOT, Record, fill, percent, read, table
from benchmarks.scaling_tables import SECTIONS
from weam.held_out import from_measurements
from weam.results import Results, parse_results, read_results, summarise

README = ROOT / "README.md"
SCALING = ROOT / "docs" / "scaling.md"

READING = (
    "How to read this: both losses fall on all language pairs. As a word aligner the encoder beats FastAlign and "
    "Eflomal on the same sentences, but it did so before this training as well: multilingual E5 comes with aligned "
    "languages. At the layer that `align_words` reads, WEAM lowers the error rate only a little, and all of that "
    "within the first 375 steps; at the last layer, where E5 keeps sentences rather than words, it lowers it clearly. "
    "Translation retrieval does not gain, and mostly loses."
)

TRANSFER_TITLES = {
    "xnli": "XNLI, accuracy.",
    "mlqa": "MLQA dev, contexts and questions in all pairs (context-question), EM and F1 by MLQA's rules.",
    "xquad": "XQuAD, the same models, EM and F1 by SQuAD's rules.",
    "udpos": "UDPOS, trained on LinES, tested on PUD, share of words with the right tag.",
    "tatoeba": "Tatoeba, translation retrieval; the layer is chosen on other pairs.",
}
TRANSFER = tuple(TRANSFER_TITLES)
TRANSFER_READING = (
    "How to read this, always on a small backbone and with reduced training sets: on XNLI the languages that were "
    "aligned gain 3 to 6 points, which is the direction of the paper's claim, English nearly 3; languages that were "
    "not aligned lose or do not change. One seed: intervals are about test examples, and nothing is known of the "
    "spread over seeds. On UDPOS Chinese and Arabic gain, English loses a little, the mean is undecided. On MLQA and "
    "XQuAD, with 2,500 training questions and at most 200 test questions of a language pair, the means are undecided "
    "and the few decided pairs point both ways. Tatoeba: where sentences seek their English translation, German and "
    "Chinese lose 2 to 4 points and languages that were not aligned up to 20: training on three language pairs takes "
    "from the others what the backbone, multilingual E5, was made for. Arabic and Hindi (one character a piece) and "
    "Vietnamese (11 % of the pieces of XNLI's dev premises unknown) are hardly in the backbone's cut vocabulary, so "
    "little can be said of them."
)


def training_of(record: Record, name: str) -> Results:
    """Return a training that the evidence was taken from."""
    return parse_results(record[name], f"{name} in evidence.json")


def change(before: float | None, after: float | None, digits: int) -> str:
    """Write a figure before and after; nothing where it was not measured.

    >>> change(7.391, 1.95, 2)
    '7.39 → 1.95'
    """
    return "" if before is None or after is None else f"{before:.{digits}f} → {after:.{digits}f}"


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
                "" if None in error_rates else " → ".join(map(percent, error_rates)),
            ]
        )
    return table(["held-out pairs", "multilingual loss", "cross-lingual loss", "retrieval, %", "AER, %"], rows)


def quickstart() -> str:
    """Write what the quick start measured."""
    results, target = (read_results(RESULTS / f"{name}.json") for name in ("quickstart", "quickstart_target"))
    rates = [percent(scores.alignment_error_rate) for scores in from_measurements(target.measurements)[1]]
    minutes, seconds = divmod(round(results.total_seconds), 60)
    text = (
        f"Measured {results.date} on one thread of a processor: {results.trainings[0].steps:,} steps, {minutes} min "
        f"{seconds} s in all. "
        "Losses in nats per token; AER is the alignment error rate against the links that the grammar knows. A toy: it "
        "shows that every stage works, not what the method is worth. After as many steps of the target exchange "
        f"(`accelerate launch {target.command}`) the AER is {', '.join(rates)} %."
    )
    return f"{held_out_table(results)}\n\n{text}"


def results() -> str:
    """Write the section on results."""
    return "\n\n".join([transfer(), evidence(), aligners(), speed(), collator()])


def transfer() -> str:
    """Write what alignment does to zero-shot transfer."""
    note = read(TRANSFER[0])["note"]
    head = (
        f"### Zero-shot transfer, before and after alignment\n\n{note} The model after alignment is the joint one of "
        "the next section: German, Spanish and Chinese were aligned with English, the other languages were not. Mean "
        "over seeds; differences with a 95 % interval (paired bootstrap over test examples, and seeds where there are "
        "several)."
    )
    return "\n\n".join([head, *map(transfer_section, TRANSFER), TRANSFER_READING])


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
            row.append(f"{100 * c.difference:+.1f} [{100 * c.low:+.1f}, {100 * c.high:+.1f}]")
        rows.append(row)
    columns = [column for metric in metrics for column in (metric.replace("_", " ") + ", %", "difference")]
    text = f"**{TRANSFER_TITLES[benchmark]}** {training}Measured {after.date}: `accelerate launch {after.command}`."
    plot = f"![{benchmark} before and after](benchmarks/results/{benchmark}.svg)"
    return f"{text}\n\n{table([benchmark, *columns], rows)}\n\n{plot}"


def evidence() -> str:
    """Write what the joint model on real bitext shows."""
    record = read("evidence")
    run = training_of(record, "training")
    hours = run.trainings[0].seconds / 3600
    head = (
        f"### A joint model on real bitext\n\nMeasured {record['date']}. {record['note']} One model for en-de, en-es "
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
        ["AER on gold alignments, %", "before", "after", "FastAlign, same sentences", "Eflomal, same sentences"], rows
    )
    parts = [head, held_out_table(run), error_rates, READING, retrieval_table(record), head_warmup(record)]
    picture = "![Losses, error rates and retrieval over steps and layers](benchmarks/results/evidence.svg)"
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


def aligners() -> str:
    """Write how good the statistical aligners are."""
    record = read("alignment")
    head = (
        "### Word aligners\n\nAlignment error rate in percent over mBERT's pieces, intersection of both directions, "
        f"trained on the gold sentences and {record['extra_pairs']:,} other pairs. Measured {record['date']} with "
        f"`{record['command']}`; all heuristics, words as units, time and memory are in "
        "`benchmarks/results/alignment.json`."
    )
    wanted = [row for row in record["rows"] if (row["unit"], row["heuristic"]) == ("piece", "intersect")]
    rates = {(row["gold_set"], row["aligner"]): row["alignment_error_rate"] for row in wanted}
    names = sorted({name for name, _ in rates})
    rows = [[name, percent(rates[name, "fast_align"]), percent(rates[name, "eflomal"])] for name in names]
    return f"{head}\n\n{table(['gold set', 'FastAlign', 'Eflomal'], rows)}"


def speed() -> str:
    """Write what a training step costs, and how fast real text goes through it."""
    parts = read("speed")["parts"]
    step, bitext = parts["step"], parts["bitext"]
    shape = step["rows"][0]["shape"]
    head = (
        f"### Speed of training\n\nAt the shape of mBERT ({shape['layers']} layers of 768, {shape['vocabulary']:,} "
        f"pieces), {shape['batch_size']} rows a batch, {100 * shape['mask_rate']:.0f} % of the pieces masked, on "
        f"{step['machine']['threads']} cores without a GPU, in float32. First one batch of full rows of "
        f"{shape['length']} pieces, the same for all, with the optimiser's step; memory is what comes at the peak on "
        f"top of parameters, gradients and optimiser state. Measured {step['date']} with `{step['command']}`."
    )
    steps = table(
        ["one step", "seconds", "times stock", "memory, MB", "times stock"],
        [
            [row["contender"], f"{row['seconds']:.1f}", f"{row['times_stock_seconds']:.2f}"]
            + [f"{row['megabytes']:,}", f"{row['times_stock_megabytes']:.2f}"]
            for row in step["rows"]
        ],
    )
    grouped = bitext["rows"][1]["pieces_per_second"]
    text = (
        "Then real sentence pairs of uneven lengths through the Trainer, beside transformers' example recipe for "
        "masked language modelling: the pair as one row, padded, or in batches of like length. Pieces of the sentences "
        "per second, neither padding nor special pieces counted. "
        f"Measured {bitext['date']} with `{bitext['command']}`."
    )
    pieces = table(
        ["real text", "pieces/s", "times padded recipe", "times grouped recipe"],
        [
            [row["contender"], f"{row['pieces_per_second']:.0f}", f"{row['times_stock_pieces_per_second']:.2f}"]
            + [f"{row['pieces_per_second'] / grouped:.2f}"]
            for row in bitext["rows"]
        ],
    )
    return "\n\n".join([head, steps, text, pieces])


def collator() -> str:
    """Write how fast batches are made."""
    record = read("collator")
    head = (
        f"### Speed of the collator\n\nPairs per second of processor time on the same {record['pairs']:,} pairs. "
        f"Measured {record['date']} with `{record['command']}`."
    )
    rows = [
        [row["collator"], str(row["batch_size"]), f"{row['pairs_per_second']:,}", f"{row['times_stock']:.2f}"]
        for row in record["rows"]
    ]
    return f"{head}\n\n{table(['collator', 'batch', 'pairs/s', 'times stock'], rows)}"


def filled_pages() -> dict[Path, str]:
    """Return the pages with all their tables."""
    sections = {
        README: {"quickstart": quickstart(), "results": results()},
        SCALING: {name: write() for name, write in SECTIONS.items()},
    }
    pages = {page: page.read_text(encoding="utf-8") for page in sections}
    for page, own in sections.items():
        for name, section in own.items():
            pages[page] = fill(pages[page], name, section)
    return pages


def main() -> None:
    """Write the pages."""
    for page, text in filled_pages().items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
