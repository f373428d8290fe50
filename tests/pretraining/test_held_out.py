"""Held-out pairs: the split and its laws, and scores against slow or hand-made ones."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from datasets import Dataset

from data_collator_weam import DataCollatorForWordExchange
from tests.conftest import TEXTS, config_of, plant_translations, small_config
from tests.support.evaluation_data import pairs
from weam.alignment.encoder import aligner_error_rate
from weam.alignment.gold import GoldSentence
from weam.families import FAMILIES
from weam.pretraining.held_out import (
    BATCH_SIZE,
    HeldOut,
    HeldOutScores,
    Provenance,
    from_measurements,
    held_out_losses,
    make_held_out,
    read_held_out,
    score_held_out,
    to_measurements,
    write_held_out,
)
from weam.pretraining.objectives import OBJECTIVES
from weam.results import Measurement
from weam.sentence_vectors import layer_vectors
from weam.trainer import mean_losses

SENTENCES = [" ".join(words) for words in product(("the", "a red"), ("cat", "dog", "house"), ("sees", "eats a", "not"))]


@pytest.fixture(scope="module")
def collator(tokenizer):
    return DataCollatorForWordExchange(tokenizer, mlm_probability=0.5, max_length=32)


@pytest.fixture
def bitext(features):
    """Eighty sentence pairs and their features: more than two batches, of four lengths."""
    rows = [{**features[n % 4], "id": n, "length": 3 + len(features[n % 4]["source_ids"])} for n in range(80)]
    for row in rows:
        row["length"] += len(row["target_ids"])
    texts = pairs([TEXTS[n % 4][0] for n in range(80)], [TEXTS[n % 4][1] for n in range(80)])
    return texts, Dataset.from_list(rows)


def of_rows(bitext, rows, gold=()):
    """Hold these rows of a bitext and its features out."""
    texts, features = bitext
    return make_held_out("en-de", texts.select(rows), features.select(rows), list(gold))


@pytest.fixture
def held_out(bitext):
    return of_rows(bitext, range(80))


def parts(model, batch):
    return mean_losses(model(**batch).loss_parts.sum(dim=0).tolist(), model.loss_names)


def test_held_out_rows_are_gathered_with_their_texts(bitext):
    held_out = of_rows(bitext, [5, 2])
    assert held_out.language_pair == "en-de"
    assert (held_out.sources, held_out.targets) == (["the dog eats", "a red house"], ["hund isst", "ein rotes haus"])
    assert held_out.features["id"][:] == [5, 2]


# Losses


def test_losses_in_batches_equal_those_of_one_large_batch(model, collator, held_out):
    model.eval()
    assert len(held_out.features) > 2 * BATCH_SIZE
    expected = parts(model, collator(list(held_out.features)))
    assert held_out_losses(model, collator, held_out.features) == pytest.approx(expected, abs=1e-5)


def test_masks_of_held_out_pairs_do_not_change_with_the_epoch(model, collator, bitext, held_out):
    model.eval()
    losses = {}
    for epoch in (0, 7):
        collator.set_epoch(epoch)
        losses[epoch] = held_out_losses(model, collator, held_out.features), parts(model, collator(list(bitext[1])))
    collator.set_epoch(0)
    assert losses[0][0] == losses[7][0]
    assert losses[0][1] != losses[7][1]  # those of training pairs do


@pytest.mark.parametrize("training", [True, False])
def test_scoring_leaves_the_training_mode_as_it_was(model, collator, held_out, training):
    model.train(training)
    score_held_out(model, collator, held_out)
    assert {module.training for module in model.modules()} == {training}


def test_scores_do_not_depend_on_the_training_mode(model, collator, held_out):
    assert score_held_out(model.train(), collator, held_out) == score_held_out(model.eval(), collator, held_out)


def test_scoring_leaves_weights_and_gradients_alone(model, collator, held_out):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    score_held_out(model, collator, held_out)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_scores_count_pairs_and_sentences_aligned_by_hand(model, collator, bitext):
    without = score_held_out(model, collator, of_rows(bitext, [0, 1, 2]))
    assert (without.language_pair, without.pairs) == ("en-de", 3)
    assert (without.gold_sentences, without.alignment_error_rate) == (0, None)
    sentence = GoldSentence(("cat",), ("katze",), frozenset({(0, 0)}), frozenset({(0, 0)}))
    held_out = of_rows(bitext, [0, 1, 2], [sentence] * 3)
    assert len(held_out.gold_to_choose_by) == 1
    scores = score_held_out(model, collator, held_out)
    assert (scores.gold_sentences, scores.alignment_error_rate) == (2, 0.0)  # one word each: nothing else is nearest


@pytest.mark.parametrize("objective", ["word-alignment", "translation-ranking"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_without_a_prediction_head_has_no_losses(objective, family, collator, held_out):
    model = OBJECTIVES[objective].model_class(FAMILIES[family])(config_of(family))
    scores = score_held_out(model, collator, held_out)
    assert (scores.multilingual_loss, scores.cross_lingual_loss) == (None, None)
    assert 0 <= scores.retrieval_source_to_target <= 1


def test_a_model_that_reads_each_sentence_by_itself_has_no_cross_lingual_loss(model, collator, held_out):
    alone = OBJECTIVES["mlm"].model_class(FAMILIES["bert"])(small_config())
    apart = DataCollatorForWordExchange(collator.tokenizer, 0.5, max_length=32, return_sequence_ids=True)
    alone.load_state_dict(model.state_dict())
    scores = score_held_out(alone, apart, held_out)
    together = score_held_out(model, collator, held_out)
    assert scores.cross_lingual_loss is None
    assert scores.multilingual_loss == held_out_losses(alone.eval(), apart, held_out.features)["multilingual_loss"]
    assert scores.multilingual_loss != together.multilingual_loss
    assert scores.retrieval_source_to_target == together.retrieval_source_to_target  # one encoder


def test_pairs_without_links_have_no_cross_lingual_loss(model, collator, bitext):
    texts, features = bitext
    unlinked = Dataset.from_list([{**row, "links": []} for row in features.select(range(4))])
    scores = score_held_out(model, collator, of_rows((texts, unlinked), range(4)))
    assert scores.multilingual_loss > 0
    assert scores.cross_lingual_loss is None


# Retrieval and word alignment


def test_a_sentence_vector_is_the_mean_of_the_token_vectors(model, tokenizer):
    encoder = model.bert.eval()
    encoded = tokenizer("the cats see", return_tensors="pt")
    for layer in (1, 2):
        states = encoder(**encoded, output_hidden_states=True).hidden_states[layer][0]
        vectors = layer_vectors(encoder, tokenizer, ["the cats see"])[layer - 1]
        np.testing.assert_allclose(vectors, [states.mean(dim=0).detach().numpy()], atol=1e-6)


def test_sentence_vectors_do_not_depend_on_the_batch(model, tokenizer):
    encoder = model.bert.eval()
    sentences = (SENTENCES * 3)[:50]
    vectors = layer_vectors(encoder, tokenizer, sentences)
    assert (vectors.shape, vectors.dtype) == ((2, 50, 32), np.float32)
    np.testing.assert_allclose(layer_vectors(encoder, tokenizer, sentences[::-1])[:, ::-1], vectors, atol=1e-5)
    alone = np.concatenate([layer_vectors(encoder, tokenizer, [sentence]) for sentence in sentences], axis=1)
    np.testing.assert_allclose(alone, vectors, atol=1e-5)


def test_a_sentence_longer_than_the_model_is_cut(model, tokenizer):
    encoder = model.bert.eval()
    vectors = layer_vectors(encoder, tokenizer, ["cat " * 100, "cat " * 62, "cat " * 61])[-1]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert np.abs(vectors[1] - vectors[2]).max() > 1e-6


def test_a_text_retrieves_itself(model, collator, tokenizer):
    numbers = range(len(SENTENCES))
    ids = [tokenizer(sentence, add_special_tokens=False)["input_ids"] for sentence in SENTENCES]
    columns = {"id": list(numbers), "source_ids": ids, "target_ids": ids, "links": [[[0, 0]] for _ in numbers]}
    features = Dataset.from_dict({**columns, "length": [2 * len(tokens) + 3 for tokens in ids]})
    scores = score_held_out(model, collator, of_rows((pairs(SENTENCES, SENTENCES), features), numbers))
    assert (scores.retrieval_source_to_target, scores.retrieval_target_to_source) == (1.0, 1.0)


def test_the_aligner_is_scored_against_gold(model, tokenizer):
    """Links 0-1 1-2 2-0 are planted: one of two sure ones and one more of the possible ones are found."""
    encoder = plant_translations(model, tokenizer)
    sure = frozenset({(0, 1), (1, 0)})
    sentence = GoldSentence(("cat", "sees", "dog"), ("hund", "katze", "sieht"), sure, sure | {(2, 0)})
    assert aligner_error_rate(encoder, tokenizer, [sentence]) == pytest.approx(1 - (1 + 2) / (3 + 2))


# As results have them

GOLD = [GoldSentence(("a",), ("b",), frozenset(), frozenset({(0, 0)}))]
PAIRS = [  # English-German has gold
    HeldOut("en-de", Dataset.from_dict({}), ["a b"], ["x"], GOLD),
    HeldOut("en-zh", Dataset.from_dict({}), ["c"], ["z"], []),
]
SCORES = [
    HeldOutScores("en-de", 300, 3.4567890123456789, 4.0, 0.5, 1 / 3, 100, 0.25),
    HeldOutScores("en-zh", 20, 5.0, 6.0, 0.0, 0.1, 0, None),
]
ORIGIN = Provenance(7, "folder/base", "0123456789abcdef")


def test_scores_are_written_as_measurements():
    measurements = to_measurements(SCORES, PAIRS, ORIGIN, steps=30)
    texts, gold = PAIRS[0].fingerprint, PAIRS[0].gold_fingerprint
    figure = ("held-out", "en-de")
    origin = (7, 30, "folder/base", "0123456789abcdef")
    assert measurements[:5] == [
        Measurement(*figure, "multilingual_loss", 3.4567890123456789, 300, *origin, texts),
        Measurement(*figure, "cross_lingual_loss", 4.0, 300, *origin, texts),
        Measurement(*figure, "retrieval_source_to_target", 0.5, 300, *origin, texts),
        Measurement(*figure, "retrieval_target_to_source", 1 / 3, 300, *origin, texts),
        Measurement(*figure, "alignment_error_rate", 0.25, 100, *origin, gold),
    ]
    assert [(x.language, x.count) for x in measurements[5:]] == [("en-zh", 20)] * 4


def test_measurements_are_read_as_scores_before_and_after():
    after = [replace(score, multilingual_loss=1.0) for score in SCORES]
    measurements = to_measurements(SCORES, PAIRS, ORIGIN, 0) + to_measurements(after, PAIRS, ORIGIN, 30)
    assert from_measurements(measurements) == (SCORES, after)


@pytest.mark.parametrize("metric", ["retrieval_source_to_target", "retrieval_target_to_source"])
def test_measurements_that_lack_a_metric_are_refused(metric):
    both = to_measurements(SCORES, PAIRS, ORIGIN, 0) + to_measurements(SCORES, PAIRS, ORIGIN, 30)
    lacking = [m for m in both if (m.language, m.metric, m.steps) != ("en-de", metric, 0)]
    assert len(lacking) == len(both) - 1
    with pytest.raises(ValueError, match=f"held-out scores of en-de lack {metric}; measure again"):
        from_measurements(lacking)


def test_losses_that_a_model_does_not_have_are_no_measurements():
    headless = [replace(score, multilingual_loss=None, cross_lingual_loss=None) for score in SCORES]
    alone = [replace(score, cross_lingual_loss=None) for score in SCORES]
    measured = to_measurements(headless, PAIRS, ORIGIN, 0)
    assert {m.metric for m in measured} == {
        "retrieval_source_to_target",
        "retrieval_target_to_source",
        "alignment_error_rate",
    }
    assert from_measurements(measured + to_measurements(alone, PAIRS, ORIGIN, 30)) == (headless, alone)


def test_fingerprints_tell_texts_and_links_apart():
    one = PAIRS[0]
    surer = [replace(GOLD[0], sure=frozenset({(0, 0)}))]
    others = [replace(one, sources=["a", "b"]), replace(one, targets=["y"]), replace(one, gold=surer)]
    assert len({part.fingerprint for part in (one, *others[:2])}) == 3
    assert others[2].fingerprint == one.fingerprint
    assert others[2].gold_fingerprint != one.gold_fingerprint == others[0].gold_fingerprint


def test_scores_come_back_as_they_were(tmp_path):
    write_held_out(SCORES, tmp_path / "scores.json")
    names = [score.language_pair for score in SCORES]
    assert read_held_out(tmp_path / "scores.json", names) == SCORES
