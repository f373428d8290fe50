"""Files of a checkpoint that others made: what is refused, by file, fault and remedy, and that no code of it is run."""

import json
import shutil
import time
from pathlib import Path

import pytest
from transformers import AutoModel, BertForMaskedLM

from tests.conftest import small_config, small_tokenizer
from weam.checkpoint import load_fast_tokenizer, load_with_head
from weam.checkpoint_files import load_any_tokenizer, load_config
from weam.pretraining.checkpoint import load_model

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


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ({"model_type": None}, "model_type: Input should be a valid string"),
        ({"num_hidden_layers": 0}, "num_hidden_layers: Input should be greater than or equal to 1"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers: Input should be less than or equal to 512"),
        ({"num_hidden_layers": "2"}, "num_hidden_layers: Input should be a valid integer"),
        ({"num_attention_heads": 0}, "num_attention_heads: Input should be greater than or equal to 1"),
        ({"num_attention_heads": 3}, "hidden_size 32 is no multiple of 3 heads"),
        ({"vocab_size": 10**12}, "vocab_size: Input should be less than or equal to 16777216"),
        ({"pad_token_id": 29}, "pad_token_id 29 is none of 29 tokens"),
        ({"hidden_act": "gleu"}, "there is no hidden_act 'gleu'; known are gelu,"),
        ({"hidden_dropout_prob": float("nan")}, "hidden_dropout_prob: Input should be a finite number"),
        ({"layer_norm_eps": 1e400}, "layer_norm_eps: Input should be a finite number"),
        ({"rope_theta": 1e400}, "Out of range float values are not JSON compliant"),
        ({"id2label": ["yes", "no"]}, "id2label: Input should be an object"),
        ({"num_labels": 10**9}, "num_labels: Input should be less than or equal to 65536"),
        ({"quantization_config": {"quant_method": "awq"}}, "quantization_config: Input should be null"),
        ({"weam": "target"}, "config.weam is 'target'; give a mapping"),
        ({"weam": None}, "config.weam is None; give a mapping"),
        ({"weam": {"cross_lingual_weight": "1"}}, "config.weam['cross_lingual_weight'] is '1'; it weighs a loss"),
        ({"weam": {"align_layer": "2"}}, "config.weam['align_layer'] is '2'; give the number of a layer"),
    ],
)
def test_an_impossible_config_is_refused_within_a_second(entries, fault, checkpoint):
    change(checkpoint / "config.json", **entries)
    message = refusal(checkpoint)
    assert message.startswith(f"{checkpoint / 'config.json'} is damaged ({fault}")
    assert message.endswith("; give the file that the checkpoint was saved with")


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
        ({"model_max_length": "long"}, "model_max_length: Input should be a valid number"),
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
