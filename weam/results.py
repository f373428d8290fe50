"""What a run leaves beside the weights: `results.json`, one format for all programs.

Everything printed, plotted or written on a card later is read from that file. Format 2:

    format        2
    program       run_pretraining, run_xnli, run_mlqa or run_xtreme_r
    date          of the end of the run, UTC
    command       what was typed
    versions      of python and the libraries
    settings      all that makes a difference to the result, by concern
    data          what became of each input, a record for each
    trainings     a `Training` for each fine-tuning or pre-training
    measurements  a `Measurement` for each figure
    comparisons   a `Comparison` for each figure that --compare_with sets beside another run's
    total_seconds wall time of the whole program
"""

import json
import math
import platform
import re
import shlex
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from transformers import TrainerState, TrainingArguments

from weam.scores import Difference
from weam.storage import CHECKED, parse_json, write_json

RESULTS_FILE = "results.json"
SETTINGS_FILE = "settings.json"  # of a run that may have to go on
FORMAT = 2
MEAN = "mean"  # in place of a language: over the languages of a benchmark
LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "tokenizers", "peft", "sil-thot", "numpy")
RECIPE = (  # what of TrainingArguments makes a difference to the result
    "learning_rate",
    "lr_scheduler_type",
    "warmup_steps",
    "optim",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "weight_decay",
    "max_grad_norm",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "num_train_epochs",
    "max_steps",
    "train_sampling_strategy",
    "bf16",
    "fp16",
    "seed",
)

RARE = (  # likewise, where they are set
    "lr_scheduler_kwargs",
    "optim_args",
    "data_seed",
    "neftune_noise_alpha",
    "dataloader_drop_last",
)
SELECTION = ("load_best_model_at_end", "eval_strategy", "eval_steps")  # likewise, where the best checkpoint is chosen
NOT_COMPARED = {  # which checkpoint it is, where files lie (their content is compared), and what changes no figure
    *("model.head_warmup_learning_rate",),  # an option of 0.1
    *("model.model_name_or_path", "model.model_revision", "model.config_name", "model.tokenizer_name"),
    *("checkpoint.model_name_or_path", "checkpoint.model_revision", "checkpoint.tokenizer_name"),
    *("transfer.data_dir", "transfer.train_file", "transfer.dev_file", "transfer.test_file", "transfer.languages"),
    *("transfer.compare_with", "transfer.overwrite_output_dir"),
}


@dataclass(frozen=True)
class Measurement:
    """One figure.

    Attributes:
        benchmark: xnli, mlqa, held-out, ...
        language: of the test examples; a language pair as `en-de`, for MLQA context-question.
        metric: its name; accuracy, F1, error rates and so on run from 0 to 1, losses are nats per token.
        value: the figure.
        count: examples that it was measured on.
        seed: of the training.
        steps: optimiser steps that led from the checkpoint to what was measured.
        checkpoint: the model that training began with.
        checkpoint_fingerprint: of those of its weights that were used.
        data_fingerprint: of the test examples; equal ones mean the same examples in the same order.
    """

    __pydantic_config__ = CHECKED

    benchmark: str
    language: str
    metric: str
    value: float
    count: int
    seed: int
    steps: int
    checkpoint: str
    checkpoint_fingerprint: str
    data_fingerprint: str


@dataclass(frozen=True)
class Training:
    """One training of a run.

    Attributes:
        name: its folder below `runs/`; empty for pre-training, which has one.
        seed: what it began with.
        steps: optimiser steps.
        tokens: non-padding tokens seen.
        seconds: wall time.
        log: the Trainer's log, one record a line of it.
    """

    __pydantic_config__ = CHECKED

    name: str
    seed: int
    steps: int
    tokens: int
    seconds: float
    log: list[dict[str, float]]


@dataclass(frozen=True)
class Comparison(Difference):
    """How much better this run is than a baseline on the same test examples.

    Attributes:
        benchmark: as in the measurements.
        language: as there; "mean" is the mean over languages.
        metric: as there.
        checkpoint: what the baseline began with.
    """

    __pydantic_config__ = CHECKED

    benchmark: str
    language: str
    metric: str
    checkpoint: str


@dataclass(frozen=True)
class Results:
    """One run of one program, measured; the module's docstring has the format."""

    __pydantic_config__ = CHECKED

    program: str
    command: str
    settings: dict[str, dict[str, Any]]
    data: list[dict[str, Any]]
    trainings: list[Training]
    measurements: list[Measurement]
    total_seconds: float
    comparisons: list[Comparison] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=lambda: versions())
    date: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())
    format: Literal[2] = 2


@dataclass(frozen=True, kw_only=True)
class _SavedResults(Results):
    """Results as a file has them: nothing is filled in, least of all the versions of the one who reads."""

    settings: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    comparisons: list[Comparison]
    versions: dict[str, str]
    date: str


@dataclass(frozen=True)
class _Format:
    """What tells results of another version apart."""

    __pydantic_config__ = ConfigDict(**{**CHECKED, "extra": "ignore"})

    format: int


def _installed() -> Iterator[tuple[str, str]]:
    """Yield the libraries that are there and their versions; sil-thot is not on every platform."""
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            yield name, version(name)


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {"python": platform.python_version(), **dict(_installed())}


def training_recipe(args: TrainingArguments) -> dict[str, Any]:
    """Return what of the training arguments makes a difference to the result; no folders, no tokens."""
    values = args.to_dict()
    names = RECIPE + (SELECTION if args.load_best_model_at_end else ())
    names += tuple(name for name in RARE if values[name] is not False and values[name] not in (None, {}))
    return {**{name: value for name, value in values.items() if name in names}, "world_size": args.world_size}


def compared_settings(results: Results) -> dict[str, Any]:
    """Return the settings of a run that must be another's for their figures to stand side by side: `concern.name`."""
    compared = {name: value for name, value in _flat(results.settings) if name not in NOT_COMPARED}
    if compared.get("alignment.alignments_unit") == "piece":
        compared["alignment.alignments_unit"] = "subword"  # what 0.1 called it
    if compared.get("alignment.aligner_model") is None:
        compared.pop("alignment.aligner_model_revision", None)  # of nothing; 0.1 had no such option
    if compared.pop("task.dev accuracy by layer", None):
        compared["task.layer"] = "chosen on dev"  # alike, though it may come out otherwise for another checkpoint
    return compared


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Name what two runs have not alike, in order.

    >>> differing({"seed": 1, "bf16": True}, {"seed": 2, "bf16": True, "fp16": False})
    ['seed', 'fp16']
    """
    return [name for name in {**first, **second} if first.get(name) != second.get(name)]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (`concern.name`, value).

    >>> dict(_flat({"training": {"seed": 1}}))
    {'training.seed': 1}
    """
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def command_line(token: str | None = None) -> str:
    """Return what was typed, without the path of the interpreter and without the Hub token."""
    command = re.sub(r"\bhf_\w+", "...", shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]))
    return command.replace(token, "...") if token else command


def course(name: str, seed: int, state: TrainerState) -> Training:
    """Return what the Trainer's state tells of a training; `name` and `seed` as `Training` has them.

    What is not finite is left out of the log: under fp16 the gradient norm of a step that overflowed is not.
    """
    seconds = sum(record.get("train_runtime", 0.0) for record in state.log_history if "train_loss" in record)
    log = [{key: value for key, value in record.items() if math.isfinite(value)} for record in state.log_history]
    return Training(name, seed, state.global_step, state.num_input_tokens_seen, seconds, log)


def write_results(results: Results, folder: Path) -> None:
    """Write `results.json` into the folder.

    Raises:
        ValueError: a figure is not finite, because the training diverged.
    """
    broken = [f"{m.metric} of {m.language}" for m in results.measurements if not math.isfinite(m.value)]
    if broken:
        raise ValueError(
            f"{', '.join(broken)} came out not finite, so {folder / RESULTS_FILE} is not written: the training "
            "diverged; train again with a lower --learning_rate or longer --warmup_steps"
        )
    write_json(asdict(results), folder / RESULTS_FILE)


def read_results(path: Path) -> Results:
    """Read a `results.json`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is no results file, is damaged, or of another format version.
    """
    return _parse(path.read_bytes(), str(path))


def parse_results(record: object, origin: str) -> Results:
    """Turn what JSON gave back into results; `origin` is what errors name.

    Raises:
        ValueError: the record is none of results, is damaged, or of another format version.
    """
    return _parse(json.dumps(record), origin)


def _parse(text: str | bytes, origin: str) -> Results:
    remedy = "give a results.json that one of our programs wrote, or measure again"
    found = parse_json(text, _Format, origin, remedy, finite=False).format
    if found != FORMAT:
        raise ValueError(
            f"{origin} is of results format {found}, this version reads {FORMAT}; measure again with this version, or "
            "read it with the version that wrote it"
        )
    return Results(**vars(parse_json(text, _SavedResults, origin, remedy)))


@dataclass(frozen=True)
class Summary:
    """One metric on one test set over the seeds of a run.

    Attributes:
        benchmark: as in the measurements; so are language, metric and count.
        language: "mean" is the mean over the languages of the benchmark.
        metric: its name.
        count: examples.
        mean: over seeds.
        deviation: the standard deviation over seeds (of a sample); None with one seed.
        seeds: how many.
    """

    benchmark: str
    language: str
    metric: str
    count: int
    mean: float
    deviation: float | None
    seeds: int


def summarise(measurements: Sequence[Measurement]) -> list[Summary]:
    """Return mean and standard deviation over seeds for each test set and metric, and the mean over languages.

    That mean is over the seeds that all languages have; where they have none in common, there is none.
    """
    values: dict[tuple[str, str, str], dict[int, float]] = {}
    counts: dict[tuple[str, str, str], int] = {}
    for m in measurements:
        values.setdefault((m.benchmark, m.language, m.metric), {})[m.seed] = m.value
        counts[m.benchmark, m.language, m.metric] = m.count
    for benchmark, metric in dict.fromkeys((benchmark, metric) for benchmark, _, metric in list(values)):
        parts = {key: part for key, part in values.items() if (key[0], key[2]) == (benchmark, metric)}
        seeds = set.intersection(*(set(part) for part in parts.values()))
        if len(parts) > 1 and seeds:
            key = (benchmark, MEAN, metric)
            values[key] = {seed: statistics.fmean(part[seed] for part in parts.values()) for seed in sorted(seeds)}
            counts[key] = sum(counts[part] for part in parts)
    return [_summary(key, counts[key], list(by_seed.values())) for key, by_seed in values.items()]


def _summary(key: tuple[str, str, str], count: int, values: list[float]) -> Summary:
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Summary(*key, count, statistics.fmean(values), deviation, len(values))
