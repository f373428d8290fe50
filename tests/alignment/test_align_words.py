"""`align_words` against a slow loop that says the same, and what must not change its links."""

import math
import random
from itertools import count, islice

import pytest
import torch
from transformers import AutoModel, BertTokenizer

from modeling_weam import AlignmentOptions, WEAMBertModel, WEAMModernBertModel, _grow_diagonally, spaced_words
from tests.conftest import SPECIAL, WORDS, config_of, plant_translations, small_config, small_tokenizer
from tests.support.tokenizers import (
    byte_fallback_tokenizer,
    byte_level_tokenizer,
    deberta_tokenizer,
    unigram_tokenizer,
)
from weam.alignment.symmetrization import symmetrize

SOURCES = ["the cat sees a dog", "dogs eats the red house . ,", "a", "", "the cat sees a dog", "not a ? cats"]
TARGETS = ["die katze sieht hund", "hunds isst ein rotes haus .", "ein", "haus", "", "katze nicht , hundn sieht die"]


PAIRS = list(zip(SOURCES, TARGETS, strict=True))


@pytest.fixture
def encoder() -> WEAMBertModel:
    torch.manual_seed(3)
    return WEAMBertModel(small_config(num_hidden_layers=4), add_pooling_layer=False).eval()


@pytest.mark.parametrize(
    "kind", [small_tokenizer, unigram_tokenizer, byte_level_tokenizer, byte_fallback_tokenizer, deberta_tokenizer]
)
def test_words_are_cut_into_the_tokens_of_running_text(kind):
    """A word without the space before it is another one to byte-level BPE and Gemma's tokenizer."""
    tokenizer = kind()
    for text in SOURCES + TARGETS:
        assert tokenizer(spaced_words(text), is_split_into_words=True).tokens() == tokenizer(text).tokens()


def test_a_tokenizer_that_pads_on_the_left_changes_no_link():
    tokenizer = byte_fallback_tokenizer()
    assert tokenizer.padding_side == "left"
    torch.manual_seed(3)
    encoder = WEAMModernBertModel(config_of("modernbert", vocab_size=len(tokenizer), initializer_range=0.2)).eval()
    alone = [encoder.align_words(tokenizer, [source], [target])[0] for source, target in PAIRS]
    assert encoder.align_words(tokenizer, SOURCES, TARGETS) == alone


def vectors_of(encoder, tokenizer, sentence, layer, without=()):
    """Return the vector and the word number of each token, from a forward pass of this sentence alone."""
    encoded = tokenizer(sentence.split(), is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        states = encoder(**encoded, output_hidden_states=True).hidden_states[layer][0]
    tokens = tokenizer.convert_ids_to_tokens(encoded["input_ids"][0])
    return [
        ([float(value) for value in state], word)
        for state, word, token in zip(states, encoded.word_ids(), tokens, strict=True)
        if word is not None and token not in without
    ]


def cosine(first, second):
    dot = sum(a * b for a, b in zip(first, second, strict=True))
    return dot / math.sqrt(sum(a * a for a in first)) / math.sqrt(sum(b * b for b in second))


def slow_links(source, target, mean=None, deviation=None):
    """Link words as the docstring of `WordAlignmentMixin` says, number by number."""
    if not source or not target:
        return {}
    if mean is not None:
        source, target = (
            [([(x - m) / d for x, m, d in zip(v, mean, deviation, strict=True)], w) for v, w in side]
            for side in (source, target)
        )
    rows, columns = range(len(source)), range(len(target))
    s = {(i, j): cosine(source[i][0], target[j][0]) for i in rows for j in columns}
    sharpness, weight = 10, 0.1
    if mean is None:
        average = sum(s.values()) / len(s)
        spread = math.sqrt(sum((value - average) ** 2 for value in s.values()) / len(s))
        s = {place: (value - average) / max(spread, 1e-6) for place, value in s.items()}
        sharpness, weight = 2, 0.5
    s = {(i, j): math.exp(sharpness * (v - weight * abs(i / len(rows) - j / len(columns)))) for (i, j), v in s.items()}
    p = {
        (i, j): s[i, j] / sum(s[i, k] for k in columns) * s[i, j] / sum(s[k, j] for k in rows)
        for i in rows
        for j in columns
    }
    links = {}
    for i in rows:
        j = max(columns, key=lambda j: p[i, j])
        if max(rows, key=lambda i: p[i, j]) == i:
            link = source[i][1], target[j][1]
            links[link] = max(links.get(link, 0), p[i, j] ** 0.2)
    return dict(sorted(links.items()))


def assert_same(links, scores, expected):
    assert links == [list(pair) for pair in expected]
    for found, pair in zip(scores, expected, strict=True):
        assert found == pytest.approx(list(pair.values()), abs=1e-4)


@pytest.mark.parametrize("is_fitted", [False, True])
def test_align_words_equals_the_slow_loop(encoder, tokenizer, is_fitted):
    mean = deviation = None
    if is_fitted:
        encoder.fit_alignment(tokenizer, SOURCES + TARGETS, layer=3)
        states = [v for text in SOURCES + TARGETS for v, _ in vectors_of(encoder, tokenizer, text, 3)]
        mean = [sum(column) / len(states) for column in zip(*states, strict=True)]
        squares = [sum((x - m) ** 2 for x in column) for column, m in zip(zip(*states, strict=True), mean, strict=True)]
        deviation = [math.sqrt(square / (len(states) - 1)) for square in squares]
    expected = [
        slow_links(*(vectors_of(encoder, tokenizer, text, 3) for text in pair), mean, deviation)
        for pair in zip(SOURCES, TARGETS, strict=True)
    ]
    assert sum(map(len, expected)) > 8
    links, scores = encoder.align_words(tokenizer, SOURCES, TARGETS, return_scores=True, layer=3, batch_tokens=20)
    assert_same(links, scores, expected)


def test_a_model_in_training_aligns_without_dropout_and_stays_in_training(encoder, tokenizer):
    expected = encoder.align_words(tokenizer, SOURCES, TARGETS)
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    encoder.train()
    assert encoder.align_words(tokenizer, SOURCES, TARGETS) == expected
    assert encoder.training and encoder.encoder.layer[0].training


def test_a_token_that_is_only_a_space_has_no_link(encoder):
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *WORDS[:-1], "\u2581"])}
    tokenizer = BertTokenizer(vocab=vocabulary, do_lower_case=False)
    sides = [vectors_of(encoder, tokenizer, text, 2, without="\u2581") for text in ("\u2581 cat sees", "katze \u2581")]
    links, scores = encoder.align_words(tokenizer, ["\u2581 cat sees"], ["katze \u2581"], return_scores=True, layer=2)
    assert_same(links, scores, [slow_links(*sides)])
    assert all(i > 0 and j == 0 for i, j in links[0])


def test_argmax_is_that_of_simalign(encoder, tokenizer):
    source, target = (vectors_of(encoder, tokenizer, text[1], 2) for text in (SOURCES, TARGETS))
    best = [max(range(len(target)), key=lambda j: cosine(v, target[j][0])) for v, _ in source]
    back = [max(range(len(source)), key=lambda i: cosine(v, source[i][0])) for v, _ in target]
    expected = sorted({(source[i][1], target[j][1]) for i, j in enumerate(best) if back[j] == i})
    assert encoder.align_words(tokenizer, SOURCES[1:2], TARGETS[1:2], layer=2, method="argmax") == [expected]


def test_links_do_not_depend_on_neighbours_or_batches(encoder, tokenizer):
    encoder.fit_alignment(tokenizer, SOURCES + TARGETS)
    together = encoder.align_words(tokenizer, SOURCES, TARGETS)
    alone = [
        encoder.align_words(tokenizer, [source], [target], batch_tokens=1)[0]
        for source, target in zip(SOURCES, TARGETS, strict=True)
    ]
    assert together == alone


def test_layers_above_the_one_that_is_read_do_not_run(encoder, tokenizer):
    expected = encoder.align_words(tokenizer, SOURCES, TARGETS, layer=2)
    encoder.encoder.layer[2].forward = None  # would raise TypeError
    assert encoder.align_words(tokenizer, SOURCES, TARGETS, layer=2) == expected
    assert not encoder.encoder.layer[1]._forward_hooks


def test_a_corpus_is_read_as_it_is_aligned(encoder, tokenizer, monkeypatch):
    monkeypatch.setattr("modeling_weam.CHUNK_CHARACTERS", 30)
    endless = ((SOURCES[number % 2], TARGETS[number % 2]) for number in count())
    first = list(islice(encoder.align_corpus(tokenizer, endless), 5))
    expected = encoder.align_words(tokenizer, SOURCES[:2], TARGETS[:2])
    assert [list(links) for links in first] == [*expected, *expected, expected[0]]


def test_memory_stays_flat(encoder, tokenizer, monkeypatch):
    """Few shapes are encoded, since libraries keep a kernel of each, and no vector keeps what it was computed from."""
    run, shapes = encoder._states_at, set()

    def watched(layers, **inputs):
        shapes.add(tuple(inputs["input_ids"].shape))
        return run(layers, **inputs)

    monkeypatch.setattr(encoder, "_states_at", watched)
    draw = random.Random(0)
    for _ in range(20):
        sentences = [draw.choices(WORDS[:12], k=draw.randint(1, 60)) for _ in range(draw.randint(1, 200))]
        encoded = encoder._encode_tokens(tokenizer, sentences, [2], AlignmentOptions())
        assert not any(tokens.vectors.requires_grad for [tokens] in encoded)
    assert {length for _, length in shapes} <= {*range(17), *range(18, 33, 2), *range(36, 65, 4)}
    assert {rows for rows, _ in shapes} <= {2**power for power in range(8)}


@pytest.mark.parametrize("length", [62, 63, 93, 94, 200])  # the model reads 64, of which 2 are special tokens
def test_a_sentence_longer_than_the_model_is_read_in_windows(encoder, tokenizer, length):
    words = random.Random(0).choices(WORDS[:12], k=length)
    [[tokens]] = encoder._encode_tokens(tokenizer, [words], [2], AlignmentOptions())
    assert tokens.units == list(range(length))
    assert tokens.vectors.shape == (length, 32)


def test_windows_leave_no_word_out(model, tokenizer):
    encoder = plant_translations(model, tokenizer)
    source, target = ["a"] * 150, ["ein"] * 150
    for place, (word, translation) in {10: ("cat", "katze"), 70: ("dog", "hund"), 149: ("sees", "sieht")}.items():
        source[place], target[place] = word, translation
    links = encoder.align_words(tokenizer, [source], [target])[0]
    assert {(10, 10), (70, 70), (149, 149)} <= set(links)


def test_subwords_of_running_text(encoder, tokenizer):
    links = encoder.align_words(tokenizer, ["dogs cats"], ["hunds katze"], unit="subword")
    tokens = [len(tokenizer.tokenize(text)) for text in ("dogs cats", "hunds katze")]
    assert tokens == [4, 3]
    assert links[0] and all(i < 4 and j < 3 for i, j in links[0])
    assert max(i for i, _ in links[0]) > 1  # tokens are counted, not words


def test_a_higher_threshold_keeps_the_surer_links(encoder, tokenizer):
    links, scores = encoder.align_words(tokenizer, SOURCES, TARGETS, return_scores=True)
    bound = sorted(score for pair in scores for score in pair)[3]
    kept = [[x for x, p in zip(*pair, strict=True) if p >= bound] for pair in zip(links, scores, strict=True)]
    assert encoder.align_words(tokenizer, SOURCES, TARGETS, threshold=bound) == kept


def test_growing_equals_that_of_the_statistical_aligners():
    draw = random.Random(1)
    for _ in range(200):
        size = draw.randint(1, 6)
        forward = sorted({(draw.randrange(size), j) for j in range(size)})
        reverse = sorted({(i, draw.randrange(size)) for i in range(size)})
        grown = _grow_diagonally(set(forward) & set(reverse), set(forward) | set(reverse))
        assert sorted(grown) == symmetrize(forward, reverse, "grow-diag")


def test_grow_diag_adds_links(encoder, tokenizer):
    intersect = encoder.align_words(tokenizer, SOURCES, TARGETS)
    grown = encoder.align_words(tokenizer, SOURCES, TARGETS, symmetrization="grow-diag")
    assert all(set(fewer) <= set(more) for fewer, more in zip(intersect, grown, strict=True))
    assert sum(map(len, grown)) > sum(map(len, intersect))


def test_statistics_travel_with_the_checkpoint(encoder, tokenizer, tmp_path, capfd):
    encoder.fit_alignment(tokenizer, SOURCES + TARGETS, layer=3)
    encoder.save_pretrained(tmp_path)
    again = WEAMBertModel.from_pretrained(tmp_path, add_pooling_layer=False)
    assert again.align_layer() == 3
    assert torch.equal(again.alignment_statistics(3), encoder.alignment_statistics(3))
    assert again.alignment_statistics(2) is None  # those of another layer do not fit
    assert again.align_words(tokenizer, SOURCES, TARGETS) == encoder.align_words(tokenizer, SOURCES, TARGETS)
    capfd.readouterr()
    AutoModel.from_pretrained(tmp_path, add_pooling_layer=False)
    assert "UNEXPECTED" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("method", "itermax", "method is 'itermax'; choose one of dual-softmax, argmax"),
        ("symmetrization", "union", "choose one of intersect, grow-diag"),
        ("unit", "character", "choose one of word, subword"),
        ("threshold", 1.5, "threshold is 1.5; it bounds a probability"),
        ("batch_tokens", 0, "give 1 or more"),
        ("layer", 5, "layer 5 does not exist; choose 1 to 4"),
    ],
)
def test_impossible_options_are_refused(encoder, tokenizer, option, value, message):
    with pytest.raises(ValueError, match=message):
        encoder.align_words(tokenizer, ["a"], ["a"], **{option: value})


def test_the_default_layer_is_seven_twelfths_of_the_way_up():
    layers = {}
    for size in (1, 2, 6, 12, 24):
        encoder = WEAMBertModel(small_config(num_hidden_layers=size), add_pooling_layer=False)
        layers[size] = encoder.align_layer()
    assert layers == {1: 1, 2: 1, 6: 4, 12: 7, 24: 14}


def test_too_little_text_gives_no_statistics(encoder, tokenizer):
    with pytest.raises(ValueError, match="fewer than two tokens"):
        encoder.fit_alignment(tokenizer, ["a", ""])
