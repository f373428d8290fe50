"""Which fine-tunings a setting has."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from weam.transfer.tasks.task import ENGLISH, Benchmark


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


def choose_languages(benchmark: Benchmark | type[Benchmark], asked: Sequence[str]) -> list[str]:
    """Return the languages to test.

    Raises:
        ValueError: the benchmark does not have one that was asked for.
    """
    asked = [benchmark.named(language) for language in asked]
    unknown = [language for language in asked if language not in benchmark.languages]
    if unknown:
        raise ValueError(
            f"{benchmark.benchmark} has no {', '.join(unknown)}; its languages are {', '.join(benchmark.languages)}"
        )
    return list(dict.fromkeys(asked)) or list(benchmark.languages)
