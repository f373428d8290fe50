"""Files of a checkpoint that others made: what is refused, by file, fault and remedy, and that no code of it is run."""

import json
import re
import shutil
import time
from dataclasses import fields
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModel, AutoTokenizer, BertForMaskedLM

from tests.conftest import FAMILIES, config_of, small_config, small_tokenizer
from weam.checkpoint import load_fast_tokenizer, load_with_head
from weam.checkpoint_files import ConfigFile, load_any_tokenizer, load_config, naming
from weam.pretraining.checkpoint import load_model
from weam.storage import parse_json

CODE = "from pathlib import Path\nPath({trace!r}).touch()\n"


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stock")
    BertForMaskedLM(small_config()).save_pretrained(folder)
    small_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def checkpoint(stock: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stock, tmp_path / "checkpoint"))


def change(path: Path, **entries: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **entries}), encoding="utf-8")


def refusal(folder: Path, load=load_config) -> str:
    """Return what a refusal says; it must come within a second."""
    started = time.monotonic()
    with pytest.raises(ValueError) as caught:
        load(str(folder), "main")
    assert time.monotonic() - started < 1
    return str(caught.value)


BROKEN = {
    "empty": b"",
    "cut": b'{"model_type": "bert", ',
    "UTF-16": '{"model_type": "bert"}'.encode("utf-16"),
    "a list": b"[]",
    "null": b"null",
    "text": b'"bert"',
    "deep": b'{"model_type": ' * 20_000 + b"1" + b"}" * 20_000,
    "a long number": b'{"model_type": "bert", "vocab_size": ' + b"9" * 6000 + b"}",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(
    ("file", "load"), [("config.json", load_config), ("tokenizer_config.json", load_any_tokenizer)]
)
def test_what_is_no_object_of_json_is_refused(file, load, content, checkpoint):
    (checkpoint / file).write_bytes(content)
    message = refusal(checkpoint, load)
    assert message.startswith(f"{checkpoint / file} is damaged (")
    assert message.endswith("; give the file that the checkpoint was saved with")


SIZES = {  # entry -> the smallest and the largest that is read
    "vocab_size": (1, 2**24),
    "hidden_size": (1, 2**16),
    "num_hidden_layers": (1, 2**9),
    "num_attention_heads": (1, 2**12),
    "intermediate_size": (1, 2**20),
    "max_position_embeddings": (1, 2**20),
    "type_vocab_size": (0, 2**10),
    "local_attention": (1, 2**20),
    "num_labels": (1, 2**16),
}
SHARES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "embedding_dropout", "attention_dropout")
IMPOSSIBLE: dict[str, tuple[object, ...]] = {
    **{entry: (smallest - 1, largest + 1, str(smallest), 1.5) for entry, (smallest, largest) in SIZES.items()},
    **{entry: (-0.1, 1.0, float("nan"), "0.1") for entry in (*SHARES, "mlp_dropout", "classifier_dropout")},
    **{entry: (0.0, 1.0, 1e400) for entry in ("layer_norm_eps", "norm_eps")},
    **{entry: ("gleu", 1) for entry in ("hidden_act", "hidden_activation", "classifier_activation")},
    **{entry: (1, "yes") for entry in ("is_decoder", "add_cross_attention")},
    **{entry: ("float33", 32) for entry in ("dtype", "torch_dtype")},
    "initializer_range": (0.0, 10.5, float("inf")),
    "pad_token_id": (-1, "0"),
    "model_type": (None, 1),
    "id2label": (["yes", "no"], {"zero": "no"}, {"1234567": "no"}, {"0": 1}),
    "label2id": (["yes", "no"], {"yes": "1"}),
    "problem_type": ("guessing",),
    "architectures": ("BertForMaskedLM", [1]),
    "quantization_config": ({"quant_method": "awq"},),
}


@pytest.mark.parametrize(
    ("entry", "value"), [(entry, value) for entry, values in IMPOSSIBLE.items() for value in values]
)
def test_an_impossible_entry_is_refused_by_file_and_name_within_a_second(entry, value, checkpoint):
    change(checkpoint / "config.json", **{entry: value})
    assert re.match(rf"{checkpoint / 'config.json'} is damaged \({entry}[:.]", refusal(checkpoint))


def test_every_entry_that_is_read_has_impossible_values():
    assert {setting.name for setting in fields(ConfigFile)} == {*IMPOSSIBLE, "weam"}


@pytest.mark.parametrize("entry", SIZES)
def test_the_smallest_and_the_largest_size_are_read(entry):
    for size in SIZES[entry]:
        others = {"pad_token_id": None, "num_attention_heads": 1, "hidden_size": 2**12}
        text = json.dumps({"model_type": "deberta-v2", **others, entry: size})
        assert getattr(parse_json(text, ConfigFile, "config.json", "mend it"), entry) == size


@pytest.mark.parametrize(
    ("family", "entries", "fault"),
    [
        ("bert", {"num_hidden_layers": 10**9}, "num_hidden_layers: Input should be less than or equal to 512"),
        ("bert", {"num_hidden_layers": "2"}, "num_hidden_layers: Input should be a valid integer"),
        ("bert", {"num_attention_heads": 3}, "hidden_size 32 is no multiple of 3 heads"),
        ("bert", {"pad_token_id": 29}, "pad_token_id 29 is none of 29 tokens"),
        ("bert", {"type_vocab_size": 0}, "type_vocab_size is 0; bert has 1 or more"),
        ("bert", {"hidden_act": "gleu"}, "hidden_act: there is no activation 'gleu'; known are gelu,"),
        ("bert", {"rope_theta": 1e400}, "Out of range float values are not JSON compliant"),
        ("bert", {"weam": "target"}, "config.weam is 'target'; give a mapping"),
        ("bert", {"weam": None}, "config.weam is None; give a mapping"),
        ("bert", {"weam": {"cross_lingual_weight": "1"}}, "config.weam['cross_lingual_weight'] is '1'; it weighs"),
        ("bert", {"weam": {"align_layer": "2"}}, "config.weam['align_layer'] is '2'; give the number of a layer"),
        ("xlm-roberta", {"num_hidden_layers": 10**9}, "num_hidden_layers: Input should be less than or equal"),
        ("xlm-roberta", {"type_vocab_size": 0}, "type_vocab_size is 0; xlm-roberta has 1 or more"),
        ("xlm-roberta", {"pad_token_id": None}, "max_position_embeddings 64 leaves none past that"),
        ("xlm-roberta", {"pad_token_id": 28, "max_position_embeddings": 29}, "max_position_embeddings 29 leaves none"),
        ("modernbert", {"num_hidden_layers": 10**9}, "num_hidden_layers: Input should be less than or equal to 512"),
        ("modernbert", {"num_attention_heads": 3}, "hidden_size 32 is no multiple of 3 heads"),
        ("modernbert", {"num_attention_heads": 32}, "hidden_size 32 makes 32 heads of 1; rotary positions need it"),
        ("modernbert", {"hidden_activation": "gleu"}, "hidden_activation: there is no activation 'gleu'; known are"),
    ],
)
def test_an_impossible_config_is_refused_within_a_second(family, entries, fault, tmp_path):
    config_of(family).save_pretrained(tmp_path)
    change(tmp_path / "config.json", **entries)
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path / 'config.json'} is damaged ({fault}")
    assert message.endswith("; give the file that the checkpoint was saved with")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_config_of_every_family_is_read(family, tmp_path):
    config_of(family).save_pretrained(tmp_path)
    assert load_config(str(tmp_path), "main").model_type == family


def test_what_only_transformers_finds_is_refused_by_folder(checkpoint):
    change(checkpoint / "config.json", use_cache="yes")
    assert f"{checkpoint} cannot be loaded (" in refusal(checkpoint)


def test_a_config_of_few_entries_has_the_defaults_of_transformers(checkpoint):
    (checkpoint / "config.json").write_text('{"model_type": "bert", "a later version": [1, {}]}', encoding="utf-8")
    assert load_config(str(checkpoint), "main").hidden_size == 768


def test_a_checkpoint_without_config_is_refused_by_folder(checkpoint):
    (checkpoint / "config.json").unlink()
    with pytest.raises(OSError, match=rf"{checkpoint}.*config\.json"):
        load_config(str(checkpoint), "main")


# No code but ours


@pytest.fixture
def tempting(checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint with code for every Auto class; running it leaves a trace."""
    (checkpoint / "theirs.py").write_text(CODE.format(trace=str(tmp_path / "trace")), encoding="utf-8")
    classes = {
        name: f"theirs.{name}"
        for name in ("AutoConfig", "AutoModel", "AutoModelForMaskedLM", "AutoModelForPreTraining")
    }
    change(checkpoint / "config.json", auto_map=classes, model_type="theirs")
    change(checkpoint / "tokenizer_config.json", auto_map={"AutoTokenizer": ["theirs.A", "theirs.B"]})
    return checkpoint


def test_code_of_an_unknown_kind_of_model_is_neither_run_nor_asked_about(tempting, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked whether to run the code"))
    for load in (load_config, lambda name, revision: load_model(name, revision, {}), load_encoder):
        assert "theirs" in refusal(tempting, load) and "code in a checkpoint is not run" in refusal(tempting, load)
    assert not (tempting.parent / "trace").exists()


def test_code_beside_a_kind_of_model_that_transformers_has_is_not_run(tempting, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked whether to run the code"))
    change(tempting / "config.json", model_type="bert")
    assert load_model(str(tempting), "main", {}).drawn == ()
    assert load_encoder(str(tempting), "main").drawn == ("pooler.dense",)
    assert load_fast_tokenizer(str(tempting)).mask_token_id == 4
    assert not (tempting.parent / "trace").exists()


def test_code_is_forbidden_wherever_a_part_of_a_checkpoint_is_loaded(checkpoint, monkeypatch):
    """Transformers itself would not run it for the kinds of models that it has."""
    allowed = []

    def spied(stock):
        return lambda *args, **options: allowed.append(options.get("trust_remote_code")) or stock(*args, **options)

    for auto_class in (AutoConfig, AutoTokenizer, AutoModel):
        monkeypatch.setattr(auto_class, "from_pretrained", spied(auto_class.from_pretrained))
    load_any_tokenizer(str(checkpoint), "main")
    load_encoder(str(checkpoint), "main")
    assert len(allowed) >= 3 and set(allowed) == {False}


def load_encoder(name: str, revision: str):
    return load_with_head(AutoModel, name, revision)


@pytest.mark.parametrize(
    "place", ["../other/model.safetensors", "/tmp/model.safetensors", "..", "a/../../b.safetensors", "a\\b.bin"]
)
@pytest.mark.parametrize("index", ["model.safetensors.index.json", "pytorch_model.bin.index.json"])
def test_shards_outside_the_checkpoint_are_refused(index, place, checkpoint):
    content = {"metadata": {"total_size": 1}, "weight_map": {"bert.embeddings.LayerNorm.weight": place}}
    (checkpoint / index).write_text(json.dumps(content), encoding="utf-8")
    message = refusal(checkpoint)
    assert message.startswith(f"{checkpoint / index} is damaged (weight_map.bert.embeddings.LayerNorm.weight: String")
    assert "the weights lie beside it" in message


def test_adapters_in_a_checkpoint_are_not_applied_silently(checkpoint):
    (checkpoint / "adapter_config.json").write_text("{}")
    assert refusal(checkpoint).startswith(f"{checkpoint} holds adapters; merge them into the weights first")


def test_shards_beside_their_index_are_read(tmp_path):
    model = BertForMaskedLM(small_config())
    model.save_pretrained(tmp_path, max_shard_size="10KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert load_model(str(tmp_path), "main", {}).drawn == ()


# Tokenizers


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'{"model": 3}', '{"a": 1}'.encode("utf-16")])
def test_a_damaged_tokenizer_is_refused_by_file(content, checkpoint):
    (checkpoint / "tokenizer.json").write_bytes(content)
    message = refusal(checkpoint, load_any_tokenizer)
    assert message.startswith(f"{checkpoint / 'tokenizer.json'} cannot be loaded (")
    assert message.endswith("; give the file that the checkpoint was saved with, or copy or download it again")


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ({"mask_token": 3}, "mask_token.str: Input should be a valid string"),
        ({"model_max_length": "long"}, "model_max_length.int: Input should be a valid integer"),
        ({"tokenizer_class": ["BertTokenizer"]}, "tokenizer_class: Input should be a valid string"),
        ({"padding_side": "up"}, "padding_side: Input should be 'left' or 'right'"),
    ],
)
def test_settings_of_a_tokenizer_that_are_of_the_wrong_type_are_refused(entries, fault, checkpoint):
    change(checkpoint / "tokenizer_config.json", **entries)
    assert refusal(checkpoint, load_any_tokenizer).startswith(
        f"{checkpoint / 'tokenizer_config.json'} is damaged ({fault})"
    )


def test_a_tokenizer_that_cannot_cut_unknown_words_is_refused(checkpoint):
    path = checkpoint / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["model"]["unk_token"] = "[NONE]"
    path.write_text(json.dumps(content), encoding="utf-8")
    change(checkpoint / "tokenizer_config.json", unk_token="[NONE]", tokenizer_class="PreTrainedTokenizerFast")
    assert "cannot be loaded (" in refusal(checkpoint, load_any_tokenizer)


def test_errors_of_files_stay_what_they_are():
    with pytest.raises(PermissionError, match="weights"), naming("checkpoint"):
        raise PermissionError("weights")
