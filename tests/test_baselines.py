"""The systems to compare with: each loss against a slow loop over sentences, words or pairs."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import distributed
from torch.multiprocessing import start_processes
from transformers import BertForMaskedLM, BertModel, BertTokenizer, PreTrainedTokenizerFast

from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import BertForWEAMPreTraining, weam_settings
from tests.conftest import SPECIAL, WORDS, small_config, small_tokenizer
from weam.baselines import (
    MARGIN,
    OBJECTIVES,
    TEMPERATURE,
    BertForMonolingualMLM,
    BertForSimCSE,
    BertForTranslationRanking,
    BertForWEAMWithRanking,
    BertForWordAlignment,
    Sentences,
    contrastive_losses,
    one_to_one,
    sentence_vectors,
    sentences_apart,
    translation_ranking,
    word_beginnings,
    word_ends,
)

CLS, SEP = 2, 3
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
MODELS = [system.model_class for name, system in OBJECTIVES.items() if name not in ("weam", "tlm")]
RANKING = [BertForTranslationRanking, BertForSimCSE, BertForWEAMWithRanking]
TEXTS = [  # "cats" and "katzen" are of two pieces each, "rotes haus ." ends in a piece without a translation
    ("the cats see a dog", "die katzen sieht ein hund nicht", [(0, 0), (1, 1), (2, 2), (5, 4)]),
    ("dog eats", "hund nicht isst", [(0, 0), (1, 2)]),
    ("a red house", "ein rotes haus .", [(2, 2), (0, 0), (1, 1)]),
    ("cats", "katzen", [(0, 1)]),  # from within a word to the end of one
    ("cats", "katzen", [(1, 0)]),  # from the end of a word into one
    ("the house ?", "haus", []),
]


def pair(tokenizer, number):
    """Encode one of the texts."""
    source, target, links = TEXTS[number]
    sides = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (source, target)]
    return {"id": number + 7, "source_ids": sides[0], "target_ids": sides[1], "links": [list(link) for link in links]}


@pytest.fixture(scope="module")
def pairs(tokenizer):
    return [pair(tokenizer, number) for number in range(len(TEXTS))]


@pytest.fixture(scope="module")
def collator(tokenizer):
    return DataCollatorForWordExchange(tokenizer, mlm_probability=0.4, max_length=32, seed=3)


@pytest.fixture
def batch(collator, pairs):
    batch = collator(pairs)
    assert (batch["labels"] != -100).sum() > 8
    assert (batch["input_ids"] == 4).any()
    return batch


def new_model(kind, **changes):
    """Draw a model; each of a kind is the same."""
    torch.manual_seed(0)
    model = kind(small_config(initializer_range=0.2, **changes))
    if kind is BertForWordAlignment:
        model.remember(small_tokenizer())
    return model.eval()


def moved(model):
    """Move the encoder away from where training began."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.bert.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def stock_encoder(encoder):
    """Copy an encoder into the stock class."""
    stock = BertModel(encoder.config, add_pooling_layer=False)
    stock.load_state_dict(encoder.state_dict())
    return stock.eval()


@torch.no_grad()
def encode(encoder, ids):
    """Return the vectors of one unmasked sentence, encoded by itself with the stock class: (1 + pieces + 1, H)."""
    return stock_encoder(encoder)(torch.tensor([[CLS, *ids, SEP]])).last_hidden_state[0]


def inputs(sides):
    return {"input_ids": sides.originals, "attention_mask": sides.attention_mask}


def masked_tokens(batch):
    return (batch["labels"] != -100).sum()


# Sentences apart


def test_a_batch_is_cut_in_two_written_out(tokenizer):
    features = [
        {"id": 1, "source_ids": [10, 11, 12], "target_ids": [20, 21], "links": [[0, 1], [2, 0]]},
        {"id": 2, "source_ids": [13], "target_ids": [22, 23, 24], "links": [[0, 2]]},
    ]
    batch = DataCollatorForWordExchange(tokenizer, mlm_probability=0.0)(features)
    batch["input_ids"][0, 2], batch["labels"][0, 2] = 4, 11
    batch["input_ids"][1, 5], batch["labels"][1, 5] = 9, 24
    sides = sentences_apart(**batch)
    assert {key: value.tolist() for key, value in sides._asdict().items()} == {
        "input_ids": [[2, 10, 4, 12, 3], [2, 13, 3, 0, 0], [2, 20, 21, 3, 0], [2, 22, 23, 9, 3]],
        "originals": [[2, 10, 11, 12, 3], [2, 13, 3, 0, 0], [2, 20, 21, 3, 0], [2, 22, 23, 24, 3]],
        "attention_mask": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]],
        "labels": [[-100, -100, 11, -100, -100], [-100] * 5, [-100] * 5, [-100, -100, -100, 24, -100]],
        "aligned_positions": [[-1, 2, -1, 1, -1], [-1, 3, -1, -1, -1], [-1, 3, 1, -1, -1], [-1, -1, -1, 1, -1]],
    }
    assert all(value.dtype == torch.int64 for value in sides)


def slow_sentences(batch, features):
    """Cut the rows of a batch one position after the other, by the lengths of the features; no padding."""
    cut = {"input_ids": [], "originals": [], "attention_mask": [], "labels": [], "aligned_positions": []}
    for side in ("source", "target"):
        for row, feature in enumerate(features):
            sources, targets = len(feature["source_ids"]), len(feature["target_ids"])
            start, count, other = (1, sources, sources + 2) if side == "source" else (sources + 2, targets, 1)
            columns = {name: [] for name in cut}
            for position in range(start, start + count):
                label, link = int(batch["labels"][row, position]), int(batch["aligned_positions"][row, position])
                columns["input_ids"].append(int(batch["input_ids"][row, position]))
                columns["originals"].append(feature[f"{side}_ids"][position - start])
                columns["attention_mask"].append(1)
                columns["labels"].append(label)
                columns["aligned_positions"].append(link - other + 1 if link >= 0 else -1)
            ends = {"input_ids": (CLS, SEP), "originals": (CLS, SEP), "attention_mask": (1, 1)}
            for name, values in columns.items():
                before, after = ends.get(name, {"labels": (-100, -100), "aligned_positions": (-1, -1)}.get(name))
                cut[name].append([before, *values, after])
    return cut


@pytest.mark.parametrize("multiple", [1, 16])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sentences_apart_equal_a_loop_over_features(tokenizer, multiple, seed):
    """Random pieces, lengths, masks and links, several from one piece among them."""
    random = np.random.default_rng(seed)
    features = []
    for number in range(9):
        sides = [random.integers(5, len(tokenizer), size=random.integers(1, 9)).tolist() for _ in range(2)]
        cells = np.argwhere(random.random((len(sides[0]), len(sides[1]))) < 0.3).tolist()
        features.append({"id": number, "source_ids": sides[0], "target_ids": sides[1], "links": cells})
    batch = DataCollatorForWordExchange(tokenizer, 0.5, max_length=32, pad_to_multiple_of=multiple, seed=seed)(features)
    sides = sentences_apart(**batch)
    padding = {"input_ids": 0, "originals": 0, "attention_mask": 0, "labels": -100, "aligned_positions": -1}
    for name, rows in slow_sentences(batch, features).items():
        longest = max(map(len, rows))
        expected = [row + [padding[name]] * (longest - len(row)) for row in rows]
        assert getattr(sides, name).tolist() == expected, name


# Monolingual masked language modelling


def slow_monolingual(model, batch, features):
    """Both sums of the cross-entropies of each pair, from the stock class on each sentence by itself; with a graph."""
    stock = BertForMaskedLM(model.config).eval()
    stock.load_state_dict(model.state_dict())
    cut = slow_sentences(batch, features)
    sums, counts = [0.0] * len(features), [0] * len(features)
    for row, (ids, labels) in enumerate(zip(cut["input_ids"], cut["labels"], strict=True)):
        scores = torch.log_softmax(stock(torch.tensor([ids])).logits[0], dim=-1)
        for position, label in enumerate(labels):
            if label != -100:
                sums[row % len(features)] -= scores[position, label]
                counts[row % len(features)] += 1
    return stock, sums, counts


def test_the_monolingual_loss_is_that_of_the_stock_class_on_each_sentence_alone(batch, pairs):
    model = new_model(BertForMonolingualMLM)
    outputs = model(**batch)
    _, sums, counts = slow_monolingual(model, batch, pairs)
    assert sum(counts) == masked_tokens(batch)
    torch.testing.assert_close(outputs.loss, sum(sums) / sum(counts))
    expected = torch.stack([torch.tensor(sums), torch.tensor(counts)], dim=1).float()
    torch.testing.assert_close(outputs.loss_parts[:, :2], expected)
    assert outputs.loss_parts[:, 2:].tolist() == [[0.0, 0.0]] * len(pairs)


def test_the_monolingual_gradients_are_those_of_the_stock_class(batch, pairs):
    model = new_model(BertForMonolingualMLM)
    model(**batch).loss.backward()
    stock, sums, counts = slow_monolingual(model, batch, pairs)
    (sum(sums) / sum(counts)).backward()
    for name, parameter in stock.named_parameters():
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, parameter.grad, msg=name)


def test_a_sentence_does_not_see_its_translation(collator, pairs):
    """With other target sentences the masked source tokens are as hard as before; not so if a row is read whole."""
    losses = {}
    for kind in (BertForMonolingualMLM, BertForWEAMPreTraining):
        model = new_model(kind)
        for changed in (False, True):
            batch = collator(pairs)
            is_target = batch["token_type_ids"] == 1
            batch["labels"] = batch["labels"].masked_fill(is_target, -100)
            if changed:
                batch["input_ids"] = batch["input_ids"].masked_fill(is_target & (batch["input_ids"] > 4), 20)
            losses[kind, changed] = model(**batch).loss_parts[:, 0]
    torch.testing.assert_close(losses[BertForMonolingualMLM, False], losses[BertForMonolingualMLM, True])
    assert (losses[BertForWEAMPreTraining, False] - losses[BertForWEAMPreTraining, True]).abs().max() > 1e-3


# Words


def test_wordpiece_continuations_begin_no_word(tokenizer):
    beginnings = word_beginnings(tokenizer)
    assert [piece for piece, begins in zip(SPECIAL + WORDS, beginnings, strict=True) if not begins] == [
        "##s",
        "##e",
        "##n",
    ]


def test_sentencepiece_marks_the_pieces_that_begin_a_word():
    vocabulary = ["<unk>", "\u2581the", "\u2581cat", "s", ".", "#", "\u2581", "the"]
    pieces = Tokenizer(WordLevel({piece: number for number, piece in enumerate(vocabulary)}, unk_token="<unk>"))
    beginnings = word_beginnings(PreTrainedTokenizerFast(tokenizer_object=pieces))
    assert dict(zip(vocabulary, beginnings, strict=True)) == {
        "<unk>": False,
        "\u2581the": True,
        "\u2581cat": True,
        "s": False,
        ".": False,
        "#": False,
        "\u2581": True,
        "the": False,
    }


@pytest.mark.parametrize("letter", ["猫", "ก", "ລ", "က", "ក", "ね", "ネ", "㐀"])
def test_without_spaces_every_piece_is_taken_for_a_word(letter):
    """Chinese, Thai, Lao, Burmese, Khmer, Japanese."""
    wordpiece = [*SPECIAL, "##s", letter, f"##{letter}", f"##{letter}{letter}", "##한", "##é"]
    tokenizer = BertTokenizer(vocab={piece: number for number, piece in enumerate(wordpiece)})
    assert word_beginnings(tokenizer) == [True] * 5 + [False, True, True, True, False, False]
    sentencepiece = ["<unk>", "\u2581the", letter, f"\u2581{letter}", f"{letter}s", "s"]
    pieces = Tokenizer(WordLevel({piece: number for number, piece in enumerate(sentencepiece)}, unk_token="<unk>"))
    beginnings = word_beginnings(PreTrainedTokenizerFast(tokenizer_object=pieces))
    assert beginnings == [False, True, True, True, True, False]


def word_end_positions(tokenizer, ids):
    """Return where words end, counted with [CLS], one piece after the other."""
    pieces, ends = tokenizer.convert_ids_to_tokens(ids), set()
    for number in range(len(pieces)):
        if number + 1 == len(pieces) or not pieces[number + 1].startswith("##"):
            ends.add(number + 1)
    return ends


def test_words_end_before_the_next_one_and_before_the_separator(tokenizer, batch, pairs):
    ends = word_ends(sentences_apart(**batch), torch.tensor(word_beginnings(tokenizer)))
    found = [set(row.nonzero()[:, 0].tolist()) for row in ends]
    assert found == [word_end_positions(tokenizer, p[f"{side}_ids"]) for side in ("source", "target") for p in pairs]
    assert found[0] == {1, 3, 5, 6, 7}  # the cat ##s se ##e ... is cut as the cats [UNK] a dog
