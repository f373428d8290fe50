"""A fine-tuned model in memory -> its scores in every language, as the setting `test-only` of the programs has them."""

from collections.abc import Sequence
from tempfile import TemporaryDirectory

from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainingArguments

from weam.checkpoint import check_length, check_vocabulary, weights_fingerprint
from weam.results import Results, Training, command_line, training_recipe
from weam.runs import seconds_since_start
from weam.transfer.arguments import FineTuningArguments
from weam.transfer.examples import Examples, encode_examples
from weam.transfer.fine_tuning import BaseCheckpoint, FineTuner, check_head, predict, to_measurements
from weam.transfer.jobs import choose_languages, plan_jobs
from weam.transfer.tasks.task import Task


def evaluate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    task: Task,
    languages: Sequence[str] = (),
    args: TrainingArguments | None = None,
) -> Results:
    """Score a fine-tuned model on the test set of each language.

    Args:
        model: with the stock head of the task, such as `AutoModelForSequenceClassification` loads it.
        tokenizer: its fast tokenizer.
        task: the benchmark: `weam.XNLI()` reads the Hub; `weam.XNLI(weam.DataFiles(test=["test.{language}.jsonl"]))`
            reads files.
        languages: what to test; none: all languages of the benchmark. For MLQA every pair of them.
        args: batch size, device and precision of the prediction. None: 64 rows on the device that there is.

    Returns:
        One measurement for each language and metric, with fingerprints of weights and examples.

    Raises:
        ValueError: the head is not for this task, the tokenizer not for this model, or a language is unknown.
    """
    (job,) = plan_jobs("test-only", choose_languages(task, languages), seeds=[42])
    base = _base(model, tokenizer, task)
    test = {name: encode_examples(task, task.read("test", name), tokenizer) for name in task.tests(job.test)}
    examples = Examples({}, {}, {}, test)
    with TemporaryDirectory() as folder:  # a Trainer wants one
        args = args or FineTuningArguments(folder, eval_strategy="no", load_best_model_at_end=False, report_to="none")
        trainer = FineTuner(model=model, args=args, data_collator=task.collator(tokenizer), processing_class=tokenizer)
        measurements = []
        for language, part in examples.test.items():
            scored = predict(trainer, task, part, language)
            origin = (job.seed, 0, base.name, base.fingerprint, part.fingerprint)
            measurements += to_measurements(scored, task, language, origin)
    return Results(
        program="evaluate",
        command=command_line(),
        settings={
            "checkpoint": {"model_name_or_path": base.name},
            "transfer": {"setting": "test-only", "languages": list(languages)},
            "task": task.settings(),
            "training": training_recipe(args),
        },
        data=examples.summary(),
        trainings=[Training(job.name, job.seed, 0, 0, 0.0, [])],
        measurements=measurements,
        total_seconds=seconds_since_start(),
    )


def _base(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: Task) -> BaseCheckpoint:
    """Describe a model as if it was loaded, and see that it can be tested as it is."""
    classes = tuple(model.config.id2label[number] for number in sorted(model.config.id2label))
    base = BaseCheckpoint(model.name_or_path, "main", tokenizer, weights_fingerprint(model), (), classes, None, None)
    check_head(task, base)
    check_vocabulary(model, tokenizer)
    check_length(model, tokenizer, task.max_length)
    return base
