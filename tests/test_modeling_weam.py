"""The losses against a slow loop, and the model of each family against the stock one."""

import json
import math

import pytest
import torch
from peft import LoraConfig, TaskType, get_peft_model
from torch._dynamo.exc import Unsupported
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForPreTraining,
    AutoModelForSequenceClassification,
    BertForMaskedLM,
    BertModel,
)

from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import (
    BertForWEAMPreTraining,
    DebertaV2ForWEAMPreTraining,
    ModernBertForWEAMPreTraining,
    WEAMBertModel,
    _chunked_cross_entropy,
    _look_up,
)
from tests.conftest import FAMILIES, NO_DROPOUT, ROOT, config_of, plant_translations, small_config, stock_model

AUTOCAST = [torch.bfloat16, torch.float16]


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture
def build(family):
    """Draw a model of the family; each is the same."""

    def build(**changes):
        torch.manual_seed(0)
        return FAMILIES[family](config_of(family, **changes)).eval()

    return build


@pytest.fixture
def batch(tokenizer, features):
    collator = DataCollatorForWordExchange(tokenizer, mlm_probability=0.5, max_length=32, seed=3)
    batch = collator(features)
    assert (batch["labels"] != -100).sum() > 5
    return batch


def of_stock(model, batch):
    """What the stock class is given of a batch."""
    segments = ["token_type_ids"] if model.has_segments else []
    return {key: batch[key] for key in ("input_ids", "attention_mask", *segments)}


def called_compiled(model, inputs, **options):
    """What a compiled model returns; skips where PyTorch cannot compile the stock class either, as 2.6 cannot."""
    failures = (Unsupported, NameError)
    try:
        return torch.compile(model, **options)(**inputs)
    except failures:
        with pytest.raises(failures):
            torch.compile(stock_model(model), **options)(**of_stock(model, inputs))
        pytest.skip(f"PyTorch {torch.__version__} cannot compile the stock class")


def slow_losses(model, batch, exchange):
    """Both sums of cross-entropies by the stock class, one masked token at a time, and that class."""
    stock = stock_model(model)
    scores = torch.log_softmax(stock(**of_stock(model, batch)).logits, dim=-1)  # (B, L, V)
    labels, aligned = batch["labels"], batch["aligned_positions"]
    multilingual = cross_lingual = 0.0
    for row in range(labels.shape[0]):
        for i in range(labels.shape[1]):
            if labels[row, i] == -100:
                continue
            multilingual -= scores[row, i, labels[row, i]]
            j = int(aligned[row, i])
            if j == -1:
                continue
            if exchange == "representation":
                cross_lingual -= scores[row, j, labels[row, i]]
            else:
                original = labels[row, j] if labels[row, j] != -100 else batch["input_ids"][row, j]
                cross_lingual -= scores[row, i, original]
    return stock, multilingual, cross_lingual


@pytest.mark.parametrize("exchange", ["representation", "target"])
@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_loss_equals_a_loop_over_masked_tokens(build, batch, exchange, weight):
    model = build(weam={"exchange": exchange, "cross_lingual_weight": weight})
    outputs = model(**batch)
    _, multilingual, cross_lingual = slow_losses(model, batch, exchange)
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
@pytest.mark.parametrize("tied", [True, False])
def test_gradients_equal_those_of_the_loop(build, batch, exchange, vectors_at_once, tied, monkeypatch):
    model = build(weam={"exchange": exchange, "cross_lingual_weight": 0.25}, tie_word_embeddings=tied)
    monkeypatch.setattr("modeling_weam.LOGITS_AT_ONCE", vectors_at_once * model.config.vocab_size)
    fast = gradients_of(model, 3 * model(**batch).loss)
    stock, multilingual, cross_lingual = slow_losses(model, batch, exchange)
    slow = gradients_of(stock, 3 * (multilingual + 0.25 * cross_lingual) / (batch["labels"] != -100).sum())
    assert fast.keys() == slow.keys()
    for name, gradient in fast.items():
        assert (gradient - slow[name]).abs().max() <= 1e-5 * slow[name].abs().max() + 1e-8, name


@pytest.mark.parametrize("tied", [True, False])
def test_modernbert_needs_no_bias_of_its_decoder(batch, tied):
    torch.manual_seed(0)
    model = ModernBertForWEAMPreTraining(config_of("modernbert", decoder_bias=False, tie_word_embeddings=tied)).eval()
    fast = gradients_of(model, model(**batch).loss)
    stock, multilingual, cross_lingual = slow_losses(model, batch, "representation")
    slow = gradients_of(stock, (multilingual + cross_lingual) / (batch["labels"] != -100).sum())
    assert "decoder.bias" not in stock.state_dict() and ("decoder.weight" in fast) != tied
    assert fast.keys() == slow.keys()
    for name, gradient in fast.items():
        torch.testing.assert_close(gradient, slow[name], msg=name)


def test_a_deberta_whose_head_has_no_matrix_of_its_own_is_refused():
    with pytest.raises(ValueError, match="config.legacy is false, a head that is not trained here; set it to true"):
        DebertaV2ForWEAMPreTraining(config_of("deberta-v2", legacy=False))


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


@pytest.mark.parametrize("dtype", AUTOCAST)
def test_the_loss_is_in_float32_under_autocast(build, batch, dtype):
    """A sum past 65,504, the largest number that float16 has."""
    model = build(weam={"cross_lingual_weight": 1e5})
    with torch.autocast("cpu", dtype):
        outputs = model(**batch)
    sums = outputs.loss_parts.sum(dim=0).double()
    assert outputs.loss.dtype == outputs.loss_parts.dtype == torch.float32
    assert sums[0] + 1e5 * sums[2] > 65_504
    torch.testing.assert_close(outputs.loss.double(), (sums[0] + 1e5 * sums[2]) / sums[1], rtol=1e-6, atol=0)


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


@pytest.mark.parametrize("tied", [True, False])
def test_without_cross_lingual_weight_it_is_stock_masked_language_modelling(build, batch, tied, tmp_path):
    """Loss, and the gradients of all weights, from the checkpoint that it saves."""
    model = build(weam={"cross_lingual_weight": 0.0}, tie_word_embeddings=tied)
    model.save_pretrained(tmp_path)
    stock = AutoModelForMaskedLM.from_pretrained(tmp_path, trust_remote_code=False).eval()
    loss = stock(**of_stock(model, batch), labels=batch["labels"]).loss
    torch.testing.assert_close(model(**batch).loss, loss, rtol=1e-6, atol=0)
    fast, slow = gradients_of(model, model(**batch).loss), gradients_of(stock, loss)
    assert fast.keys() == slow.keys()
    for name, gradient in fast.items():
        torch.testing.assert_close(gradient, slow[name], msg=name)


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


def test_no_tensor_has_the_vocabulary_for_more_than_a_chunk_of_vectors(build, batch, monkeypatch):
    model = build()
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


def test_gradients_of_looked_up_rows_are_added_in_one_order_by_two_threads(set_threads):
    torch.manual_seed(0)
    matrix = torch.randn(600, 128, requires_grad=True)
    rows, of_vectors = torch.randint(600, (40, 32)), torch.randn(40, 32, 128)
    set_threads(2)
    gradients = [
        torch.autograd.grad(_look_up(matrix, rows, None), matrix, (of_vectors, torch.zeros(600, 128)))[0]
        for _ in range(20)
    ]
    assert all(torch.equal(gradient, gradients[0]) for gradient in gradients)


def test_losses_of_one_vector_and_token_are_added_in_one_order_by_two_threads(set_threads):
    torch.manual_seed(0)
    vectors, weights = torch.randn(32, 8, requires_grad=True), torch.rand(60_000)
    vector_of_target, targets = torch.randint(32, (60_000,)), torch.randint(50, (60_000,))
    set_threads(2)
    gradients = []
    for _ in range(20):
        head = torch.linspace(-1, 1, 50 * 8).view(50, 8), torch.zeros(50)
        loss, _ = _chunked_cross_entropy(vectors, *head, vector_of_target, targets, weights)
        gradients += torch.autograd.grad(loss, vectors)
    assert all(torch.equal(gradient, gradients[0]) for gradient in gradients)


def test_the_shared_matrix_has_one_gradient_and_no_second_one_to_add(build, batch, monkeypatch):
    """That of the look-up is as large and nearly all zeros where autograd makes it."""
    monkeypatch.setattr("modeling_weam.SCORED_STEP", 7)  # else logits have the shape of the matrix
    model = build()
    matrix = model.get_input_embeddings().weight
    with MatricesMade(matrix.shape) as seen:
        model.train()(**batch).loss.backward()
    assert {x.data_ptr() for x in seen.made} == {matrix.data_ptr(), matrix.grad.data_ptr()}


@pytest.mark.parametrize("change", ["another class", "a hook", "no padding", "untied"])
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
        elif change == "a hook":
            embeddings.register_forward_hook(lambda module, args, output: 2 * output)
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


def test_a_representation_that_predicts_two_words_passes_through_the_head_once(batch, monkeypatch):
    """Under the target exchange both words come from the masked word's own representation."""
    monkeypatch.setattr("modeling_weam.SCORED_STEP", 1)
    model = BertForWEAMPreTraining(small_config(weam={"exchange": "target"})).eval()
    seen = []
    model.cls.predictions.transform.register_forward_hook(lambda module, args, output: seen.append(len(output)))
    model(**batch)
    assert seen == [int((batch["labels"] != -100).sum())]


def test_vectors_that_fill_a_shape_up_change_no_loss_and_no_gradient(model, batch, monkeypatch):
    """Batches with any number of masked tokens so give the head few shapes, each of which costs a kernel."""
    seen, losses, gradients = [], [], []
    model.train().cls.predictions.transform.register_forward_hook(lambda *call: seen.append(len(call[-1])))
    for step in (1, 32):
        monkeypatch.setattr("modeling_weam.SCORED_STEP", step)
        model.zero_grad()
        torch.manual_seed(0)
        losses.append(model(**batch).loss)
        losses[-1].backward()
        gradients.append([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
    assert seen[0] % 32 and seen[1] == -(-seen[0] // 32) * 32
    torch.testing.assert_close(losses[1], losses[0])
    torch.testing.assert_close(gradients[1], gradients[0])


def test_the_gradient_of_the_head_is_added_in_parts(monkeypatch):
    """In bfloat16 each part is a product by itself."""
    found = []
    for rows in (7, 50):
        monkeypatch.setattr("modeling_weam.GRADIENT_ROWS", rows)
        torch.manual_seed(0)
        head = torch.randn(50, 8, requires_grad=True), torch.zeros(50)
        targets = torch.randint(50, (20,))
        with torch.autocast("cpu", torch.bfloat16):
            loss, _ = _chunked_cross_entropy(torch.randn(16, 8), *head, torch.arange(20) % 16, targets, torch.ones(20))
        found += torch.autograd.grad(loss, head[0])
    torch.testing.assert_close(found[0], found[1], rtol=1e-2, atol=1e-3)
    assert found[0].abs().sum(dim=1).all()


@pytest.mark.parametrize("items", [None, 0, torch.tensor(0)])
def test_a_step_without_a_masked_token_moves_nothing(model, batch, items):
    """A last batch of one short pair may have none; the Trainer then counts no items."""
    batch["labels"] = torch.full_like(batch["labels"], -100)
    loss = model.train()(**batch, num_items_in_batch=items).loss
    loss.backward()
    assert loss == 0
    assert all((parameter.grad == 0).all() for parameter in model.parameters() if parameter.grad is not None)


def test_without_labels_it_scores_every_position_as_the_stock_class(build, batch):
    model = build()
    inputs = of_stock(model, batch)
    logits = model(**inputs).logits
    assert logits.shape == (*batch["input_ids"].shape, model.config.vocab_size)
    assert torch.equal(logits, stock_model(model)(**inputs).logits)


@pytest.mark.parametrize("labels", [True, False])
def test_a_tuple_of_the_same_is_returned_on_request(build, batch, labels):
    model = build()
    inputs = {**batch, "output_hidden_states": True}
    if not labels:
        inputs = {**of_stock(model, batch), "output_hidden_states": True}
    expected = model(**inputs)
    returned = model(**inputs, return_dict=False)
    assert type(returned) is tuple and len(returned) == (3 if labels else 2)
    for one, other in zip(tree_leaves(returned), tree_leaves(expected.to_tuple()), strict=True):
        torch.testing.assert_close(one, other)
    model.config.return_dict = False
    assert type(model(**inputs)) is tuple


def test_embeddings_take_the_place_of_tokens(build, batch):
    """As with the stock class, the positions of XLM-R's padding then differ, which nothing looks at."""
    model = build(weam={"exchange": "representation"})
    embeddings = model.get_input_embeddings()(batch["input_ids"])
    given = {key: values for key, values in batch.items() if key != "input_ids"}
    torch.testing.assert_close(model(**given, inputs_embeds=embeddings).loss, model(**batch).loss)
    inputs = {**of_stock(model, batch), "inputs_embeds": embeddings}
    del inputs["input_ids"]
    assert torch.equal(model(**inputs).logits, stock_model(model)(**inputs).logits)


def test_the_exchange_of_targets_needs_the_tokens_and_says_so(batch):
    model = BertForWEAMPreTraining(small_config(weam={"exchange": "target"}))
    embeddings = model.get_input_embeddings()(batch.pop("input_ids"))
    with pytest.raises(ValueError, match="the exchange 'target' needs input_ids"):
        model(**batch, inputs_embeds=embeddings)
    del batch["aligned_positions"]
    assert model(**batch, inputs_embeds=embeddings).loss > 0


def test_adapters_for_feature_extraction_call_it_as_they_call_the_stock_class(build, batch):
    names = str(build())
    targets = [name for name in ("Wqkv", "query_proj", "value_proj") if name in names] or ["query", "value"]
    settings = LoraConfig(task_type=TaskType.FEATURE_EXTRACTION, target_modules=targets, r=2)
    model = build()
    adapted = get_peft_model(build(), settings).eval()
    torch.testing.assert_close(adapted(**of_stock(model, batch)).logits, model(**of_stock(model, batch)).logits)
    torch.testing.assert_close(adapted(**batch).loss, model(**batch).loss)


def test_inference_compiles_without_a_break(build, batch):
    """As the stock class does."""
    model = build()
    inputs = of_stock(model, batch)
    outputs = called_compiled(model, inputs, fullgraph=True, backend="eager")
    torch.testing.assert_close(outputs.logits, model(**inputs).logits)


def test_gradients_of_the_logits_are_those_of_the_stock_class(build, batch):
    model = build()
    stock = stock_model(model)
    ours, theirs = (
        gradients_of(one, one(input_ids=batch["input_ids"]).logits.square().mean()) for one in (model, stock)
    )
    assert ours.keys() == theirs.keys()
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, theirs[name], msg=name)


def test_gradient_checkpointing_changes_nothing(build, batch):
    gradients = []
    for checkpointing in (False, True):
        model = build().train()
        if checkpointing:
            model.gradient_checkpointing_enable()  # transformers 5.23 calls it activation_checkpointing_enable, too
        gradients.append(gradients_of(model, model(**batch).loss))
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], msg=name)


def test_compiled_equals_eager(model, batch):
    model.eval()
    outputs = called_compiled(model, batch, backend="aot_eager")
    torch.testing.assert_close(outputs.loss, model(**batch).loss)


def test_sdpa_is_the_attention_and_equals_eager_attention(build, family, batch, tmp_path):
    """But for DeBERTa, of which transformers has the eager one only."""
    model, default = build(), {"deberta-v2": "eager"}.get(family, "sdpa")
    model.save_pretrained(tmp_path)
    eager = type(model).from_pretrained(tmp_path, attn_implementation="eager").eval()
    assert (model.config._attn_implementation, eager.config._attn_implementation) == (default, "eager")
    torch.testing.assert_close(eager(**batch).loss, model(**batch).loss)


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_the_encoder_is_numerically_the_stock_one(build, tokenizer, padding_side, tmp_path):
    """In training too, where embeddings are looked up for it: padding on the left moves XLM-R's positions."""
    model = build()
    model.save_pretrained(tmp_path)
    texts = ["the cat sees a dog", "dog"]
    batch = tokenizer(texts, padding=True, padding_side=padding_side, return_tensors="pt")
    inputs = of_stock(model, batch)
    stock = AutoModel.from_pretrained(tmp_path, trust_remote_code=False).eval()(**inputs).last_hidden_state
    remote = AutoModel.from_pretrained(tmp_path, trust_remote_code=True).eval()
    assert type(remote).__name__ == type(model.base_model).__name__
    assert torch.equal(remote(**inputs).last_hidden_state, stock)
    outputs, _ = model.encode(**inputs)
    assert torch.equal(outputs.last_hidden_state, stock)


def test_a_model_built_in_python_saves_a_complete_repository(family, build, tmp_path):
    """Keys and model type are the stock ones; saved again by whoever loaded it with the trust flag, it stays whole."""
    model = build()
    assert set(model.state_dict()) == set(stock_model(model).state_dict())
    name = FAMILIES[family].__name__.removesuffix("ForWEAMPreTraining")
    whole = {
        "AutoModelForPreTraining": f"modeling_weam.{name}ForWEAMPreTraining",
        "AutoModel": f"modeling_weam.WEAM{name}Model",
    }
    model.save_pretrained(tmp_path / "0")
    for number, auto_class in enumerate((AutoModelForPreTraining, AutoModel), start=1):
        again = auto_class.from_pretrained(tmp_path / str(number - 1), trust_remote_code=True)
        again.save_pretrained(tmp_path / str(number))
    for number in range(3):
        config = json.loads((tmp_path / str(number) / "config.json").read_text(encoding="utf-8"))
        assert (config["model_type"], config["auto_map"]) == (family, whole)
        code = tmp_path / str(number) / "modeling_weam.py"
        assert code.read_bytes() == (ROOT / "modeling_weam.py").read_bytes()


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
    with pytest.raises(ValueError, match="is one sentence; give lists of sentences"):
        encoder.align_words(tokenizer, "a b", "c d")
    with pytest.raises(ValueError, match="layer 3 does not exist; choose 1 to 2"):
        encoder.align_words(tokenizer, ["a"], ["a"], layer=3)
    encoder.config.weam = {"align_layer": 1, "align_statistics": "AAAA"}
    with pytest.raises(ValueError, match="holds 3 bytes, two vectors of 32 float32 have another number"):
        encoder.align_words(tokenizer, ["a"], ["a"])
    encoder.config.weam = {}


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


def test_a_stock_head_fine_tuned_by_hand_is_rid_of_the_map_as_the_card_says(model, tmp_path):
    model.save_pretrained(tmp_path / "ours")
    head = AutoModelForSequenceClassification.from_pretrained(tmp_path / "ours")
    del head.config.auto_map
    head.save_pretrained(tmp_path / "theirs")
    assert not (tmp_path / "theirs" / "modeling_weam.py").exists()
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "theirs", trust_remote_code=True)
    assert type(AutoModel.from_pretrained(tmp_path / "theirs", trust_remote_code=True)) is BertModel
    assert again.config.to_dict().get("auto_map") is None
