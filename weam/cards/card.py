r"""Stage 7: `results.json` -> README.md of the Hub repository, and the push.

    python -m weam.cards --results PRETRAINED/results.json XNLI/results.json --baseline BASE/results.json \
      --repository you/name --output README.md

Writes the card of an encoder (its pre-training, and evaluations of it), or of a fine-tuned model (one evaluation).
Every program writes the card of its own run; this one adds evaluations of other runs and sets those of another
checkpoint, measured in the same way, beside them. The card holds only what was measured or set; no weights are read.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import EvalResult, HfApi, ModelCard, ModelCardData
from huggingface_hub.errors import HfHubHTTPError
from transformers import TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from weam.cards.evaluation import data, figures, introduction, limits, recipe, sections
from weam.cards.evidence import PRETRAINING, Evidence, gather, hub_name
from weam.cards.usage import usage
from weam.pretraining.objectives import OBJECTIVES
from weam.results import MEAN, RESULTS_FILE, SETTINGS_FILE, Results, read_results, summarise

# What a continued run needs, and the Trainer's pickles: weights are safetensors only.
NOT_PUSHED = [f"{PREFIX_CHECKPOINT_DIR}-*", "runs/*", SETTINGS_FILE, "*.bin", "*.unfinished"]
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
        pipeline_tag=encoder_task(first.results) if encoder else first.facts.task,
        tags=["weam", "multilingual", *tags],
        base_model=hub_name(first.results.measurements[0].checkpoint),
        datasets=list(dict.fromkeys(name for run in runs for name in data_sets(run))) or None,
        metrics=list(metrics) or None,
        model_name=title,
        eval_results=[result for run in runs for result in eval_results(run)],
    )


def encoder_task(results: Results) -> str:
    """Return what the Hub calls the use of a pre-trained encoder."""
    return "fill-mask" if OBJECTIVES[results.settings["model"]["objective"]].predicts else "feature-extraction"


def data_sets(run: Evidence) -> Sequence[str]:
    """Return the Hub data sets that the run read."""
    if run.results.program == PRETRAINING:
        name = run.results.settings["bitext"]["dataset_name"]
        return [name] if name else []
    return [] if run.reads_files else run.facts.hub_names


def eval_results(run: Evidence) -> list[EvalResult]:
    """Return one result for each language and metric, the mean over seeds as it was measured."""
    if run.results.program == PRETRAINING:
        return held_out_results(run)
    facts = run.facts
    return [
        EvalResult(
            task_type=facts.task,
            dataset_type=facts.hub_names[0],
            dataset_name=f"{facts.title} {summary.language}",
            dataset_config=facts.hub_config.format(language=summary.language),
            metric_type=summary.metric,
            metric_name=f"{summary.metric.replace('_', ' ')}, {run.setting}",
            metric_value=summary.mean,
        )
        for summary in summarise(run.results.measurements)
        if summary.language != MEAN
    ]


def held_out_results(run: Evidence) -> list[EvalResult]:
    """Return the held-out figures after pre-training."""
    return [
        EvalResult(
            task_type=encoder_task(run.results),
            dataset_type=run.results.settings["bitext"]["dataset_name"] or m.benchmark,
            dataset_name=f"held-out pairs {m.language}",
            dataset_config=m.language,
            metric_type=m.metric,
            metric_name=m.metric.replace("_", " "),
            metric_value=m.value,
        )
        for m in run.results.measurements
        if m.steps
    ]


def create_repository(args: TrainingArguments) -> str:
    """Create the Hub repository that `--push_to_hub` names, or find it; return its full name.

    Called before training, so that a missing permission costs seconds and not days.
    """
    api = HfApi(token=args.hub_token)
    name = args.hub_model_id or Path(args.output_dir).name
    try:
        repository = api.create_repo(name, private=args.hub_private_repo, exist_ok=True).repo_id
        if args.hub_revision is not None:
            api.create_branch(repository, branch=args.hub_revision, exist_ok=True)
    except HfHubHTTPError as error:
        error.add_note(f"the repository {name} can be neither created nor found; check --hub_model_id and the token")
        raise
    return repository


def push_model(folder: Path, repository: str, args: TrainingArguments) -> str:
    """Push a finished folder, with its card and code but without training checkpoints; return its address."""
    write_model_card(folder, repository)
    program = read_results(folder / RESULTS_FILE).program
    commit = HfApi(token=args.hub_token).upload_folder(
        repo_id=repository,
        folder_path=folder,
        revision=args.hub_revision,
        ignore_patterns=NOT_PUSHED,
        commit_message=f"Weights, card and results of {program}",
    )
    return commit.commit_url
