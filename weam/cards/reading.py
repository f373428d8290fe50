"""`results.json` -> results that a card can be written from: what it names of program, benchmark, settings and data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from weam.bitext.reading import BitextReport
from weam.pretraining.held_out import BENCHMARK as HELD_OUT
from weam.pretraining.held_out import from_measurements
from weam.pretraining.objectives import OBJECTIVES
from weam.results import Results, read_results
from weam.storage import CHECKED, read_json
from weam.transfer.tasks.benchmarks import BENCHMARKS

OPEN = ConfigDict(**{**CHECKED, "extra": "ignore"})  # there is more in results than cards read


@dataclass(frozen=True)
class ModelSettings:
    """How an encoder learnt."""

    __pydantic_config__ = OPEN

    objective: str
    exchange: Literal["target", "representation"]
    cross_lingual_weight: float
    model_name_or_path: str | None

    def __post_init__(self) -> None:
        """Refuse what no program trains."""
        if self.objective not in OBJECTIVES:
            raise ValueError(f"there is no objective {self.objective!r}; known are {', '.join(OBJECTIVES)}")


@dataclass(frozen=True)
class BitextSettings:
    """What an encoder learnt from."""

    __pydantic_config__ = OPEN

    dataset_name: str | None
    max_train_pairs: int | None


@dataclass(frozen=True)
class PreTrainingSettings:
    """Settings of `run_pretraining.py`."""

    __pydantic_config__ = OPEN

    model: ModelSettings
    bitext: BitextSettings


@dataclass(frozen=True)
class PreTrainingRun:
    """What a card needs of results of `run_pretraining.py`, beside what all results have."""

    __pydantic_config__ = OPEN

    settings: PreTrainingSettings
    data: Annotated[list[BitextReport], Field(min_length=1)]


@dataclass(frozen=True)
class Choices:
    """What was trained on and tested."""

    __pydantic_config__ = OPEN

    setting: Literal["zero-shot", "translate-train", "translate-train-all", "test-only"]
    train_file: list[str]
    dev_file: list[str]
    test_file: list[str]
    max_train_samples: int | None
    max_test_samples: int | None
    data_dir: str | None = None  # an option of 0.1


@dataclass(frozen=True)
class TransferSettings:
    """Settings of the evaluation programs."""

    __pydantic_config__ = OPEN

    transfer: Choices


@dataclass(frozen=True)
class DataRow:
    """A record of an evaluation's data: how many examples, or what a task reports of them."""

    __pydantic_config__ = OPEN

    split: str
    language: str
    count: int | None = None
    fingerprint: str | None = None

    def __post_init__(self) -> None:
        """See that what has a fingerprint was counted."""
        if self.fingerprint is not None and self.count is None:
            raise ValueError(f"the examples of {self.split} {self.language} have no count")


@dataclass(frozen=True)
class TransferRun:
    """What a card needs of results of the evaluation programs, beside what all results have."""

    __pydantic_config__ = OPEN

    settings: TransferSettings
    data: Annotated[list[DataRow], Field(min_length=1)]


KINDS = {
    "run_pretraining": (PreTrainingRun, {HELD_OUT}),
    **dict.fromkeys(("run_xnli", "run_mlqa", "run_xtreme_r"), (TransferRun, set(BENCHMARKS))),
}


def read_card_results(path: Path) -> Results:
    """Read a `results.json` that a card is to be written from.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or names a program, benchmark, setting or data that cards do not know.
    """
    results = read_results(path)
    if results.program not in KINDS:
        raise ValueError(f"{path} is of the program {results.program!r}; cards are written for {', '.join(KINDS)}")
    kind, benchmarks = KINDS[results.program]
    read_json(path, kind, "measure again")
    if not results.trainings:
        raise ValueError(f"{path} has no trainings; measure again")
    if not results.measurements:
        raise ValueError(f"{path} has no measurements; measure again")
    unknown = sorted({m.benchmark for m in results.measurements} - benchmarks)
    if unknown:
        known = ", ".join(sorted(benchmarks))
        raise ValueError(f"{path} has figures of {', '.join(unknown)}; give results of {known}")
    if results.program == "run_pretraining":
        try:
            from_measurements(results.measurements)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return results
