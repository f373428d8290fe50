"""The call that all tasks share: read a language's examples, encode them, score a model's outputs.

A task knows its benchmark and the stock head that it needs. It does not train (`weam/transfer/zero_shot.py` does).
"""

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from datasets import Dataset
from torch import nn
from torch.nn import functional
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerBase
from transformers.utils import ModelOutput

from weam.scores import ExampleScores, Scored
from weam.transfer.tasks.files import DataFiles, hub_rows, load_from_hub, read_files, read_json_lines

IGNORED = -100  # a label that is not scored
ENGLISH = "en"
SURROGATE = re.compile("[\ud800-\udfff]")  # JSON may hold halves of a character, UTF-8 may not


class Benchmark(ABC):
    """What is known of a benchmark: what it is called, who may use it, where the Hub has it.

    Attributes:
        benchmark: its name in results.
        title: its name for people.
        licence: of its examples.
        languages: those of its test set.
        hub_task: what the Hub calls the use of a model that has learnt it.
        hub_splits: split -> what its data set on the Hub calls it.
        metric: the one that selects on dev, and that leaderboards rank by.
        crossed: whether a test has two languages, `context-question`.
        tests_the_test_set: whether figures are those that others report of it.
    """

    benchmark: str
    title: str
    licence: str
    languages: tuple[str, ...]
    hub_task: str
    hub_splits: ClassVar[dict[str, str]] = {"train": "train", "dev": "validation", "test": "test"}
    metric: str
    crossed: bool = False
    tests_the_test_set: bool = True

    @classmethod
    @abstractmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return where the Hub has a split in a language, as `NAME:CONFIG`: what is loaded, and what cards name."""

    @classmethod
    def named(cls, language: str) -> str:
        """Return what a language that a user names is called here."""
        return language


@dataclass(frozen=True)
class EncodedExamples:
    """Checked examples of one language, and what a model reads of them.

    Attributes:
        examples: N frozen dataclasses.
        rows: as `Task.encode` made them; an example may have several.
        fingerprint: of the examples; equal ones mean the same examples in the same order.
    """

    examples: list[Any]
    rows: Dataset
    fingerprint: str


class Task(Benchmark):
    """A benchmark with its examples in every language, and how they are learnt and scored.

    Attributes:
        auto_class: the stock Auto class with the head that it needs.
        labels: the names of the classes, None where the head has no classes.
        seeds: of the fine-tunings, unless the user gives some.
    """

    seeds: tuple[int, ...] = (42,)
    auto_class: Any
    labels: tuple[str, ...] | None = None

    def __init__(self, files: DataFiles | None = None, max_length: int = 128) -> None:
        """Remember where examples come from (None: the Hub) and how many subword tokens an input may have."""
        self.files = files or DataFiles()
        self.max_length = max_length

    def read(self, split: str, language: str) -> list[Any]:
        """Return the checked examples (frozen dataclasses) of a split in a language.

        Raises:
            ValueError: an example is broken; names it.
            FileNotFoundError: there are none in this language.
        """
        paths = self.files.find(split, language)
        if paths:
            return read_files(paths, self.from_file)
        return self.from_hub(self.hub_source(split, language), self.hub_splits[split])

    def read_custom(self, source: str) -> list[Any]:
        """Return the checked examples of a file, or of a Hub data set `NAME` or `NAME:CONFIG` (its train split)."""
        path = Path(source)
        return read_files([path], self.from_file) if path.is_file() else self.from_hub(source, "train")

    @abstractmethod
    def from_file(self, path: Path) -> Iterable[Any]:
        """Return the examples of a local file."""

    @abstractmethod
    def from_hub(self, source: str, split: str) -> list[Any]:
        """Return the examples of a split of a Hub data set `NAME` or `NAME:CONFIG`."""

    @abstractmethod
    def encode(self, examples: Sequence[Any], tokenizer: PreTrainedTokenizerBase) -> Dataset:
        """Return inputs of the model with `labels` and `length`; an example may become several rows."""

    @abstractmethod
    def score(
        self, outputs: tuple[np.ndarray, ...], encoded: Dataset, examples: Sequence[Any], language: str
    ) -> Scored:
        """Score the outputs of the model on `encoded`, row by row in its order."""

    def check(self, encoded: EncodedExamples) -> list[dict[str, Any]]:
        """Return what users should know about the examples that only encoding them shows."""
        return []

    def settings(self) -> dict[str, Any]:
        """Return what of this task makes a difference to the result."""
        return {"benchmark": self.benchmark, "max_length": self.max_length}

    def tests(self, languages: Sequence[str]) -> list[str]:
        """Return what is tested for the given languages: here those themselves."""
        return list(languages)

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> "PaddedBatch":
        """Return what makes a batch of rows."""
        return PaddedBatch(tokenizer)

    def prepare_model(self, model: nn.Module) -> nn.Module:
        """Change the stock model where the task must; most need not."""
        return model

    def loss(self, outputs: ModelOutput, labels: torch.Tensor, num_items_in_batch: torch.Tensor | None) -> torch.Tensor:
        """Return the loss of a batch, as the Trainer's `compute_loss_func` wants it."""
        return mean_cross_entropy(outputs.logits, labels, num_items_in_batch)


class RowTask(Task):
    """A benchmark whose examples are rows with the same columns on the Hub and in local files of JSON lines.

    Attributes:
        columns: of a row.
    """

    columns: tuple[str, ...]

    def from_file(self, path: Path) -> Iterable[Any]:
        """Return the examples of a file of JSON lines."""
        return self.examples(read_json_lines(path, self.columns))

    def from_hub(self, source: str, split: str) -> list[Any]:
        """Return the examples of a Hub data set."""
        return self.examples(hub_rows(load_from_hub(source, split), f"{source} {split}", self.columns))

    @abstractmethod
    def examples(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> list[Any]:
        """Turn (place, record) into checked examples.

        Raises:
            ValueError: a record is broken; names its place.
        """


class ClassificationTask(RowTask):
    """A benchmark of texts, or of pairs of texts, each with a class; examples have its name as `label`."""

    metric = "accuracy"
    auto_class = AutoModelForSequenceClassification
    hub_task = "text-classification"
    labels: tuple[str, ...]

    @abstractmethod
    def texts(self, examples: Sequence[Any]) -> list[list[str]]:
        """Return the texts of all examples: one list, or one of the first and one of the second texts."""

    def encode(self, examples: Sequence[Any], tokenizer: PreTrainedTokenizerBase) -> Dataset:
        """Encode each example as one row; of a pair that is too long the longer text is cut first."""
        columns = dict(tokenizer(*self.texts(examples), truncation="longest_first", max_length=self.max_length))
        columns["length"] = [len(row) for row in columns["input_ids"]]
        columns["labels"] = [self.labels.index(example.label) for example in examples]
        return Dataset.from_dict(columns)

    def score(
        self, outputs: tuple[np.ndarray, ...], encoded: Dataset, examples: Sequence[Any], language: str
    ) -> Scored:
        """Count right classes; `outputs` holds (N, C) logits."""
        return score_classes(outputs[0], self.labels, examples)


def score_classes(logits: np.ndarray, names: Sequence[str], examples: Sequence[Any]) -> Scored:
    """Count the examples whose `label` is the name of the class with the largest of (N, C) logits."""
    predicted = [names[number] for number in logits.argmax(axis=-1)]
    right = [label == example.label for label, example in zip(predicted, examples, strict=True)]
    return Scored({"accuracy": ExampleScores.mean(right)}, predicted)


class PaddedBatch:
    """A list of rows -> tensors.

    | key | shape, dtype | meaning |
    |---|---|---|
    | input_ids, attention_mask, token_type_ids | (B, L) int64 | what the tokenizer gave, padded to the longest row |
    | labels | (B,) or (B, K) int64 | a class, or K labels padded with -100; absent if the rows have none |
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Take the names of the model's inputs from its tokenizer."""
        self.tokenizer = tokenizer
        self.names = tokenizer.model_input_names

    def pad(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Stack inputs; padding is on the right whatever the tokenizer likes, since labels count from the left."""
        return dict(self.tokenizer.pad(rows, padding_side="right", return_tensors="pt"))

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Pad and stack; other columns are left out."""
        batch = self.pad([{name: row[name] for name in self.names if name in row} for row in rows])
        if "labels" in rows[0]:
            labels = [torch.tensor(row["labels"]) for row in rows]
            if labels[0].dim() == 0:  # a class for each row
                batch["labels"] = torch.stack(labels)
            else:
                batch["labels"] = nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=IGNORED)
        return batch


def mean_cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, num_items_in_batch: torch.Tensor | None
) -> torch.Tensor:
    """Return the summed cross-entropy over the number of labels in the whole optimiser step.

    Stock heads return the mean of each batch, which the Trainer then scales wrongly under accumulation, and which
    weighs labels unequally where batches hold different numbers of them.

    Args:
        logits: (..., C) float.
        labels: (...) int64, -100 where there is none.
        num_items_in_batch: labels of all accumulated batches and processes; None: those of this batch.
    """
    losses = functional.cross_entropy(
        logits.flatten(0, -2).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    items = (labels != IGNORED).sum() if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
    return losses / items.clamp(min=1)  # a row may go on with a word that began in the row before: no label at all


def fingerprint(examples: Sequence[Any]) -> str:
    """Return a hash of examples in their order; equal hashes mean equal test sets."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json.dumps(asdict(example), sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()[:16]


def subset(examples: Sequence[Any], limit: int | None) -> list[Any]:
    """Return at most `limit` examples, always the same ones of equally many, in their order.

    Parallel test sets so keep the same rows in every language.
    """
    if limit is None or limit >= len(examples):
        return list(examples)
    chosen = np.random.default_rng(0).permutation(len(examples))[:limit]
    return [examples[row] for row in sorted(chosen.tolist())]


def check_label(label: object, names: tuple[str, ...], place: str) -> str:
    """Return the name of a label given by name or, as Hub data sets do, by number.

    >>> check_label(1, ("no", "yes"), "dev.jsonl:7")
    'yes'

    Raises:
        ValueError: the label is none of the set; names the place.
    """
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(names):
        return names[label]
    if label in names:
        return str(label)
    raise ValueError(f"{place}: the label is {label!r}, which is none of {', '.join(names)}; mend or remove the row")


def check_text(record: Mapping[str, Any], columns: tuple[str, ...], place: str) -> tuple[str, ...]:
    """Return the texts of some columns.

    Raises:
        ValueError: one is no text, blank, or holds half a character; names the place.
    """
    for column in columns:
        text = record[column]
        if not isinstance(text, str) or not text.strip() or SURROGATE.search(text):
            raise ValueError(f"{place}: {column} is {text!r}; it must hold text")
    return tuple(record[column] for column in columns)
