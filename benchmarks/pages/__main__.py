"""Write the tables of README.md, docs/results.md and docs/scaling.md from `benchmarks/results/*.json`.

    python -m benchmarks.pages

Every figure in them comes through here; a test sees to it that they are what this writes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.markdown import RESULTS, ROOT, fill, percent, read, table
from benchmarks.pages import results as results_page
from benchmarks.pages import scaling as scaling_page
from benchmarks.pages.results import difference, held_out_table
from benchmarks.study.answers import listed, placebo_answer
from benchmarks.study.cells import LAST, encoder_table, layer_column, score_column
from benchmarks.study.claims import HOLDS, SEEDS_TO_DECIDE
from benchmarks.study.plan import LARGE_PAIRS, WARM_HEAD
from benchmarks.study.record import DEV_ROWS, ENTITIES, ERROR_RATE, RETRIEVAL, TAGS, ZERO_SHOT, read_study
from benchmarks.study.tables import PLACEBO, headline_table, in_words
from weam.pretraining.held_out import from_measurements
from weam.results import MEAN, parse_results, read_results

README = ROOT / "README.md"
PAGES = {ROOT / "docs" / "results.md": results_page.SECTIONS, ROOT / "docs" / "scaling.md": scaling_page.SECTIONS}
SUMMARISED = {"xnli": "accuracy", "mlqa": "f1", "xquad": "f1", "udpos": "accuracy", "tatoeba": "accuracy"}  # the metric
TEST_SETS = {"mlqa": "mlqa dev"}  # where it is not the benchmark's test set
ALIGNED = ("de", "es", "zh")  # with English, in the joint model


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
    return "\n\n".join([systems(), transfer(), speed(), collator()])


def systems() -> str:
    """Write what the study has of each system, and what became of the paper's claims."""
    study = read_study(RESULTS / "study.json")
    columns = [
        score_column(study, "XNLI zero-shot", ZERO_SHOT),
        score_column(study, "UDPOS", TAGS),
        score_column(study, "PAN-X, F1", ENTITIES),
        score_column(study, "Tatoeba", RETRIEVAL),
        layer_column(study, "AER de / zh (low is good)", ERROR_RATE, LAST),
    ]
    record, scale = study.record, study.scale
    finished, left = len(record["finished"]), len(record["unfinished"])
    head = (
        f"### The systems side by side\n\nThe same small backbone, cut to {scale.layers} layers, before and after "
        f"{scale.pairs:,} sentence pairs; means over German, Spanish and Chinese, of Tatoeba over eight languages; ± "
        "is the standard deviation over seeds of fine-tuning. The last row is the placebo: WEAM with the links of "
        f"each pair shuffled. {DEV_ROWS} Measured {record['date']}, {finished} of the {finished + left} steps of "
        "`python -m benchmarks.study`; every figure and interval is in [docs/study.md](docs/study.md), and what each "
        "system is."
    )
    claims = "\n".join(map(claim_line, record["claims"]))
    rows = encoder_table("mean, %", [*study.encoders("systems"), PLACEBO], columns)
    placebo = placebo_answer(study).replace("Answer:", "Does the gain come from the links?")
    deeper = (
        f"The same with {scale.headline_layers} layers, {WARM_HEAD:,} steps of warm-up for the prediction head in "
        f"place of {scale.head_warmup_steps}, {LARGE_PAIRS:,} sentence pairs where a row says so, XNLI learnt from "
        f"{scale.nli_train:,} English pairs of NLI; differences in points to the backbone, with 95 % intervals:"
    )
    judged = (
        f"The claims of the paper, at this scale, by the second table where it has {SEEDS_TO_DECIDE} seeds of both "
        "systems:"
    )
    return "\n\n".join([head, rows, placebo, deeper, headline_table(study), judged, claims])


def claim_line(claim: Mapping[str, Any]) -> str:
    """Write what became of a claim, and what holds of one that does not hold as a whole."""
    line = f"- {claim['letter']}. {claim['text']}: **{claim['verdict']}**"
    held = [in_words(contrast) for contrast in claim["contrasts"] if contrast["verdict"] == HOLDS]
    return f"{line}; what holds of it: {listed(held)}" if held and claim["verdict"] != HOLDS else line


def transfer() -> str:
    """Write what alignment does to zero-shot transfer, of every benchmark its languages that were aligned."""
    rows = []
    for benchmark, metric in SUMMARISED.items():
        after = parse_results(read(benchmark)["after"], f"after in {benchmark}.json")
        found = {c.language: difference(c) for c in after.comparisons if c.metric == metric}
        own = [
            found[f"{language}-{language}" if f"{language}-{language}" in found else language] for language in ALIGNED
        ]
        rows.append([f"{TEST_SETS.get(benchmark, benchmark)}, {metric}", *own, f"{found[MEAN]} ({len(found) - 1})"])
    head = (
        f"### Before and after the representation exchange\n\n{read('xnli')['note']} Points gained, with 95 % "
        "intervals, by the joint model of German, Spanish and Chinese with English; the mean is over all languages "
        "that were tested, their number in brackets (MLQA: pairs of languages). Those that were not aligned lose on "
        "Tatoeba, and most of them on XNLI. One or two seeds. Measured "
        f"{after.date}; every language, score and command is in [docs/results.md](docs/results.md)."
    )
    return f"{head}\n\n{table(['points', *ALIGNED, 'mean'], rows)}"


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
    """Write how fast pairs are encoded and batches are made."""
    record = read("collator")
    encoding = record["encoding"]
    head = (
        f"### Speed of the collator\n\nPairs per second of processor time on the same {record['pairs']:,} pairs, which "
        f"were encoded at {encoding['median']:,} ({encoding['slowest']:,} to {encoding['fastest']:,}) a second before. "
        f"Measured {record['date']} with `{record['command']}`."
    )
    rows = [
        [row["collator"], str(row["batch_size"]), f"{row['pairs_per_second']:,}", f"{row['times_stock']:.2f}"]
        for row in record["rows"]
    ]
    return f"{head}\n\n{table(['collator', 'batch', 'pairs/s', 'times stock'], rows)}"


def filled_pages() -> dict[Path, str]:
    """Return the pages with all their tables."""
    filled = {}
    for page, sections in {README: {"quickstart": quickstart, "results": results}, **PAGES}.items():
        filled[page] = page.read_text(encoding="utf-8")
        for name, write in sections.items():
            filled[page] = fill(filled[page], name, write())
    return filled


def main() -> None:
    """Write the pages."""
    for page, text in filled_pages().items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
