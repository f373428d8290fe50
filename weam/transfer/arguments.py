"""The settings of `run_xnli.py`, `run_mlqa.py` and `run_xtreme_r.py` beside `TrainingArguments`.

Defaults are those of the field: XTREME's fine-tuning (Hu et al. 2020) for each program.
"""

from dataclasses import dataclass
from pathlib import Path

from weam.arguments import LoraArguments, ProgramArguments, option
from weam.transfer.tasks.files import SPLITS, DataFiles

SETTINGS = ("zero-shot", "translate-train", "translate-train-all", "test-only")


@dataclass
class CheckpointArguments(LoraArguments):
    """Which encoder to fine-tune."""

    model_name_or_path: str = option("", "The encoder: Hub name or folder.")
    model_revision: str = option("main", "Branch, tag or commit of it.")
    tokenizer_name: str | None = option(None, "Tokenizer, where it is not the checkpoint's.")
    num_hidden_layers: int | None = option(None, "Keep only so many of the encoder's layers, the lowest.")

    def __post_init__(self) -> None:
        """Refuse to guess which encoder is meant."""
        if not self.model_name_or_path:
            raise ValueError("give --model_name_or_path, the checkpoint to evaluate: a folder or a Hub name")


@dataclass
class TransferArguments:
    """What to train on and what to test."""

    setting: str = option(
        "zero-shot", "What is trained on: English, each language by itself, all, or nothing.", SETTINGS
    )
    languages: list[str] = option([], "Languages to test; all of the benchmark unless given.")
    seeds: list[int] = option([], "One fine-tuning for each; unless given 42, for sib200 42 to 46.")
    compare_with: str | None = option(None, "results.json of another checkpoint, for intervals of the difference.")
    train_file: list[str] = option([], "en=FILE: training examples of a language; several are joined.")
    dev_file: list[str] = option([], "en=FILE: examples that select the best epoch (Tatoeba: the layer).")
    test_file: list[str] = option([], "de=FILE: test examples. A FILE with {language} in it: those of all languages.")
    max_train_samples: int | None = option(None, "Train on so many examples of each language.")
    max_dev_samples: int | None = option(None, "Select on so many of each language.")
    max_test_samples: int | None = option(None, "Test on so many of each language, the same rows in all.")
    intermediate_task: str | None = option(None, "Fine-tune on this file or Hub data set (NAME or NAME:CONFIG) first.")
    overwrite_output_dir: bool = option(False, "Write into an output directory that is not empty.")

    def __post_init__(self) -> None:
        """Refuse settings that cannot be meant."""
        for split in SPLITS:
            limit = getattr(self, f"max_{split}_samples")
            if limit is not None and limit < 1:
                raise ValueError(f"--max_{split}_samples is {limit}; give 1 or more, or leave it out")
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"--seeds {self.seeds}: give each seed once")

    @property
    def baseline(self) -> Path | None:
        """The results to compare with."""
        return Path(self.compare_with) if self.compare_with else None

    @property
    def files(self) -> DataFiles:
        """Where the examples come from."""
        return DataFiles(self.train_file, self.dev_file, self.test_file)


@dataclass
class FineTuningArguments(ProgramArguments):
    """`TrainingArguments` with the defaults of fine-tuning: the best epoch on dev is kept."""

    per_device_train_batch_size: int = option(32, "Examples in a batch, on each device.")
    per_device_eval_batch_size: int = option(64, "Examples in a batch when scoring.")
    num_train_epochs: float = option(3.0, "Passes over the training examples.")
    learning_rate: float = option(2e-5, "Peak learning rate.")
    warmup_steps: float = option(0.1, "Steps of warm-up; below 1 a share of all.")
    eval_strategy: str = option("epoch", "When to score dev.", ("no", "steps", "epoch"))
    save_strategy: str = option("epoch", "When to save.", ("no", "steps", "epoch", "best"))
    save_total_limit: int | None = option(2, "Checkpoints to keep.")
    load_best_model_at_end: bool = option(True, "Test the checkpoint that is best on dev.")
