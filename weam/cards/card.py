r"""Stage 7: `results.json` -> README.md of the Hub repository, and `.eval_results/` beside it.

    weam card --results PRETRAINED/results.json XNLI/results.json --baseline BASE/results.json \
      --repository you/name --output README.md

Writes the card of an encoder (its pre-training, and evaluations of it), or of a fine-tuned model (one evaluation).
Every program writes the card of its own run; this one adds evaluations of other runs and sets those of another
checkpoint, measured in the same way, beside them. The card holds only what was measured or set; no weights are read.
Figures of whole test sets of the Hub are also written for its leaderboards (https://huggingface.co/docs/hub/eval-results).
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from huggingface_hub import EvalResultEntry, ModelCard, ModelCardData, eval_result_entries_to_yaml
from huggingface_hub.constants import EVAL_RESULTS_FOLDER

from weam.cards.encoder import PretrainingRun
from weam.cards.evaluation import EvaluationRun
from weam.cards.reading import read_card_results
from weam.cards.run import CardRun, check_alike, hub_name
from weam.results import RESULTS_FILE, Results
from weam.transfer.tasks.benchmarks import BENCHMARKS

TEMPLATE = Path(__file__).with_name("template.md")
LENGTH_LIMIT = "The model reads a limited number of tokens at once; longer input is cut, or must be read in windows."


def main(argv: Sequence[str] | None = None) -> None:
    """Write a card from results.json files.

    Raises:
        FileExistsError: there is a card already, or there are files for leaderboards.
        ValueError: the results do not belong together, or a baseline was measured in another way.
    """
    parser = argparse.ArgumentParser(prog="weam card", description="Write a model card.")
    parser.add_argument("--results", type=Path, nargs="+", required=True, help="results.json files of one model.")
    parser.add_argument("--baseline", type=Path, nargs="+", default=[], help="Those of another checkpoint, beside it.")
    parser.add_argument("--repository", help="Its name on the Hub; without: the name of the card's folder.")
    parser.add_argument("--output", type=Path, required=True, help="The card to write.")
    parser.add_argument("--overwrite", action="store_true", help="Write over a card that exists.")
    arguments = parser.parse_args(argv)
    for path in (arguments.output, arguments.output.parent / EVAL_RESULTS_FOLDER):
        if path.exists() and not arguments.overwrite:
            raise FileExistsError(f"{path} exists; choose another --output, or write over it with --overwrite")
    given = (arguments.results, arguments.baseline)
    results, baselines = ([read_card_results(path) for path in paths] for paths in given)
    repository = arguments.repository or arguments.output.resolve().parent.name
    write_card(gather(results, baselines), repository, arguments.output)


def write_model_card(folder: Path, repository: str | None = None) -> None:
    """Write README.md from the folder's `results.json`.

    Args:
        folder: holds the finished model.
        repository: its name on the Hub; None: the folder's name.
    """
    runs = gather([read_card_results(folder / RESULTS_FILE)])
    write_card(runs, repository or folder.name, folder / "README.md")


def write_card(runs: Sequence[CardRun], repository: str, path: Path) -> None:
    """Write a card, and beside it a file for each benchmark that the Hub may have a leaderboard of, and no other's."""
    make_card(runs, repository).save(path)
    for benchmark in BENCHMARKS:
        (path.parent / EVAL_RESULTS_FOLDER / f"{benchmark}.yaml").unlink(missing_ok=True)
    entries: dict[str, list[EvalResultEntry]] = {}
    for run in runs:
        entries.setdefault(run.benchmark, []).extend(run.leaderboard_entries())
    for benchmark, own in entries.items():
        if own:
            text = yaml.safe_dump(eval_result_entries_to_yaml(own), sort_keys=False)
            file = path.parent / EVAL_RESULTS_FOLDER / f"{benchmark}.yaml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")


def make_card(runs: Sequence[CardRun], repository: str) -> ModelCard:
    """Return the card of what `gather` put together: the first run says what the model is."""
    first, *others = runs
    title = repository.rpartition("/")[2]
    return ModelCard.from_template(
        metadata(runs, title),
        str(TEMPLATE),
        title=title,
        introduction=first.introduction(others),
        snippet=first.snippet(repository),
        remarks=first.remarks(),
        runs=runs,
        limits=list(dict.fromkeys([*(line for run in runs for line in run.limits(others)), LENGTH_LIMIT])),
    )


def hub_language(code: str) -> str:
    """Return what the Hub takes as a language: the code without script or country.

    >>> hub_language("ace_Arab"), hub_language("zh-CN"), hub_language("de")
    ('ace', 'zh', 'de')
    """
    return re.split("[-_]", code)[0].lower()


def metadata(runs: Sequence[CardRun], title: str) -> ModelCardData:
    """Return what the Hub reads of the card; no licence, which is the base model's and the data's to give."""
    first = runs[0]
    evaluated = [m.metric for run in runs if not run.is_pretraining for m in run.results.measurements]
    return ModelCardData(
        language=sorted({hub_language(language) for run in runs for language in run.languages}),
        library_name="transformers",
        pipeline_tag=first.hub_task,
        tags=["weam", "multilingual", *first.tags],
        base_model=hub_name(first.results.measurements[0].checkpoint),
        datasets=list(dict.fromkeys(name for run in runs for name in run.data_sets())) or None,
        metrics=list(dict.fromkeys(evaluated)) or None,
        model_name=title,
        eval_results=[result for run in runs for result in run.eval_results()],
    )


def gather(results: Sequence[Results], baselines: Sequence[Results] = ()) -> list[CardRun]:
    """Put each run of a model beside its baseline, pre-training first.

    Raises:
        ValueError: the runs are not those of one model, or a baseline was measured in another way than all of them.
    """
    runs = sorted(map(card_run, results), key=lambda run: not run.is_pretraining)
    check_one_model(runs)
    left = list(map(card_run, baselines))
    gathered = []
    for run in runs:
        matching = [baseline for baseline in left if baseline.kind == run.kind]
        if len(matching) > 1:
            raise ValueError(f"there are {len(matching)} baselines for {run.kind}; give one")
        for baseline in matching:
            left.remove(baseline)
            check_alike(run, baseline)
        gathered.append(card_run(run.results, matching[0].results if matching else None))
    if left:
        raise ValueError(
            f"the baseline {left[0].kind} of {left[0].checkpoint} has nothing to stand beside; the results are "
            f"{', '.join(run.kind for run in runs)}"
        )
    return gathered


def card_run(results: Results, baseline: Results | None = None) -> CardRun:
    """Return the run of a kind that its program makes."""
    kind = PretrainingRun if results.program == "run_pretraining" else EvaluationRun
    return kind(results, baseline)


def check_one_model(runs: Sequence[CardRun]) -> None:
    """See that the runs are one evaluation, or one pre-training and evaluations of what came of it.

    Raises:
        ValueError: they are not.
    """
    pretrained = [run.results.measurements[0].checkpoint for run in runs if run.is_pretraining]
    evaluated = [run.results.measurements[0].checkpoint for run in runs if not run.is_pretraining]
    if len(pretrained) > 1 or (not pretrained and len(evaluated) != 1):
        raise ValueError(
            f"there are {len(pretrained)} pre-trainings and {len(evaluated)} evaluations; a card is written from "
            "one evaluation, or from one pre-training and evaluations of the encoder that came of it"
        )
    names = set(evaluated)
    if len(names) > 1:
        raise ValueError(f"these are evaluations of several checkpoints: {', '.join(sorted(names))}; give those of one")
    if names & set(pretrained):
        raise ValueError(
            f"{names.pop()} is what the pre-training began with, not what came of it; give its evaluation as a baseline"
        )
