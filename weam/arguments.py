"""How every program reads its settings, and those that several share.

A YAML file holds any of them, the command line overrides the file.
"""

import difflib
import json
import math
import os
import re
import sys
import warnings
from argparse import ArgumentTypeError
from copy import copy
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
import yaml
from accelerate.utils import parse_flag_from_env
from transformers import HfArgumentParser, TrainingArguments
from transformers.hf_argparser import string_to_bool

from weam.checkpoint import LoraSettings
from weam.processor import has_bfloat16

Default = TypeVar("Default")
RENAMED_VALUES = {("alignments_unit", "piece"): "subword"}  # (option, old value) -> new value
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
    lora_target_modules: list[str] = option([], "Linear layers that get adapters. None: query and value.")

    @property
    def lora(self) -> LoraSettings:
        """What of these describes the adapters."""
        return LoraSettings(self.lora_r, self.lora_alpha, self.lora_dropout, tuple(self.lora_target_modules))


@dataclass
class ProgramArguments(TrainingArguments):
    """`TrainingArguments` as every program takes them."""

    bf16: str = field(  # type: ignore[assignment]  # True or False once it is made
        default="auto",
        metadata={
            "help": "Mixed precision in bfloat16: yes, no, or auto, where a machine without a GPU has a processor with "
            "AVX512-BF16 or AMX. On a GPU auto leaves the precision to accelerate.",
            "nargs": "?",
            "const": "yes",
        },
    )
    train_sampling_strategy: str = option(
        "group_by_length", "Batches of examples of like length.", ("random", "sequential", "group_by_length")
    )
    remove_unused_columns: bool = option(False, "Must stay off: our collators read columns that forward() does not.")
    label_names: list[str] = option(["labels"], "Must stay: other columns are no labels.")
    include_num_input_tokens_seen: str = option(
        "non_padding", "Which tokens the log counts.", ("non_padding", "all", "no")
    )

    def __post_init__(self) -> None:
        """Choose the precision; refuse what would lose data silently, or another loss than the model's or the task's.

        Raises:
            ValueError: columns are to be removed, labels to be smoothed, or the precision is none.
        """
        if self.remove_unused_columns:
            raise ValueError("--remove_unused_columns must stay off: it would drop the columns that the collator reads")
        if self.label_smoothing_factor:
            smoothing = self.label_smoothing_factor
            raise ValueError(f"--label_smoothing_factor is {smoothing}; no loss here is smoothed, give 0")
        if not torch.accelerator.is_available():
            self._compute_on_processor()
        self.bf16 = self._wants_bf16()  # type: ignore[assignment]
        super().__post_init__()

    @property
    def device(self) -> torch.device:
        """The device of this process: on a processor always "cpu", for transformers 5.6 cannot resume on "cpu:0"."""
        device = super().device
        return torch.device("cpu") if device.type == "cpu" else device

    def _compute_on_processor(self) -> None:
        """Say so to accelerate; but where DeepSpeed is to run, `use_cpu` would leave it out without a word."""
        if parse_flag_from_env("ACCELERATE_USE_DEEPSPEED"):
            self.ddp_backend = self.ddp_backend or "gloo"  # type: ignore[has-type]
        else:
            self.use_cpu = True

    def _wants_bf16(self) -> bool:
        launched = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")  # the Trainer takes this where `bf16` is off
        if self.bf16 == "auto":
            return not self.fp16 and (launched == "bf16" or (self.use_cpu and has_bfloat16()))
        try:
            wanted = string_to_bool(self.bf16)
        except ArgumentTypeError as error:
            raise ValueError(f"--bf16 is {self.bf16!r}; give auto, yes or no") from error
        if not wanted and launched == "bf16":
            raise ValueError("--bf16 is no, but accelerate launch asks for bf16: give it --mixed_precision no")
        return wanted


def parse_settings(concerns: tuple[type, ...], description: str, argv: list[str] | None = None) -> tuple[Any, ...]:
    """Read `[RECIPE] [--name value ...]` into one dataclass for each concern, `TrainingArguments` last.

    A recipe is a YAML file, or the name of one that comes with the code.

    Raises:
        ValueError: there is no such recipe, it has a name that does not exist (names it and the closest that does),
            there is no output directory, or a number among the settings of another is not finite.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = HfArgumentParser(concerns, usage="%(prog)s [RECIPE] [--name value ...]", description=description)
    parser.register("type", float, finite)
    known = {setting.name for concern in concerns for setting in fields(concern)}
    if argv and not argv[0].startswith("-"):
        argv = yaml_arguments(find_recipe(argv[0]), known) + argv[1:]
    arguments = parser.parse_args_into_dataclasses(with_new_values(argv))
    if arguments[-1].output_dir == UNNAMED_OUTPUT_DIR:
        raise ValueError("give --output_dir, the folder for the trained model")
    for name, value in vars(arguments[-1]).items():
        if isinstance(value, dict) and re.search(r"\b(NaN|Infinity)\b", json.dumps(value)):
            raise ValueError(f"--{name} is {value}; give finite numbers")
    return arguments


def finite(text: str) -> float:
    """Read a number, as the command line and YAML have it; none is a setting that may be infinite or not a number.

    Raises:
        ArgumentTypeError: it is.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ArgumentTypeError(f"{text} is no finite number; give one, such as 5e-5")
    return number


def recipe_folder() -> Path:
    """Return where the recipes lie: in the installed package, or at the top of a clone."""
    packaged = Path(__file__).parent / "recipes"
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / "recipes"


def find_recipe(name: str) -> Path:
    """Return the YAML file that is meant by its path, or by its name among the recipes that come with the code.

    Raises:
        ValueError: there is no recipe of that name.
    """
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    path = recipe_folder() / f"{name}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in recipe_folder().glob("*.yaml")))
        raise ValueError(f"there is no recipe {name!r}; write the path of a .yaml file, or one of {names}")
    return path


def with_new_values(argv: list[str]) -> list[str]:
    """Replace what a value of an option was called in an earlier version, with a warning, for one release."""
    renamed = []
    for before, word in zip(["", *argv], argv, strict=False):
        for (option, old), new in RENAMED_VALUES.items():
            if word == f"--{option}={old}" or (before, word) == (f"--{option}", old):
                text = f"--{option} {old} is now --{option} {new}; the old spelling goes with the next release"
                warnings.warn(text, FutureWarning, stacklevel=2)
                word = word.removesuffix(old) + new
        renamed.append(word)
    return renamed


def yaml_arguments(path: Path, known: set[str]) -> list[str]:
    """Turn a YAML file into command-line arguments: whatever the command line accepts, the file does, `5e-5` too.

    `$here` in a value is the folder of the file.

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
    return [word.replace("$here", str(path.parent)) for word in arguments]


def _argument(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"  # YAML reads `save_strategy: no` as a boolean, too
    return json.dumps(value) if isinstance(value, dict) else str(value)
