"""How far a space is aligned: word vectors against a slow loop, scores by hand, and a space that is aligned."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerBase

from benchmarks.study import space as study_space
from benchmarks.study.space import main, measure, one_to_one_links, word_scores, word_vectors
from modeling_weam import BertForWEAMPreTraining, WEAMBertModel
from tests.conftest import plant_translations
from tests.support.command_line import make_evaluation, results
from tests.support.evaluation_data import write_text
from weam.alignment.gold import GoldSentence

SENTENCES = [
    "the cats eats a red house .".split(),
    ["hund"],
    "the dog sees a cat not the house , nicht".split(),
    ["a", "\u200b", "dog"],  # a space without width leaves no token
    "dogs cats houses".split(),
]


def gold(
    source: str, target: str, sure: set[tuple[int, int]], possible: Sequence[tuple[int, int]] = ()
) -> GoldSentence:
    return GoldSentence(tuple(source.split()), tuple(target.split()), frozenset(sure), frozenset({*sure, *possible}))


GOLD = [
    gold("cat sees dog", "hund sieht katze", {(0, 2), (1, 1), (2, 0)}),
    gold("dog sees", "hund sieht", {(0, 0), (1, 1)}),
    gold("cat", "katze", {(0, 0)}),
]


# Word vectors


@torch.no_grad()
def slow_word_vectors(encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, sentence: list[str]) -> np.ndarray:
    """Encode one sentence by itself; average the tokens of one word at a time."""
    tokens = [tokenizer.encode(word, add_special_tokens=False) for word in sentence]
    ids = [tokenizer.cls_token_id, *(token for word in tokens for token in word), tokenizer.sep_token_id]
    layers = encoder(torch.tensor([ids]), output_hidden_states=True).hidden_states[1:]
    vectors = torch.zeros(len(layers), len(sentence), encoder.config.hidden_size)
    for number, layer in enumerate(layers):
        start = 1
        for word, of_word in enumerate(tokens):
            for position in range(start, start + len(of_word)):
                vectors[number, word] += layer[0, position] / len(of_word)
            start += len(of_word)
    return vectors.numpy()


def test_word_vectors_equal_a_loop_over_tokens(
    model: BertForWEAMPreTraining, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_space, "BATCH_SIZE", 2)  # three batches, two of them padded
    found = word_vectors(model.bert.eval(), tokenizer, SENTENCES)
    assert [vectors.shape for vectors in found] == [(2, len(sentence), 32) for sentence in SENTENCES]
    for vectors, sentence in zip(found, SENTENCES, strict=True):
        np.testing.assert_allclose(vectors, slow_word_vectors(model.bert, tokenizer, sentence), atol=1e-5)


def test_a_word_without_tokens_is_zero(model: BertForWEAMPreTraining, tokenizer: PreTrainedTokenizerBase) -> None:
    (vectors,) = word_vectors(model.bert.eval(), tokenizer, [SENTENCES[3]])
    assert not vectors[:, 1].any() and vectors[:, [0, 2]].all()


# Links


@pytest.mark.parametrize(
    ("sure", "possible", "expected"),
    [
        ({(2, 0), (0, 2), (1, 1)}, (), [(0, 0, 2), (0, 1, 1), (0, 2, 0)]),
        ({(0, 0), (0, 1), (2, 2)}, (), [(0, 2, 2)]),
        ({(0, 1), (1, 1), (2, 2)}, (), [(0, 2, 2)]),
        ({(0, 0), (2, 2)}, [(0, 1)], [(0, 2, 2)]),
        (set(), [(0, 0)], []),
    ],
    ids=["alone", "a source with two", "a target with two", "one more that is possible", "only possible"],
)
def test_links_are_sure_ones_of_words_that_have_no_other(
    sure: set[tuple[int, int]], possible: Sequence[tuple[int, int]], expected: list[tuple[int, int, int]]
) -> None:
    assert one_to_one_links([gold("a b c", "x y z", sure, possible)]) == expected


def test_links_know_their_sentence() -> None:
    assert one_to_one_links([gold("a", "b", {(0, 0)}), gold("a b", "c", set()), gold("a b", "c", {(1, 0)})]) == [
        (0, 0, 0),
        (2, 1, 0),
    ]


# Scores


def test_words_in_their_translations_place_are_all_found() -> None:
    """Aligned words have cosine 1, those of the row before 0."""
    assert word_scores(np.eye(3), 7 * np.eye(3)) == {"word_retrieval": 1, "cosine_aligned": 1, "cosine_random": 0}


def test_retrieval_is_the_mean_of_both_directions() -> None:
    """The second source is nearer to the first target (0.71) than to its own (0.51); both targets find their own."""
    scores = word_scores(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[2.0, 0.0], [-1.0, 4.0]]))
    assert scores["word_retrieval"] == (1 / 2 + 1) / 2


def test_cosines_are_means_over_the_rows() -> None:
    source = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 1.0]])
    target = np.array([[1.0, 0.0], [0.0, 2.0], [4.0, 3.0]])
    scores = word_scores(source, target)
    assert scores["cosine_aligned"] == pytest.approx((0.6 + 0 + 0.6) / 3)
    assert scores["cosine_random"] == pytest.approx((0.96 + 1 + 1) / 3)  # with the target of the row before


def test_a_zero_vector_is_like_none() -> None:
    scores = word_scores(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert scores["cosine_aligned"] == 0.5


# A space that is aligned


def test_planted_translations_are_all_found_and_linked(
    model: BertForWEAMPreTraining, tokenizer: PreTrainedTokenizerBase
) -> None:
    encoder = plant_translations(model, tokenizer)
    for layer, scores, count in measure(encoder, tokenizer, [GOLD[0]]):
        assert count == 3, layer
        assert scores["alignment_error_rate"] == 0 and scores["word_retrieval"] == 1
        assert scores["cosine_aligned"] > 0.99 > scores["cosine_random"]


def test_every_layer_is_scored_by_its_own_vectors(
    model: BertForWEAMPreTraining, tokenizer: PreTrainedTokenizerBase
) -> None:
    encoder = model.bert.eval()
    cosines = np.zeros((2, 3))  # (layers, links)
    source, target = (slow_word_vectors(encoder, tokenizer, list(words)) for words in (GOLD[0].source, GOLD[0].target))
    for number, (i, j) in enumerate(GOLD[0].sure):
        for layer in range(2):
            one, other = source[layer, i], target[layer, j]
            cosines[layer, number] = one @ other / np.sqrt((one @ one) * (other @ other))
    assert abs(cosines[0].mean() - cosines[1].mean()) > 1e-3
    found = [row["cosine_aligned"] for _, row, _ in measure(encoder, tokenizer, GOLD[:1])]
    assert found == pytest.approx(cosines.mean(axis=1), abs=1e-5)


def test_every_layer_is_scored_on_as_many_links_as_wanted(
    model: BertForWEAMPreTraining, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = measure(model.bert.eval(), tokenizer, GOLD)
    assert [(layer, count) for layer, _, count in rows] == [(1, 6), (2, 6)]
    monkeypatch.setattr(study_space, "WORD_PAIRS", 4)
    assert [count for _, _, count in measure(model.bert, tokenizer, GOLD)] == [4, 4]


# The whole program


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A small checkpoint and both gold sets."""
    make_evaluation(tmp_path, "study_space")
    for name in ("de-en", "zh-en"):
        words = [f"{' '.join(sentence.target)} ||| {' '.join(sentence.source)}\n" for sentence in GOLD]
        links = [" ".join(f"{j + 1}-{i + 1}" for i, j in sorted(sentence.sure)) + "\n" for sentence in GOLD]
        write_text(tmp_path / f"data/gold_alignments/{name}.src-tgt", "".join(words))
        write_text(tmp_path / f"data/gold_alignments/{name}.gold", "".join(links))
    return tmp_path


@pytest.mark.parametrize(
    ("options", "layers", "count"),
    [([], [1, 2], 6), (["--num_hidden_layers", "1"], [1], 6), (["--max_sentences", "2"], [1, 2], 5)],
)
def test_results_have_every_layer_of_both_language_pairs(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], layers: list[int], count: int
) -> None:
    named = {"--model_name_or_path": "checkpoint", "--data_dir": "data", "--output_dir": "out"}
    words = [str(word) for name, folder in named.items() for word in (name, workspace / folder)]
    monkeypatch.setattr(sys, "argv", ["study_space.py", *words, *options])
    main()
    record = results(workspace / "out")
    metrics = ("alignment_error_rate", "word_retrieval", "cosine_aligned", "cosine_random")
    assert [(m["language"], m["benchmark"], m["metric"], m["count"]) for m in record["measurements"]] == [
        (pair, f"space layer {layer}", metric, count)
        for pair in ("en-de", "en-zh")
        for layer in layers
        for metric in metrics
    ]
    assert (record["program"], record["trainings"]) == ("study_space", [])
