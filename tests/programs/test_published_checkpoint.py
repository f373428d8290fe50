"""What a training saves, loaded from an empty folder as its users do, for every kind of tokenizer."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertForMaskedLM

from tests.conftest import ROOT, small_config, small_tokenizer
from tests.support.command_line import PIPES, Workspace, environment, results, sentence_pairs, weights, write_tsv
from tests.support.tokenizers import mbert_tokenizer, unigram_tokenizer

SENTENCES = {"source": "the cat sees a dog .", "target": "die katze sieht ein hund ."}
LOAD = """
import json, sys
import torch
from transformers import (AutoModel, AutoModelForMaskedLM, AutoModelForPreTraining, AutoModelForQuestionAnswering,
                          AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer, pipeline)

@torch.no_grad()
def load(folder, source, target):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = tokenizer([source, target], padding=True, return_tensors="pt")
    facts = {}
    trained = AutoModelForPreTraining.from_pretrained(folder, trust_remote_code=True).eval()
    aligner = AutoModel.from_pretrained(folder, trust_remote_code=True).eval()
    facts["remote"] = [f"{type(model).__module__} {type(model).__name__}" for model in (trained, aligner)]
    facts["links"] = aligner.align_words(tokenizer, [source], [target])[0]
    encoder, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    facts["encoder"] = torch.equal(
        encoder.eval()(**batch).last_hidden_state, aligner(**batch).last_hidden_state)
    for auto in (AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoModelForQuestionAnswering,
                 AutoModelForTokenClassification):
        model, info = auto.from_pretrained(folder, output_loading_info=True)
        facts[auto.__name__] = [type(model).__module__.split(".")[0], sorted(info["missing_keys"])]
        if auto is AutoModelForMaskedLM:
            facts["logits"] = torch.equal(model.eval()(**batch).logits, trained(**batch).logits)
    first = source.split()[0]
    facts["fill-mask"] = len(pipeline("fill-mask", model=folder)(source.replace(first, tokenizer.mask_token, 1)))
    return facts

for line in sys.stdin:
    print("RESULT", json.dumps(load(*json.loads(line))), flush=True)
"""


def backbone() -> Path:
    """The real one, of 42 million parameters."""
    path = Path(os.environ.get("WEAM_BACKBONE", ROOT / "models" / "backbone"))
    if not path.is_dir():
        pytest.skip(f"no backbone at {path}; CONTRIBUTING.md says how it is made, WEAM_BACKBONE where it is")
    return path


def write_checkpoint(folder: Path, kind: str) -> Path:
    """Write a small random checkpoint with the tokenizer of that kind, or return the real one."""
    if kind == "backbone":
        return backbone()
    makers = {"WordPiece": small_tokenizer, "mBERT": mbert_tokenizer, "Unigram": unigram_tokenizer}
    tokenizer = makers[kind]()
    torch.manual_seed(0)
    sizes = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "max_position_embeddings": 128}
    config = small_config(**sizes)
    BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["WordPiece", "mBERT", "Unigram", "backbone"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train two steps on two language pairs, once through `accelerate launch`."""
    folder = tmp_path_factory.mktemp(request.param)
    write_tsv(folder / "train.tsv", sentence_pairs())
    write_tsv(folder / "swapped.tsv", [(target, source) for source, target in sentence_pairs()][:100])
    checkpoint = write_checkpoint(folder / "checkpoint", request.param)
    data = [f"{pair}={folder / name}" for pair, name in {"en-de": "train.tsv", "de-en": "swapped.tsv"}.items()]
    options = ["--train_file", *data, "--sampling_ratios", "en-de=1", "de-en=2", "--exchange", "target"]
    options += ["--model_name_or_path", str(checkpoint), "--max_steps", "2", "--per_device_train_batch_size", "4"]
    workspace = Workspace(folder)
    return (workspace.run if request.param == "WordPiece" else workspace.here)("trained", *options)


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], dict[str, Any]]]:
    """Return what loads a folder in a process of its own, which begins in an empty folder."""
    empty = tmp_path_factory.mktemp("empty")
    env = {**environment(), "HF_HOME": str(empty / "home")}
    with subprocess.Popen([sys.executable, "-c", LOAD], cwd=empty, env=env, stdin=subprocess.PIPE, **PIPES) as loader:

        def facts(folder: Path) -> dict[str, Any]:
            loader.stdin.write(json.dumps([str(folder), *SENTENCES.values()]) + "\n")
            loader.stdin.flush()
            said = []
            for line in loader.stdout:
                if line.startswith("RESULT "):
                    return json.loads(line.removeprefix("RESULT "))
                said.append(line)
            raise AssertionError("".join(said))

        yield facts
        loader.stdin.close()


def test_every_auto_class_loads_it_from_an_empty_folder(trained: Path, load: Callable[[Path], dict[str, Any]]) -> None:
    facts = load(trained)
    modules, names = zip(*(text.split() for text in facts["remote"]), strict=True)
    assert all(module.startswith("transformers_modules.") for module in modules)
    assert names == ("BertForWEAMPreTraining", "WEAMBertModel")
    assert facts["links"] and all(0 <= i < 6 and 0 <= j < 6 for i, j in facts["links"])
    assert facts["encoder"] and facts["logits"], "with and without the trust flag the numbers differ"
    assert facts["AutoModelForMaskedLM"] == ["transformers", []]
    pooler = ["bert.pooler.dense.bias", "bert.pooler.dense.weight"]
    classifier = ["classifier.bias", "classifier.weight"]
    assert facts["AutoModelForSequenceClassification"] == ["transformers", pooler + classifier]
    assert facts["AutoModelForQuestionAnswering"] == ["transformers", ["qa_outputs.bias", "qa_outputs.weight"]]
    assert facts["AutoModelForTokenClassification"] == ["transformers", classifier]
    assert facts["fill-mask"] == 5


def test_the_folder_holds_all_that_the_hub_needs_and_no_pickled_weights(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    needed = {"README.md", "config.json", "model.safetensors", "modeling_weam.py", "results.json", "tokenizer.json"}
    assert needed <= names
    assert not {name for name in names if name.startswith("pytorch_model")}
    assert json.loads((trained / "config.json").read_text())["model_type"] == "bert"
    assert (trained / "modeling_weam.py").read_text() == (ROOT / "modeling_weam.py").read_text()


def test_results_tell_both_language_pairs_and_all_settings(trained: Path) -> None:
    record = results(trained)
    assert [report["language_pair"] for report in record["data"]] == ["en-de", "de-en"]
    assert [report["kept"] for report in record["data"]] == [432, 100]
    assert record["settings"]["model"]["exchange"] == "target"
    assert record["trainings"][0]["steps"] == 2


def test_adapters_are_merged_when_saved(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_tsv(tmp_path / "train.tsv", sentence_pairs())
    checkpoint = weights(write_checkpoint(tmp_path / "checkpoint", "WordPiece"))
    lora = ["--use_lora", "--lora_r", "2", "--learning_rate", "1e-2", "--max_steps", "3"]
    adapted = weights(workspace.here("adapted", *lora))
    changed = {name for name, tensor in adapted.items() if not torch.equal(tensor, checkpoint[name])}
    assert set(adapted) == set(checkpoint)
    assert changed == {
        f"bert.encoder.layer.{layer}.attention.self.{name}.weight" for layer in (0, 1) for name in ("query", "value")
    }
