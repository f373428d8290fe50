"""MLQA (Lewis et al. 2020) and XQuAD (Artetxe et al. 2020): find the answer to a question in a context.

Exact match and F1. MLQA crosses languages: a context in one, the question in another (G-XLT); both in one is XLT.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from datasets import Dataset, load_dataset
from torch import nn
from transformers import AutoModelForQuestionAnswering, PreTrainedTokenizerBase
from transformers.utils import ModelOutput

from weam.metrics import mlqa_score, squad_score
from weam.scores import ExampleScores, Scored
from weam.transfer.tasks.answer_spans import (
    Question,
    Windows,
    best_spans,
    check_questions,
    count_unanswerable,
    encode_windows,
    read_squad,
)
from weam.transfer.tasks.files import DataFiles, load_from_hub
from weam.transfer.tasks.task import ENGLISH, EncodedExamples, Task, mean_cross_entropy


class QuestionTask(Task):
    """Extractive question answering over overlapping windows; trained on SQuAD-format files or SQuAD."""

    hub_task = "question-answering"
    metric = "f1"
    auto_class = AutoModelForQuestionAnswering

    def __init__(self, files: DataFiles | None = None, windows: Windows | None = None) -> None:
        """Remember where questions come from (None: the Hub) and how contexts are cut."""
        self.windows = windows or Windows()
        super().__init__(files, self.windows.max_length)

    def settings(self) -> dict[str, Any]:
        """Return what of this task makes a difference to the result."""
        return {"benchmark": self.benchmark, **vars(self.windows)}

    def from_file(self, path: Path) -> list[Question]:
        """Return the questions of a SQuAD-format file."""
        return read_squad(path)

    def from_hub(self, source: str, split: str) -> list[Question]:
        """Return the questions of a Hub data set with SQuAD's columns."""
        load = load_mlqa if source.startswith("facebook/mlqa:") else load_from_hub
        return questions_of(load(source, split), f"{source} {split}")

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return what is trained and selected on: SQuAD for English, MLQA's machine translations of it for others."""
        return "rajpurkar/squad" if language == ENGLISH else f"facebook/mlqa:mlqa-translate-train.{language}"

    def check(self, encoded: EncodedExamples) -> list[dict[str, Any]]:
        """Report answers that no window holds."""
        count = len(encoded.examples)
        unanswerable = count_unanswerable(encoded.rows, count)
        return [{"answers outside every window": unanswerable, "of": count}] if unanswerable else []

    def encode(self, examples: Sequence[Question], tokenizer: PreTrainedTokenizerBase) -> Dataset:
        """Encode each question with every window of its context."""
        return encode_windows(examples, tokenizer, self.windows)

    def prepare_model(self, model: nn.Module) -> nn.Module:
        """Keep padding out of the softmax, so that a loss does not depend on what else is in the batch."""
        model.register_forward_hook(_mask_padding, with_kwargs=True)
        return model

    def loss(self, outputs: ModelOutput, labels: torch.Tensor, num_items_in_batch: torch.Tensor | None) -> torch.Tensor:
        """Return the mean cross-entropy of starts and ends; `labels` is (B, 2)."""
        logits = torch.stack([outputs.start_logits, outputs.end_logits], dim=1)  # (B, 2, L)
        return mean_cross_entropy(logits, labels, num_items_in_batch)

    def score(
        self, outputs: tuple[np.ndarray, ...], encoded: Dataset, examples: Sequence[Question], language: str
    ) -> Scored:
        """Find the best answers and score them; `outputs` holds (rows, L) start and end logits."""
        start_logits, end_logits = outputs
        predicted = best_spans(start_logits, end_logits, encoded, examples, self.windows)
        rule = self.scorer(language)
        scores = [rule(text, question.answers) for text, question in zip(predicted, examples, strict=True)]
        metrics = {name: ExampleScores.mean([score[name] for score in scores]) for name in ("exact_match", "f1")}
        answers = [{"id": question.id, "text": text} for text, question in zip(predicted, examples, strict=True)]
        return Scored(metrics, answers)

    def scorer(self, language: str) -> Callable[[str, Sequence[str]], dict[str, float]]:
        """Return the benchmark's rule for one answer in a language: here SQuAD's for all."""
        return squad_score


class MLQA(QuestionTask):
    """MLQA's test set, scored by its own rules for the language of the context.

    Local files are SQuAD's JSON, such as `MLQA_V1/test/test-context-{context}-question-{question}.json`. On the Hub
    `facebook/mlqa`.
    """

    benchmark = "mlqa"
    title = "MLQA"
    licence = "CC BY-SA 3.0"
    crossed = True
    languages = ("en", "ar", "de", "es", "hi", "vi", "zh")

    def tests(self, languages: Sequence[str]) -> list[str]:
        """Return every combination, as context-question."""
        return [f"{context}-{question}" for context in languages for question in languages]

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return where a split is; a test in MLQA itself, under the languages of context and question."""
        if split != "test":
            return super().hub_source(split, language)
        return f"facebook/mlqa:mlqa.{language.replace('-', '.')}"

    def scorer(self, language: str) -> Callable[[str, Sequence[str]], dict[str, float]]:
        """Return MLQA's rule for the language of the context, which is that of the answer."""
        context = language.partition("-")[0]
        return lambda prediction, answers: mlqa_score(prediction, answers, context)


class MLQADev(MLQA):
    """MLQA's dev set as the test: for places where the test set is not at hand. Results say `mlqa-dev`."""

    benchmark = "mlqa-dev"
    title = "MLQA-dev"
    tests_the_test_set = False
    hub_splits: ClassVar = {**Task.hub_splits, "test": "validation"}


class XQuAD(QuestionTask):
    """XQuAD, scored by SQuAD's rules in every language, as its authors do.

    Local files are SQuAD's JSON, such as `xquad.{language}.json`. On the Hub `google/xquad`.
    """

    benchmark = "xquad"
    title = "XQuAD"
    licence = "CC BY-SA 4.0"
    languages = ("en", "ar", "de", "el", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh")
    hub_splits: ClassVar = {**Task.hub_splits, "test": "validation"}

    def read(self, split: str, language: str) -> list[Question]:
        """Return the questions of a split; of SQuAD's dev set, which selects, those of paragraphs not in XQuAD."""
        questions = super().read(split, language)
        if split != "dev" or self.files.find("dev", language):
            return questions
        tested = {question.id for question in super().read("test", ENGLISH)}
        contexts = {question.context for question in questions if question.id in tested}
        return [question for question in questions if question.context not in contexts]

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return where a split is; a test in XQuAD itself."""
        return super().hub_source(split, language) if split != "test" else f"google/xquad:xquad.{language}"


def load_mlqa(source: str, split: str) -> Dataset:
    """Load a split of a configuration of `facebook/mlqa` from the Hub.

    Its main branch is a loading script; the parquet branch knows configurations only as folders. Were a folder passed
    over and all of them read, ids would repeat, which `questions_of` refuses.
    """
    name, _, config = source.partition(":")
    return load_dataset(name, data_dir=config, split=split, revision="refs/convert/parquet")


def questions_of(rows: Dataset, origin: str) -> list[Question]:
    """Turn rows with SQuAD's columns into checked questions."""
    missing = [column for column in ("id", "question", "context", "answers") if column not in rows.column_names]
    if missing:
        raise ValueError(f"{origin} lacks {', '.join(missing)}; it has {', '.join(rows.column_names)}")
    questions = [
        Question(
            row["id"],
            row["question"],
            row["context"],
            tuple(row["answers"]["text"]),
            tuple(row["answers"]["answer_start"]),
        )
        for row in rows
    ]
    check_questions(questions, origin)
    return questions


def _mask_padding(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: ModelOutput) -> ModelOutput:
    padding = kwargs["attention_mask"] == 0  # (B, L)
    for name in ("start_logits", "end_logits"):
        outputs[name] = outputs[name].masked_fill(padding, torch.finfo(outputs[name].dtype).min)
    return outputs
