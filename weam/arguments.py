"""How every program reads its settings, and those that several share.

A YAML file holds any of them, the command line overrides the file.
"""

import difflib
import json
import sys
from copy import copy
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml
from transformers import HfArgumentParser, TrainingArguments

from weam.checkpoint import LoraSettings

Default = TypeVar("Default")
UNNAMED_OUTPUT_DIR = "trainer_output"  # what TrainingArguments makes of None


def option(default: Default, text: str, choices: tuple[str, ...] | None = None) -> Default:
    """Declare a field with its help text."""
    metadata = {"help": text, **({"choices": list(choices)} if choices else {})}
    if isinstance(default, list):
        return field(default_factory=lambda: copy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass
class LoraArguments:
    """Whether to train low-rank adapters, and which."""

    use_lora: bool = option(False, "Train low-rank adapters and merge them on save.")
    lora_r: int = option(16, "Rank of the adapters.")
    lora_alpha: int = option(32, "Scale of the adapters, over their rank.")
    lora_dropout: float = option(0.05, "Dropout in the adapters.")
    lora_target_modules: list[str] = option(["query", "value"], "Linear layers that get adapters.")

    @property
    def lora(self) -> LoraSettings:
        """What of these describes the adapters."""
        return LoraSettings(self.lora_r, self.lora_alpha, self.lora_dropout, tuple(self.lora_target_modules))


def refuse_label_smoothing(args: TrainingArguments) -> None:
    """See that the loss is left to the model, or to the task: the Trainer's smoothed one would take its place, or none.

    Raises:
        ValueError: labels are to be smoothed.
    """
    if args.label_smoothing_factor:
        raise ValueError(f"--label_smoothing_factor is {args.label_smoothing_factor}; no loss here is smoothed, give 0")


def parse_settings(concerns: tuple[type, ...], description: str, argv: list[str] | None = None) -> tuple[Any, ...]:
    """Read `[FILE.yaml] [--name value ...]` into one dataclass for each concern, `TrainingArguments` last.

    Raises:
        ValueError: the YAML file has a name that does not exist (names it and the closest that does), or there is no
            output directory.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = HfArgumentParser(concerns, description=description)
    if argv and argv[0].endswith((".yaml", ".yml")):
        known = {setting.name for concern in concerns for setting in fields(concern)}
        argv = yaml_arguments(Path(argv[0]), known) + argv[1:]
    arguments = parser.parse_args_into_dataclasses(argv)
    if arguments[-1].output_dir == UNNAMED_OUTPUT_DIR:
        raise ValueError("give --output_dir, the folder for the trained model")
    return arguments


def yaml_arguments(path: Path, known: set[str]) -> list[str]:
    """Turn a YAML file into command-line arguments: whatever the command line accepts, the file does, `5e-5` too.

    Raises:
        ValueError: the file is no mapping of names to values, or has an unknown name.
    """
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path} holds no settings; write lines like learning_rate: 5e-5")
    arguments: list[str] = []
    for name, value in settings.items():
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            raise ValueError(f"{path}: there is no setting {name!r}" + (f"; did you mean {close[0]}?" if close else ""))
        if isinstance(value, list):
            arguments += [f"--{name}", *map(_argument, value)] if value else []  # an empty list is the default
        elif value is not None:
            arguments.append(f"--{name}={_argument(value)}")
    return arguments


def _argument(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"  # YAML reads `save_strategy: no` as a boolean, too
    return json.dumps(value) if isinstance(value, dict) else str(value)
