"""Stage 6: fine-tune, score every language, one results table.

Zero-shot trains and selects on English; translate-train has a model for each language, trained and selected on that
language; translate-train-all has one model for all; test-only scores a checkpoint as it is. Dev selects, test is scored
once. A run of several fine-tunings goes on where it was interrupted.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from datasets import concatenate_datasets
from transformers import Trainer, TrainingArguments

from weam.results import (
    SETTINGS_FILE,
    Measurement,
    Results,
    Training,
    command_line,
    course,
    training_recipe,
)
from weam.runs import check_settings, seconds_since_start
from weam.scores import predictions_file, write_predictions
from weam.storage import CHECKED, read_json, tokenizer_fingerprint, write_json
from weam.transfer.arguments import CheckpointArguments, TransferArguments
from weam.transfer.comparison import check_comparable, with_comparisons
from weam.transfer.examples import Examples, check_examples, read_examples
from weam.transfer.fine_tuning import (
    MODEL_FOLDER,
    BaseCheckpoint,
    check_head,
    fine_tune,
    load_base,
    predict,
    stage_arguments,
    to_measurements,
)
from weam.transfer.jobs import Job, choose_languages, model_folder, plan_jobs
from weam.transfer.tasks.task import Task

logger = logging.getLogger("weam")
FINISHED_FILE = "finished.json"


@dataclass(frozen=True)
class JobResult:
    """What a finished fine-tuning leaves behind: its course, the best dev score (None: no dev) and its test scores."""

    __pydantic_config__ = CHECKED

    training: Training
    selection: float | None
    measurements: list[Measurement]


def run_jobs(
    jobs: Sequence[Job], task: Task, base: BaseCheckpoint, examples: Examples, args: TrainingArguments
) -> list[JobResult]:
    """Run the fine-tunings one after another; finished ones are read instead. Every process calls this."""
    key = {
        "checkpoint": base.fingerprint,
        "tokenizer": tokenizer_fingerprint(base.tokenizer),
        "adapters": None if base.lora is None else asdict(base.lora),
        "task": task.settings(),
        "training": {name: value for name, value in training_recipe(args).items() if name != "seed"},
        "data": examples.summary(),
    }
    check_settings(key, Path(args.output_dir) / "runs" / SETTINGS_FILE, args)
    job_results = []
    for number, job in enumerate(jobs, start=1):
        finished = Path(args.output_dir) / "runs" / job.name / FINISHED_FILE
        if finished.exists():
            job_results.append(read_job_result(finished))
            continue
        logger.info("fine-tuning %s, %d of %d", job.name, number, len(jobs))
        job_results.append(run_job(job, task, base, examples, args))
        if args.process_index == 0:
            write_json(asdict(job_results[-1]), finished)
    return job_results


def read_job_result(path: Path) -> JobResult:
    """Read what an earlier start of this run has finished."""
    return read_json(path, JobResult, f"remove {path.parent}, and it is trained again")


def run_job(job: Job, task: Task, base: BaseCheckpoint, examples: Examples, args: TrainingArguments) -> JobResult:
    """Fine-tune, on the intermediate task first if there is one, select and test.

    Leaves the selected model in `runs/NAME/model`, and predictions with their scores in `predictions/NAME`.
    """
    folder, checkpoint = Path(args.output_dir) / "runs" / job.name, base.name
    for part in examples.intermediate.values():
        stage = stage_arguments(args, task, folder / "intermediate", job.seed, selects=False)
        checkpoint, finished = str(folder / "intermediate" / MODEL_FOLDER), folder / "intermediate" / FINISHED_FILE
        if not finished.exists():
            trainer = fine_tune(task, base, base.name, (part.rows, {}), stage)
            if args.process_index == 0:
                write_json({"steps": trainer.state.global_step}, finished)
    train = concatenate_datasets([examples.train[language].rows for language in job.train]) if job.train else None
    dev = {language: examples.dev[language] for language in job.dev if language in examples.dev}
    stage = stage_arguments(args, task, folder, job.seed, selects=bool(dev))
    trainer = fine_tune(task, base, checkpoint, (train, dev), stage)
    training = course(job.name, job.seed, trainer.state)
    return JobResult(training, trainer.state.best_metric, score_tests(job, task, base, examples, trainer))


def score_tests(job: Job, task: Task, base: BaseCheckpoint, examples: Examples, trainer: Trainer) -> list[Measurement]:
    """Score the trained model on every test set of the job, once."""
    output_dir = Path(trainer.args.output_dir).parents[1]
    measurements = []
    for language in task.tests(job.test):
        part = examples.test[language]
        logger.info("testing %s on %s %s", job.name, task.benchmark, language)
        scored = predict(trainer, task, part, language)
        if trainer.args.process_index == 0:
            write_predictions(scored, predictions_file(output_dir, job.name, task.benchmark, language))
        origin = (job.seed, selected_step(trainer), base.name, base.fingerprint, part.fingerprint)
        measurements += to_measurements(scored, task, language, origin)
    return measurements


def selected_step(trainer: Trainer) -> int:
    """Return after how many steps the Trainer's model is: the best on dev may not be the last."""
    state = trainer.state
    selects = trainer.args.load_best_model_at_end and state.best_model_checkpoint is not None
    return state.best_global_step if selects else state.global_step


def save_models(jobs: Sequence[Job], job_results: Sequence[JobResult], output_dir: Path) -> None:
    """Copy the model of the seed that is best on dev to where users look for it."""
    best: dict[str, tuple[float, Job]] = {}
    for job, job_result in zip(jobs, job_results, strict=True):
        value = job_result.selection or 0.0
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
) -> Results | None:
    """Fine-tune, score every language, and compare with another run where one is named.

    Leaves in the output directory: the model (in a folder for each language under translate-train), `predictions/`, and
    `runs/` with what a continued run needs.

    Returns:
        What was measured; None in all processes but the main one.
    """
    transfer_args = replace(transfer_args, seeds=transfer_args.seeds or list(task.seeds))
    jobs = plan_jobs(transfer_args.setting, choose_languages(task, transfer_args.languages), transfer_args.seeds)
    base = load_base(task, checkpoint_args)
    if transfer_args.setting == "test-only":
        check_head(task, base)
    with args.main_process_first(desc="encoding the examples"):
        examples = read_examples(task, base.tokenizer, jobs, transfer_args, selects=args.eval_strategy != "no")
    data = examples.summary() + check_examples(task, examples)
    tests = {(task.benchmark, language): part.fingerprint for language, part in examples.test.items()}
    check_comparable(transfer_args.baseline, tests)
    for record in data:
        logger.info(", ".join(f"{name} {value}" for name, value in record.items()))

    job_results = run_jobs(jobs, task, base, examples, args)
    if args.process_index != 0:
        return None
    save_models(jobs, job_results, Path(args.output_dir))
    results = Results(
        program=program,
        command=command_line(args.hub_token),
        settings={
            "checkpoint": asdict(checkpoint_args),
            "transfer": asdict(transfer_args),
            "task": task.settings(),
            "training": training_recipe(args),
        },
        data=data,
        trainings=[job_result.training for job_result in job_results],
        measurements=[measurement for job_result in job_results for measurement in job_result.measurements],
        total_seconds=seconds_since_start(),
    )
    return with_comparisons(results, Path(args.output_dir), transfer_args.baseline)
