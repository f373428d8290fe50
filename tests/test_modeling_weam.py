"""The losses against a slow loop, and the model against stock BERT."""

import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForPreTraining, BertForMaskedLM, BertModel

from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import BertForWEAMPreTraining, WEAMModel
from tests.conftest import plant_translations, small_config


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


def test_gradients_equal_those_of_the_loop(batch):
    torch.manual_seed(0)
    model = BertForWEAMPreTraining(small_config(weam={"exchange": "target"})).eval()
    model(**batch).loss.backward()
    fast = {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.zero_grad()
    (sum(slow_losses(model, batch, "target")) / (batch["labels"] != -100).sum()).backward()
    for name, gradient in fast.items():
        torch.testing.assert_close(gradient, dict(model.named_parameters())[name].grad, msg=name)


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


def test_no_tensor_has_batch_length_and_vocabulary(model, batch):
    shapes = []
    hook = model.cls.predictions.decoder.register_forward_hook(lambda module, args, output: shapes.append(output.shape))
    outputs = model(**batch)
    hook.remove()
    masked = int((batch["labels"] != -100).sum())
    assert outputs.logits is None
    assert all(len(shape) == 2 and shape[0] <= masked for shape in shapes)


def test_without_labels_it_scores_every_position(model, batch):
    logits = model(input_ids=batch["input_ids"]).logits
    assert logits.shape == (*batch["input_ids"].shape, model.config.vocab_size)


def test_gradient_checkpointing_changes_nothing(batch):
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        model = BertForWEAMPreTraining(small_config(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)).train()
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
    ours = WEAMModel.from_pretrained(tmp_path).eval()(**inputs).last_hidden_state
    stock = BertModel.from_pretrained(tmp_path).eval()(**inputs).last_hidden_state
    assert torch.equal(ours, stock)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"exchange": "words"}, "choose one of"),
        ({"cross_lingual_weight": -1}, "negative"),
        ({"exchnage": "target"}, "unknown settings"),
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
    with pytest.raises(ValueError, match="102 pieces, the model reads 64"):
        encoder.align_words(tokenizer, ["cat " * 100], ["a"])


def test_stock_auto_classes_load_the_weights_without_trust(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert type(AutoModel.from_pretrained(tmp_path)) is BertModel
    stock = AutoModelForMaskedLM.from_pretrained(tmp_path)
    assert torch.equal(stock.bert.embeddings.word_embeddings.weight, model.bert.embeddings.word_embeddings.weight)
    assert type(AutoModelForPreTraining.from_pretrained(tmp_path)).__name__ == "BertForPreTraining"
