"""XCOPA (Ponti et al. 2020): which of two sentences is the cause, or the effect? Accuracy in eleven languages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import AutoModelForMultipleChoice, PreTrainedTokenizerBase

from weam.scores import Scored
from weam.transfer.tasks.task import ENGLISH, PaddedBatch, RowTask, check_label, check_text, score_classes

QUESTIONS = {"cause": "What was the cause?", "effect": "What happened as a result?"}  # COPA's own wording
CHOICES = ("choice1", "choice2")


@dataclass(frozen=True)
class Choice:
    """A premise with its question, two answers, and the name of the right one."""

    premise: str
    choices: tuple[str, str]
    label: str


class ChoiceBatch(PaddedBatch):
    """Rows of two inputs each -> tensors (B, 2, L), and labels (B,)."""

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Pad all inputs together and give each example its two back."""
        names = [name for name in self.names if name in rows[0]]
        flat = [{name: row[name][number] for name in names} for row in rows for number in range(len(CHOICES))]
        batch = {name: tensor.view(len(rows), len(CHOICES), -1) for name, tensor in self.pad(flat).items()}
        if "labels" in rows[0]:
            batch["labels"] = torch.tensor([row["labels"] for row in rows])
        return batch


class XCOPA(RowTask):
    """Choice of plausible alternatives; trained on English COPA.

    Local files are JSON lines with `premise`, `choice1`, `choice2`, `question` (cause or effect), `label` (0 or 1). On
    the Hub `aps/super_glue:copa` for English and `cambridgeltl/xcopa`. The question is asked in English in every
    language, as XCOPA's data have it.
    """

    benchmark = "xcopa"
    title = "XCOPA"
    licence = "CC BY 4.0"
    hub_task = "multiple-choice"
    metric = "accuracy"
    languages = ("et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh")
    auto_class = AutoModelForMultipleChoice
    columns = ("premise", "choice1", "choice2", "question", "label")

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return COPA for English, XCOPA's configuration of any other language."""
        return "aps/super_glue:copa" if language == ENGLISH else f"cambridgeltl/xcopa:{language}"

    def examples(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> list[Choice]:
        """Return the examples of the rows."""
        choices = []
        for place, row in rows:
            premise, *answers = check_text(row, ("premise", *CHOICES), place)
            if row["question"] not in QUESTIONS:
                raise ValueError(f"{place}: question is {row['question']!r}; it must be cause or effect")
            label = check_label(row["label"], CHOICES, place)
            choices.append(Choice(f"{premise} {QUESTIONS[row['question']]}", (answers[0], answers[1]), label))
        return choices

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> ChoiceBatch:
        """Return what makes a batch of rows."""
        return ChoiceBatch(tokenizer)

    def encode(self, examples: Sequence[Choice], tokenizer: PreTrainedTokenizerBase) -> Dataset:
        """Encode each example as one row that holds two inputs."""
        premises = [example.premise for example in examples for _ in CHOICES]
        answers = [answer for example in examples for answer in example.choices]
        encoded = tokenizer(premises, answers, truncation="longest_first", max_length=self.max_length)
        columns = {
            name: [encoded[name][row : row + len(CHOICES)] for row in range(0, len(premises), len(CHOICES))]
            for name in tokenizer.model_input_names
            if name in encoded
        }
        columns["length"] = [max(map(len, inputs)) for inputs in columns["input_ids"]]
        columns["labels"] = [CHOICES.index(example.label) for example in examples]
        return Dataset.from_dict(columns)

    def score(
        self, outputs: tuple[np.ndarray, ...], encoded: Dataset, examples: Sequence[Choice], language: str
    ) -> Scored:
        """Count right choices; `outputs` holds (N, 2) logits."""
        return score_classes(outputs[0], CHOICES, examples)
