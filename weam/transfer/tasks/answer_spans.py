"""Extractive question answering: spans of characters <-> spans of tokens.

Reads SQuAD files, cuts contexts into overlapping windows of tokens, says where in them the answers lie, and turns
logits back into text of the context. It knows no model, does not train and does not score.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features, List, Value, concatenate_datasets
from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from weam.storage import read_lines

ENCODED_AT_ONCE = 1000  # questions
NO_CHARACTERS = -1  # offsets of tokens that are not context
INPUTS = {  # those that the model reads are kept
    "input_ids": List(Value("int32")),
    "token_type_ids": List(Value("int8")),
    "attention_mask": List(Value("int8")),
}
FEATURES = {
    "labels": List(Value("int64"), length=2),  # first and last token of the answer; 0, 0 where it is not whole
    "question": Value("int32"),  # its number in the questions encoded, from 0
    "offsets": List(List(Value("int32"), length=2)),  # token -> from and up to which character of the context
    "length": Value("int32"),  # in tokens; the Trainer groups by it
}
SQUAD = "data > paragraphs: context, qas > id, question, answers > text, answer_start"
KINDS = {list: "list", str: "text", int: "whole number"}
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Question:
    """One question about one context."""

    id: str
    question: str
    context: str
    answers: tuple[str, ...]  # accepted texts, at least one
    answer_starts: tuple[int, ...]  # characters into the context


@dataclass(frozen=True)
class Windows:
    """How a context is cut where it is longer than a model takes."""

    max_length: int = 384  # tokens of a window, question and special ones included
    stride: int = 128  # tokens that neighbouring windows share
    max_answer_length: int = 30  # tokens

    def __post_init__(self) -> None:
        if self.max_length < 1 or self.stride < 0 or self.max_answer_length < 1:
            raise ValueError(f"{self}: lengths must be at least 1, the stride at least 0")


def read_squad(path: Path) -> list[Question]:
    """Read a SQuAD v1.1 file, gzipped or not.

    Raises:
        ValueError: the file breaks its format, or a question cannot be used; names file and place or id.
    """
    try:
        record = json.loads("\n".join(read_lines(path)))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON ({error}); SQuAD v1.1 is one object: {SQUAD}") from error
    questions = [
        question
        for i, article in enumerate(_part(record, "data", list, str(path)))
        for j, paragraph in enumerate(_part(article, "paragraphs", list, f"{path}: data[{i}]"))
        for question in _paragraph_questions(paragraph, f"{path}: data[{i}].paragraphs[{j}]")
    ]
    check_questions(questions, str(path))
    return questions


def _paragraph_questions(paragraph: object, place: str) -> Iterator[Question]:
    context = _part(paragraph, "context", str, place)
    for number, record in enumerate(_part(paragraph, "qas", list, place)):
        here = f"{place}.qas[{number}]"
        answers = list(enumerate(_part(record, "answers", list, here)))
        yield Question(
            _part(record, "id", str, here),
            _part(record, "question", str, here),
            context,
            tuple(_part(answer, "text", str, f"{here}.answers[{n}]") for n, answer in answers),
            tuple(_part(answer, "answer_start", int, f"{here}.answers[{n}]") for n, answer in answers),
        )


def _part(record: object, key: str, kind: type[Kind], place: str) -> Kind:
    """Take what is under `key`, which must be of that kind."""
    if not isinstance(record, dict) or not isinstance(record.get(key), kind):
        raise ValueError(f"{place}: no {KINDS[kind]} under {key!r}; SQuAD v1.1 is {SQUAD}")
    return record[key]


def check_questions(questions: Sequence[Question], origin: str) -> None:
    """Make sure that every question can be encoded and its answers found.

    Args:
        questions: of one file or Hub data set.
        origin: its name, for messages.

    Raises:
        ValueError: ids repeat; a question is blank, has no answer, or one that is not in its context where it should
            be; there is no question at all.
    """
    if not questions:
        raise ValueError(f"{origin}: no questions; give a file or split that has some")
    seen: set[str] = set()
    for question in questions:
        place = f"{origin}: question {question.id}"
        if question.id in seen:
            raise ValueError(f"{place}: the id occurs twice; give every question its own")
        seen.add(question.id)
        _check_texts(question, place)
        for answer, start in zip(question.answers, question.answer_starts, strict=True):
            _check_answer(question.context, answer, start, place)


def _check_texts(question: Question, place: str) -> None:
    if not question.question.strip():
        raise ValueError(f"{place}: the question is empty; write it out or remove the entry")
    if not question.answers:
        raise ValueError(f"{place}: no answers; remove it, questions without an answer (SQuAD 2.0) are not supported")
    if len(question.answers) != len(question.answer_starts):
        raise ValueError(
            f"{place}: {len(question.answers)} answers, {len(question.answer_starts)} offsets; give one for each"
        )
    try:
        (question.question + question.context).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{place}: question or context is no Unicode text ({error}); repair its escapes") from error


def _check_answer(context: str, answer: str, start: int, place: str) -> None:
    if not answer.strip():
        raise ValueError(f"{place}: an answer is empty; write it out or remove it")
    there = context[start : start + len(answer)] if start >= 0 else ""
    if there != answer:
        raise ValueError(
            f"{place}: the answer {answer!r} should be at character {start} of the context, which has {there!r} there; "
            "count answer_start in Unicode characters from 0, or remove the answer"
        )


def encode_windows(questions: Sequence[Question], tokenizer: PreTrainedTokenizerBase, windows: Windows) -> Dataset:
    """Encode every question with its context, in as many windows as that takes.

    Args:
        questions: checked ones.
        tokenizer: a fast tokenizer.
        windows: the lengths.

    Returns:
        One row a window, those of a question together and in order; columns as in `INPUTS` and `FEATURES`.

    Raises:
        ValueError: a question leaves its context too little room; names it.
    """
    batches = [
        _encode_batch(questions[first : first + ENCODED_AT_ONCE], first, tokenizer, windows)
        for first in range(0, len(questions), ENCODED_AT_ONCE)
    ]
    return concatenate_datasets(batches)


def _encode_batch(
    questions: Sequence[Question], first: int, tokenizer: PreTrainedTokenizerBase, windows: Windows
) -> Dataset:
    """Encode some of the questions, the first of which has that number."""
    parts = [_cut(pair, tokenizer, windows) for pair in _encode_texts(questions, tokenizer, windows)]
    offsets = [[_context_offsets(window.offsets, window.sequence_ids) for window in part] for part in parts]
    labels = [
        label
        for question, part in zip(questions, offsets, strict=True)
        for label in answer_labels(part, *_answer_characters(question))
    ]
    encoded, spans = list(chain.from_iterable(parts)), list(chain.from_iterable(offsets))
    columns = {
        "input_ids": [window.ids for window in encoded],
        "token_type_ids": [window.type_ids for window in encoded],
        "attention_mask": [window.attention_mask for window in encoded],
        "labels": labels,
        "question": [first + owner for owner, part in enumerate(parts) for _ in part],
        "offsets": _as_lists(spans),
        "length": [len(window) for window in encoded],
    }
    features = {name: INPUTS[name] for name in INPUTS if name in tokenizer.model_input_names} | FEATURES
    return Dataset.from_dict({name: columns[name] for name in features}, features=Features(features))


def _encode_texts(
    questions: Sequence[Question], tokenizer: PreTrainedTokenizerBase, windows: Windows
) -> Iterator[tuple[Encoding, Encoding]]:
    """Yield the tokens of each question and of its context; a context of several questions is encoded once."""
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True  # "[SEP]" in a context is text
    backend.no_truncation()
    backend.no_padding()
    contexts = list({question.context: ("", question.context) for question in questions}.items())
    encoded = backend.encode_batch([pair for _, pair in contexts], add_special_tokens=False)  # second texts of pairs
    context_tokens = dict(zip((text for text, _ in contexts), encoded, strict=True))
    texts = [question.question.lstrip() for question in questions]  # blanks could fill the window
    question_tokens = backend.encode_batch(texts, add_special_tokens=False)
    available = windows.max_length - tokenizer.num_special_tokens_to_add(pair=True)
    for question, of_question in zip(questions, question_tokens, strict=True):
        room = available - len(of_question)
        if room <= windows.stride:
            raise ValueError(
                f"question {question.id}: its {len(of_question)} tokens leave {max(room, 0)} of {windows.max_length} "
                f"for the context, which needs more than the stride of {windows.stride}; "
                "shorten the question, raise max_length or lower stride"
            )
        yield of_question, context_tokens[question.context]


def _cut(pair: tuple[Encoding, Encoding], tokenizer: PreTrainedTokenizerBase, windows: Windows) -> list[Encoding]:
    """Join a question with every window of its context, by special tokens."""
    backend = tokenizer.backend_tokenizer
    settings = {"stride": windows.stride, "strategy": "only_second", "direction": tokenizer.truncation_side}
    backend.enable_truncation(windows.max_length, **settings)
    first = backend.post_process(*pair)
    return [first, *first.overflowing]


def _context_offsets(spans: list[tuple[int, int]], sides: list[int | None]) -> np.ndarray:
    """Blank the offsets of special tokens and of the question.

    >>> _context_offsets([(0, 0), (0, 3), (0, 0), (0, 5), (5, 7)], [None, 0, None, 1, 1]).tolist()
    [[-1, -1], [-1, -1], [-1, -1], [0, 5], [5, 7]]
    """
    in_context = np.array([side == 1 for side in sides])  # (tokens,)
    return np.where(in_context[:, None], np.array(spans, dtype=np.int32), NO_CHARACTERS)  # (tokens, 2)


def _as_lists(windows: list[np.ndarray]) -> pa.Array:
    """Return windows of (tokens, 2) as a column."""
    ends = np.cumsum([0, *map(len, windows)], dtype=np.int32)
    pairs = pa.FixedSizeListArray.from_arrays(np.concatenate(windows).ravel(), 2)
    return pa.ListArray.from_arrays(ends, pairs)


def _answer_characters(question: Question) -> tuple[int, int]:
    """Say from and up to which character the first answer reaches, blanks around it left out."""
    answer, start = question.answers[0], question.answer_starts[0]
    return start + len(answer) - len(answer.lstrip()), start + len(answer.rstrip())


def answer_labels(offsets: Sequence[np.ndarray], start: int, end: int) -> list[list[int]]:
    """Find the first and last token of an answer in each window of its question.

    A token belongs to the answer if they share a character. A window that has not the whole of it gets [0, 0].

    >>> both = np.array([[-1, -1], [0, 3], [4, 7], [-1, -1]]), np.array([[-1, -1], [4, 7], [8, 12], [-1, -1]])
    >>> answer_labels(both, 4, 7), answer_labels(both, 0, 7), answer_labels(both, 0, 12)
    ([[2, 2], [1, 1]], [[1, 2], [0, 0]], [[0, 0], [0, 0]])

    Args:
        offsets: of each window, from and up to which character its tokens reach, (tokens, 2).
        start: first character of the answer.
        end: the character after its last.
    """
    tokens = [np.flatnonzero((window[:, 0] < end) & (window[:, 1] > start)) for window in offsets]
    reached = [
        (window[found[0], 0], window[found[-1], 1]) if found.size else (end, start)
        for window, found in zip(offsets, tokens, strict=True)
    ]  # from and up to which character each window has it; not `start` and `end`, since tokenizers drop characters
    whole = min(first for first, _ in reached), max(last for _, last in reached)
    return [
        [int(found[0]), int(found[-1])] if found.size and part == whole else [0, 0]
        for found, part in zip(tokens, reached, strict=True)
    ]


def count_unanswerable(encoded: Dataset, questions: int) -> int:
    """Count the questions, of that many, whose answer no window holds whole."""
    labels, owners = np.array(encoded["labels"][:]), np.array(encoded["question"][:])  # (windows, 2), (windows,)
    return questions - len(set(owners[labels.any(axis=1)].tolist()))


def best_spans(
    start_logits: np.ndarray,
    end_logits: np.ndarray,
    encoded: Dataset,
    questions: Sequence[Question],
    windows: Windows,
) -> list[str]:
    """Cut from each context the answer whose start and end have the largest sum of logits, over all its windows.

    Every span of the context of at most `max_answer_length` tokens is compared. Equal ones: the first window, then
    the smallest start, then the smallest end. Tokens of blanks only, as Unigram models have, are no start or end.

    Args:
        start_logits: one row a window, (windows, tokens or more).
        end_logits: the same.
        encoded: what `encode_windows` made.
        questions: what it was made of.
        windows: the lengths.

    Returns:
        One text a question, without blanks around it.

    Raises:
        ValueError: the logits do not fit the windows.
    """
    needed = len(encoded), max(encoded["length"][:])
    if start_logits.shape != end_logits.shape or len(start_logits) != needed[0] or start_logits.shape[1] < needed[1]:
        raise ValueError(
            f"start logits {start_logits.shape} and end logits {end_logits.shape} for {needed[0]} windows of up to "
            f"{needed[1]} tokens; give one row a window, in order, as wide as the longest"
        )
    best = np.full(len(questions), -np.inf)
    answers = [""] * len(questions)
    rows = encoded.select_columns(["question", "offsets"]).with_format(None)
    for row, start_row, end_row in zip(rows, start_logits, end_logits, strict=True):
        owner, offsets = row["question"], row["offsets"]
        context = questions[owner].context
        blank = np.array([not context[start:end].strip() for start, end in offsets])  # (tokens,)
        starts, ends = (np.where(blank, -np.inf, side[: len(offsets)].astype(float)) for side in (start_row, end_row))
        score, first, last = best_span(starts, ends, windows.max_answer_length)
        if score > best[owner]:
            best[owner] = score
            answers[owner] = context[offsets[first][0] : offsets[last][1]].strip()
    return answers


def best_span(start_logits: np.ndarray, end_logits: np.ndarray, max_length: int) -> tuple[float, int, int]:
    """Find the span with the largest sum of its start's and its end's logit.

    >>> starts, ends = np.array([3.0, 0.0, 2.0, 0.0]), np.array([1.0, 0.0, 0.0, 4.0])
    >>> [best_span(starts, ends, max_length) for max_length in (4, 3, 1)]
    [(7.0, 0, 3), (6.0, 2, 3), (4.0, 0, 0)]

    Args:
        start_logits: of one window, (tokens,).
        end_logits: the same.
        max_length: of a span, in tokens.

    Returns:
        The sum, the first token and the last; of equal sums the smallest tokens.
    """
    beyond = np.full(max_length - 1, -np.inf)
    ends = np.lib.stride_tricks.sliding_window_view(np.concatenate([end_logits, beyond]), max_length)
    scores = start_logits[:, None] + ends  # (tokens, max_length): start, length - 1
    first, longer = divmod(int(scores.argmax()), max_length)
    return float(scores[first, longer]), first, first + longer
