"""Checkpoints: what is refused, what is loaded, what is saved, and adapters merged."""

import copy
import json
import math
import re

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    BertTokenizer,
    ByT5Tokenizer,
    CanineTokenizer,
    DistilBertConfig,
    GPT2Config,
    MBartConfig,
)

from modeling_weam import BertForWEAMPreTraining
from tests.conftest import ROOT, config_of, small_config, small_tokenizer
from weam.checkpoint import LoraSettings, add_adapters, check_vocabulary, load_tokenizer, load_with_head, merge_adapters
from weam.families import FAMILIES
from weam.pretraining.arguments import ModelArguments
from weam.pretraining.checkpoint import average_with_start, load_model, load_pretraining_model, save_as_stock
from weam.pretraining.objectives import OBJECTIVES

WEAM = {"exchange": "target", "cross_lingual_weight": 0.5}
INPUT = torch.tensor([[2, 5, 6, 4, 3, 13, 14, 3], [2, 7, 8, 9, 3, 15, 4, 3]])


def drawn(model):
    """Draw every parameter, so that none, like a bias of zeros, is what a fresh model has too."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
    return model.eval()


def lora(*targets):
    return LoraSettings(rank=4, alpha=8, dropout=0.0, target_modules=targets)


def encoder_of(model):
    return {name: tensor for name, tensor in model.state_dict().items() if name.startswith("bert.")}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# Tokenizers


def test_a_fast_tokenizer_is_loaded(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = load_tokenizer(str(tmp_path))
    assert loaded("the cats", add_special_tokens=False)["input_ids"] == [5, 6, 23]
    assert loaded.mask_token_id == 4


@pytest.mark.parametrize("kind", [CanineTokenizer, ByT5Tokenizer])
def test_a_slow_tokenizer_is_refused(kind, tmp_path):
    kind().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=rf"has a slow tokenizer \({kind.__name__}\).* convert it"):
        load_tokenizer(str(tmp_path))


def test_a_tokenizer_without_a_mask_token_is_refused(tokenizer, tmp_path):
    maskless = copy.deepcopy(tokenizer)
    maskless.mask_token = None
    maskless.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=rf"the tokenizer of {tmp_path} has no mask token"):
        load_tokenizer(str(tmp_path))


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(tokenizer, model):
    check_vocabulary(model, tokenizer)
    larger = BertTokenizer(vocab={**tokenizer.get_vocab(), "more": len(tokenizer)}, do_lower_case=False)
    with pytest.raises(ValueError, match=r"the tokenizer has 30 tokens, the model embeds 29"):
        check_vocabulary(model, larger)


def test_a_tokenizer_with_gaps_in_its_numbers_is_refused(tokenizer, model):
    numbers = tokenizer.get_vocab()
    sparse = BertTokenizer(vocab={**numbers, "?": len(numbers)}, do_lower_case=False)
    assert len(sparse) == len(numbers)
    with pytest.raises(ValueError, match=r"the tokenizer has 30 \w+, the model embeds 29"):
        check_vocabulary(model, sparse)


def test_a_model_may_have_more_tokens_than_the_tokenizer(tokenizer):
    """Embeddings are often padded to a multiple of 8 or 64."""
    config = small_config()
    config.vocab_size = 64
    assert check_vocabulary(BertForWEAMPreTraining(config), tokenizer) is None


# Loading


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            DistilBertConfig(),
            r"is a 'distilbert' model; .* of bert, xlm-roberta, deberta-v2, modernbert, such as google-bert/",
        ),
        (GPT2Config(), r"\('gpt2'\) is a decoder, or no masked language model; .* an encoder that sees"),
        (small_config(is_decoder=True), r"\('bert'\) is a decoder"),
        (MBartConfig(), r"\('mbart'\) is an encoder-decoder; .* an encoder that sees"),
    ],
    ids=["no family", "decoder", "decoding BERT", "encoder-decoder"],
)
def test_another_architecture_is_refused_by_name(config, message, tmp_path):
    config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"{tmp_path} {message}"):
        load_model(str(tmp_path), "main", WEAM)


def test_an_architecture_that_transformers_lacks_is_named_with_its_version(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "hypobert"}', encoding="utf-8")
    message = f"{tmp_path} is of model_type 'hypobert', which transformers {transformers.__version__} does not have"
    for load in (lambda: load_model(str(tmp_path), "main", WEAM), lambda: load_with_head(AutoModel, str(tmp_path))):
        with pytest.raises(ValueError, match=re.escape(message)):
            load()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("objective", ["weam", "translation-ranking"])
def test_every_family_is_loaded_cut_and_left_as_a_stock_checkpoint(family, objective, tmp_path):
    """The lowest layers are the checkpoint's, bit for bit."""
    system = OBJECTIVES[objective]
    stock = drawn(AutoModelForMaskedLM.from_config(config_of(family, num_hidden_layers=3)))
    stock.save_pretrained(tmp_path / "stock")
    whole = load_model(str(tmp_path / "stock"), "main", {}, system)
    assert (whole.drawn, whole.is_cut, whole.lacks_trained_head) == ((), False, False)
    cut = load_model(str(tmp_path / "stock"), "main", {}, system, num_hidden_layers=2)
    assert cut.is_cut and cut.drawn == ()
    cut.model.save_pretrained(tmp_path / "saved")
    auto_class = system.auto_class or AutoModelForMaskedLM
    save_as_stock(tmp_path / "saved", auto_class)
    left = load_file(tmp_path / "saved" / "model.safetensors")
    weights = stock.state_dict() if system.predicts else stock.base_model.state_dict()
    assert left and all(torch.equal(tensor, weights[name]) for name, tensor in left.items())
    again = auto_class.from_pretrained(tmp_path / "saved")
    assert type(again).__module__.startswith("transformers.models.")
    assert again.config.num_hidden_layers == 2


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_that_the_checkpoint_lacks_is_drawn_as_the_stock_class_draws_it(family, tmp_path):
    AutoModel.from_config(config_of(family)).save_pretrained(tmp_path)
    torch.manual_seed(0)
    stock = AutoModelForMaskedLM.from_pretrained(tmp_path).state_dict()
    torch.manual_seed(0)
    ours = load_model(str(tmp_path), "main", {}).model.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in stock.items())


def test_a_checkpoint_without_head_is_told_from_one_with_in_every_family(tmp_path):
    for family in FAMILIES:
        AutoModel.from_config(config_of(family)).save_pretrained(tmp_path / family)
        assert load_model(str(tmp_path / family), "main", {}).lacks_trained_head


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fine_tuned_classifier_has_no_head_that_predicts_words(family, tmp_path):
    AutoModelForSequenceClassification.from_config(config_of(family)).save_pretrained(tmp_path)
    assert load_model(str(tmp_path), "main", {}).lacks_trained_head


def test_impossible_settings_are_refused(tmp_path):
    BertForMaskedLM(small_config()).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="choose one of"):
        load_model(str(tmp_path), "main", {"exchange": "words"})


def test_the_settings_land_in_the_model_and_in_the_saved_config(tmp_path):
    BertForMaskedLM(small_config()).save_pretrained(tmp_path / "stock")
    model = load_model(str(tmp_path / "stock"), "main", WEAM).model
    assert model.weam == {**WEAM, "align_layer": None, "align_statistics": None}
    model.save_pretrained(tmp_path / "saved")
    assert BertConfig.from_pretrained(tmp_path / "saved").weam == WEAM


def test_new_settings_replace_those_of_an_earlier_training(tmp_path):
    noted = {"align_layer": 2, "align_statistics": "of other weights"}
    BertForWEAMPreTraining(small_config(weam=WEAM | noted)).save_pretrained(tmp_path)
    model = load_model(str(tmp_path), "main", {"exchange": "representation", "cross_lingual_weight": 2.0}).model
    assert model.weam == {
        "exchange": "representation",
        "cross_lingual_weight": 2.0,
        "align_layer": None,
        "align_statistics": None,
    }


def test_a_checkpoint_in_half_precision_is_loaded_and_saved_in_float32(tmp_path):
    half = drawn(BertForMaskedLM(small_config())).to(torch.bfloat16)
    half.save_pretrained(tmp_path / "half")
    model = load_model(str(tmp_path / "half"), "main", WEAM).model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert same(model.state_dict(), {name: tensor.float() for name, tensor in half.state_dict().items()})
    model.save_pretrained(tmp_path / "saved")
    assert BertConfig.from_pretrained(tmp_path / "saved").dtype == torch.float32


def test_from_scratch_weights_are_drawn_and_not_read(tmp_path):
    stock = drawn(BertForMaskedLM(small_config()))
    stock.save_pretrained(tmp_path)
    models = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        models.append(load_model(str(tmp_path), "main", WEAM, from_scratch=True).model.state_dict())
    key = "bert.encoder.layer.0.output.dense.weight"
    assert same(models[0], models[1])
    assert not torch.equal(models[0][key], models[2][key])
    assert not torch.equal(models[0][key], stock.state_dict()[key])


def test_only_the_lowest_layers_are_kept(tmp_path):
    stock = drawn(BertForMaskedLM(small_config()))
    stock.save_pretrained(tmp_path)
    kept = {name: tensor for name, tensor in stock.state_dict().items() if ".layer.1." not in name}
    loaded = load_model(str(tmp_path), "main", WEAM, num_hidden_layers=1)
    assert loaded.model.config.num_hidden_layers == 1
    assert loaded.drawn == ()
    assert loaded.is_cut and loaded.lacks_trained_head  # it was trained for the layer above
    assert same(loaded.model.state_dict(), kept)
    whole = load_model(str(tmp_path), "main", WEAM, num_hidden_layers=2)
    assert not whole.is_cut and not whole.lacks_trained_head
    encoder = load_with_head(AutoModel, str(tmp_path), num_hidden_layers=1)
    assert encoder.model.config.num_hidden_layers == 1
    assert encoder.drawn == ("pooler.dense",)
    without_pooler = {f"bert.{name}": x for name, x in encoder.model.state_dict().items() if "pooler" not in name}
    assert same(without_pooler, {name: tensor for name, tensor in kept.items() if name.startswith("bert.")})


@pytest.mark.parametrize(("hidden", "attention"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.1)])
def test_simcse_needs_dropout(hidden, attention, tmp_path):
    """Without any, both views of a sentence are the same, and there is nothing to learn."""
    small_config(hidden_dropout_prob=hidden, attention_probs_dropout_prob=attention).save_pretrained(tmp_path)
    load_model(str(tmp_path), "main", WEAM, OBJECTIVES["translation-ranking"], from_scratch=True)
    if hidden or attention:
        load_model(str(tmp_path), "main", WEAM, OBJECTIVES["simcse"], from_scratch=True)
    else:
        with pytest.raises(ValueError, match=rf"{tmp_path} has no dropout.*such as hidden_dropout_prob"):
            load_model(str(tmp_path), "main", WEAM, OBJECTIVES["simcse"], from_scratch=True)


@pytest.mark.parametrize("layers", [0, -1, 3])
def test_layers_that_the_checkpoint_has_not_are_refused(layers, tmp_path):
    BertForMaskedLM(small_config()).save_pretrained(tmp_path)
    message = rf"--num_hidden_layers is {layers}, and {tmp_path} has 2; give 1 to that"
    with pytest.raises(ValueError, match=message):
        load_model(str(tmp_path), "main", WEAM, num_hidden_layers=layers)
    with pytest.raises(ValueError, match=message):
        load_with_head(AutoModel, str(tmp_path), num_hidden_layers=layers)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_begins_with_the_weights_of_the_checkpoint(objective, tmp_path):
    stock = drawn(BertForMaskedLM(small_config()))
    stock.save_pretrained(tmp_path)
    loaded = load_model(str(tmp_path), "main", WEAM, OBJECTIVES[objective])
    assert type(loaded.model) is OBJECTIVES[objective].model_class(FAMILIES["bert"])
    assert all(name.startswith("pointer") for name in loaded.drawn)  # what only training needs
    expected = stock.state_dict() if OBJECTIVES[objective].predicts else encoder_of(stock)
    assert same({name: x for name, x in loaded.model.state_dict().items() if "pointer" not in name}, expected)


# Weights that are not the checkpoint's

LOADERS = {
    "pre-training": lambda folder: load_model(str(folder), "main", WEAM),
    "transfer": lambda folder: load_with_head(AutoModelForSequenceClassification, str(folder), labels=["a", "b"]),
    "retrieval": lambda folder: load_with_head(AutoModel, str(folder)),
}
every_loader = pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)


def stock_checkpoint(folder, **config):
    stock = drawn(BertForMaskedLM(small_config()))
    stock.save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **config}), encoding="utf-8")
    return stock


def change_weights(folder, change):
    """Write each tensor of a checkpoint again under the name, and with the values, that `change` returns."""
    changed = dict(change(name, tensor) for name, tensor in load_file(folder / "model.safetensors").items())
    save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})


@every_loader
@pytest.mark.parametrize(
    ("config", "weight"),
    [
        ({"num_hidden_layers": 3}, r"encoder\.layer\.2\.attention\.output\.LayerNorm\.bias.* and 13 more"),
        ({"vocab_size": 64}, r"embeddings\.word_embeddings\.weight"),
        ({"intermediate_size": 32}, r"encoder\.layer\.0\.intermediate\.dense\.bias.* and 3 more"),
    ],
    ids=["layers", "tokens", "inner size"],
)
def test_a_config_that_asks_for_more_than_the_weights_give_is_refused(load, config, weight, tmp_path):
    stock_checkpoint(tmp_path, **config)
    with pytest.raises(ValueError, match=rf"{tmp_path} has no weights for .*{weight}.* would be drawn.*give a whole"):
        load(tmp_path)


@every_loader
def test_weights_under_other_names_are_refused_with_theirs_and_ours(load, tmp_path):
    stock_checkpoint(tmp_path)
    change_weights(tmp_path, lambda name, tensor: (f"student.{name}", tensor))
    with pytest.raises(ValueError, match=r"no weights for .*embeddings\.LayerNorm.*\(not used: student\.bert\."):
        load(tmp_path)


@every_loader
@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_weights_saved_from_inside_a_wrapper_are_read_with_a_warning(load, prefix, tmp_path, caplog):
    stock = stock_checkpoint(tmp_path)
    plain = load(tmp_path)
    change_weights(tmp_path, lambda name, tensor: (f"{prefix}{name}", tensor))
    loaded = load(tmp_path)
    assert (loaded.fingerprint, loaded.drawn) == (plain.fingerprint, plain.drawn)
    encoder = loaded.model.base_model.state_dict()
    words = "embeddings.word_embeddings.weight"
    assert torch.equal(encoder[words], stock.bert.state_dict()[words])
    assert [record.getMessage() for record in caplog.records if record.name == "weam"] == [
        f"{tmp_path} was saved from inside DataParallel or torch.compile: names are read without that"
    ]


def test_weights_under_their_own_names_are_read_without_a_warning(tmp_path, caplog):
    stock_checkpoint(tmp_path)
    load_model(str(tmp_path), "main", WEAM)
    assert not [record for record in caplog.records if record.name == "weam"]


@every_loader
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused_by_name(load, value, tmp_path):
    stock_checkpoint(tmp_path)
    broken = "bert.encoder.layer.1.output.dense.bias"
    change_weights(tmp_path, lambda name, x: (name, torch.full_like(x, value) if name == broken else x))
    with pytest.raises(ValueError, match=rf"{tmp_path} has weights that are not finite: .*layer\.1.*an earlier one"):
        load(tmp_path)


@every_loader
def test_damaged_weights_are_refused_by_folder(load, tmp_path):
    stock_checkpoint(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=rf"{tmp_path} cannot be loaded \(SafetensorError: .*\);.*copy or download"):
        load(tmp_path)


# Saving


@pytest.mark.parametrize("from_scratch", [False, True])
def test_a_saved_model_is_a_complete_repository(from_scratch, tmp_path):
    BertForMaskedLM(small_config()).save_pretrained(tmp_path / "stock")
    load_model(str(tmp_path / "stock"), "main", WEAM, from_scratch=from_scratch).model.save_pretrained(
        tmp_path / "saved"
    )
    config = json.loads((tmp_path / "saved" / "config.json").read_text(encoding="utf-8"))
    assert config["auto_map"] == {
        "AutoModelForPreTraining": "modeling_weam.BertForWEAMPreTraining",
        "AutoModel": "modeling_weam.WEAMBertModel",
    }
    assert config["model_type"] == "bert"
    assert (tmp_path / "saved" / "modeling_weam.py").read_bytes() == (ROOT / "modeling_weam.py").read_bytes()


@pytest.mark.parametrize("tied", [True, False])
def test_the_weights_of_a_masked_language_model_survive_bit_for_bit(tied, tmp_path):
    stock = drawn(BertForMaskedLM(small_config(tie_word_embeddings=tied)))
    assert (stock.cls.predictions.decoder.weight is stock.bert.embeddings.word_embeddings.weight) == tied
    stock.save_pretrained(tmp_path / "stock")
    load_model(str(tmp_path / "stock"), "main", WEAM).model.save_pretrained(tmp_path / "saved")
    loaded = BertForMaskedLM.from_pretrained(tmp_path / "saved").eval()
    assert same(loaded.state_dict(), stock.state_dict())
    assert torch.equal(loaded(INPUT).logits, stock(INPUT).logits)


def test_the_weights_of_an_encoder_without_head_survive_bit_for_bit(tmp_path):
    stock = drawn(BertModel(small_config()))
    stock.save_pretrained(tmp_path / "stock")
    load_model(str(tmp_path / "stock"), "main", WEAM).model.save_pretrained(tmp_path / "saved")
    loaded = BertModel.from_pretrained(tmp_path / "saved", add_pooling_layer=False).eval()
    encoder = {name: tensor for name, tensor in stock.state_dict().items() if not name.startswith("pooler")}
    assert same(loaded.state_dict(), encoder)
    assert torch.equal(loaded(INPUT).last_hidden_state, stock(INPUT).last_hidden_state)


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if OBJECTIVES[name].auto_class])
@pytest.mark.parametrize("published", [False, True], ids=["stock base", "base of ours with code"])
def test_a_baseline_ends_as_a_stock_checkpoint(objective, published, tmp_path):
    system = OBJECTIVES[objective]
    if published:
        BertForMaskedLM(small_config()).save_pretrained(tmp_path / "stock")
        load_model(str(tmp_path / "stock"), "main", WEAM).model.save_pretrained(tmp_path / "base")
    else:
        BertForMaskedLM(small_config()).save_pretrained(tmp_path / "base")
    trained = drawn(load_model(str(tmp_path / "base"), "main", WEAM, system).model)
    if objective == "word-alignment":
        trained.freeze_reference(small_tokenizer())
    trained.save_pretrained(tmp_path / "saved")
    save_as_stock(tmp_path / "saved", system.auto_class)

    config = json.loads((tmp_path / "saved" / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["BertModel" if system.auto_class is AutoModel else "BertForMaskedLM"]
    assert (config["model_type"], config["dtype"]) == ("bert", "float32")
    assert not {"auto_map", "weam"} & set(config)
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {"config.json", "model.safetensors"}
    encoder = {name.removeprefix("bert."): tensor for name, tensor in encoder_of(trained).items()}
    if system.auto_class is AutoModel:
        assert same(load_file(tmp_path / "saved" / "model.safetensors"), encoder)
    else:
        loaded = BertForMaskedLM.from_pretrained(tmp_path / "saved")
        assert same(loaded.state_dict(), {name: x for name, x in trained.state_dict().items() if "pointer" not in name})


def test_the_objective_of_a_model_in_python_is_the_default_one_or_the_one_that_is_named(tmp_path):
    BertForMaskedLM(small_config()).save_pretrained(tmp_path)
    family = FAMILIES["bert"]
    default = OBJECTIVES[ModelArguments.objective]
    assert type(load_pretraining_model(str(tmp_path))) is default.model_class(family)
    for name, system in OBJECTIVES.items():
        if system.auto_class is None:
            assert type(load_pretraining_model(str(tmp_path), name)) is system.model_class(family)
        else:
            with pytest.raises(ValueError, match=f"objective is '{name}'; choose one of .*weam-contrastive-ranking"):
                load_pretraining_model(str(tmp_path), name)


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if OBJECTIVES[name].auto_class is None])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_learnt_beside_weam_is_saved_as_weam_with_its_code(family, objective, tmp_path):
    drawn(AutoModelForMaskedLM.from_config(config_of(family))).save_pretrained(tmp_path / "stock")
    trained = drawn(load_pretraining_model(str(tmp_path / "stock"), objective))
    trained.save_pretrained(tmp_path / "saved")
    published = FAMILIES[family].pre_training
    config = json.loads((tmp_path / "saved" / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == [published.__name__]
    assert config["auto_map"]["AutoModelForPreTraining"] == f"modeling_weam.{published.__name__}"
    assert (tmp_path / "saved" / "modeling_weam.py").read_bytes() == (ROOT / "modeling_weam.py").read_bytes()
    again, report = published.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert same(again.state_dict(), trained.state_dict())


def test_a_head_that_was_drawn_is_not_averaged(tmp_path):
    BertModel(small_config()).save_pretrained(tmp_path / "start")
    start, trained = (load_model(str(tmp_path / "start"), "main", {}) for _ in range(2))
    with torch.no_grad():
        for weight in trained.model.parameters():
            weight.add_(1.0)
    trained.model.save_pretrained(tmp_path / "trained")
    average_with_start(tmp_path / "trained", start, 0.25)
    averaged = BertForWEAMPreTraining.from_pretrained(tmp_path / "trained").state_dict()
    before, after = start.model.state_dict(), trained.model.state_dict()
    head, layer = "cls.predictions.transform.dense.weight", "bert.encoder.layer.0.output.dense.weight"
    assert torch.equal(averaged[head], after[head])
    torch.testing.assert_close(averaged[layer], before[layer] + 0.75)


def test_a_baseline_trained_after_ours_in_one_process_has_no_code(tmp_path):
    BertForMaskedLM(small_config()).save_pretrained(tmp_path / "stock")
    load_model(str(tmp_path / "stock"), "main", WEAM).model.save_pretrained(tmp_path / "weam")
    for base, objective in (("stock", "mlm"), ("weam", "mlm"), ("weam", "weam-pointer"), ("weam", "weam-apart")):
        folder = tmp_path / f"{objective} from {base}"
        load_model(str(tmp_path / base), "main", WEAM, OBJECTIVES[objective]).model.save_pretrained(folder)
        assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
        assert "auto_map" not in json.loads((folder / "config.json").read_text(encoding="utf-8"))


# Adapters


def with_drawn_adapters(settings):
    """A model with adapters that change what it computes; fresh ones are zero."""
    model = add_adapters(drawn(BertForWEAMPreTraining(small_config())), settings)
    torch.manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.3)
    return model.eval()


def test_fresh_adapters_change_nothing_and_are_all_that_is_trained():
    model = drawn(BertForWEAMPreTraining(small_config()))
    before = model(INPUT).logits
    adapted = add_adapters(model, lora("query", "value")).eval()
    assert torch.equal(adapted(INPUT).logits, before)
    trained = {name.split(".lora_")[0] for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    assert trained == {
        f"base_model.model.bert.encoder.layer.{layer}.attention.self.{target}"
        for layer in (0, 1)
        for target in ("query", "value")
    }


@pytest.mark.parametrize("targets", [("query", "value"), ("dense",)])
def test_merged_adapters_give_the_same_logits_through_stock_classes(targets, tmp_path):
    adapted = with_drawn_adapters(lora(*targets))
    plain = drawn(BertForWEAMPreTraining(small_config()))
    before = adapted(INPUT).logits
    assert (before - plain(INPUT).logits).abs().max() > 0.01

    merged = merge_adapters(adapted)
    assert type(merged) is BertForWEAMPreTraining
    assert merged.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(merged(INPUT).logits, before, atol=1e-5, rtol=0)
    assert merged.cls.predictions.decoder.weight is merged.bert.embeddings.word_embeddings.weight

    merged.save_pretrained(tmp_path)
    stock = BertForMaskedLM.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(stock(INPUT).logits, before, atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_adapters_without_named_layers_are_on_the_attention_and_merge_exactly(family, tmp_path):
    torch.manual_seed(1)
    model = FAMILIES[family].pre_training(config_of(family)).eval()
    keys = model.state_dict().keys()
    adapted = add_adapters(model, lora()).eval()
    adapters = [parameter for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    assert len(adapters) == {"modernbert": 4}.get(family, 8)  # two matrices for each layer's Wqkv, or query and value
    with torch.no_grad():
        for parameter in adapters:
            parameter.normal_(std=0.3)
    before = adapted(INPUT).logits
    merged = merge_adapters(adapted)
    assert merged.state_dict().keys() == keys
    merged.save_pretrained(tmp_path)
    stock = AutoModelForMaskedLM.from_pretrained(tmp_path, trust_remote_code=False).eval()
    torch.testing.assert_close(stock(INPUT).logits, before, atol=5e-5, rtol=0)


def test_adapters_on_a_model_whose_attention_has_no_known_names_need_names():
    with pytest.raises(ValueError, match="no layers named like .*; say with --lora_target_modules"):
        add_adapters(torch.nn.Sequential(torch.nn.Linear(2, 2)), lora())


def test_merging_without_adapters_changes_nothing(model):
    assert merge_adapters(model) is model


@pytest.mark.parametrize(
    "target", ["word_embeddings", "bert.embeddings.word_embeddings", "decoder", "cls", "cls.predictions.decoder"]
)
def test_adapters_on_tied_layers_are_refused_by_name(model, target):
    with pytest.raises(ValueError, match=rf"adapters on \['{target}'\] would corrupt the model"):
        add_adapters(model, lora("query", target))


@pytest.mark.parametrize("target", ["all-linear", ".*decoder", "querry"])
def test_what_is_no_layer_is_refused_by_name(model, target):
    """Inside a list peft takes neither its own `all-linear` nor a pattern, either of which would reach the decoder."""
    with pytest.raises(ValueError, match=r"no layers named") as refusal:
        add_adapters(model, lora(target))
    assert target in str(refusal.value)


def test_one_unknown_layer_among_known_ones_is_refused(model):
    with pytest.raises(ValueError, match="querry"):
        add_adapters(model, lora("querry", "value"))
