"""What a card says of an evaluation, each part a function of what was measured; figures in percent."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from weam.cards.evidence import Evidence
from weam.markdown import listed, table
from weam.results import MEAN, Comparison, Measurement, Summary, summarise

TRAINED_ON = {
    "zero-shot": "in English (zero-shot)",
    "translate-train": "in each language by itself (translate-train): a model for each",
    "translate-train-all": "in all its languages together (translate-train-all)",
}


def fine_tuned_introduction(run: Evidence) -> str:
    """Say what was fine-tuned or tested, and in which languages."""
    if not run.is_trained:
        return f"{run.checkpoint} tested on {run.facts.title} as it is.\n\nTested in {listed(run.languages)}."
    text = f"{run.checkpoint} fine-tuned for {run.facts.title} {TRAINED_ON[run.setting]}.\n\n"
    text += f"Tested in {listed(run.languages)}."
    inherited = [language for language in run.languages if language not in run.trained_on]
    if inherited:
        text += f" Inherited from {run.checkpoint}, without examples of this task: {listed(inherited)}."
    return text


def scores_section(run: Evidence) -> str:
    """Lay out the scores of every language, beside another run's where there is one."""
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
    return f"Mean over all pairs: {listed(parts) or 'there is one pair'}."


def _crossed_cell(ours: Summary | None, theirs: Summary | None) -> str:
    if ours is None:
        return ""
    text = f"{100 * ours.mean:.1f}"
    return text if theirs is None else f"{text} ({100 * (ours.mean - theirs.mean):+.1f})"


def example_data(run: Evidence) -> str:
    """List the examples of each split, and what the task reports on them."""
    parts: dict[str, list[str]] = {}
    reports = []
    for row in run.examples:
        parts.setdefault(row["split"], []).append(f"{row['language']} {row['count']:,} (`{row['fingerprint']}`)")
    for row in (row for row in run.results.data if row not in run.examples):
        found = ", ".join(f"{name} {row[name]}" for name in row if name not in ("split", "language"))
        reports.append(f"- {row['split']} {row['language']}: {found}")
    lines = [f"- {split}: {listed(texts)}" for split, texts in parts.items()]
    lines += [*reports, f"- licence of {run.facts.title}: {run.facts.licence}"]
    if run.reads_files:
        lines.append("- read from local files; the licence of other examples in them is their owners' to state")
    return "\n".join(lines)
