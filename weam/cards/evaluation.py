"""The sections of a model card, each a function of what was measured.

Nothing here is known beforehand but names and licences; figures in percent, but losses in nats per token.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from weam.cards.evidence import PRETRAINING, Evidence
from weam.pretraining.held_out import ERROR_RATE, RETRIEVAL, HeldOutScores, from_measurements
from weam.results import MEAN, Comparison, Measurement, Summary, summarise

WEAM = """{base} aligned across {languages} with WEAM, the Word-Exchange Aligning Model \
([Yang et al. 2021](https://arxiv.org/abs/2106.01732)):
pre-training went on over translated sentence pairs, and {exchange} in the other language."""
EXCHANGES = {
    "target": "the representation of each masked word predicted\nthat word and its aligned word",
    "representation": "each masked word was predicted from its own context and through\nits aligned word",
}
TLM = """{base} trained further across {languages} by translation language modelling, which is WEAM with a
cross-lingual weight of 0: pre-training went on over translated sentence pairs, and each masked word was predicted from
its context in both languages."""
BASELINE = """{base} trained further on translated sentence pairs of {languages}, as something to compare WEAM, the
Word-Exchange Aligning Model ([Yang et al. 2021](https://arxiv.org/abs/2106.01732)), with: """
INTRODUCTIONS = {
    "weam": WEAM,
    "tlm": TLM,
    "mlm": BASELINE + "each masked word was\npredicted from its own sentence.",
    "word-alignment": BASELINE
    + """the vectors of
aligned words were drawn together, and those of the source side kept where they were ([Cao, Kitaev and Klein
2020](https://arxiv.org/abs/2002.03518)).""",
    "translation-ranking": BASELINE
    + """each sentence had
to find its translation among those of the batch ([LaBSE, Feng et al. 2022](https://arxiv.org/abs/2007.01852)).""",
    "simcse": BASELINE
    + """each sentence had to
find itself under another dropout ([SimCSE, Gao et al. 2021](https://arxiv.org/abs/2104.08821)); no translation was
used.""",
    "weam-apart": WEAM[:-1] + "; the two sentences\nof a pair were encoded apart.",
    "weam-ranking": WEAM[:-1] + "; each sentence had to find\nits translation among those of the batch as well.",
}
TRAINED_ON = {
    "zero-shot": "in English (zero-shot)",
    "translate-train": "in each language by itself (translate-train): a model for each",
    "translate-train-all": "in all its languages together (translate-train-all)",
}


def introduction(runs: Sequence[Evidence]) -> str:
    """Say what the model is, and its languages."""
    return _encoder(runs) if runs[0].results.program == PRETRAINING else _fine_tuned(runs[0])


def _encoder(runs: Sequence[Evidence]) -> str:
    first = runs[0]
    model = first.results.settings["model"]
    base = first.checkpoint if model["model_name_or_path"] else "A BERT trained from scratch,"
    objective = model["objective"]
    if objective == "weam" and not model["cross_lingual_weight"]:
        objective = "tlm"
    exchange = EXCHANGES[model["exchange"]]
    text = INTRODUCTIONS[objective].format(base=base, languages=_listed(first.languages), exchange=exchange)
    tested = {language for run in runs[1:] for language in run.languages}
    not_aligned = sorted(tested - set(first.languages))
    if not_aligned:
        origin = f", inherited from {first.checkpoint}" if model["model_name_or_path"] else ""
        text += f"\n\nTested as well, but not aligned here{origin}: {_listed(not_aligned)}."
    return text


def _fine_tuned(run: Evidence) -> str:
    if not run.is_trained:
        return f"{run.checkpoint} tested on {run.facts.title} as it is.\n\nTested in {_listed(run.languages)}."
    text = f"{run.checkpoint} fine-tuned for {run.facts.title} {TRAINED_ON[run.setting]}.\n\n"
    text += f"Tested in {_listed(run.languages)}."
    inherited = [language for language in run.languages if language not in run.trained_on]
    if inherited:
        text += f" Inherited from {run.checkpoint}, without examples of this task: {_listed(inherited)}."
    return text


def sections(runs: Sequence[Evidence], write: Callable[[Evidence], str]) -> str:
    """Write something of each run, under headings where there are several."""
    return "\n\n".join((f"### {run.title}\n\n" if len(runs) > 1 else "") + write(run) for run in runs)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)


def figures(run: Evidence) -> str:
    """Lay out what was measured, under a heading."""
    return _held_out(run) if run.results.program == PRETRAINING else _evaluation(run)


def _held_out(run: Evidence) -> str:
    sides = dict(zip(("before", "after"), from_measurements(run.results.measurements), strict=True))
    if run.baseline is not None:
        sides[f"{run.other}, after"] = from_measurements(run.baseline.measurements)[1]
    names = [scores.language_pair for scores in sides["before"]]
    rows = [_held_out_row(sides[when][number], when) for number in range(len(names)) for when in sides]
    head = ["pair", "", "multilingual loss", "cross-lingual loss", "retrieval, %", "AER, %"]
    return f"""## Held-out pairs, before and after

Losses in nats per token; retrieval is the share of sentences whose translation is the nearest of the held-out ones,
mean of both directions; AER is the alignment error rate of `align_words` on hand-aligned sentences.

{table(head, rows)}"""


def _held_out_row(scores: HeldOutScores, when: str) -> list[str]:
    retrieval = 50 * (scores.retrieval_source_to_target + scores.retrieval_target_to_source)
    losses = ["" if x is None else f"{x:.2f}" for x in (scores.multilingual_loss, scores.cross_lingual_loss)]
    rate = scores.alignment_error_rate
    error_rate = "not measured" if rate is None else f"{100 * rate:.1f}"
    return [scores.language_pair, when, *losses, f"{retrieval:.1f}", error_rate]


def _evaluation(run: Evidence) -> str:
    text = "In percent"
    if run.is_trained:
        text += f", mean ± standard deviation over {len(run.seeds)} seeds" if len(run.seeds) > 1 else ", one seed"
    text += "."
    if run.baseline is not None:
        text += f" {run.other} had the same settings and the same examples."
    if run.other is not None:
        text += f" The difference is this model's figure less that of {run.other}"
        text += "; in brackets its 95 % interval (paired bootstrap)." if run.comparisons else "."
    ours, theirs = run.results.measurements, run.baseline.measurements if run.baseline else []
    if not run.facts.crossed:
        return f"## {run.title}\n\n{text}\n\n{score_table(ours, theirs, run.comparisons, run.other)}"
    both = _same_language(ours), _same_language(theirs)
    return f"""## {run.title}

{text}

Context and question in one language:

{score_table(*both, _same_language(run.comparisons), run.other)}

F1 of contexts (rows) and questions (columns) in every language{" and the difference" if theirs else ""}:

{crossed_table(ours, theirs)}

{_mean_over_pairs(run)}"""


def _same_language(rows: Sequence[Any]) -> list[Any]:
    """Keep measurements or comparisons whose context and question are in one language, and call them by it."""
    parts = [(row, row.language.partition("-")) for row in rows]
    return [replace(row, language=context) for row, (context, _, question) in parts if context == question]


def score_table(
    ours: Sequence[Measurement], theirs: Sequence[Measurement], comparisons: Sequence[Comparison], other: str | None
) -> str:
    """Lay out a row for each language and the columns of each metric; figures of the baseline beside ours."""
    summaries = {(summary.language, summary.metric): summary for summary in summarise(ours)}
    baseline = {(summary.language, summary.metric): summary for summary in summarise(theirs)}
    intervals = {(comparison.language, comparison.metric): comparison for comparison in comparisons}
    metrics = list(dict.fromkeys(metric for _, metric in summaries))
    head = ["language", "n"]
    for metric in metrics:
        head += [metric.replace("_", " ")] + ([str(other)] if theirs else []) + (["difference"] if other else [])
    rows = []
    for language in dict.fromkeys(language for language, _ in summaries):
        row = [language, f"{summaries[language, metrics[0]].count:,}"]
        for metric in metrics:
            key = (language, metric)
            row.append(_cell(summaries[key]))
            row += [_cell(baseline.get(key))] if theirs else []
            row += [_difference(summaries[key], baseline.get(key), intervals.get(key))] if other else []
        rows.append(row)
    return table(head, rows)


def _cell(summary: Summary | None) -> str:
    """Write a figure in percent, with its spread over seeds."""
    if summary is None:
        return ""
    text = f"{100 * summary.mean:.1f}"
    return text if summary.deviation is None else f"{text} ± {100 * summary.deviation:.1f}"


def _difference(ours: Summary, theirs: Summary | None, interval: Comparison | None) -> str:
    ends = "" if interval is None else f" [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"
    if theirs is not None:
        return f"{100 * (ours.mean - theirs.mean):+.1f}{ends}"
    return "" if interval is None else f"{100 * interval.difference:+.1f}{ends}"


def crossed_table(ours: Sequence[Measurement], theirs: Sequence[Measurement]) -> str:
    """Lay out F1 with a row for each language of contexts and a column for each of questions."""
    found, other = (
        {summary.language: summary for summary in summarise(part) if summary.metric == "f1"} for part in (ours, theirs)
    )
    pairs = [language.split("-") for language in found if language != MEAN]
    questions = list(dict.fromkeys(question for _, question in pairs))
    rows = []
    for context in dict.fromkeys(context for context, _ in pairs):
        names = [f"{context}-{question}" for question in questions]
        rows.append([context, *(_crossed_cell(found.get(name), other.get(name)) for name in names)])
    return table(["context", *questions], rows)


def _mean_over_pairs(run: Evidence) -> str:
    theirs = run.baseline.measurements if run.baseline else []
    baseline = {summary.metric: summary for summary in summarise(theirs) if summary.language == MEAN}
    intervals = {comparison.metric: comparison for comparison in run.comparisons if comparison.language == MEAN}
    parts = []
    for summary in (summary for summary in summarise(run.results.measurements) if summary.language == MEAN):
        difference = _difference(summary, baseline.get(summary.metric), intervals.get(summary.metric))
        text = f"{summary.metric.replace('_', ' ')} {_cell(summary)}"
        parts.append(f"{text} ({difference})" if difference else text)
    return f"Mean over all pairs: {_listed(parts) or 'there is one pair'}."


def _crossed_cell(ours: Summary | None, theirs: Summary | None) -> str:
    if ours is None:
        return ""
    text = f"{100 * ours.mean:.1f}"
    return text if theirs is None else f"{text} ({100 * (ours.mean - theirs.mean):+.1f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table.

    >>> print(table(["pair", "loss"], [["en-de", "2.1"]]))
    | pair | loss |
    |---|---|
    | en-de | 2.1 |
    """
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def data(run: Evidence) -> str:
    """List what went in, with numbers, fingerprints and licences."""
    return _bitext(run) if run.results.program == PRETRAINING else _examples(run)


def _bitext(run: Evidence) -> str:
    settings, lines = run.results.settings["bitext"], []
    for report in run.results.data:
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in report["dropped"].items())
        kept = f"{report['kept']:,} of {report['read']:,} sentence pairs kept"
        lines.append(f"- {report['language_pair']}: {kept}" + (f" (dropped: {dropped})" if dropped else ""))
    if settings["max_train_pairs"] is not None:
        lines.append(f"- trained on at most {settings['max_train_pairs']:,} pairs of each language pair")
    for m in run.results.measurements:
        if not m.steps and m.metric in (RETRIEVAL[0], ERROR_RATE):
            what = "held-out pairs" if m.metric == RETRIEVAL[0] else "hand-aligned sentences"
            lines.append(f"- {m.language}: {m.count:,} {what} (`{m.data_fingerprint}`)")
    source = f"the Hub data set {settings['dataset_name']}" if settings["dataset_name"] else "files"
    return "\n".join([*lines, f"- read from {source}; the licence of the text is its owners' to state"])


def _examples(run: Evidence) -> str:
    parts: dict[str, list[str]] = {}
    reports = []
    for row in run.examples:
        parts.setdefault(row["split"], []).append(f"{row['language']} {row['count']:,} (`{row['fingerprint']}`)")
    for row in (row for row in run.results.data if row not in run.examples):
        found = ", ".join(f"{name} {row[name]}" for name in row if name not in ("split", "language"))
        reports.append(f"- {row['split']} {row['language']}: {found}")
    lines = [f"- {split}: {_listed(texts)}" for split, texts in parts.items()]
    lines += [*reports, f"- licence of {run.facts.title}: {run.facts.licence}"]
    if run.reads_files:
        lines.append("- read from local files; the licence of other examples in them is their owners' to state")
    return "\n".join(lines)


def recipe(run: Evidence) -> str:
    """Give the settings that count, the commands, the course and the versions."""
    results = run.results
    commands = [results.command] + ([run.baseline.command] if run.baseline is not None else [])
    lines = [f"- {concern}: {text}" for concern, text in _settings(results.settings).items() if text]
    lines += [_course(run)] if run.is_trained else []
    versions = ", ".join(f"{name} {number}" for name, number in results.versions.items())
    code = "\n".join(commands)
    return "\n".join(lines) + f"\n\n```\n{code}\n```\n\nVersions: {versions}. Measured {results.date}."


def _settings(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Write the settings of each concern that are set, less those that name files, which the command has."""
    left_out = {"model_name_or_path", "model_revision", "tokenizer_name", "config_name", "compare_with", "data_dir"}
    left_out |= {"train_file", "dev_file", "test_file", "intermediate_task", "gold_alignments", "alignments"}
    left_out |= {"overwrite_output_dir", "languages", "dataset_revision", "alignments_unit"}
    texts = {}
    for concern, values in settings.items():
        adapted = values.get("use_lora", False)
        if values.get("alignments"):  # then no aligner of ours was used
            values = {"links": "from a file", "unit": values["alignments_unit"]}
        shown = {
            name: value for name, value in values.items() if name not in left_out and value not in (None, [], False)
        }
        texts[concern] = ", ".join(
            f"{name} {_value(value)}" for name, value in shown.items() if adapted or not name.startswith("lora_")
        )
    return texts


def _value(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _course(run: Evidence) -> str:
    trainings = run.results.trainings
    steps = sorted({training.steps for training in trainings})
    text = f"- {len(trainings)} trainings" if len(trainings) > 1 else "- one training"
    text += f", seed {' and '.join(map(str, run.seeds))}: "
    text += " to ".join(f"{count:,}" for count in dict.fromkeys((steps[0], steps[-1]))) + " steps"
    text += f", {sum(training.tokens for training in trainings):,} pieces (padding not counted)"
    return text + f", {sum(training.seconds for training in trainings) / 3600:.2f} hours"


def limits(runs: Sequence[Evidence]) -> str:
    """Say what the figures do not tell."""
    lines = []
    if all(run.results.program == PRETRAINING for run in runs):
        lines.append("The figures above are measured on held-out pairs of the training text, not on downstream tasks.")
    for run in (run for run in runs if run.results.program != PRETRAINING):
        title, transfer = run.facts.title, run.results.settings["transfer"]
        trained = [row["count"] for row in run.examples if row["split"] == "train"]
        limit = transfer["max_train_samples"]
        if limit in trained:  # else there were no more than those
            text = f"{title}: the training set was reduced to {limit:,} examples of a language;"
            lines.append(text + " figures of trainings on the whole of it are not comparable.")
        if transfer["max_test_samples"]:
            lines.append(f"{title}: tested on {transfer['max_test_samples']:,} examples of a language at most.")
        if run.is_trained and len(run.seeds) == 1:
            lines.append(f"{title}: one seed, so nothing is known of the spread over seeds.")
        if "NC" in run.facts.licence:
            lines.append(f"{title} may be used for non-commercial purposes only ({run.facts.licence}).")
    lines.append("A BERT reads a limited number of pieces at once; longer input is cut, or must be read in windows.")
    return "\n".join(f"- {line}" for line in dict.fromkeys(lines))
