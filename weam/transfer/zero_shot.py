"""Stage 6: fine-tune, score every language, one results table.

Zero-shot trains and selects on English; translate-train has a model for each language, trained and selected on that
language; translate-train-all has one model for all; test-only scores a checkpoint as it is. Dev selects, test is scored
once. A run of several fine-tunings goes on where it was interrupted.
"""

import json
import logging
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainingArguments

from weam.cards.card import create_repository, push_model, write_model_card
from weam.predictions import PREDICTIONS_FOLDER, predictions_file, write_predictions
from weam.pretraining.training import check_output_dir, check_settings, clear_output_dir
from weam.results import (
    SETTINGS_FILE,
    Measurement,
    Results,
    Training,
    command_line,
    read_results,
    scores_table,
    training_recipe,
    write_json,
    write_results,
)
from weam.storage import tokenizer_fingerprint
from weam.transfer.arguments import CheckpointArguments, TransferArguments
from weam.transfer.comparison import check_comparable, compare, unlike_settings
from weam.transfer.fine_tuning import MODEL_FOLDER, Base, check_head, fine_tune, load_base, predict, stage_arguments
from weam.transfer.tasks.task import ENGLISH, Task, fingerprint, subset

logger = logging.getLogger("weam")
STARTED = time.monotonic()
FINISHED_FILE = "finished.json"


@dataclass(frozen=True)
class Job:
    """One fine-tuning: what it is trained (test-only: on nothing), selected and tested on, all as languages."""

    name: str
    seed: int
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def model_folder(self) -> str:
        """Where in the output directory its model belongs: translate-train has one for each language."""
        return model_folder(self.name)


def model_folder(job: str) -> str:
    """Return where the model of a job belongs, by the job's name.

    >>> [model_folder(name) for name in ("seed-1", "de-seed-42")]
    ['', 'de']
    """
    return re.sub(r"-?seed-\d+$", "", job)


@dataclass(frozen=True)
class Examples:
    """Checked examples of a run, by language; for MLQA's tests by context and question language."""

    intermediate: list[Any]
    train: dict[str, list[Any]]
    dev: dict[str, list[Any]]
    test: dict[str, list[Any]]

    def summary(self) -> list[dict[str, Any]]:
        """Return how many there are, and their fingerprints."""
        parts = [("intermediate", ENGLISH, self.intermediate)] if self.intermediate else []
        for split in ("train", "dev", "test"):
            parts += [(split, language, part) for language, part in vars(self)[split].items()]
        return [
            {"split": split, "language": language, "count": len(part), "fingerprint": fingerprint(part)}
            for split, language, part in parts
        ]


@dataclass(frozen=True)
class Outcome:
    """What a finished fine-tuning leaves behind: its course, the best dev score (None: no dev) and its test scores."""

    training: Training
    selection: float | None
    measurements: list[Measurement]


def plan_jobs(setting: str, languages: Sequence[str], seeds: Sequence[int]) -> list[Job]:
    """Return the fine-tunings of a setting.

    >>> [(job.name, job.train, job.test) for job in plan_jobs("translate-train", ["de", "zh"], [1])]
    [('de-seed-1', ('de',), ('de',)), ('zh-seed-1', ('zh',), ('zh',))]
    """
    every = tuple(languages)
    if setting == "test-only":
        return [Job("test-only", seeds[0], (), (), every)]
    if setting == "translate-train":
        return [Job(f"{name}-seed-{seed}", seed, (name,), (name,), (name,)) for seed in seeds for name in every]
    train = (ENGLISH,) if setting == "zero-shot" else every
    return [Job(f"seed-{seed}", seed, train, train, every) for seed in seeds]


def choose_languages(task: Task, asked: Sequence[str]) -> list[str]:
    """Return the languages to test.

    Raises:
        ValueError: the benchmark does not have one that was asked for.
    """
    unknown = [language for language in asked if language not in task.languages]
    if unknown:
        raise ValueError(f"{task.benchmark} has no {', '.join(unknown)}; its languages are {', '.join(task.languages)}")
    return list(asked) or list(task.languages)


def read_examples(task: Task, jobs: Sequence[Job], args: TransferArguments, selects: bool) -> Examples:
    """Read and check all that the jobs need, so that broken input stops them before any training."""
    trained = {language for job in jobs for language in job.train}
    selected = {language for job in jobs for language in job.dev} if selects else set()
    tested = dict.fromkeys(test for job in jobs for test in task.tests(job.test))
    check_named(args, {"train": trained, "dev": selected, "test": set(tested)})
    intermediate = task.read_custom(args.intermediate_task) if args.intermediate_task else []
    return Examples(
        intermediate=subset(intermediate, args.max_train_samples),
        train={language: subset(task.read("train", language), args.max_train_samples) for language in sorted(trained)},
        dev={language: subset(task.read("dev", language), args.max_dev_samples) for language in sorted(selected)},
        test={test: subset(task.read("test", test), args.max_test_samples) for test in tested},
    )


def check_named(args: TransferArguments, used: dict[str, set[str]]) -> None:
    """See that every file that the user named is read.

    Raises:
        ValueError: one is not.
    """
    for split, language in args.files.named:
        if language not in used[split]:
            raise ValueError(
                f"--{split}_file names a file for {language}, but the setting {args.setting} reads "
                f"{', '.join(sorted(used[split])) or 'none'} there; leave it out or choose another --setting"
            )


def check_examples(task: Task, base: Base, examples: Examples) -> list[dict[str, Any]]:
    """Let the task check what only a tokenizer shows, and return what is to be reported."""
    intermediate = {ENGLISH: examples.intermediate} if examples.intermediate else {}
    return [
        {"split": split, "language": language, **report}
        for split, parts in {**vars(examples), "intermediate": intermediate}.items()
        for language, part in parts.items()
        for report in task.check(part, base.tokenizer)
    ]


def run_jobs(jobs: Sequence[Job], task: Task, base: Base, examples: Examples, args: TrainingArguments) -> list[Outcome]:
    """Run the fine-tunings one after another; finished ones are read instead. Every process calls this."""
    key = {
        "checkpoint": base.fingerprint,
        "tokenizer": tokenizer_fingerprint(base.tokenizer),
        "adapters": None if base.lora is None else asdict(base.lora),
        "task": task.settings(),
        "training": {name: value for name, value in training_recipe(args).items() if name != "seed"},
        "data": examples.summary(),
    }
    check_settings(key, Path(args.output_dir) / "runs" / SETTINGS_FILE, is_main=args.process_index == 0)
    outcomes = []
    for number, job in enumerate(jobs, start=1):
        finished = Path(args.output_dir) / "runs" / job.name / FINISHED_FILE
        if finished.exists():
            outcomes.append(read_outcome(finished))
            continue
        logger.info("fine-tuning %s, %d of %d", job.name, number, len(jobs))
        outcomes.append(run_job(job, task, base, examples, args))
        if args.process_index == 0:
            write_json(asdict(outcomes[-1]), finished)
    return outcomes


def read_outcome(path: Path) -> Outcome:
    """Read what an earlier start of this run has finished."""
    record = json.loads(path.read_text(encoding="utf-8"))
    measurements = [Measurement(**measurement) for measurement in record["measurements"]]
    return Outcome(Training(**record["training"]), record["selection"], measurements)


def run_job(job: Job, task: Task, base: Base, examples: Examples, args: TrainingArguments) -> Outcome:
    """Fine-tune, on the intermediate task first if there is one, select and test.

    Leaves the selected model in `runs/NAME/model`, and predictions with their scores in `predictions/NAME`.
    """
    folder, checkpoint = Path(args.output_dir) / "runs" / job.name, base.name
    if examples.intermediate:
        stage = stage_arguments(args, task, folder / "intermediate", job.seed, selects=False)
        checkpoint = str(folder / "intermediate" / MODEL_FOLDER)
        if not Path(checkpoint).exists():
            fine_tune(task, base, base.name, (examples.intermediate, {}), stage)
    train = [example for language in job.train for example in examples.train[language]]
    dev = {language: examples.dev[language] for language in job.dev if language in examples.dev}
    stage = stage_arguments(args, task, folder, job.seed, selects=bool(dev))
    trainer = fine_tune(task, base, checkpoint, (train, dev), stage)
    state = trainer.state
    seconds = sum(record["train_runtime"] for record in state.log_history if "train_loss" in record)  # the last one
    course = Training(job.name, job.seed, state.global_step, state.num_input_tokens_seen, seconds, state.log_history)
    return Outcome(course, state.best_metric, score_tests(job, task, base, examples, trainer))


def score_tests(job: Job, task: Task, base: Base, examples: Examples, trainer: Trainer) -> list[Measurement]:
    """Score the trained model on every test set of the job, once."""
    output_dir = Path(trainer.args.output_dir).parents[1]
    measurements = []
    for language in task.tests(job.test):
        part = examples.test[language]
        logger.info("testing %s on %s %s", job.name, task.benchmark, language)
        scored = predict(trainer, task, base, part, language)
        if trainer.args.process_index == 0:
            write_predictions(scored, predictions_file(output_dir, job.name, task.benchmark, language))
        origin = (job.seed, selected_step(trainer), base.name, base.fingerprint, fingerprint(part))
        for name, ratio in scored.metrics.items():
            measurements.append(Measurement(task.benchmark, language, name, ratio.value, ratio.count, *origin))
    return measurements


def selected_step(trainer: Trainer) -> int:
    """Return after how many steps the Trainer's model is: the best on dev may not be the last."""
    state = trainer.state
    selects = trainer.args.load_best_model_at_end and state.best_model_checkpoint is not None
    return state.best_global_step if selects else state.global_step


def save_models(jobs: Sequence[Job], outcomes: Sequence[Outcome], output_dir: Path) -> None:
    """Copy the model of the seed that is best on dev to where users look for it."""
    best: dict[str, tuple[float, Job]] = {}
    for job, outcome in zip(jobs, outcomes, strict=True):
        value = outcome.selection or 0.0
        if job.train and value > best.get(job.model_folder, (-1.0, job))[0]:
            best[job.model_folder] = (value, job)
    for folder, (_, job) in best.items():
        model = output_dir / "runs" / job.name / MODEL_FOLDER
        left = shutil.ignore_patterns("*.bin")  # the Trainer's arguments, a pickle
        shutil.copytree(model, output_dir / folder, ignore=left, dirs_exist_ok=True)


def remove_models(output_dir: Path) -> None:
    """Remove what `save_models` copied for an earlier run: beside the models of another setting it would be loaded."""
    for model in output_dir.glob(f"runs/*/{MODEL_FOLDER}"):
        folder = output_dir / model_folder(model.parent.name)
        for file in model.iterdir():
            (folder / file.name).unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def evaluate_transfer(
    program: str,
    task: Task,
    checkpoint_args: CheckpointArguments,
    transfer_args: TransferArguments,
    args: TrainingArguments,
) -> None:
    """Do what `run_xnli.py`, `run_mlqa.py` and `run_xtreme_r.py` are for: fine-tune, score, write, push.

    Leaves in the output directory: `results.json`, `README.md`, the model (in a folder for each language under
    translate-train), `predictions/`, and `runs/` with what a continued run needs.
    """
    trains = transfer_args.setting != "test-only"
    if args.push_to_hub and not trains:
        raise ValueError("test-only trains nothing, so there is nothing to push; leave --push_to_hub out")
    repository = prepare_output(args, transfer_args.overwrite_output_dir, checkpoint_args.model_name_or_path)
    jobs = plan_jobs(transfer_args.setting, choose_languages(task, transfer_args.languages), transfer_args.seeds)
    base = load_base(task, checkpoint_args)
    if not trains:
        check_head(task, base)
    examples = read_examples(task, jobs, transfer_args, selects=args.eval_strategy != "no")
    data = examples.summary() + check_examples(task, base, examples)
    other = Path(transfer_args.compare_with) if transfer_args.compare_with else None
    if other is not None:
        check_comparable(other, {(task.benchmark, test): fingerprint(part) for test, part in examples.test.items()})
    for record in data:
        logger.info(", ".join(f"{name} {value}" for name, value in record.items()))

    outcomes = run_jobs(jobs, task, base, examples, args)
    if args.process_index != 0:
        return
    save_models(jobs, outcomes, Path(args.output_dir))
    settings = {
        "checkpoint": asdict(checkpoint_args),
        "transfer": asdict(transfer_args),
        "task": task.settings(),
        "training": training_recipe(args),
    }
    results = Results(
        program=program,
        command=command_line(args.hub_token),
        settings=settings,
        data=data,
        trainings=[outcome.training for outcome in outcomes],
        measurements=[measurement for outcome in outcomes for measurement in outcome.measurements],
        total_seconds=time.monotonic() - STARTED,
    )
    finish(results, args, other, repository)


def prepare_output(args: TrainingArguments, overwrite: bool, checkpoint: str) -> str | None:
    """Refuse an output directory that holds something, and create the Hub repository if there is to be one.

    A directory that is to be overwritten loses the models of the run that it holds, and what a continued run would take
    for its own.

    Raises:
        ValueError: a checkpoint to resume from is named, or the one to begin with would be overwritten.
        FileExistsError: the directory is not empty.
    """
    if overwrite and Path(checkpoint).resolve().is_relative_to(Path(args.output_dir).resolve()):
        raise ValueError(
            f"{checkpoint} lies in {args.output_dir}, which --overwrite_output_dir clears; choose another --output_dir"
        )
    if args.resume_from_checkpoint not in (None, "last"):
        raise ValueError("a run of several trainings goes on with --resume_from_checkpoint last, and nothing else")
    with args.main_process_first(local=False):
        if args.process_index != 0:
            return None
        resuming = args.resume_from_checkpoint is not None
        check_output_dir(Path(args.output_dir), resuming, overwrite)
        if not resuming:
            remove_models(Path(args.output_dir))
            clear_output_dir(Path(args.output_dir), ("runs", PREDICTIONS_FOLDER))
        return create_repository(args) if args.push_to_hub else None


def finish(results: Results, args: TrainingArguments, other: Path | None, repository: str | None) -> None:
    """Compare, write results and card, print the table, push."""
    output_dir = Path(args.output_dir)
    if other is not None:
        results = replace(results, comparisons=compare(results, output_dir, other))
        for difference in unlike_settings(results, read_results(other)):
            logger.warning("%s was measured with another setting: %s", other, difference)
    write_results(results, output_dir)
    write_model_card(output_dir)
    logger.info("\n%s\n\nsaved to %s", scores_table(results), output_dir)
    if repository is not None:
        logger.info("pushed: %s", push_model(output_dir, repository, args))
