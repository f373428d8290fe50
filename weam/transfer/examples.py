"""The examples of a run: read, checked, counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weam.transfer.arguments import TransferArguments
from weam.transfer.fine_tuning import Base
from weam.transfer.jobs import Job
from weam.transfer.tasks.task import ENGLISH, Task, fingerprint, subset


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
