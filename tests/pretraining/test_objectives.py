"""The systems to compare with: each loss against a slow loop over sentences, words or pairs."""

import math
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import distributed
from torch.multiprocessing import start_processes
from transformers import BertForMaskedLM, BertTokenizer, PreTrainedTokenizerFast

from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import BertForWEAMPreTraining
from tests.conftest import SPECIAL, WORDS, small_config, stock_model
from tests.pretraining.conftest import CLS, SEP, encode, masked_tokens, new_model, of, stock_encoder
from tests.support.tokenizers import (
    byte_fallback_tokenizer,
    byte_level_tokenizer,
    deberta_tokenizer,
    unigram_tokenizer,
)
from weam.families import FAMILIES
from weam.pretraining.objectives import OBJECTIVES
from weam.pretraining.objectives.sentences import (
    encode_sentences,
    one_to_one,
    sentence_vectors,
    sentences_apart,
    word_beginnings,
    word_ends,
)
from weam.pretraining.objectives.systems import (
    MARGIN,
    TEMPERATURE,
    WordAlignment,
    contrastive_losses,
    translation_ranking,
)

MODELS = of(*(name for name in OBJECTIVES if name not in ("weam", "tlm")))
BertForMonolingualMLM, *_ = of("mlm")
BertForSimCSE, *_ = of("simcse")
BertForTranslationRanking, *_ = of("translation-ranking")
BertForWordAlignment, *_ = of("word-alignment")


def moved(model):
    """Move the encoder away from where training began."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.base_model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def inputs(sides):
    return {"input_ids": sides.originals, "attention_mask": sides.attention_mask}


def sentences(batch):
    """Cut the pairs of a batch in two."""
    return sentences_apart(**{key: values for key, values in batch.items() if key != "token_type_ids"})


# Sentences apart


def test_a_batch_is_cut_in_two_written_out(tokenizer):
    features = [
        {"id": 1, "source_ids": [10, 11, 12], "target_ids": [20, 21], "links": [[0, 1], [2, 0]]},
        {"id": 2, "source_ids": [13], "target_ids": [22, 23, 24], "links": [[0, 2]]},
    ]
    batch = DataCollatorForWordExchange(tokenizer, mlm_probability=0.0, return_sequence_ids=True)(features)
    batch["input_ids"][0, 2], batch["labels"][0, 2] = 4, 11
    batch["input_ids"][1, 5], batch["labels"][1, 5] = 9, 24
    sides = sentences(batch)
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
    """Random tokens, lengths, masks and links, several from one token among them."""
    random = np.random.default_rng(seed)
    features = []
    for number in range(9):
        sides = [random.integers(5, len(tokenizer), size=random.integers(1, 9)).tolist() for _ in range(2)]
        cells = np.argwhere(random.random((len(sides[0]), len(sides[1]))) < 0.3).tolist()
        features.append({"id": number, "source_ids": sides[0], "target_ids": sides[1], "links": cells})
    settings = {"max_length": 32, "pad_to_multiple_of": multiple, "seed": seed, "return_sequence_ids": True}
    batch = DataCollatorForWordExchange(tokenizer, 0.5, **settings)(features)
    sides = sentences(batch)
    padding = {"input_ids": 0, "originals": 0, "attention_mask": 0, "labels": -100, "aligned_positions": -1}
    for name, rows in slow_sentences(batch, features).items():
        longest = max(map(len, rows))
        expected = [row + [padding[name]] * (longest - len(row)) for row in rows]
        assert getattr(sides, name).tolist() == expected, name


# Monolingual masked language modelling


def slow_monolingual(model, batch, features):
    """Both sums of the cross-entropies of each pair, from the stock class on each sentence by itself; with a graph."""
    stock = stock_model(model)
    cut = slow_sentences(batch, features)
    sums, counts = [0.0] * len(features), [0] * len(features)
    for row, (ids, labels) in enumerate(zip(cut["input_ids"], cut["labels"], strict=True)):
        scores = torch.log_softmax(stock(torch.tensor([ids])).logits[0], dim=-1)
        for position, label in enumerate(labels):
            if label != -100:
                sums[row % len(features)] -= scores[position, label]
                counts[row % len(features)] += 1
    return stock, sums, counts


@pytest.mark.parametrize("kind", of("mlm"))
@torch.no_grad()
def test_the_monolingual_loss_is_that_of_the_stock_class_on_each_sentence_alone(batch, pairs, kind):
    model = new_model(kind)
    outputs = model(**batch)
    _, sums, counts = slow_monolingual(model, batch, pairs)
    assert sum(counts) == masked_tokens(batch)
    torch.testing.assert_close(outputs.loss, sum(sums) / sum(counts))
    expected = [[float(total), count] for total, count in zip(sums, counts, strict=True)]
    torch.testing.assert_close(outputs.loss_parts[:, :2], torch.tensor(expected))
    assert outputs.loss_parts[:, 2:].tolist() == [[0.0, 0.0]] * len(pairs)


@pytest.mark.parametrize("kind", of("mlm"))
def test_the_monolingual_gradients_are_those_of_the_stock_class(batch, pairs, kind):
    model = new_model(kind)
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
            is_target = batch["sequence_ids"] == 1
            if kind is BertForWEAMPreTraining:
                del batch["sequence_ids"]
            batch["labels"] = batch["labels"].masked_fill(is_target, -100)
            if changed:
                batch["input_ids"] = batch["input_ids"].masked_fill(is_target & (batch["input_ids"] > 4), 20)
            losses[kind, changed] = model(**batch).loss_parts[:, 0]
    torch.testing.assert_close(losses[BertForMonolingualMLM, False], losses[BertForMonolingualMLM, True])
    assert (losses[BertForWEAMPreTraining, False] - losses[BertForWEAMPreTraining, True]).abs().max() > 1e-3


# WEAM with sentences apart


def slow_apart(model, batch, features):
    """Both sums of cross-entropies over all pairs from the stock class on each sentence by itself; with a graph."""
    stock = stock_model(model)
    cut = slow_sentences(batch, features)
    scores = [torch.log_softmax(stock(torch.tensor([ids])).logits[0], dim=-1) for ids in cut["input_ids"]]
    multilingual = cross_lingual = 0.0
    linked = 0
    for row, labels in enumerate(cut["labels"]):
        other = (row + len(features)) % len(scores)
        for i, label in enumerate(labels):
            if label == -100:
                continue
            multilingual -= scores[row][i, label]
            j = cut["aligned_positions"][row][i]
            if j == -1:
                continue
            linked += 1
            if model.weam["exchange"] == "representation":
                cross_lingual -= scores[other][j, label]
            else:
                cross_lingual -= scores[row][i, cut["originals"][other][j]]
    return stock, multilingual, cross_lingual, linked


@pytest.mark.parametrize("exchange", ["representation", "target"])
@pytest.mark.parametrize("kind", of("weam-apart"))
def test_weam_apart_exchanges_words_of_sentences_that_were_encoded_alone(batch, pairs, exchange, kind):
    model = new_model(kind, weam={"exchange": exchange, "cross_lingual_weight": 0.25})
    outputs = model(**batch)
    outputs.loss.backward()
    stock, multilingual, cross_lingual, linked = slow_apart(model, batch, pairs)
    masked = masked_tokens(batch)
    assert 5 < linked < masked
    expected = torch.stack([multilingual, masked.float(), cross_lingual, torch.tensor(float(linked))])
    torch.testing.assert_close(outputs.loss_parts.sum(dim=0), expected.detach())
    loss = (multilingual + 0.25 * cross_lingual) / masked
    torch.testing.assert_close(outputs.loss, loss)
    loss.backward()
    for name, parameter in stock.named_parameters():
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, parameter.grad, msg=name)


def test_weam_apart_without_cross_lingual_weight_is_the_monolingual_control(batch):
    apart = new_model(of("weam-apart")[0], weam={"cross_lingual_weight": 0.0})
    control = new_model(BertForMonolingualMLM)
    torch.testing.assert_close(apart(**batch).loss, control(**batch).loss)


# Words


def test_wordpiece_continuations_begin_no_word(tokenizer):
    beginnings = word_beginnings(tokenizer)
    assert [token for token, begins in zip(SPECIAL + WORDS, beginnings, strict=True) if not begins] == [
        "##s",
        "##e",
        "##n",
    ]


def test_sentencepiece_marks_the_tokens_that_begin_a_word():
    vocabulary = ["<unk>", "\u2581the", "\u2581cat", "s", ".", "#", "\u2581", "the"]
    tokens = Tokenizer(WordLevel({token: number for number, token in enumerate(vocabulary)}, unk_token="<unk>"))
    beginnings = word_beginnings(PreTrainedTokenizerFast(tokenizer_object=tokens))
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
def test_without_spaces_every_token_is_taken_for_a_word(letter):
    """Chinese, Thai, Lao, Burmese, Khmer, Japanese."""
    wordpiece = [*SPECIAL, "##s", letter, f"##{letter}", f"##{letter}{letter}", "##한", "##é"]
    tokenizer = BertTokenizer(vocab={token: number for number, token in enumerate(wordpiece)})
    assert word_beginnings(tokenizer) == [True] * 5 + [False, True, True, True, False, False]
    sentencepiece = ["<unk>", "\u2581the", letter, f"\u2581{letter}", f"{letter}s", "s"]
    tokens = Tokenizer(WordLevel({token: number for number, token in enumerate(sentencepiece)}, unk_token="<unk>"))
    beginnings = word_beginnings(PreTrainedTokenizerFast(tokenizer_object=tokens))
    assert beginnings == [False, True, True, True, True, False]


SCRIPTS = {
    "Latin": "the quiet garden was green and old",
    "Cyrillic": "старый сад был зелёным",
    "Arabic": "كانت الحديقة هادئة",
    "Devanagari": "बगीचा हरा और शांत था",
    "Chinese": "花园很安静",
    "Thai": "สวนเงียบ",
}
UNSPACED_SCRIPTS = ("Chinese", "Thai")


def wordpiece_tokenizer(texts, vocab_size):
    """Train BERT's kind of vocabulary."""
    tokenizer = BertTokenizer(do_lower_case=False, strip_accents=False)
    return tokenizer.train_new_from_iterator(texts, vocab_size, show_progress=False)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("kind", "vocab_size"),
    [
        (wordpiece_tokenizer, 130),
        (unigram_tokenizer, 130),
        (byte_level_tokenizer, 290),
        (byte_fallback_tokenizer, 90),
        (deberta_tokenizer, 130),
    ],
)
def test_words_begin_after_spaces_or_with_each_character_of_unspaced_scripts(kind, vocab_size, script):
    """Cut before each token that begins a word, a sentence falls into its words, or nowhere within a character."""
    tokenizer = kind(list(SCRIPTS.values()), vocab_size)
    begins = word_beginnings(tokenizer)
    words = []
    for token in tokenizer(SCRIPTS[script], add_special_tokens=False)["input_ids"]:
        if begins[token] or not words:
            words.append([])
        words[-1].append(token)
    found = [tokenizer.decode(word).strip().removeprefix("##") for word in words]
    assert max(map(len, words)) > 1 or script in UNSPACED_SCRIPTS  # tokens are smaller than words
    if script in UNSPACED_SCRIPTS:
        assert "".join(found) == SCRIPTS[script] and len(found) > 1
    else:
        assert found == SCRIPTS[script].split()


def word_end_positions(tokenizer, ids):
    """Return where words end, counted with [CLS], one token after the other."""
    tokens, ends = tokenizer.convert_ids_to_tokens(ids), set()
    for number in range(len(tokens)):
        if number + 1 == len(tokens) or not tokens[number + 1].startswith("##"):
            ends.add(number + 1)
    return ends


@pytest.mark.parametrize("separator_begins_a_word", [True, False])  # it has no mark: WordPiece, SentencePiece
def test_words_end_before_the_next_one_and_before_the_separator(tokenizer, batch, pairs, separator_begins_a_word):
    begins_word = torch.tensor(word_beginnings(tokenizer))
    begins_word[SEP] = separator_begins_a_word
    ends = word_ends(sentences(batch), begins_word)
    found = [set(row.nonzero()[:, 0].tolist()) for row in ends]
    assert found == [word_end_positions(tokenizer, p[f"{side}_ids"]) for side in ("source", "target") for p in pairs]
    assert found[0] == {1, 3, 4, 5, 6}  # [CLS] the cat ##s sees a dog [SEP]


# Word alignment


def test_links_that_lead_back_are_one_to_one():
    """Position 2 of the source leads to 1 of the target, which leads to 3; 4 leads nowhere, but 2 leads there."""
    source = [[-1, -1, 1, 1, -1, 3], [-1, 1, -1, -1, -1, -1]]
    target = [[-1, 3, 4, 5, -1, -1], [-1, 2, -1, -1, -1, -1]]
    linked = one_to_one(torch.tensor(source + target))
    assert linked.tolist() == [[False, False, False, True, False, True], [False] * 6]


def squared_distance(one, other):
    return sum((a - b) ** 2 for a, b in zip(one.tolist(), other.tolist(), strict=True))


def slow_word_alignment(model, tokenizer, features):
    """Both sums of squares of each pair and what they are of, one sentence, link and word after the other."""
    parts = []
    for feature in features:
        sides = [feature["source_ids"], feature["target_ids"]]
        source, target = (encode(model.base_model, ids) for ids in sides)
        reference = encode(model.reference, sides[0])
        source_ends, target_ends = (word_end_positions(tokenizer, ids) for ids in sides)
        distance = drift = 0.0
        linked = 0
        for i, j in feature["links"]:
            if i + 1 in source_ends and j + 1 in target_ends:
                distance += squared_distance(source[i + 1], target[j + 1])
                linked += 1
        for i in source_ends:
            drift += squared_distance(source[i], reference[i])
        parts.append([distance, linked, drift, len(source_ends)])
    return parts


@pytest.mark.parametrize("kind", of("word-alignment"))
def test_the_word_alignment_loss_is_that_of_a_loop_over_words(tokenizer, batch, pairs, kind):
    model = moved(new_model(kind))
    outputs = model(**batch)
    expected = slow_word_alignment(model, tokenizer, pairs)
    assert [row[1] for row in expected] == [4, 2, 3, 0, 0, 0]
    assert [row[3] for row in expected] == [5, 2, 3, 1, 1, 3]
    assert min(row[2] for row in expected) > 0.01
    torch.testing.assert_close(outputs.loss_parts, torch.tensor(expected))
    total = sum(row[0] + row[2] for row in expected)
    torch.testing.assert_close(outputs.loss, total / masked_tokens(batch))


def test_the_drift_is_nothing_when_training_begins(batch):
    parts = new_model(BertForWordAlignment)(**batch).loss_parts
    assert parts[:, 2].max() < 1e-9
    assert parts[:, 3].sum() == 15
    assert parts[:, 0].sum() > 1


def test_what_the_source_is_kept_near_is_neither_trained_nor_dropped_out(batch):
    model = new_model(BertForWordAlignment)
    before = {name: tensor.clone() for name, tensor in model.reference.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    model.train()
    for _ in range(2):
        model(**batch).loss.backward()
        optimizer.step()
    assert not any(module.training for module in model.reference.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.reference.state_dict().items())
    assert not any(parameter.requires_grad for parameter in model.reference.parameters())
    assert not torch.equal(
        model.base_model.embeddings.word_embeddings.weight, before["embeddings.word_embeddings.weight"]
    )


def test_masks_do_not_move_the_vectors_of_words(tokenizer, pairs):
    model = moved(new_model(BertForWordAlignment))
    parts = [
        model(**DataCollatorForWordExchange(tokenizer, share, seed=seed, return_sequence_ids=True)(pairs)).loss_parts
        for share, seed in ((0.0, 0), (1.0, 0), (0.5, 1))
    ]
    torch.testing.assert_close(parts[0], parts[1])
    torch.testing.assert_close(parts[0], parts[2])


def test_a_checkpoint_without_buffers_gets_the_word_beginnings(tokenizer, tmp_path):
    """The model may embed more tokens than the tokenizer has."""
    config = small_config(vocab_size=40)
    BertForMaskedLM(config).save_pretrained(tmp_path)
    model = BertForWordAlignment.from_pretrained(tmp_path)
    model.freeze_reference(tokenizer)
    assert model.begins_word.tolist() == word_beginnings(tokenizer) + [True] * 11
    reference, encoder = model.reference.state_dict(), model.base_model.state_dict()
    assert reference.keys() == encoder.keys()
    assert all(torch.equal(reference[name], encoder[name]) for name in encoder)
    assert not any(reference[name].data_ptr() == encoder[name].data_ptr() for name in encoder)


# Sentence contrastive


def slow_contrastive(queries, candidates, margin):
    """The losses by the formula, one exponential after the other."""
    losses = []
    for i, query in enumerate(queries.tolist()):
        cosines = [sum(a * b for a, b in zip(query, other, strict=True)) for other in candidates.tolist()]
        own = math.exp((cosines[i] - margin) / TEMPERATURE)
        others = sum(math.exp(cosine / TEMPERATURE) for j, cosine in enumerate(cosines) if j != i)
        losses.append(-math.log(own / (own + others)))
    return torch.tensor(losses)


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_contrastive_losses_are_those_of_the_formula(margin):
    torch.manual_seed(0)
    queries, candidates = torch.nn.functional.normalize(torch.randn(2, 5, 4), dim=-1)
    expected = slow_contrastive(queries, candidates, margin)
    assert expected.max() > 1
    torch.testing.assert_close(contrastive_losses(queries, candidates, margin), expected)


@pytest.mark.parametrize(("margin", "logit"), [(0.0, 20), (0.3, 14)])
def test_orthogonal_sentences_have_a_loss_of_the_margin_alone(margin, logit):
    expected = [math.log(1 + 2 * math.exp(-logit))] * 3
    assert (TEMPERATURE, MARGIN) == (0.05, 0.3)
    assert contrastive_losses(torch.eye(3), torch.eye(3), margin).tolist() == pytest.approx(expected, abs=1e-6)
    assert contrastive_losses(torch.eye(3), torch.eye(3).roll(1, dims=0), margin).tolist() == pytest.approx(
        [math.log(math.exp(-margin / 0.05) + 1 + math.exp(20)) + margin / 0.05] * 3, rel=1e-5
    )


def test_cosines_are_not_rounded_in_mixed_precision():
    torch.manual_seed(0)
    queries, candidates = torch.nn.functional.normalize(torch.randn(2, 5, 4), dim=-1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = contrastive_losses(queries, candidates, 0.3)
    assert torch.equal(mixed, contrastive_losses(queries, candidates, 0.3))


def test_ranking_is_the_mean_of_both_directions():
    torch.manual_seed(0)
    source, target = torch.nn.functional.normalize(torch.randn(2, 5, 4), dim=-1)
    forward, back = slow_contrastive(source, target, 0.3), slow_contrastive(target, source, 0.3)
    assert (forward - back).abs().max() > 0.1
    torch.testing.assert_close(translation_ranking(source, target), (forward + back) / 2)


def slow_vectors(encoder, features):
    """Unit means of the tokens of each sentence, encoded by itself: sources, targets."""
    vectors = []
    for side in ("source_ids", "target_ids"):
        means = [encode(encoder, feature[side]).mean(dim=0) for feature in features]
        vectors.append(torch.stack([mean / mean.norm() for mean in means]))
    return vectors


def test_a_sentence_vector_is_the_unit_mean_over_the_tokens_of_the_unmasked_sentence(batch, pairs):
    encoder = new_model(BertForTranslationRanking).base_model
    expected = torch.cat(slow_vectors(encoder, pairs))
    sides = sentences(batch)
    torch.testing.assert_close(sentence_vectors(encode_sentences(encoder, sides).last_hidden_state, sides), expected)


@pytest.mark.parametrize("kind", of("translation-ranking"))
def test_the_loss_of_translation_ranking_is_that_of_the_formula(batch, pairs, kind):
    model = new_model(kind)
    outputs = model(**batch)
    source, target = slow_vectors(model.base_model, pairs)
    losses = (slow_contrastive(source, target, 0.3) + slow_contrastive(target, source, 0.3)) / 2
    torch.testing.assert_close(outputs.loss_parts, torch.stack([losses, torch.ones(len(pairs))], dim=1))
    torch.testing.assert_close(outputs.loss, losses.mean())


def slow_simcse(model, batch, seed):
    """Two passes of the stock class under dropout, then the formula for the sources alone and the targets alone."""
    stock, sides = stock_encoder(model.base_model).train(), sentences(batch)
    torch.manual_seed(seed)
    passes = []
    for _ in range(2):
        hidden = stock(**inputs(sides)).last_hidden_state.detach()
        lengths = sides.attention_mask.sum(dim=1).tolist()
        means = [row[:length].mean(dim=0) for row, length in zip(hidden, lengths, strict=True)]
        passes.append(torch.stack([mean / mean.norm() for mean in means]))
    pairs = len(batch["input_ids"])
    sides_of = [(slice(0, pairs)), slice(pairs, 2 * pairs)]
    return sum(slow_contrastive(passes[0][side], passes[1][side], 0.0) for side in sides_of) / 2


@pytest.mark.parametrize("kind", of("simcse"))
def test_the_loss_of_simcse_is_that_of_the_formula_over_two_dropouts(batch, pairs, kind):
    model = new_model(kind).train()
    torch.manual_seed(5)
    outputs = model(**batch)
    expected = slow_simcse(model, batch, seed=5)
    torch.testing.assert_close(outputs.loss_parts[:, 0], expected)
    torch.testing.assert_close(outputs.loss, expected.mean())
    torch.manual_seed(6)
    assert abs(model(**batch).loss - outputs.loss) > 1e-4


def test_a_translation_is_no_negative_for_simcse(collator, pairs):
    """A pair by itself has none, and the nearness of translations makes no difference."""
    model = new_model(BertForSimCSE, dropout=0.0)
    assert model(**collator(pairs[:1])).loss == 0
    same = [{**p, "target_ids": p["source_ids"], "links": []} for p in pairs[:4]]
    crossed = zip(pairs[:4], pairs[3::-1], strict=True)
    other = [{**p, "target_ids": q["source_ids"], "links": []} for p, q in crossed]
    losses = [model(**collator(features)).loss for features in (same, other)]
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize("kind", of("translation-ranking", "simcse"))
def test_masks_do_not_move_the_vectors_of_sentences(tokenizer, pairs, kind):
    model = new_model(kind)
    losses = [
        model(**DataCollatorForWordExchange(tokenizer, share, return_sequence_ids=True)(pairs)).loss_parts
        for share in (0.0, 0.9)
    ]
    torch.testing.assert_close(*losses)


# Both


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_weam_with_ranking_is_the_sum_of_both(batch, family):
    kinds = [OBJECTIVES[name].model_class(family) for name in ("weam-ranking", "weam", "translation-ranking")]
    both, weam = (new_model(kind, weam={"cross_lingual_weight": 0.5}) for kind in kinds[:2])
    ranking = new_model(kinds[2])
    ranking.base_model.load_state_dict(weam.base_model.state_dict())
    assert both.loss_names == (*weam.loss_names, *ranking.loss_names)
    for items in (None, 2 * masked_tokens(batch)):
        joint = {key: values for key, values in batch.items() if key != "sequence_ids"}
        outputs, part = (model(**batch, num_items_in_batch=items) for model in (both, ranking))
        parts = [weam(**joint, num_items_in_batch=items), part]
        torch.testing.assert_close(outputs.loss, parts[0].loss + parts[1].loss)
        torch.testing.assert_close(outputs.loss_parts, torch.cat([part.loss_parts for part in parts], dim=1))


# All of them


@pytest.mark.parametrize("kind", MODELS)
def test_every_parameter_of_the_model_gets_a_gradient(batch, kind):
    model = new_model(kind).train()
    model(**batch).loss.backward()
    trained = {
        name: p.grad for name, p in model.named_parameters(remove_duplicate=False) if not name.startswith("reference.")
    }
    assert {name for name, _ in model.base_model.named_parameters(prefix=model.base_model_prefix)} <= set(trained)
    assert [name for name, gradient in trained.items() if gradient is None or not gradient.isfinite().all()] == []
    # attention does not depend on the biases of its keys
    assert [name for name, gradient in trained.items() if not gradient.any() and "key.bias" not in name] == []


@pytest.mark.parametrize("kind", MODELS)
def test_the_order_of_a_batch_makes_no_difference(collator, pairs, kind):
    model = moved(new_model(kind))
    one, other = (model(**collator(features)) for features in (pairs, pairs[::-1]))
    torch.testing.assert_close(one.loss, other.loss)
    torch.testing.assert_close(one.loss_parts, other.loss_parts.flip(0))


@pytest.mark.parametrize("kind", MODELS)
def test_padding_makes_no_difference(tokenizer, batch, pairs, kind):
    model = moved(new_model(kind))
    settings = {"max_length": 32, "pad_to_multiple_of": 32, "seed": 3, "return_sequence_ids": True}
    wide = DataCollatorForWordExchange(tokenizer, 0.4, **settings)(pairs)
    assert wide["input_ids"].shape[1] > batch["input_ids"].shape[1]
    torch.testing.assert_close(model(**wide).loss_parts, model(**batch).loss_parts)


@pytest.mark.parametrize("kind", MODELS)
def test_items_of_the_optimiser_step_divide_the_loss(batch, kind):
    model = moved(new_model(kind))
    items = masked_tokens(batch)
    for divided in (3 * items, int(3 * items)):
        torch.testing.assert_close(3 * model(**batch, num_items_in_batch=divided).loss, model(**batch).loss)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_vectors_of_sentences_are_averaged_in_float32_under_autocast(batch, dtype):
    encoder, sides = new_model(BertForTranslationRanking).base_model, sentences(batch)
    with torch.autocast("cpu", dtype):
        vectors = sentence_vectors(encode_sentences(encoder, sides).last_hidden_state, sides)
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(vectors)), rtol=1e-6, atol=0)


MEANS = {"contrastive_loss": 1, "word_contrastive_loss": 1, "embedding_distance": 10}  # and what they weigh


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", MODELS)
def test_the_loss_is_summed_in_float32_under_autocast(batch, kind, dtype):
    model = moved(new_model(kind))
    with torch.autocast("cpu", dtype):
        outputs = model(**batch, num_items_in_batch=1)
    sums = outputs.loss_parts.sum(dim=0).double().view(-1, 2)
    expected = sum(
        MEANS[name] * total / count * masked_tokens(batch) if name in MEANS else total
        for name, (total, count) in zip(model.loss_names, sums, strict=True)
    )
    assert outputs.loss.dtype == outputs.loss_parts.dtype == torch.float32
    torch.testing.assert_close(outputs.loss.double(), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    "kind", of("mlm", "weam-apart", "word-alignment", "pointer", "weam-pointer", "embedding-alignment")
)
def test_halves_of_a_batch_add_up(batch, kind):
    model = moved(new_model(kind))
    halves = [{key: value[part] for key, value in batch.items()} for part in (slice(0, 2), slice(2, 6))]
    losses = [model(**half, num_items_in_batch=masked_tokens(batch)).loss for half in halves]
    torch.testing.assert_close(sum(losses), model(**batch).loss)


@pytest.mark.parametrize(
    "kind",
    of(
        *("translation-ranking", "simcse", "weam-ranking"),
        *("word-contrastive", "weam-contrastive", "weam-contrastive-ranking"),
    ),
)
def test_accumulated_batches_are_set_against_each_other(batch, kind):
    """Three batches of two pairs learn what one of six does, when each knows the vectors of the others."""
    model = moved(new_model(kind, dropout=0.0))
    items = masked_tokens(batch)
    whole = model(**batch, num_items_in_batch=items).loss
    whole.backward()
    expected = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    thirds = [{key: value[row : row + 2] for key, value in batch.items()} for row in (0, 2, 4)]
    vectors = [model(**third, only_vectors=True) for third in thirds]
    assert all(len(kind) for third in vectors[:2] for kind in third)
    total = 0.0
    for place, third in enumerate(thirds):
        of_others = zip(*vectors[:place], *vectors[place + 1 :], strict=True)
        others = {"vectors": [torch.cat(kind).detach() for kind in of_others], "masked": items}
        loss = model(**third, num_items_in_batch=items, others=others).loss
        loss.backward()
        total += loss.detach()
    torch.testing.assert_close(total, whole.detach())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("items", [None, 0])
@pytest.mark.parametrize("kind", of("word-alignment", "translation-ranking", "simcse", "word-contrastive"))
def test_a_step_without_masked_tokens_has_a_loss_and_gradients(batch, kind, items):
    """In a small step none may be masked, which makes no difference to what is learnt."""
    model = moved(new_model(kind))
    batch["input_ids"] = torch.where(batch["labels"] == -100, batch["input_ids"], batch["labels"])
    batch["labels"] = torch.full_like(batch["labels"], -100)
    outputs = model(**batch, num_items_in_batch=items)
    sums = outputs.loss_parts.sum(dim=0)
    expected = sums[0] + sums[2] if issubclass(kind, WordAlignment) else sums[0] / sums[1]
    torch.testing.assert_close(outputs.loss, expected)
    outputs.loss.backward()
    assert model.get_input_embeddings().weight.grad.isfinite().all()


def work(rank: int, folder: Path, kind: type, batch: dict[str, torch.Tensor]) -> None:
    """Train on half of the batch in one of two processes, and score that half in the first process by itself."""
    meeting = {"init_method": f"file://{folder}/meeting", "timeout": timedelta(seconds=60)}
    distributed.init_process_group("gloo", rank=rank, world_size=2, **meeting)
    half = {key: value[3 * rank : 3 * rank + 3] for key, value in batch.items()}
    model = moved(new_model(kind, dropout=0.0)).train()
    loss = model(**half, num_items_in_batch=masked_tokens(batch)).loss
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    alone = None
    if rank == 0:
        with torch.no_grad():
            alone = model(**half).loss
    torch.save((loss.detach(), gradients, alone), folder / f"{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.parametrize("kind", MODELS)
def test_two_processes_learn_what_one_does_from_the_whole_batch(batch, kind, tmp_path):
    """Losses and gradients add up; negatives come from both. While training one process may score by itself."""
    model = moved(new_model(kind, dropout=0.0)).train()
    whole = model(**batch, num_items_in_batch=masked_tokens(batch)).loss
    whole.backward()
    first_half = {key: value[:3] for key, value in batch.items()}
    masked = [masked_tokens(half) for half in (first_half, {"labels": batch["labels"][3:]})]
    assert masked[0] != masked[1]

    start_processes(work, args=(tmp_path, kind, batch), nprocs=2, start_method="fork")

    (loss, gradients, alone), (other_loss, other_gradients, _) = (
        torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)
    )
    torch.testing.assert_close(loss + other_loss, whole.detach())
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            both = gradients[name] + other_gradients[name]
            torch.testing.assert_close(both, parameter.grad, rtol=1e-4, atol=1e-5, msg=name)
    torch.testing.assert_close(alone, model(**first_half).loss.detach())
