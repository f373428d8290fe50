"""What a card says of an evaluation, each part a function of what was measured; figures in percent."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from huggingface_hub import EvalResult, EvalResultEntry

from weam.cards import encoder
from weam.cards.run import CardRun
from weam.markdown import listed, table
from weam.results import MEAN, Comparison, Measurement, Summary, summarise
from weam.transfer.tasks.benchmarks import BENCHMARKS
from weam.transfer.tasks.files import SPLITS
from weam.transfer.tasks.task import Benchmark

TRAINED_ON = {
    "zero-shot": "in English (zero-shot)",
    "translate-train": "in each language by itself (translate-train): a model for each",
    "translate-train-all": "in all its languages together (translate-train-all)",
}
# How the model is loaded, by what it is for; tests run every one.
SNIPPETS = {
    "text-classification": """\
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

tokenizer = AutoTokenizer.from_pretrained({place})
model = AutoModelForSequenceClassification.from_pretrained({place})
classify = pipeline("text-classification", model=model, tokenizer=tokenizer)
print(classify({{"text": "She sings in the garden.", "text_pair": "Somebody sings."}}))""",
    "token-classification": """\
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

tokenizer = AutoTokenizer.from_pretrained({place})
model = AutoModelForTokenClassification.from_pretrained({place})
tag = pipeline("token-classification", model=model, tokenizer=tokenizer)
print(tag("She sings in the garden ."))  # a word has the tag of its first token""",
    "question-answering": """\
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({place})
model = AutoModelForQuestionAnswering.from_pretrained({place})
inputs = tokenizer("Where does she sing?", "She sings in the garden.", return_tensors="pt")
outputs = model(**inputs)
start, end = outputs.start_logits.argmax(), outputs.end_logits.argmax()  # long contexts need windows
print(tokenizer.decode(inputs["input_ids"][0, start : end + 1]))""",
    "multiple-choice": """\
from transformers import AutoModelForMultipleChoice, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({place})
model = AutoModelForMultipleChoice.from_pretrained({place})
choices = ["She put on a coat.", "She took off her coat."]
inputs = tokenizer(["She was cold. What happened as a result?"] * 2, choices, padding=True, return_tensors="pt")
logits = model(**{{name: values[None] for name, values in inputs.items()}}).logits
print(choices[logits.argmax()])""",
    "sentence-similarity": encoder.SNIPPET,
}


class EvaluationRun(CardRun):
    """A checkpoint fine-tuned on a benchmark, or tested as it is."""

    @property
    def facts(self) -> type[Benchmark]:
        """What is known of the benchmark."""
        return BENCHMARKS[self.benchmark]

    @property
    def hub_task(self) -> str:
        """What the Hub calls the use of a model that has learnt the benchmark."""
        return self.facts.hub_task

    @property
    def tags(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the model is found by on the Hub."""
        return ("cross-lingual-transfer", self.benchmark)

    @property
    def setting(self) -> str:
        """Zero-shot and so on."""
        return self.results.settings["transfer"]["setting"]

    @property
    def title(self) -> str:
        """The benchmark, and the setting where anything was trained."""
        return f"{self.facts.title}, {self.setting}" if self.is_trained else self.facts.title

    @property
    def kind(self) -> str:
        """The program, the benchmark and the setting."""
        return f"{self.results.program} {self.benchmark} {self.setting}"

    @property
    def is_trained(self) -> bool:
        """Whether the run trained anything."""
        return self.setting != "test-only" and super().is_trained

    @property
    def trained_on(self) -> list[str]:
        """The languages of its training examples."""
        return [row["language"] for row in self.examples if row["split"] == "train"]

    @property
    def reads_files(self) -> bool:
        """Whether the examples came from files and not from the Hub."""
        transfer = self.results.settings["transfer"]
        return any(transfer.get(name) for name in ("data_dir", "train_file", "dev_file", "test_file"))

    def introduction(self, others: Sequence[CardRun]) -> str:
        """Say what was fine-tuned or tested, and in which languages."""
        tested = f"Tested in {listed(self.languages)}."
        if not self.is_trained:
            return f"{self.checkpoint} tested on {self.facts.title} as it is.\n\n{tested}"
        inherited = listed([language for language in self.languages if language not in self.trained_on])
        if inherited:
            tested += f" Inherited from {self.checkpoint}, without examples of this task: {inherited}."
        return f"{self.checkpoint} fine-tuned for {self.facts.title} {TRAINED_ON[self.setting]}.\n\n{tested}"

    def snippet(self, repository: str) -> str:
        """Show how the model is loaded; translate-train leaves one in a folder for each language, test-only none."""
        if not self.is_trained:
            repository = self.checkpoint
        folder = f', subfolder="{self.trained_on[0]}"' if self.setting == "translate-train" else ""
        return SNIPPETS[self.hub_task].format(place=f'"{repository}"{folder}')

    def remarks(self) -> str:
        """Say where the models of other languages are, and which seed was kept."""
        remarks = []
        if self.setting == "translate-train":
            remarks.append(f"There is a model in the folder of each language: {listed(self.trained_on)}.")
        if len(self.seeds) > 1:
            selected = any(row["split"] == "dev" for row in self.examples)
            kept = "the seed that is best on dev" if selected else "the first seed"
            remarks.append(f"The weights are those of {kept}.")
        return " ".join(remarks)

    def figures(self) -> str:
        """Lay out the scores of every language, beside another run's where there is one."""
        return f"## {self.title}\n\n{self.explanation()}\n\n" + "\n\n".join(self.tables())

    def explanation(self) -> str:
        """Say how to read the figures."""
        text = "In percent"
        if self.is_trained:
            seeds = len(self.seeds)
            text += f", mean ± standard deviation over {seeds} seeds" if seeds > 1 else ", one seed"
        text += "."
        if self.baseline is not None:
            text += f" {self.baseline_name} had the same settings and the same examples."
        if self.baseline_name is not None:
            text += f" The difference is this model's figure less that of {self.baseline_name}"
            text += "; in brackets its 95 % interval (paired bootstrap)." if self.comparisons else "."
        return text

    def tables(self) -> Iterator[str]:
        """Lay out the scores; those with contexts and questions in two languages in a table of their own."""
        measured, baseline = self.results.measurements, self.baseline_measurements
        if not self.facts.crossed:
            yield score_table(measured, baseline, self.comparisons, self.baseline_name)
            return
        yield "Context and question in one language:"
        alike, beside, compared = (_same_language(part) for part in (measured, baseline, self.comparisons))
        yield score_table(alike, beside, compared, self.baseline_name)
        difference = " and the difference" if baseline else ""
        yield f"F1 of contexts (rows) and questions (columns) in every language{difference}:"
        yield crossed_table(measured, baseline)
        yield self.mean_over_pairs()

    def mean_over_pairs(self) -> str:
        """Give the mean over all pairs of context and question language."""
        means, beside = (
            {summary.metric: summary for summary in summarise(side) if summary.language == MEAN}
            for side in (self.results.measurements, self.baseline_measurements)
        )
        intervals = {comparison.metric: comparison for comparison in self.comparisons if comparison.language == MEAN}
        parts = []
        for metric, summary in means.items():
            difference = _difference(summary, beside.get(metric), intervals.get(metric))
            text = f"{metric.replace('_', ' ')} {_cell(summary)}"
            parts.append(f"{text} ({difference})" if difference else text)
        return f"Mean over all pairs: {listed(parts) or 'there is one pair'}."

    def data(self) -> Iterator[str]:
        """List the examples of each split, and what the task reports on them."""
        splits: dict[str, list[str]] = {}
        for row in self.examples:
            splits.setdefault(row["split"], []).append(f"{row['language']} {row['count']:,} (`{row['fingerprint']}`)")
        yield from (f"{split}: {listed(texts)}" for split, texts in splits.items())
        for row in (row for row in self.results.data if row not in self.examples):
            found = listed([f"{name} {row[name]}" for name in row if name not in ("split", "language")])
            yield f"{row['split']} {row['language']}: {found}"
        yield f"licence of {self.facts.title}: {self.facts.licence}"
        if self.reads_files:
            yield "read from local files; the licence of other examples in them is their owners' to state"

    def data_sets(self) -> list[str]:
        """Return the Hub data sets that were read, that of the tests first."""
        if self.reads_files:
            return []
        read = sorted(self.examples, key=lambda row: row["split"] != "test")
        sources = [self.facts.hub_source(row["split"], row["language"]) for row in read if row["split"] in SPLITS]
        return list(dict.fromkeys(source.partition(":")[0] for source in sources))

    @property
    def tests_all_of_the_hub(self) -> bool:
        """Whether whole test sets were read from the Hub: what a file holds, or a part, is no figure of theirs."""
        transfer = self.results.settings["transfer"]
        return not any(transfer.get(name) for name in ("data_dir", "test_file", "max_test_samples"))

    def eval_results(self) -> list[EvalResult]:
        """Return the mean over seeds for each language and metric."""
        return [self._eval_result(x) for x in summarise(self.results.measurements) if x.language != MEAN]

    def _eval_result(self, summary: Summary) -> EvalResult:
        """Write a mean over seeds under the names that the Hub has for its test set, or that of the benchmark alone."""
        name, config, split = self.benchmark, "", ""
        if self.tests_all_of_the_hub:
            name, _, config = self.facts.hub_source("test", summary.language).partition(":")
            split = self.facts.hub_splits["test"]
        return EvalResult(
            task_type=self.hub_task,
            dataset_type=name,
            dataset_name=f"{self.facts.title} {summary.language}",
            dataset_config=config or None,
            dataset_split=split or None,
            metric_type=summary.metric,
            metric_name=f"{summary.metric.replace('_', ' ')}, {self.setting}",
            metric_value=summary.mean,
        )

    def leaderboard_entries(self) -> list[EvalResultEntry]:
        """Return the mean over seeds of the benchmark's own metric for each language; only of whole test sets."""
        if not (self.tests_all_of_the_hub and self.facts.tests_the_test_set):
            return []
        return [
            self._leaderboard_entry(summary)
            for summary in summarise(self.results.measurements)
            if summary.metric == self.facts.metric and summary.language != MEAN
        ]

    def _leaderboard_entry(self, summary: Summary) -> EvalResultEntry:
        name, _, config = self.facts.hub_source("test", summary.language).partition(":")
        seeds = f"mean over {summary.seeds} seeds" if summary.seeds > 1 else "one seed"
        notes = f"{summary.metric}, {self.setting}" + (f", {seeds}" if self.is_trained else "")
        return EvalResultEntry(name, config, summary.mean, date=self.results.date, notes=notes)

    def limits(self, others: Sequence[CardRun]) -> Iterator[str]:
        """Say what was reduced, how many seeds there are, and who may use the benchmark."""
        title, transfer = self.facts.title, self.results.settings["transfer"]
        limit, tested = transfer.get("max_train_samples"), transfer.get("max_test_samples")
        if limit in [row["count"] for row in self.examples if row["split"] == "train"]:  # else there were no more
            yield (
                f"{title}: the training set was reduced to {limit:,} examples of a language; figures of trainings on "
                "the whole of it are not comparable."
            )
        if tested:
            yield f"{title}: tested on {tested:,} examples of a language at most."
        if self.is_trained and len(self.seeds) == 1:
            yield f"{title}: one seed, so nothing is known of the spread over seeds."
        if "NC" in self.facts.licence:
            yield f"{title} may be used for non-commercial purposes only ({self.facts.licence})."


def _same_language(rows: Sequence[Any]) -> list[Any]:
    """Keep measurements or comparisons whose context and question are in one language, and call them by it."""
    parts = [(row, row.language.partition("-")) for row in rows]
    return [replace(row, language=context) for row, (context, _, question) in parts if context == question]


def score_table(
    measured: Sequence[Measurement],
    baseline: Sequence[Measurement],
    comparisons: Sequence[Comparison],
    name: str | None,
) -> str:
    """Lay out a row for each language, and for each metric the figures of the run and of the baseline of that name."""
    summaries, beside = (
        {(summary.language, summary.metric): summary for summary in summarise(side)} for side in (measured, baseline)
    )
    intervals = {(comparison.language, comparison.metric): comparison for comparison in comparisons}
    metrics = list(dict.fromkeys(metric for _, metric in summaries))
    head = ["language", "n"]
    for metric in metrics:
        head += [metric.replace("_", " ")] + ([str(name)] if baseline else []) + (["difference"] if name else [])
    rows = []
    for language in dict.fromkeys(language for language, _ in summaries):
        row = [language, f"{summaries[language, metrics[0]].count:,}"]
        for metric in metrics:
            key = (language, metric)
            row.append(_cell(summaries[key]))
            row += [_cell(beside.get(key))] if baseline else []
            row += [_difference(summaries[key], beside.get(key), intervals.get(key))] if name else []
        rows.append(row)
    return table(head, rows)


def _cell(summary: Summary | None) -> str:
    """Write a figure in percent, with its spread over seeds."""
    if summary is None:
        return ""
    text = f"{100 * summary.mean:.1f}"
    return text if summary.deviation is None else f"{text} ± {100 * summary.deviation:.1f}"


def _difference(summary: Summary, baseline: Summary | None, interval: Comparison | None) -> str:
    ends = "" if interval is None else f" [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"
    if baseline is not None:
        return f"{100 * (summary.mean - baseline.mean):+.1f}{ends}"
    return "" if interval is None else f"{100 * interval.difference:+.1f}{ends}"


def crossed_table(measured: Sequence[Measurement], baseline: Sequence[Measurement]) -> str:
    """Lay out F1 with a row for each language of contexts and a column for each of questions."""
    found, beside = (
        {summary.language: summary for summary in summarise(side) if summary.metric == "f1"}
        for side in (measured, baseline)
    )
    pairs = [language.split("-") for language in found if language != MEAN]
    questions = list(dict.fromkeys(question for _, question in pairs))
    rows = []
    for context in dict.fromkeys(context for context, _ in pairs):
        names = [f"{context}-{question}" for question in questions]
        rows.append([context, *(_crossed_cell(found.get(name), beside.get(name)) for name in names)])
    return table(["context", *questions], rows)


def _crossed_cell(summary: Summary | None, baseline: Summary | None) -> str:
    if summary is None:
        return ""
    text = f"{100 * summary.mean:.1f}"
    return text if baseline is None else f"{text} ({100 * (summary.mean - baseline.mean):+.1f})"
