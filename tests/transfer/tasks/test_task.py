"""What all tasks share: batches as whole tensors, the loss against a slow loop, fingerprints, subsets, checks."""

import math
import re
from dataclasses import dataclass

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from tests.conftest import small_tokenizer
from weam.transfer.tasks.task import PaddedBatch, check_label, check_text, fingerprint, mean_cross_entropy, subset

NAMES = ("no", "yes")
ROWS = [
    {"input_ids": [2, 5, 3], "token_type_ids": [0, 0, 0], "attention_mask": [1, 1, 1], "length": 3, "word": [-1, 0]},
    {"input_ids": [2, 3], "token_type_ids": [0, 1], "attention_mask": [1, 1], "length": 2, "word": [-1]},
]
INPUTS = {
    "input_ids": [[2, 5, 3], [2, 3, 0]],
    "token_type_ids": [[0, 0, 0], [0, 1, 0]],
    "attention_mask": [[1, 1, 1], [1, 1, 0]],
}


@dataclass(frozen=True)
class Example:
    first: str
    second: str
    tags: tuple[str, ...] = ()


def batch_of(rows: list[dict], tokenizer: PreTrainedTokenizerBase) -> dict[str, list]:
    batch = PaddedBatch(tokenizer)(rows)
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}
    return {name: tensor.tolist() for name, tensor in batch.items()}


# Batches


def test_a_batch_without_labels_is_padded_and_other_columns_are_left_out(tokenizer: PreTrainedTokenizerBase) -> None:
    assert batch_of(ROWS, tokenizer) == INPUTS


def test_a_class_for_each_row_is_stacked(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = [{**row, "labels": label} for row, label in zip(ROWS, (2, 0), strict=True)]
    assert batch_of(rows, tokenizer) == {**INPUTS, "labels": [2, 0]}


def test_labels_for_each_token_are_padded_with_the_ignored_one(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = [{**row, "labels": labels} for row, labels in zip(ROWS, ([-100, 1, -100], [-100, 4]), strict=True)]
    assert batch_of(rows, tokenizer) == {**INPUTS, "labels": [[-100, 1, -100], [-100, 4, -100]]}


def test_padding_is_where_labels_are_even_if_the_tokenizer_pads_on_the_left() -> None:
    tokenizer = small_tokenizer()
    tokenizer.padding_side = "left"
    assert batch_of(ROWS, tokenizer) == INPUTS


def test_inputs_that_the_rows_do_not_have_are_absent(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = [{"input_ids": row["input_ids"], "attention_mask": row["attention_mask"]} for row in ROWS]
    assert batch_of(rows, tokenizer) == {name: INPUTS[name] for name in ("input_ids", "attention_mask")}


# The loss


def slow_sum(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Add -log softmax at each label, one after the other."""
    total = 0.0
    for row, label in zip(logits.flatten(0, -2).tolist(), labels.flatten().tolist(), strict=True):
        if label != -100:
            total += math.log(sum(math.exp(x) for x in row)) - row[label]
    return total


@pytest.fixture
def step() -> tuple[torch.Tensor, torch.Tensor]:
    """Eight rows of logits for three classes at four tokens, and labels, 21 of which count."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (8, 4), generator=generator)
    labels[0] = -100
    labels[1:, 0] = -100
    return torch.randn(8, 4, 3, generator=generator), labels


def test_the_loss_is_the_mean_over_the_labels_of_the_batch(step: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert mean_cross_entropy(*step, None).item() == pytest.approx(slow_sum(*step) / 21, rel=1e-5)


@pytest.mark.parametrize("items", [torch.tensor(50), 50])
def test_the_loss_is_the_share_of_this_batch_in_the_whole_step(
    step: tuple[torch.Tensor, torch.Tensor], items: torch.Tensor
) -> None:
    assert mean_cross_entropy(*step, items).item() == pytest.approx(slow_sum(*step) / 50, rel=1e-5)


def test_one_class_a_row_is_a_loss_too() -> None:
    logits, labels = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]]), torch.tensor([1, 0])
    expected = (math.log(2) + math.log(4 / 3)) / 2
    assert mean_cross_entropy(logits, labels, None).item() == pytest.approx(expected)


def test_eight_batches_of_one_row_add_up_to_one_batch_of_eight(step: tuple[torch.Tensor, torch.Tensor]) -> None:
    logits, labels = step
    parts = [mean_cross_entropy(logits[i : i + 1], labels[i : i + 1], torch.tensor(21)) for i in range(8)]
    torch.testing.assert_close(sum(parts), mean_cross_entropy(logits, labels, None))


@pytest.mark.parametrize("items", [None, torch.tensor(0)])
def test_a_batch_without_labels_has_no_loss_and_no_gradient(items: torch.Tensor | None) -> None:
    logits = torch.ones(2, 3, requires_grad=True)
    loss = mean_cross_entropy(logits, torch.tensor([-100, -100]), items)
    loss.backward()
    assert loss.item() == 0 and logits.grad is not None and logits.grad.count_nonzero() == 0


def test_half_precision_does_not_show_in_the_loss() -> None:
    logits, labels = torch.full((4096, 2), 3.0, dtype=torch.float16), torch.zeros(4096, dtype=torch.int64)
    loss = mean_cross_entropy(logits, labels, None)
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(math.log(2), rel=1e-5)


# Fingerprints and subsets

EXAMPLES = [Example("the cat", "die Katze", ("O",)), Example("a", "ä")]


def test_a_fingerprint_is_the_same_tomorrow() -> None:
    assert fingerprint(EXAMPLES) == fingerprint(list(EXAMPLES)) == "cacc863ae43d425a"  # sha256sum of two lines of JSON


@pytest.mark.parametrize(
    "changed",
    [
        EXAMPLES[::-1],
        EXAMPLES[:1],
        [*EXAMPLES, EXAMPLES[0]],
        [Example("the  cat", "die Katze", ("O",)), EXAMPLES[1]],
        [Example("the cat", "die Katze", ("B-PER",)), EXAMPLES[1]],
        [Example("the cat", "die Katze", ("O", "O")), EXAMPLES[1]],
        [Example("die Katze", "the cat", ("O",)), EXAMPLES[1]],
    ],
)
def test_a_fingerprint_depends_on_order_number_texts_and_labels(changed: list[Example]) -> None:
    assert fingerprint(changed) != fingerprint(EXAMPLES)


def test_a_subset_has_the_same_rows_of_equally_long_lists_in_their_order() -> None:
    numbers = subset(range(100), 7)
    assert subset([f"Satz {number}" for number in range(100)], 7) == [f"Satz {number}" for number in numbers]
    assert numbers == sorted(set(numbers)) and len(numbers) == 7 and numbers != list(range(7))


@pytest.mark.parametrize("limit", [None, 3, 4])
def test_a_subset_of_as_many_or_more_is_all(limit: int | None) -> None:
    assert subset(("c", "a", "b"), limit) == ["c", "a", "b"]


# Checks


@pytest.mark.parametrize(("label", "name"), [("no", "no"), ("yes", "yes"), (0, "no"), (1, "yes")])
def test_a_label_is_given_by_name_or_number(label: object, name: str) -> None:
    assert check_label(label, NAMES, "a.jsonl:7") == name


@pytest.mark.parametrize("label", [True, 2, -1, 1.0, "1", "Yes", "", None, ["yes"]])
def test_a_label_outside_the_set_is_refused_with_its_place(label: object) -> None:
    message = f"a.jsonl:7: the label is {label!r}, which is none of no, yes; mend or remove the row"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_label(label, NAMES, "a.jsonl:7")


def test_texts_are_returned_as_they_are() -> None:
    assert check_text({"a": " die Katze", "b": "x", "c": None}, ("b", "a"), "a.jsonl:7") == ("x", " die Katze")


@pytest.mark.parametrize("text", [None, 7, "", " \t\u3000", ["a"]])
def test_a_text_that_is_none_or_blank_is_refused_with_its_place(text: object) -> None:
    message = f"a.jsonl:7: second is {text!r}; it must hold text"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_text({"first": "a", "second": text}, ("first", "second"), "a.jsonl:7")
