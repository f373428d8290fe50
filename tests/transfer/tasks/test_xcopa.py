"""XCOPA: read, encoded as two inputs an example, scored."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertForMultipleChoice, PreTrainedTokenizerBase

from tests.conftest import small_config
from tests.support.evaluation_data import write_lines
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.task import PaddedBatch
from weam.transfer.tasks.xcopa import XCOPA, Choice

CHOICES = [
    Choice("the cat eats . ?", ("not a dog", "a house"), "choice2"),
    Choice("die katze", ("isst", "sieht ein hund"), "choice1"),
]
UNPADDED = [  # token ids of the four inputs
    [[2, 5, 6, 9, 26, 28, 3, 22, 10, 7, 3], [2, 5, 6, 9, 26, 28, 3, 10, 12, 3]],
    [[2, 13, 14, 3, 17, 3], [2, 13, 14, 3, 16, 18, 15, 3]],
]
FIRST = [[7, 7], [4, 4]]  # of them belong to the premise


def line(**changes: object) -> str:
    record = {"premise": "Es regnet.", "choice1": "eins", "choice2": "zwei", "question": "cause", "label": 1}
    return json.dumps({**record, **changes})


def padded(values: list[int]) -> list[int]:
    return values + [0] * (11 - len(values))


def test_xcopa_asks_its_question_in_english(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "test.et.jsonl.gz", line(idx=7), line(question="effect", label=0))
    assert XCOPA(DataFiles(test=[f"et={path}"])).read("test", "et") == [
        Choice("Es regnet. What was the cause?", ("eins", "zwei"), "choice2"),
        Choice("Es regnet. What happened as a result?", ("eins", "zwei"), "choice1"),
    ]


FAULTS = {
    line(question="reason"): "question is 'reason'; it must be cause or effect",
    line(question=None): "question is None; it must be cause or effect",
    line(label=2): "the label is 2, which is none of choice1, choice2; mend or remove the row",
    line(label="1"): "the label is '1', which is none of choice1, choice2; mend or remove the row",
    line(choice2=""): "choice2 is ''; it must hold text",
    json.dumps({"premise": "p"}): "lacks choice1, choice2, question, label; it has premise",
}


@pytest.mark.parametrize("faulty", FAULTS)
def test_a_faulty_row_is_named(faulty: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", line(), faulty)
    with pytest.raises(ValueError, match=rf"a\.jsonl:2: {FAULTS[faulty]}$"):
        XCOPA(DataFiles()).read_custom(str(path))


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.jsonl: holds no examples"):
        XCOPA(DataFiles()).read_custom(str(write_lines(tmp_path / "a.jsonl")))


def test_an_example_is_one_row_of_two_inputs(tokenizer: PreTrainedTokenizerBase) -> None:
    assert XCOPA(DataFiles()).encode(CHOICES, tokenizer).to_list() == [
        {
            "input_ids": inputs,
            "token_type_ids": [[0] * n + [1] * (len(ids) - n) for ids, n in zip(inputs, first, strict=True)],
            "attention_mask": [[1] * len(ids) for ids in inputs],
            "length": length,
            "labels": label,
        }
        for inputs, first, length, label in zip(UNPADDED, FIRST, (11, 8), (1, 0), strict=True)
    ]


def test_the_longer_text_is_cut_and_both_are_kept(tokenizer: PreTrainedTokenizerBase) -> None:
    encoded = XCOPA(DataFiles(), max_length=7).encode(CHOICES[:1], tokenizer)
    assert encoded["input_ids"][0] == [[2, 5, 6, 3, 22, 10, 3], [2, 5, 6, 3, 10, 12, 3]]


def test_a_batch_has_both_inputs_of_every_example(tokenizer: PreTrainedTokenizerBase) -> None:
    task = XCOPA(DataFiles())
    batch = task.collator(tokenizer)(task.encode(CHOICES, tokenizer).to_list())
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[padded(ids) for ids in inputs] for inputs in UNPADDED],
        "token_type_ids": [
            [padded([0] * n + [1] * (len(ids) - n)) for ids, n in zip(inputs, first, strict=True)]
            for inputs, first in zip(UNPADDED, FIRST, strict=True)
        ],
        "attention_mask": [[padded([1] * len(ids)) for ids in inputs] for inputs in UNPADDED],
        "labels": [1, 0],
    }


def test_a_batch_without_labels_has_none(tokenizer: PreTrainedTokenizerBase) -> None:
    task = XCOPA(DataFiles())
    batch = task.collator(tokenizer)(task.encode(CHOICES, tokenizer).remove_columns("labels").to_list())
    assert {name: tuple(tensor.shape) for name, tensor in batch.items()} == {
        "input_ids": (2, 2, 11),
        "token_type_ids": (2, 2, 11),
        "attention_mask": (2, 2, 11),
    }


def test_a_model_scores_each_answer_as_it_does_alone(tokenizer: PreTrainedTokenizerBase) -> None:
    torch.manual_seed(0)
    model, task = BertForMultipleChoice(small_config()).eval(), XCOPA(DataFiles())
    batch = task.collator(tokenizer)(task.encode(CHOICES, tokenizer).to_list())
    alone = PaddedBatch(tokenizer)([dict(tokenizer(CHOICES[1].premise, CHOICES[1].choices[0]))])
    with torch.no_grad():
        together = model(**batch).logits
        single = model(**{name: tensor[:, None] for name, tensor in alone.items()}).logits
    assert together.shape == (2, 2)
    torch.testing.assert_close(together[1, 0], single[0, 0])


def test_accuracy_is_the_share_of_right_choices() -> None:
    logits = np.array([[0.0, 1.0], [-2.0, -1.0]])
    scored = XCOPA(DataFiles()).score((logits,), None, CHOICES, "et")
    assert scored.predictions == ["choice2", "choice2"]
    assert list(scored.metrics) == ["accuracy"]
    assert scored.metrics["accuracy"].numerators.tolist() == [1, 0]
    assert scored.metrics["accuracy"].value == 0.5


def test_xcopa_s_test_set_is_read(research_data: Path) -> None:
    choices = XCOPA(DataFiles(test=[f"{research_data}/xtreme_r/xcopa/test.{{language}}.jsonl.gz"])).read("test", "et")
    assert len(choices) == 500
    assert choices[1] == Choice(
        "Ma tühjendasin oma taskud. What happened as a result?",
        ("Ma leidsin pileti tüki.", "Ma leidsin relva."),
        "choice1",
    )
