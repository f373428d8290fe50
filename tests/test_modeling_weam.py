"""The losses against a slow loop, and the model against stock BERT."""

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForPreTraining, BertForMaskedLM, BertModel

from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import BertForWEAMPreTraining, WEAMBertModel
from tests.conftest import NO_DROPOUT, plant_translations, small_config


@pytest.fixture
def batch(tokenizer, features):
    collator = DataCollatorForWordExchange(tokenizer, mlm_probability=0.5, max_length=32, seed=3)
    batch = collator(features)
    assert (batch["labels"] != -100).sum() > 5
    return batch


def slow_losses(model, batch, exchange):
    """Both sums of cross-entropies, one masked token at a time."""
    hidden = model.bert(**{key: batch[key] for key in ("input_ids", "attention_mask", "token_type_ids")})[0]
    labels, aligned = batch["labels"], batch["aligned_positions"]
    multilingual = cross_lingual = 0.0
    for row in range(labels.shape[0]):
        for i in range(labels.shape[1]):
            if labels[row, i] == -100:
                continue
            scores = torch.log_softmax(model.cls(hidden[row, i]), dim=-1)
            multilingual -= scores[labels[row, i]]
            j = int(aligned[row, i])
            if j == -1:
                continue
            if exchange == "representation":
                cross_lingual -= torch.log_softmax(model.cls(hidden[row, j]), dim=-1)[labels[row, i]]
            else:
                original = labels[row, j] if labels[row, j] != -100 else batch["input_ids"][row, j]
                cross_lingual -= scores[original]
    return multilingual, cross_lingual


@pytest.mark.parametrize("exchange", ["representation", "target"])
@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_loss_equals_a_loop_over_masked_tokens(batch, exchange, weight):
    torch.manual_seed(0)
    model = BertForWEAMPreTraining(small_config(weam={"exchange": exchange, "cross_lingual_weight": weight})).eval()
    outputs = model(**batch)
    multilingual, cross_lingual = slow_losses(model, batch, exchange)
    masked = (batch["labels"] != -100).sum()
    torch.testing.assert_close(outputs.loss, (multilingual + weight * cross_lingual) / masked)
    linked = ((batch["labels"] != -100) & (batch["aligned_positions"] >= 0)).sum()
    expected = torch.stack([multilingual, masked.float(), cross_lingual, linked.float()])
    torch.testing.assert_close(outputs.loss_parts.sum(dim=0), expected.detach())


def gradients_of(model, loss):
    """The gradients of a loss by parameter."""
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("exchange", ["representation", "target"])
@pytest.mark.parametrize("vectors_at_once", [1, 3, 1000])
def test_gradients_equal_those_of_the_loop(batch, exchange, vectors_at_once, monkeypatch):
    torch.manual_seed(0)
    model = BertForWEAMPreTraining(small_config(weam={"exchange": exchange, "cross_lingual_weight": 0.25})).eval()
    monkeypatch.setattr("modeling_weam.LOGITS_AT_ONCE", vectors_at_once * model.config.vocab_size)
    fast = gradients_of(model, 3 * model(**batch).loss)
    multilingual, cross_lingual = slow_losses(model, batch, exchange)
    slow = gradients_of(model, 3 * (multilingual + 0.25 * cross_lingual) / (batch["labels"] != -100).sum())
    assert fast.keys() == slow.keys()
    for name, gradient in fast.items():
        assert (gradient - slow[name]).abs().max() <= 1e-5 * slow[name].abs().max() + 1e-8, name


def test_a_frozen_head_gets_no_gradient_and_the_encoder_the_same(model, batch):
    model.eval()
    free = gradients_of(model, model(**batch).loss)
    head = model.cls.predictions.requires_grad_(False)  # its matrix is that of the word embeddings
    frozen = gradients_of(model, model(**batch).loss)
    assert head.decoder.weight is model.bert.embeddings.word_embeddings.weight
    assert set(free) - set(frozen) == {
        name for name, parameter in model.named_parameters() if not parameter.requires_grad
    }
    for name, gradient in frozen.items():
        torch.testing.assert_close(gradient, free[name], msg=name)


def test_half_precision_is_close_and_its_gradients_are_float32(model, batch):
    model.eval()
    exact = gradients_of(model, model(**batch).loss)
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(**batch).loss
    rough = gradients_of(model, loss)
    assert {gradient.dtype for gradient in rough.values()} == {torch.float32}
    for name in (
        "bert.embeddings.word_embeddings.weight",
        "cls.predictions.bias",
        "cls.predictions.transform.dense.weight",
    ):
        gradient = rough[name]
        assert torch.nn.functional.cosine_similarity(gradient.flatten(), exact[name].flatten(), dim=0) > 0.99, name


def test_losses_of_a_model_in_half_precision_are_summed_in_float32(batch):
    model = BertForWEAMPreTraining(small_config()).to(torch.bfloat16).eval()
    outputs = model(**batch)
    outputs.loss.backward()
    assert outputs.loss_parts.dtype == torch.float32
    assert model.bert.embeddings.word_embeddings.weight.grad.dtype == torch.bfloat16


def test_scoring_without_gradients_forms_none(model, batch, monkeypatch):
    model.eval()
    expected = model(**batch)
    monkeypatch.setattr("modeling_weam._add_gradients", None)  # a call would fail
    with torch.no_grad():
        outputs = model(**batch)
    assert torch.equal(outputs.loss, expected.loss)
    assert torch.equal(outputs.loss_parts, expected.loss_parts)


def test_a_second_backward_pass_is_refused(model, batch):
    """The first one scaled the gradients in place."""
    loss = model(**batch).loss
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_without_cross_lingual_weight_it_is_stock_masked_language_modelling(batch, tmp_path):
    torch.manual_seed(0)
    model = BertForWEAMPreTraining(small_config(weam={"cross_lingual_weight": 0.0}))
    model.save_pretrained(tmp_path)
    stock = BertForMaskedLM.from_pretrained(tmp_path).eval()
    stock_batch = {key: value for key, value in batch.items() if key != "aligned_positions"}
    assert abs(model.eval()(**batch).loss - stock(**stock_batch).loss) < 1e-6


def test_tlm_does_not_pay_for_the_exchange(batch):
    model = BertForWEAMPreTraining(small_config(weam={"cross_lingual_weight": 0.0}))
    assert model.train()(**batch).loss_parts[:, 3].sum() == 0
    assert model.eval()(**batch).loss_parts[:, 3].sum() > 0  # measured all the same


def test_items_of_the_optimiser_step_divide_the_loss(model, batch):
    model.eval()
    masked = (batch["labels"] != -100).sum()
    whole = model(**batch, num_items_in_batch=masked).loss
    halves = [{key: value[part] for key, value in batch.items()} for part in (slice(0, 2), slice(2, 4))]
    torch.testing.assert_close(sum(model(**half, num_items_in_batch=masked).loss for half in halves), whole)


def test_a_batch_without_masked_tokens_has_loss_zero_and_a_gradient(model, batch):
    batch["labels"] = torch.full_like(batch["labels"], -100)
    loss = model(**batch).loss
    loss.backward()
    assert loss == 0


class ShapesSeen(TorchDispatchMode):
    """Collects the shapes of what operations return."""

    def __init__(self):
        super().__init__()
        self.shapes = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.shapes |= {x.shape for x in tree_leaves(result) if isinstance(x, torch.Tensor)}
        return result


def test_no_tensor_has_the_vocabulary_for_more_than_a_chunk_of_vectors(model, batch, monkeypatch):
    vocabulary = model.config.vocab_size
    monkeypatch.setattr("modeling_weam.LOGITS_AT_ONCE", 3 * vocabulary)
    with ShapesSeen() as seen:
        outputs = model.train()(**batch)
        outputs.loss.backward()
    assert outputs.logits is None
    assert {shape for shape in seen.shapes if shape[-1:] == (vocabulary,) and len(shape) > 1} >= {(3, vocabulary)}
    assert all(shape.numel() <= 3 * vocabulary for shape in seen.shapes if vocabulary in shape and 32 not in shape)


class MatricesMade(TorchDispatchMode):
    """Keeps the memory of what operations return in one shape, so that no place is used twice."""

    def __init__(self, shape):
        super().__init__()
        self.shape, self.made = shape, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        made = [x for x in tree_leaves(result) if isinstance(x, torch.Tensor) and x.shape == self.shape]
        self.made += [x.detach() for x in made]  # autograd copies a gradient that someone else holds
        return result


def test_the_shared_matrix_has_one_gradient_and_no_second_one_to_add(model, batch):
    """That of the look-up is as large and nearly all zeros where autograd makes it."""
    matrix = model.bert.embeddings.word_embeddings.weight
    with MatricesMade(matrix.shape) as seen:
        model.train()(**batch).loss.backward()
    assert {x.data_ptr() for x in seen.made} == {matrix.data_ptr(), matrix.grad.data_ptr()}


@pytest.mark.parametrize("change", ["another class", "no padding", "untied"])
def test_gradients_are_those_of_stock_look_up_and_head(batch, change):
    """Compared with stock BERT, whose loss of masked tokens is WEAM's without the exchange."""
    torch.manual_seed(0)
    model = BertForWEAMPreTraining(small_config(weam={"cross_lingual_weight": 0.0}, **NO_DROPOUT)).train()
    stock = BertForMaskedLM(model.config).train()
    stock.load_state_dict(model.state_dict())
    for one in (model, stock):
        embeddings = one.bert.embeddings.word_embeddings
        if change == "another class":
            embeddings.__class__ = type("Embeddings", (torch.nn.Embedding,), {})
        elif change == "no padding":
            embeddings.padding_idx = None
        else:
            one.cls.predictions.decoder.weight = torch.nn.Parameter(embeddings.weight.detach().clone())
    assert (batch["input_ids"] == model.config.pad_token_id).any()
    fast = gradients_of(model, model(**batch).loss)
    slow = gradients_of(stock, stock(**{key: batch[key] for key in batch if key != "aligned_positions"}).loss)
    assert fast.keys() == slow.keys()
    for name, gradient in fast.items():
        torch.testing.assert_close(gradient, slow[name], msg=name)


def test_a_representation_that_predicts_two_words_passes_through_the_head_once(batch):
    """Under the target exchange both words come from the masked word's own representation."""
    model = BertForWEAMPreTraining(small_config(weam={"exchange": "target"})).eval()
    seen = []
    model.cls.predictions.transform.register_forward_hook(lambda module, args, output: seen.append(len(output)))
    model(**batch)
    assert seen == [int((batch["labels"] != -100).sum())]


@pytest.mark.parametrize("items", [None, 0, torch.tensor(0)])
def test_a_step_without_a_masked_token_moves_nothing(model, batch, items):
    """A last batch of one short pair may have none; the Trainer then counts no items."""
    batch["labels"] = torch.full_like(batch["labels"], -100)
    loss = model.train()(**batch, num_items_in_batch=items).loss
    loss.backward()
    assert loss == 0
    assert all((parameter.grad == 0).all() for parameter in model.parameters() if parameter.grad is not None)


def test_without_labels_it_scores_every_position(model, batch):
    logits = model(input_ids=batch["input_ids"]).logits
    assert logits.shape == (*batch["input_ids"].shape, model.config.vocab_size)


def test_gradients_of_the_logits_are_those_of_stock_bert(model, batch):
    """Nothing reads the matrix that the look-up returns: its own gradient is all there is."""
    stock = BertForMaskedLM(model.config)
    stock.load_state_dict(model.state_dict())
    ours, theirs = (
        gradients_of(one, one.eval()(input_ids=batch["input_ids"]).logits.square().mean()) for one in (model, stock)
    )
    assert ours.keys() == theirs.keys()
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, theirs[name], msg=name)


def test_gradient_checkpointing_changes_nothing(batch):
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        model = BertForWEAMPreTraining(small_config(**NO_DROPOUT)).train()
        if checkpointing:
            model.activation_checkpointing_enable()
        model(**batch).loss.backward()
        gradients.append(model.bert.embeddings.word_embeddings.weight.grad)
    torch.testing.assert_close(*gradients)


def test_compiled_equals_eager(model, batch):
    model.eval()
    compiled = torch.compile(model, backend="aot_eager")
    torch.testing.assert_close(compiled(**batch).loss, model(**batch).loss)


def test_sdpa_is_the_attention_and_equals_eager_attention(model, batch, tmp_path):
    model.save_pretrained(tmp_path)
    eager = BertForWEAMPreTraining.from_pretrained(tmp_path, attn_implementation="eager").eval()
    assert model.config._attn_implementation == "sdpa"
    torch.testing.assert_close(eager(**batch).loss, model.eval()(**batch).loss)


def test_state_dict_keys_are_those_of_stock_bert(model):
    assert set(model.state_dict()) == set(BertForMaskedLM(small_config()).state_dict())


def test_the_encoder_is_numerically_the_stock_one(model, batch, tmp_path):
    model.save_pretrained(tmp_path)
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask", "token_type_ids")}
    ours = WEAMBertModel.from_pretrained(tmp_path).eval()(**inputs).last_hidden_state
    stock = BertModel.from_pretrained(tmp_path).eval()(**inputs).last_hidden_state
    assert torch.equal(ours, stock)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"exchange": "words"}, "choose one of"),
        ({"exchange": ["target"]}, "choose one of"),
        ({"cross_lingual_weight": -1}, "is -1; .* give 0 or more"),
        ({"cross_lingual_weight": "1"}, "is '1'; .* give 0 or more"),
        ({"cross_lingual_weight": True}, "is True; .* give 0 or more"),
        ({"cross_lingual_weight": math.nan}, "is nan; .* give 0 or more"),
        ({"cross_lingual_weight": 1e400}, "is inf; .* give 0 or more"),
        ({"align_layer": "2"}, r"\['align_layer'\] is '2'; give the number of a layer"),
        ({"align_layer": 0}, r"\['align_layer'\] is 0; give the number of a layer"),
        ({"align_layer": 1.0}, r"\['align_layer'\] is 1\.0; give the number of a layer"),
        ({"exchnage": "target"}, "unknown settings"),
        ("target", "config.weam is 'target'; give a mapping"),
        (None, "config.weam is None; give a mapping"),
        (["target"], r"config.weam is \['target'\]; give a mapping"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        BertForWEAMPreTraining(small_config(weam=settings))


def test_align_words_finds_a_planted_alignment(model, tokenizer):
    """With one embedding per word pair and no context, the nearest word is the planted one."""
    encoder = plant_translations(model, tokenizer)
    links = encoder.align_words(
        tokenizer, ["cat sees dog", ["dog", "sees"], ""], ["hund katze sieht", "hund sieht", "a"]
    )
    assert links == [[(0, 1), (1, 2), (2, 0)], [(0, 0), (1, 1)], []]


def test_align_words_refuses_what_it_cannot_do(model, tokenizer):
    encoder = model.bert
    with pytest.raises(ValueError, match="1 source sentences but 2 target"):
        encoder.align_words(tokenizer, ["a"], ["a", "b"])
    with pytest.raises(ValueError, match="layer 3 does not exist; choose 1 to 2"):
        encoder.align_words(tokenizer, ["a"], ["a"], layer=3)
    with pytest.raises(ValueError, match="102 tokens, the model reads 64"):
        encoder.align_words(tokenizer, ["cat " * 100], ["a"])


@pytest.mark.parametrize("kind", [WEAMBertModel, BertForWEAMPreTraining])
def test_align_words_refuses_an_encoder_that_is_partly_random(kind, model, tokenizer, tmp_path):
    """Only the loading report tells drawn weights from trained ones."""
    model.save_pretrained(tmp_path)
    whole = kind.from_pretrained(tmp_path)
    assert len(whole.base_model.align_words(tokenizer, ["cat"], ["katze"])) == 1
    deeper, report = kind.from_pretrained(tmp_path, num_hidden_layers=3, output_loading_info=True)
    assert any("layer.2." in key for key in report["missing_keys"])
    with pytest.raises(ValueError, match=r"lacked 16 weights of the encoder, \S*encoder\.layer\.2\..*load a whole"):
        deeper.base_model.align_words(tokenizer, ["cat"], ["katze"])


def test_stock_auto_classes_load_the_weights_without_trust(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert type(AutoModel.from_pretrained(tmp_path)) is BertModel
    stock = AutoModelForMaskedLM.from_pretrained(tmp_path)
    assert torch.equal(stock.bert.embeddings.word_embeddings.weight, model.bert.embeddings.word_embeddings.weight)
    assert type(AutoModelForPreTraining.from_pretrained(tmp_path)).__name__ == "BertForPreTraining"
