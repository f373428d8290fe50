"""The choice of a layer, by gold and without, on an encoder whose best layer is planted."""

from argparse import Namespace

import pytest
import torch
from transformers import DistilBertConfig, GPT2Config

from modeling_weam import WEAMBertModel
from tests.conftest import small_config
from weam.alignment.encoder import (
    Sample,
    aligner_error_rate,
    choose_layer,
    error_rates,
    expected_links,
    load_encoder,
    note_alignment,
    run,
)
from weam.alignment.gold import GoldSentence

WORDS = {"cat": "katze", "dog": "hund", "sees": "sieht", "red": "rotes", "house": "haus", "a": "ein"}
SOURCES = ["cat sees dog", "red house", "dog sees red cat", "a house"]
TARGETS = [" ".join(WORDS[word] for word in reversed(text.split())) for text in SOURCES]


@pytest.fixture
def encoder(tokenizer) -> WEAMBertModel:
    """Translations share one vector up to layer 1; layers 2 and 3 mix what stands in a sentence."""
    torch.manual_seed(0)
    encoder = WEAMBertModel(small_config(num_hidden_layers=3), add_pooling_layer=False).eval()
    with torch.no_grad():
        vectors = encoder.embeddings.word_embeddings.weight
        vectors *= 50
        for source, target in WORDS.items():
            first, second = tokenizer.convert_tokens_to_ids([source, target])
            vectors[second] = vectors[first]
        encoder.embeddings.position_embeddings.weight.zero_()
        for layer in encoder.encoder.layer[1:]:
            layer.attention.output.dense.weight *= 500
            layer.output.dense.weight *= 500
    return encoder


def gold() -> list[GoldSentence]:
    sentences = []
    for source, target in zip(SOURCES, TARGETS, strict=True):
        size = len(source.split())
        links = frozenset((i, size - 1 - i) for i in range(size))
        sentences.append(GoldSentence(tuple(source.split()), tuple(target.split()), links, links))
    return sentences


def test_the_layer_is_chosen_by_gold(encoder, tokenizer):
    chosen, statistics = choose_layer(encoder, tokenizer, [Sample(SOURCES, TARGETS, gold())])
    assert chosen == 1
    encoder.fit_alignment(tokenizer, SOURCES + TARGETS, chosen)
    torch.testing.assert_close(statistics, encoder.alignment_statistics(chosen))


def test_without_gold_the_surest_layer_is_chosen(encoder, tokenizer):
    chosen, _ = choose_layer(encoder, tokenizer, [Sample(SOURCES, TARGETS)])
    sums = {}
    for layer in (1, 2, 3):
        encoder.fit_alignment(tokenizer, SOURCES + TARGETS, layer)
        pairs = zip(SOURCES, TARGETS, strict=True)
        sums[layer] = sum(sum(links.values()) for links in encoder.align_corpus(tokenizer, pairs, unit="subword"))
    assert chosen == max(sums, key=sums.get) == 1


def test_all_layers_at_once_are_one_layer_after_the_other(encoder, tokenizer, monkeypatch):
    monkeypatch.setattr("modeling_weam.SENTENCES_AT_ONCE", 3)
    monkeypatch.setattr("modeling_weam.CHUNK_CHARACTERS", 90)
    sample, rates, sums = Sample(SOURCES, TARGETS), [], []
    layers = encoder.layer_statistics(tokenizer, SOURCES + TARGETS, (1, 2, 3))
    for layer, statistics in layers.items():
        encoder.fit_alignment(tokenizer, SOURCES + TARGETS, layer)
        torch.testing.assert_close(encoder.alignment_statistics(layer), statistics)
        rates.append(aligner_error_rate(encoder, tokenizer, gold()))
        pairs = zip(SOURCES, TARGETS, strict=True)
        sums.append(sum(sum(links.values()) for links in encoder.align_corpus(tokenizer, pairs, unit="subword")))
    assert error_rates(encoder, tokenizer, gold(), layers) == pytest.approx(rates)
    assert expected_links(encoder, tokenizer, [sample], layers) == pytest.approx(sums)
    assert len(set(rates)) > 1


def test_what_is_noted_is_read(encoder, tokenizer):
    assert note_alignment(encoder, tokenizer, [Sample(SOURCES, TARGETS)], layer=2) == 2
    assert encoder.align_layer() == 2
    assert encoder.alignment_statistics(2).shape == (2, 32)


def test_a_family_that_is_not_known_is_named(tmp_path):
    GPT2Config(n_layer=1, n_embd=8, n_head=1).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="'gpt2'.* is a decoder"):
        load_encoder(str(tmp_path))
    DistilBertConfig(n_layers=1, dim=8, n_heads=1, hidden_dim=8).save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match="is of no family whose encoder aligns words; those are bert, deberta-v2, modernbert, xlm"
    ):
        load_encoder(str(tmp_path))


def test_an_encoder_is_not_written_over_another(tmp_path):
    with pytest.raises(FileExistsError, match=f"{tmp_path} exists; remove it or give another name"):
        run(Namespace(output=tmp_path))
