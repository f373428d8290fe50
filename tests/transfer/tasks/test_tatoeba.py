"""Tatoeba: pairs read, sentence vectors against a plain loop, the layer chosen, retrieval by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import BertModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import BaseModelOutput

from modeling_weam import BertForWEAMPreTraining
from tests.conftest import plant_translations, small_config, small_tokenizer
from tests.support.evaluation_data import write_lines
from weam.sentence_vectors import layer_vectors
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.tatoeba import CODES, Translation, choose_layer, read_translations, score_retrieval

SENTENCES = ["the cat sees a red house .", "hund", "die katze isst ein rotes haus , nicht", "a dog", "the cats eats a"]
WORD_PAIRS = [Translation(*words.split()) for words in ("the die", "cat katze", "dog hund", "a ein")]
ONE_WAY = {"cat": [2.0, 0.0], "dog": [0.0, 3.0], "katze": [1.0, 0.0], "hund": [1.0, 0.9]}  # only hund finds the other


class TableEncoder(nn.Module):
    """An encoder whose states are looked up: at each layer one vector for each token, 0 for those without."""

    device = torch.device("cpu")

    def __init__(self, *layers: Mapping[str, Sequence[float]]) -> None:
        super().__init__()
        tokenizer = small_tokenizer()
        width = len(next(iter(layers[0].values())))
        self.tables = torch.zeros(1 + len(layers), len(tokenizer), width)  # the first is the embeddings
        for table, layer in zip(self.tables[1:], layers, strict=True):
            for token, vector in layer.items():
                table[tokenizer.convert_tokens_to_ids(token)] = torch.tensor(vector)
        self.config = small_config(num_hidden_layers=len(layers), hidden_size=width)

    def forward(self, input_ids: torch.Tensor, output_hidden_states: bool, **others: torch.Tensor) -> BaseModelOutput:
        return BaseModelOutput(hidden_states=tuple(table[input_ids] for table in self.tables))


def meanings(pairs: list[Translation]) -> dict[str, list[float]]:
    """Give both words of a pair the same vector, other pairs another."""
    vectors = np.eye(len(pairs)).tolist()
    return {word: vectors[n] for n, pair in enumerate(pairs) for word in (pair.english, pair.other)}


def nothing(pairs: list[Translation]) -> dict[str, list[float]]:
    """Give all words the same vector."""
    return {word: [1.0] * len(pairs) for word in meanings(pairs)}


@pytest.fixture
def encoder() -> BertModel:
    torch.manual_seed(0)
    return BertModel(small_config()).eval()


# Pairs


def test_pairs_are_read_from_a_file(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "tatoeba.en-de.tsv.gz", "Yes.\tJa.", "A cat \tEine Katze")
    assert read_translations(DataFiles(test=[f"de={path}"]), "test", "de") == [
        Translation("Yes.", "Ja."),
        Translation("A cat ", "Eine Katze"),
    ]


def test_named_dev_pairs_are_joined(tmp_path: Path) -> None:
    paths = write_lines(tmp_path / "b.tsv", "one\teins"), write_lines(tmp_path / "a.tsv", "two\tzwei")
    files = DataFiles(dev=[f"de={path}" for path in paths])
    assert read_translations(files, "dev", "de") == [Translation("one", "eins"), Translation("two", "zwei")]


@pytest.mark.parametrize("line", ["Yes.", "Yes.\tJa.\tOui.", "\tJa.", "Yes.\t ", ""])
def test_a_malformed_line_is_named(line: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "tatoeba.en-de.tsv.gz", "Yes.\tJa.", line)
    message = r"tatoeba\.en-de\.tsv\.gz:2: has not two texts with a tab between them; write English<TAB>other$"
    with pytest.raises(ValueError, match=message):
        read_translations(DataFiles(test=[f"de={path}"]), "test", "de")


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "tatoeba.en-de.tsv.gz")
    with pytest.raises(ValueError, match=r"tatoeba\.en-de\.tsv\.gz: holds no examples"):
        read_translations(DataFiles(test=[f"de={path}"]), "test", "de")


def test_dev_pairs_must_be_named() -> None:
    message = r"no dev pairs to choose the layer on: name some, as in --dev_file de=FILE .*, or choose .* with --layer$"
    with pytest.raises(ValueError, match=message):
        read_translations(DataFiles(), "dev", "de")


# Sentence vectors


@torch.no_grad()
def slow_vectors(encoder: BertModel, tokenizer: PreTrainedTokenizerBase, sentences: list[str]) -> np.ndarray:
    """Encode one sentence after the other, without padding, and add up its tokens."""
    vectors = []
    for sentence in sentences:
        states = encoder(**tokenizer(sentence, return_tensors="pt"), output_hidden_states=True).hidden_states
        vectors.append([sum(state[0]) / len(state[0]) for state in states[1:]])
    return np.array(vectors).swapaxes(0, 1)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 32])
def test_vectors_equal_a_plain_loop_at_every_batch_size(
    batch_size: int, encoder: BertModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    vectors = layer_vectors(encoder, tokenizer, SENTENCES, batch_size)
    assert vectors.shape == (2, 5, 32) and vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, slow_vectors(encoder, tokenizer, SENTENCES), rtol=1e-4, atol=1e-6)


def test_special_tokens_count(tokenizer: PreTrainedTokenizerBase) -> None:
    table = TableEncoder({"the": [3.0, 0.0], "cat": [0.0, 6.0], "[CLS]": [9.0, 0.0]}, {"[SEP]": [0.0, 8.0]})
    vectors = layer_vectors(table, tokenizer, ["the cat", "cat"])
    assert vectors.tolist() == [[[3.0, 1.5], [3.0, 2.0]], [[0.0, 2.0], [0.0, pytest.approx(8 / 3)]]]


@pytest.mark.parametrize("limit", [None, 10])
def test_sentences_are_cut_at_the_shorter_limit_of_model_and_tokenizer(limit: int | None, encoder: BertModel) -> None:
    tokenizer = small_tokenizer()
    whole = ["cat " * ((limit or 64) - 2), "a dog"]
    expected = layer_vectors(encoder, tokenizer, whole)
    if limit is not None:
        tokenizer.model_max_length = limit
    np.testing.assert_allclose(
        layer_vectors(encoder, tokenizer, ["cat " * 100, "a dog"]), expected, rtol=1e-4, atol=1e-6
    )


# The layer


def test_the_layer_that_retrieves_best_is_chosen(tokenizer: PreTrainedTokenizerBase) -> None:
    tables = [nothing(WORD_PAIRS), meanings(WORD_PAIRS), nothing(WORD_PAIRS)]  # where all are alike, the first is found
    assert choose_layer(TableEncoder(*tables), tokenizer, {"de": WORD_PAIRS}) == (2, [0.25, 1.0, 0.25])


def test_of_equal_layers_the_lowest_is_chosen(tokenizer: PreTrainedTokenizerBase) -> None:
    tables = [nothing(WORD_PAIRS), meanings(WORD_PAIRS), meanings(WORD_PAIRS)]
    assert choose_layer(TableEncoder(*tables), tokenizer, {"de": WORD_PAIRS}) == (2, [0.25, 1.0, 1.0])


def test_languages_count_alike_however_many_pairs_they_have(tokenizer: PreTrainedTokenizerBase) -> None:
    first = {word: [*vector, 0.0] for word, vector in meanings(WORD_PAIRS).items()}
    other = [Translation("red", "rotes"), Translation("house", "haus")]
    second = {word: [*vector, 0.0, 0.0, 0.0] for word, vector in meanings(other).items()}
    table = TableEncoder(first | {word: [0.0] * 4 + [1.0] for word in second}, second | dict.fromkeys(first, [1.0] * 5))
    # layer 1: all of the four pairs, half of the two; layer 2: a quarter of the four, both of the two
    assert choose_layer(table, tokenizer, {"de": WORD_PAIRS, "sw": other}) == (1, [0.75, 0.625])


def test_both_directions_count_alike(tokenizer: PreTrainedTokenizerBase) -> None:
    assert choose_layer(TableEncoder(ONE_WAY), tokenizer, {"de": WORD_PAIRS[1:3]}) == (1, [0.75])


def test_a_real_encoder_finds_planted_translations(
    model: BertForWEAMPreTraining, tokenizer: PreTrainedTokenizerBase
) -> None:
    pairs = [Translation("cat", "katze"), Translation("dog", "hund"), Translation("sees", "sieht")]
    assert choose_layer(plant_translations(model, tokenizer), tokenizer, {"de": pairs}) == (1, [1.0, 1.0])


# Scores


def test_retrieval_is_scored_in_both_directions_at_the_layer(tokenizer: PreTrainedTokenizerBase) -> None:
    table = TableEncoder(dict.fromkeys(ONE_WAY, [1.0, 1.0]), ONE_WAY)
    scored = score_retrieval(table, tokenizer, WORD_PAIRS[1:3], layer=2)
    assert {name: ratio.numerators.tolist() for name, ratio in scored.metrics.items()} == {
        "accuracy": [1, 0],
        "accuracy_from_english": [1, 1],
    }
    assert [ratio.value for ratio in scored.metrics.values()] == [0.5, 1.0]
    assert scored.predictions == [
        {"to English": True, "from English": True},
        {"to English": False, "from English": True},
    ]


# Research data


def test_tatoeba_s_pairs_are_read(research_data: Path) -> None:
    files = DataFiles(test=[f"{research_data}/xtreme_r/tatoeba/tatoeba.en-{{language}}.tsv.gz"])
    counts = {language: len(read_translations(files, "test", language)) for language in ("de", "zh", "sw")}
    assert counts == {"de": 1000, "zh": 1000, "sw": 390}
    assert counts.keys() <= CODES.keys()
