"""The settings of `run_pretraining.py` beside `TrainingArguments`, and how every program reads its settings.

A YAML file holds any of them, the command line overrides the file. The defaults are the paper's recipe.
"""

import difflib
import json
import sys
from copy import copy
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml
from huggingface_hub.constants import HF_HOME
from transformers import HfArgumentParser, TrainingArguments

from modeling_weam import EXCHANGES
from weam.alignment.aligner import ALIGNERS, HEURISTICS
from weam.checkpoint import LoraSettings
from weam.pretraining.objectives import OBJECTIVES, Objective
from weam.results import training_recipe

Default = TypeVar("Default")
NEW_HEAD_WARMUP_STEPS = 1000  # by docs/study.md, what in WEAM does it: 200 are too few
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


@dataclass
class ModelArguments(LoraArguments):
    """Which model to train and how it learns."""

    model_name_or_path: str | None = option(None, "A BERT checkpoint: Hub name or folder. None: from --config_name.")
    model_revision: str = option("main", "Branch, tag or commit of the checkpoint.")
    config_name: str | None = option(None, "Folder or Hub name of a BERT config, to train from scratch.")
    tokenizer_name: str | None = option(None, "Tokenizer, where it is not the checkpoint's.")
    num_hidden_layers: int | None = option(None, "Keep only so many of the checkpoint's layers, the lowest.")
    objective: str = option("weam", "What is learnt: WEAM, or a system to compare it with.", tuple(OBJECTIVES))
    exchange: str = option(
        "target",
        "target: a masked word's vector also predicts its aligned word; representation: that word's predicts it.",
        EXCHANGES,
    )
    cross_lingual_weight: float = option(1.0, "Weight of the cross-lingual loss; 0 is TLM.")
    head_warmup_steps: int | None = option(
        None,
        "First train the prediction head alone for so many steps. "
        f"None: {NEW_HEAD_WARMUP_STEPS} where the checkpoint brings no head trained on the layers kept, else 0.",
    )
    head_warmup_learning_rate: float = option(1e-3, "Its learning rate.")

    def __post_init__(self) -> None:
        """Refuse to guess which model is meant."""
        if (self.model_name_or_path is None) == (self.config_name is None):
            raise ValueError(
                "give --model_name_or_path to continue a checkpoint, or --config_name to train from scratch"
            )
        if self.head_warmup_steps and not self.system.predicts:
            raise ValueError(f"--objective {self.objective} has no prediction head; leave --head_warmup_steps out")
        if self.use_lora and self.objective == "word-alignment":
            raise ValueError("--objective word-alignment keeps a copy of the encoder; leave --use_lora out")
        if not self.objective.startswith("weam") and self.cross_lingual_weight != 1.0:
            raise ValueError(
                f"--objective {self.objective} has no cross-lingual prediction; leave --cross_lingual_weight out"
            )

    @property
    def system(self) -> Objective:
        """The model that is trained, and what it leaves behind."""
        return OBJECTIVES[self.objective]

    @property
    def weam(self) -> dict[str, Any]:
        """The settings of the method, as `config.weam` has them."""
        weight = 0.0 if self.objective == "tlm" else self.cross_lingual_weight
        return {"exchange": self.exchange, "cross_lingual_weight": weight}

    @property
    def name(self) -> str:
        """The one of the two that was given."""
        return str(self.model_name_or_path or self.config_name)

    @property
    def origin(self) -> str:
        """What results call the model that training begins with."""
        return self.model_name_or_path or f"from scratch: {self.config_name}"


@dataclass
class BitextArguments:
    """Which parallel text to train on."""

    train_file: list[str] = option([], "en-de=FILE (TSV or JSONL, .gz or not) or en-de=ENGLISH,GERMAN (Moses).")
    dataset_name: str | None = option(None, "Hub data set with a `translation` column.")
    dataset_config: list[str] = option([], "Its configurations, one for each language pair, like de-en.")
    dataset_revision: str = option("main", "Branch, tag or commit of the data set.")
    validation_fraction: float = option(0.01, "Share of source sentences to hold out of training.")
    gold_alignments: list[str] = option([], "en-de=PREFIX of PREFIX.src-tgt and PREFIX.gold, for the error rate.")
    max_train_pairs: int | None = option(None, "Train on so many pairs of each language pair, always the same ones.")
    max_eval_pairs: int = option(1000, "Evaluate on at most so many held-out pairs of each language pair.")
    sampling_alpha: float = option(1.0, "Sample language pairs by size to this power: 1 natural, 0 uniform.")
    sampling_ratios: list[str] = option([], "Explicit ratios instead, like en-de=3 en-sw=1.")
    max_length: int = option(128, "Pieces of a pair, special ones included.")
    mlm_probability: float = option(0.3, "Share of pieces to mask.")
    pad_to_multiple_of: int | None = option(None, "Round batch lengths up; 8 suits tensor cores.")
    cache_dir: str = option(str(Path(HF_HOME) / "weam"), "Where prepared data is kept.")

    def __post_init__(self) -> None:
        """Refuse to guess which text is meant."""
        if bool(self.train_file) == bool(self.dataset_name):
            raise ValueError("give --train_file or --dataset_name: one of them, and not both")
        if self.max_train_pairs is not None and self.max_train_pairs < 1:
            raise ValueError("--max_train_pairs is less than 1; leave it out to train on all pairs")
        if self.dataset_name and not self.dataset_config:
            raise ValueError("--dataset_name needs --dataset_config, the language pairs to read, like de-en")


@dataclass
class AlignmentArguments:
    """How the words of the parallel text are aligned."""

    aligner: str = option("fast_align", "eflomal is slower and aligns better.", ALIGNERS)
    symmetrization: str = option("intersect", "How both directions are joined.", HEURISTICS)
    alignments: list[str] = option([], "en-de=FILE of Pharaoh lines from any aligner, one for each line of the bitext.")
    alignments_unit: str = option("word", "What FILE links: words between spaces, or pieces.", ("word", "piece"))


@dataclass
class OutputArguments:
    """What may be written over."""

    overwrite_output_dir: bool = option(False, "Write into an output directory that is not empty.")


def refuse_label_smoothing(args: TrainingArguments) -> None:
    """See that the loss is left to the model, or to the task: the Trainer's smoothed one would take its place, or none.

    Raises:
        ValueError: labels are to be smoothed.
    """
    if args.label_smoothing_factor:
        raise ValueError(f"--label_smoothing_factor is {args.label_smoothing_factor}; no loss here is smoothed, give 0")


@dataclass
class PreTrainingArguments(TrainingArguments):
    """`TrainingArguments` with the recipe of Yang et al. 2021 and what our collator needs as defaults."""

    per_device_train_batch_size: int = option(32, "Sentence pairs in a batch, on each device.")
    per_device_eval_batch_size: int = option(32, "Sentence pairs in a batch of the evaluation.")
    num_train_epochs: float = option(2.0, "Passes over the bitext.")
    learning_rate: float = option(5e-5, "Peak learning rate.")
    train_sampling_strategy: str = option(
        "group_by_length", "Batches of pairs of like length.", ("random", "sequential", "group_by_length")
    )
    remove_unused_columns: bool = option(False, "Must stay off: the collator reads columns that forward() does not.")
    label_names: list[str] = option(["labels"], "Must stay: other columns are no labels.")
    include_num_input_tokens_seen: str = option(
        "non_padding", "Which pieces the log counts.", ("non_padding", "all", "no")
    )

    def __post_init__(self) -> None:
        """Refuse what would lose data silently."""
        if self.remove_unused_columns:
            raise ValueError("--remove_unused_columns must stay off: it would drop the columns that the collator reads")
        super().__post_init__()
        refuse_label_smoothing(self)


# what parse_arguments returns
Arguments = tuple[ModelArguments, BitextArguments, AlignmentArguments, OutputArguments, PreTrainingArguments]


def pretraining_settings(arguments: Arguments) -> dict[str, dict[str, Any]]:
    """Return the settings that make a difference to the result, by concern; no folders, no tokens."""
    model_args, bitext_args, alignment_args, _, args = arguments
    bitext = {name: value for name, value in asdict(bitext_args).items() if name != "cache_dir"}
    concerns = {"model": asdict(model_args), "bitext": bitext, "alignment": asdict(alignment_args)}
    return {**concerns, "training": training_recipe(args)}


def parse_arguments(argv: list[str] | None = None) -> Arguments:
    """Read `[FILE.yaml] [--name value ...]`; errors are those of `parse_settings`."""
    concerns = (ModelArguments, BitextArguments, AlignmentArguments, OutputArguments, PreTrainingArguments)
    return parse_settings(concerns, "Continue the pre-training of a BERT on word-aligned bitext.", argv)


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
