r"""Stage 7: `results.json` -> README.md of the Hub repository.

    python -m weam.cards --results PRETRAINED/results.json XNLI/results.json --baseline BASE/results.json \
      --repository you/name --output README.md

Writes the card of an encoder (its pre-training, and evaluations of it), or of a fine-tuned model (one evaluation).
Every program writes the card of its own run; this one adds evaluations of other runs and sets those of another
checkpoint, measured in the same way, beside them. The card holds only what was measured or set; no weights are read.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from weam.cards.encoder import bitext_data, encoder_introduction, encoder_task, held_out_results, held_out_section
from weam.cards.evaluation import example_data, fine_tuned_introduction, scores_section
from weam.cards.evidence import PRETRAINING, Evidence, gather, hub_name
from weam.cards.usage import usage
from weam.results import MEAN, RESULTS_FILE, Summary, read_results, summarise
from weam.transfer.tasks.files import SPLITS

TEMPLATE = """---
{front_matter}
---

# {title}

{introduction}

## Use

{usage}

{figures}

## Data

In `code`: fingerprints; equal ones mean equal examples in equal order.

{data}

## Training

{recipe}

## Limits

{limits}
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Write a card from results.json files.

    Raises:
        FileExistsError: there is a card already.
        ValueError: the results do not belong together, or a baseline was measured in another way.
    """
    parser = argparse.ArgumentParser(prog="python -m weam.cards", description="Write a model card.")
    parser.add_argument("--results", type=Path, nargs="+", required=True, help="results.json files of one model.")
    parser.add_argument("--baseline", type=Path, nargs="+", default=[], help="Those of another checkpoint, beside it.")
    parser.add_argument("--repository", help="Its name on the Hub; without: the name of the card's folder.")
    parser.add_argument("--output", type=Path, required=True, help="The card to write.")
    parser.add_argument("--overwrite", action="store_true", help="Write over a card that exists.")
    arguments = parser.parse_args(argv)
    if arguments.output.exists() and not arguments.overwrite:
        raise FileExistsError(f"{arguments.output} exists; choose another --output, or write over it with --overwrite")
    results, baselines = ([read_results(path) for path in part] for part in (arguments.results, arguments.baseline))
    repository = arguments.repository or arguments.output.resolve().parent.name
    make_card(gather(results, baselines), repository).save(arguments.output)


def write_model_card(folder: Path, repository: str | None = None) -> None:
    """Write README.md from the folder's `results.json`.

    Args:
        folder: holds the finished model.
        repository: its name on the Hub; None: the folder's name.
    """
    runs = gather([read_results(folder / RESULTS_FILE)])
    make_card(runs, repository or folder.name).save(folder / "README.md")


def make_card(runs: Sequence[Evidence], repository: str) -> ModelCard:
    """Return the card of what `gather` put together."""
    title = repository.rpartition("/")[2]
    text = TEMPLATE.format(
        front_matter=metadata(runs, title).to_yaml(),
        title=title,
        introduction=introduction(runs),
        usage=usage(runs[0], repository),
        figures="\n\n".join(map(figures, runs)),
        data=sections(runs, data),
        recipe=sections(runs, recipe),
        limits=limits(runs),
    )
    return ModelCard(text)


def metadata(runs: Sequence[Evidence], title: str) -> ModelCardData:
    """Return what the Hub reads of the card; no licence, which is the base model's and the data's to give."""
    first = runs[0]
    encoder = first.results.program == PRETRAINING
    evaluations = runs[1:] if encoder else runs
    tags = ["word-alignment", "bert"] if encoder else ["cross-lingual-transfer", first.benchmark]
    metrics = dict.fromkeys(m.metric for run in evaluations for m in run.results.measurements)
    return ModelCardData(
        language=sorted({language for run in runs for language in run.languages}),
        library_name="transformers",
        pipeline_tag=encoder_task(first.results) if encoder else first.facts.hub_task,
        tags=["weam", "multilingual", *tags],
        base_model=hub_name(first.results.measurements[0].checkpoint),
        datasets=list(dict.fromkeys(name for run in runs for name in data_sets(run))) or None,
        metrics=list(metrics) or None,
        model_name=title,
        eval_results=[result for run in runs for result in eval_results(run)],
    )


def data_sets(run: Evidence) -> Sequence[str]:
    """Return the Hub data sets that the run read."""
    if run.results.program == PRETRAINING:
        name = run.results.settings["bitext"]["dataset_name"]
        return [name] if name else []
    if run.reads_files:
        return []
    read = sorted(run.examples, key=lambda row: row["split"] != "test")  # that of the tests comes first
    sources = [run.facts.hub_source(row["split"], row["language"]) for row in read if row["split"] in SPLITS]
    return [source.partition(":")[0] for source in sources]


def eval_results(run: Evidence) -> list[EvalResult]:
    """Return one result for each language and metric, the mean over seeds as it was measured."""
    if run.results.program == PRETRAINING:
        return held_out_results(run)
    return [_eval_result(run, summary) for summary in summarise(run.results.measurements) if summary.language != MEAN]


def _eval_result(run: Evidence, summary: Summary) -> EvalResult:
    """Write a mean over seeds under the names that the Hub has for its test set."""
    name, _, config = run.facts.hub_source("test", summary.language).partition(":")
    return EvalResult(
        task_type=run.facts.hub_task,
        dataset_type=name,
        dataset_name=f"{run.facts.title} {summary.language}",
        dataset_config=config,
        metric_type=summary.metric,
        metric_name=f"{summary.metric.replace('_', ' ')}, {run.setting}",
        metric_value=summary.mean,
    )


def introduction(runs: Sequence[Evidence]) -> str:
    """Say what the model is, and its languages."""
    return encoder_introduction(runs) if runs[0].results.program == PRETRAINING else fine_tuned_introduction(runs[0])


def sections(runs: Sequence[Evidence], write: Callable[[Evidence], str]) -> str:
    """Write something of each run, under headings where there are several."""
    return "\n\n".join((f"### {run.title}\n\n" if len(runs) > 1 else "") + write(run) for run in runs)


def figures(run: Evidence) -> str:
    """Lay out what was measured, under a heading."""
    return held_out_section(run) if run.results.program == PRETRAINING else scores_section(run)


def data(run: Evidence) -> str:
    """List what went in, with numbers, fingerprints and licences."""
    return bitext_data(run) if run.results.program == PRETRAINING else example_data(run)


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
