"""The objectives of linked words: each loss against a slow loop over words."""

import math

import pytest
import torch

from modeling_weam import BertForWEAMPreTraining
from tests.pretraining.conftest import CLS, SEP, masked_tokens, new_model, of, stock_encoder
from weam.pretraining.objectives.words import WORD_TEMPERATURE, Pointer, dictionary_of_links, word_contrast
from weam.trainer import freeze_layers

BertForMonolingualMLM, *_ = of("mlm")
BertForWordContrast, *_ = of("word-contrastive")
BertForWEAMWithWordContrast, *_ = of("weam-contrastive")
BertForWEAMWithWordContrastAndRanking, *_ = of("weam-contrastive-ranking")
BertForTranslationRanking, *_ = of("translation-ranking")
BertForPointer, *_ = of("pointer")
BertForWEAMWithPointer, *_ = of("weam-pointer")
BertForEmbeddingAlignment, *_ = of("embedding-alignment")


def cosine(one, other):
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return dot / math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))


def slow_word_contrast(source, target):
    """The losses by the formula: one word, one candidate, one exponential after the other."""
    sides = [source.tolist(), target.tolist()]
    losses = []
    for k in range(len(source)):
        total = 0.0
        for side in (0, 1):
            word, linked = sides[side][k], sides[1 - side][k]
            others = [
                sides[other_side][other]
                for other_side in (0, 1)
                for other in range(len(source))
                if (other_side, other) != (side, k)
            ]
            own = math.exp(cosine(word, linked) / 0.1)
            total -= math.log(own / sum(math.exp(cosine(word, other) / 0.1) for other in others))
        losses.append(total / 2)
    return torch.tensor(losses)


def test_word_contrast_is_the_formula():
    torch.manual_seed(0)
    source, target = torch.randn(2, 5, 4)
    assert WORD_TEMPERATURE == 0.1
    expected = slow_word_contrast(source, target)
    assert expected.max() > 1
    torch.testing.assert_close(word_contrast(source, target), expected)


def test_a_pair_by_itself_has_no_negatives():
    assert word_contrast(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])).tolist() == [0.0]


def test_two_orthogonal_pairs_written_out():
    """Each word has its own at cosine 1, and two others at cosine 0."""
    losses = word_contrast(torch.eye(2), torch.eye(2))
    assert losses.tolist() == pytest.approx([math.log(1 + 2 * math.exp(-10))] * 2, abs=1e-6)


def test_words_are_not_rounded_in_mixed_precision():
    torch.manual_seed(0)
    source, target = torch.randn(2, 5, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = word_contrast(source, target)
    assert torch.equal(mixed, word_contrast(source, target))


@torch.no_grad()
def encode_at(encoder, ids, layer):
    """Return the vectors of one unmasked sentence at a layer, from the stock class: (1 + tokens + 1, H)."""
    return stock_encoder(encoder)(torch.tensor([[CLS, *ids, SEP]]), output_hidden_states=True).hidden_states[layer][0]


def slow_linked_words(model, features, layer):
    """Vectors of both words of every link, one sentence after the other, and the pair that each is of."""
    source, target, rows = [], [], []
    for row, feature in enumerate(features):
        sides = [encode_at(model.bert, feature[f"{side}_ids"], layer) for side in ("source", "target")]
        for i, j in sorted(feature["links"]):
            source.append(sides[0][i + 1])
            target.append(sides[1][j + 1])
            rows.append(row)
    return torch.stack(source), torch.stack(target), rows


@pytest.mark.parametrize("layer", [None, 1])
def test_the_loss_of_word_contrast_is_that_of_a_loop_over_links(batch, pairs, layer):  # noqa: F811
    model = new_model(BertForWordContrast)
    model.choose_layer(layer)
    outputs = model(**batch)
    source, target, rows = slow_linked_words(model, pairs, -1 if layer is None else layer)
    losses = slow_word_contrast(source, target)
    assert len(losses) == 12
    torch.testing.assert_close(outputs.loss, losses.mean())
    sums = [[float(losses[[r == row for r in rows]].sum()), float(rows.count(row))] for row in range(len(pairs))]
    torch.testing.assert_close(outputs.loss_parts, torch.tensor(sums))


def test_words_that_are_found_part_by_part_have_the_same_losses_and_gradients(batch, monkeypatch):  # noqa: F811
    model = new_model(BertForWordContrast)
    found = []
    for words_at_once in (1024, 5):
        monkeypatch.setattr("weam.pretraining.objectives.words.WORDS_AT_ONCE", words_at_once)
        model.zero_grad()
        outputs = model(**batch)
        outputs.loss.backward()
        found.append([outputs.loss, outputs.loss_parts, *(p.grad for p in model.parameters() if p.grad is not None)])
    torch.testing.assert_close(found[1], found[0])


def test_a_layer_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="--word_layer is 3; the layers of this encoder are 1 to 2"):
        new_model(BertForWordContrast).choose_layer(3)


def test_a_batch_without_links_has_no_contrast_and_gradients_of_zero(collator, pairs):  # noqa: F811
    model = new_model(BertForWordContrast)
    outputs = model(**collator([{**p, "links": []} for p in pairs]))
    outputs.loss.backward()
    assert outputs.loss == 0
    assert not model.bert.embeddings.word_embeddings.weight.grad.any()


@pytest.mark.parametrize(
    ("joined", "contrasts"),
    [
        (BertForWEAMWithWordContrast, [BertForWordContrast]),
        (BertForWEAMWithWordContrastAndRanking, [BertForWordContrast, BertForTranslationRanking]),
    ],
)
@pytest.mark.parametrize("layer", [None, 1])
def test_weam_with_contrasts_is_the_sum_of_all(batch, joined, contrasts, layer):  # noqa: F811
    weam = new_model(BertForWEAMPreTraining, weam={"cross_lingual_weight": 0.5})
    together = new_model(joined, weam={"cross_lingual_weight": 0.5})
    alone = [weam, *map(new_model, contrasts)]
    for model in (together, *alone):
        model.bert.load_state_dict(weam.bert.state_dict())
        if hasattr(model, "choose_layer"):
            model.choose_layer(layer)
    assert together.loss_names == tuple(name for model in alone for name in model.loss_names)
    for items in (None, 2 * masked_tokens(batch)):
        outputs, *parts = (model(**batch, num_items_in_batch=items) for model in (together, *alone))
        torch.testing.assert_close(outputs.loss, sum(part.loss for part in parts))
        torch.testing.assert_close(outputs.loss_parts, torch.cat([part.loss_parts for part in parts], dim=1))


# Pointer


@torch.no_grad()
def slow_pointer(model, batch, features):  # noqa: F811
    """Summed losses and counts of each pair, from the stock class on each row, position by position."""
    encoder = stock_encoder(model.bert)
    parts = []
    for row, feature in enumerate(features):
        length = len(feature["source_ids"]) + len(feature["target_ids"]) + 3
        source = range(1, 1 + len(feature["source_ids"]))
        target = range(2 + len(feature["source_ids"]), length - 1)
        hidden = encoder(
            batch["input_ids"][row : row + 1, :length], token_type_ids=batch["token_type_ids"][row : row + 1, :length]
        ).last_hidden_state[0]
        total, count = 0.0, 0
        for i in (*source, *target):
            j = int(batch["aligned_positions"][row, i])
            if batch["labels"][row, i] == -100 or j < 0:
                continue
            query = model.pointer.query(hidden[i])
            others = target if i in source else source
            exponentials = {
                p: math.exp(float(query @ model.pointer.key(hidden[p])) / math.sqrt(len(query))) for p in others
            }
            total -= math.log(exponentials[j] / sum(exponentials.values()))
            count += 1
        parts.append([total, count])
    return torch.tensor(parts)


def test_the_pointer_points_within_the_other_sentence(batch, pairs):  # noqa: F811
    model = new_model(BertForPointer)
    outputs = model(**batch)
    expected = slow_pointer(model, batch, pairs)
    assert expected[:, 1].sum() > 5
    torch.testing.assert_close(outputs.loss_parts, expected)
    torch.testing.assert_close(outputs.loss, expected[:, 0].sum() / masked_tokens(batch))


def test_weam_with_pointer_is_the_sum_of_both(batch):  # noqa: F811
    both = new_model(BertForWEAMWithPointer, weam={"cross_lingual_weight": 0.5})
    weam = new_model(BertForWEAMPreTraining, weam={"cross_lingual_weight": 0.5})
    pointer = new_model(BertForPointer)
    weam.load_state_dict(both.state_dict(), strict=False)
    for name in ("bert", "pointer"):
        getattr(pointer, name).load_state_dict(getattr(both, name).state_dict())
    for items in (None, 2 * masked_tokens(batch)):
        outputs, *parts = (model(**batch, num_items_in_batch=items) for model in (both, weam, pointer))
        torch.testing.assert_close(outputs.loss, parts[0].loss + parts[1].loss)
        torch.testing.assert_close(outputs.loss_parts, torch.cat([part.loss_parts for part in parts], dim=1))


def test_gradients_of_the_pointer_are_added_in_one_order_by_two_threads(set_threads):
    torch.manual_seed(0)
    pointer, hidden = Pointer(256), torch.randn(8, 40, 256, requires_grad=True)
    rows, i = torch.randint(8, (600,)), torch.randint(20, (600,))
    sides = (torch.arange(40) >= 20).long().repeat(8, 1)
    set_threads(2)
    gradients = [torch.autograd.grad(pointer(hidden, sides, (rows, i, i + 20)).sum(), hidden)[0] for _ in range(10)]
    assert all(torch.equal(gradient, gradients[0]) for gradient in gradients)


# Embedding alignment


def test_a_dictionary_has_the_words_that_choose_each_other():
    """8 is linked to 21 most often, but 21 to 9; 9 and 21 stay."""
    links = [((8, 21), 2), ((9, 21), 3), ((9, 22), 1), ((7, 20), 1)]
    features = [
        {"source_ids": [source], "target_ids": [target], "links": [[0, 0]]}
        for (source, target), times in links
        for _ in range(times)
    ]
    assert dictionary_of_links(features) == [(7, 20), (9, 21)]


def test_the_loss_of_embedding_alignment_is_that_of_mlm_and_of_a_loop_over_the_dictionary(batch, pairs):  # noqa: F811
    model = new_model(BertForEmbeddingAlignment)
    model.learn_dictionary([pairs])
    control = new_model(BertForMonolingualMLM)
    control.load_state_dict(model.state_dict())
    vectors = model.bert.embeddings.word_embeddings.weight.tolist()
    dictionary = dictionary_of_links(pairs)
    assert len(dictionary) > 5
    distance = sum(1 - cosine(vectors[source], vectors[target]) for source, target in dictionary) / len(dictionary)
    outputs, mlm = model(**batch), control(**batch)
    torch.testing.assert_close(outputs.loss, mlm.loss + 10 * distance)
    torch.testing.assert_close(outputs.loss_parts[:, 4:], torch.tensor([[distance, 1.0]] * len(pairs)))


def test_the_embeddings_of_a_dictionary_draw_near(batch, pairs):  # noqa: F811
    model = new_model(BertForEmbeddingAlignment)
    model.learn_dictionary([pairs])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    before = model(**batch).loss_parts[0, 4]
    for _ in range(5):
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert model(**batch).loss_parts[0, 4] < 0.8 * before


def test_a_batch_that_does_not_tell_the_sentences_apart_is_refused(batch):
    del batch["sequence_ids"]
    with pytest.raises(ValueError, match="reads sequence_ids: give DataCollatorForWordExchange return_sequence_ids=T"):
        new_model(BertForWEAMWithWordContrast)(**batch)


# Frozen layers


@pytest.mark.parametrize("kind", of("weam", "weam-contrastive"))
def test_frozen_layers_and_the_embeddings_stay_as_they_are(batch, kind):  # noqa: F811
    model = new_model(kind).train()
    freeze_layers(model, 1)
    known = {
        key: values for key, values in batch.items() if kind.__name__.endswith("Contrast") or key != "sequence_ids"
    }
    model(**known).loss.backward()
    trained = [name for name, parameter in model.base_model.named_parameters() if parameter.grad is not None]
    frozen = [name for name, parameter in model.base_model.named_parameters() if not parameter.requires_grad]
    assert not set(trained) & set(frozen)
    shared = ("embeddings.", "encoder.rel_embeddings.", "encoder.LayerNorm.")  # the latter two are DeBERTa's
    assert all(name.startswith(shared) or ".0." in name for name in frozen)
    assert all(".1." in name or "final_norm" in name for name in trained)
    assert any("embeddings" in name for name in frozen)


def test_a_layer_must_be_left_to_train():
    with pytest.raises(ValueError, match="--freeze_layers is 2, and the encoder has 2; give fewer"):
        freeze_layers(new_model(BertForWEAMPreTraining), 2)
