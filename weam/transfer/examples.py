"""The examples of a run: read, checked, encoded once, counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from datasets.arrow_writer import ArrowWriter
from transformers import PreTrainedTokenizerBase

from weam.storage import CACHE_DIR, cached_folder, tokenizer_fingerprint
from weam.transfer.arguments import TransferArguments
from weam.transfer.jobs import Job
from weam.transfer.tasks.task import ENGLISH, EncodedExamples, Task, fingerprint, subset


@dataclass(frozen=True)
class Examples:
    """The examples of a run, by language; for MLQA's tests by context and question language.

    Attributes:
        intermediate: of another task to train on first, in English; empty without one.
        train: what is trained on.
        dev: what selects.
        test: what is scored.
    """

    intermediate: dict[str, EncodedExamples]
    train: dict[str, EncodedExamples]
    dev: dict[str, EncodedExamples]
    test: dict[str, EncodedExamples]

    def parts(self) -> list[tuple[str, str, EncodedExamples]]:
        """Return all (split, language, examples)."""
        return [(split, language, part) for split, parts in vars(self).items() for language, part in parts.items()]

    def summary(self) -> list[dict[str, Any]]:
        """Return how many there are, and their fingerprints."""
        return [
            record_of(split, language, len(part.examples), part.fingerprint) for split, language, part in self.parts()
        ]


def record_of(split: str, language: str, count: int, fingerprint: str) -> dict[str, Any]:
    """Return what results say of examples."""
    return {"split": split, "language": language, "count": count, "fingerprint": fingerprint}


def encode_examples(task: Task, examples: Sequence[Any], tokenizer: PreTrainedTokenizerBase) -> EncodedExamples:
    """Encode examples, once: later runs with this task, tokenizer and examples read what this one left in the cache."""
    examples_fingerprint = fingerprint(examples)
    key = {
        "stage": "encoded examples 2",
        "task": [f"{type(task).__module__}.{type(task).__qualname__}", task.settings()],
        "tokenizer": [tokenizer_fingerprint(tokenizer), tokenizer.model_input_names, tokenizer.truncation_side],
        "examples": examples_fingerprint,
    }

    def build(folder: Path) -> None:
        rows = task.encode(examples, tokenizer)
        with ArrowWriter(path=str(folder / "rows.arrow"), features=rows.features) as writer:
            writer.write_table(rows.data.table)
            writer.finalize()

    folder = cached_folder(CACHE_DIR, f"encoded-{task.benchmark}", key, build)
    return EncodedExamples(list(examples), Dataset.from_file(str(folder / "rows.arrow")), examples_fingerprint)


def read_examples(
    task: Task, tokenizer: PreTrainedTokenizerBase, jobs: Sequence[Job], args: TransferArguments, selects: bool
) -> Examples:
    """Read, check and encode all that the jobs need, so that broken input stops them before any training."""
    trained = {language for job in jobs for language in job.train}
    selected = {language for job in jobs for language in job.dev} if selects else set()
    tested = dict.fromkeys(test for job in jobs for test in task.tests(job.test))
    check_named(args, {"train": trained, "dev": selected, "test": set(tested)})

    def encoded(examples: list[Any], limit: int | None) -> EncodedExamples:
        return encode_examples(task, subset(examples, limit), tokenizer)

    custom = {ENGLISH: task.read_custom(args.intermediate_task)} if args.intermediate_task else {}
    return Examples(
        intermediate={language: encoded(part, args.max_train_samples) for language, part in custom.items()},
        train={name: encoded(task.read("train", name), args.max_train_samples) for name in sorted(trained)},
        dev={name: encoded(task.read("dev", name), args.max_dev_samples) for name in sorted(selected)},
        test={name: encoded(task.read("test", name), args.max_test_samples) for name in tested},
    )


def check_named(args: TransferArguments, used: dict[str, set[str]]) -> None:
    """See that every file that the user named for a language is read.

    Raises:
        ValueError: one is not.
    """
    for split, read in used.items():
        for language in args.files.languages(split, sorted(read)):
            if language not in read:
                raise ValueError(
                    f"--{split}_file names a file for {language}, but the setting {args.setting} reads "
                    f"{', '.join(sorted(read)) or 'none'} there; leave it out or choose another --setting"
                )


def check_examples(task: Task, examples: Examples) -> list[dict[str, Any]]:
    """Let the task check what only encoded examples show, and return what is to be reported."""
    return [
        {"split": split, "language": language, **report}
        for split, language, part in examples.parts()
        for report in task.check(part)
    ]
