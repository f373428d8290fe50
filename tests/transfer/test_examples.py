"""Examples are encoded once, and what is kept is what the task made."""

import pytest
from transformers import PreTrainedTokenizerBase

from tests.support.evaluation_data import ask
from weam.transfer.examples import encode_examples
from weam.transfer.tasks.answer_spans import Windows
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.mlqa import XQuAD
from weam.transfer.tasks.task import fingerprint

QUESTIONS = [ask("the cat sees a red house", "a red house"), ask("the dog eats", "the dog", 1)]


def test_encoded_examples_are_those_of_the_task(tokenizer: PreTrainedTokenizerBase) -> None:
    task = XQuAD(DataFiles(), Windows(12, 2, 3))
    encoded, rows = encode_examples(task, QUESTIONS, tokenizer), task.encode(QUESTIONS, tokenizer)
    assert encoded.examples == QUESTIONS
    assert encoded.rows.features == rows.features
    assert encoded.rows.to_list() == rows.to_list()
    assert encoded.fingerprint == fingerprint(QUESTIONS)


def test_examples_are_encoded_once_for_each_task_and_tokenizer(
    tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded_with = []
    encode = XQuAD.encode

    def counting(task: XQuAD, *arguments: object) -> object:
        encoded_with.append(task.windows.max_length)
        return encode(task, *arguments)

    monkeypatch.setattr(XQuAD, "encode", counting)
    for length in (13, 14, 13, 14):
        encode_examples(XQuAD(DataFiles(), Windows(length, 2, 3)), QUESTIONS, tokenizer)
    assert encoded_with == [13, 14]
    tokenizer.truncation_side = "left"
    encode_examples(XQuAD(DataFiles(), Windows(13, 2, 3)), QUESTIONS, tokenizer)
    tokenizer.truncation_side = "right"
    assert encoded_with == [13, 14, 13]
