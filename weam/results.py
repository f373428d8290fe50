"""What a pre-training run leaves beside the weights: `results.json`, with all that went into it.

Everything printed, plotted or written on a card later is read from that file.
"""

import json
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from weam.arguments import Arguments
from weam.bitext import BitextReport
from weam.held_out import HeldOutScores

RESULTS_FILE = "results.json"
BEFORE_FILE = "held_out_before.json"
RECIPE = (  # what of TrainingArguments makes a difference to the result
    "learning_rate",
    "lr_scheduler_type",
    "warmup_steps",
    "optim",
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
FORMAT = 1
LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "tokenizers", "peft", "sil-thot", "numpy")


@dataclass(frozen=True)
class PreTrainingResults:
    """One pre-training run, measured.

    Attributes:
        command: what was typed.
        base_model: checkpoint that was continued, None if trained from scratch.
        settings: the recipe, by concern.
        data: what became of each language pair's lines.
        before: held-out scores before training.
        after: held-out scores after it.
        log: the Trainer's log, one record a line of it.
        seconds: wall time of the training itself.
        total_seconds: wall time of the whole program, preparing and scoring included.
        steps: optimiser steps.
        tokens: non-padding pieces seen.
    """

    command: str
    base_model: str | None
    settings: dict[str, Any]
    data: list[BitextReport]
    before: list[HeldOutScores]
    after: list[HeldOutScores]
    log: list[dict[str, float]]
    seconds: float
    total_seconds: float
    steps: int
    tokens: int


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def recipe(arguments: Arguments) -> dict[str, dict[str, Any]]:
    """Return the settings that make a difference to the result, by concern; no folders, no tokens."""
    model_args, bitext_args, alignment_args, _, training_args = arguments
    bitext = {name: value for name, value in asdict(bitext_args).items() if name != "cache_dir"}
    training = {name: value for name, value in training_args.to_dict().items() if name in RECIPE}
    training["world_size"] = training_args.world_size
    return {"model": asdict(model_args), "bitext": bitext, "alignment": asdict(alignment_args), "training": training}


def command_line(token: str | None = None) -> str:
    """Return what was typed, without the path of the interpreter and without the Hub token."""
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return command.replace(token, "...") if token else command


def write_results(results: PreTrainingResults, folder: Path) -> None:
    """Write `results.json` into the folder."""
    record = {"format": FORMAT, "date": datetime.now(UTC).date().isoformat(), "versions": versions(), **asdict(results)}
    write_json(record, folder / RESULTS_FILE)


def write_json(record: Mapping[str, Any] | Sequence[Any], path: Path) -> None:
    """Write JSON that people can read too, whole or not at all."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)


def read_scores(path: Path) -> list[HeldOutScores]:
    """Read held-out scores written by `write_scores`."""
    return [HeldOutScores(**record) for record in json.loads(path.read_text(encoding="utf-8"))]


def write_scores(scores: list[HeldOutScores], path: Path) -> None:
    """Write held-out scores, so that a resumed run need not measure the untrained model again."""
    write_json([asdict(score) for score in scores], path)
