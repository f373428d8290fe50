"""A fine-tuned model goes to the Hub with its figures and comes back, the real client on both sides."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from huggingface_hub import EvalResultEntry, ModelCard, parse_eval_result_entries
from safetensors.torch import load, load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tests.support.command_line import PIPES, make_evaluation
from tests.support.evaluation_data import xnli_rows
from tests.support.hub_server import Commit, Hub, environment, parquet, with_card
from weam.results import parse_results, read_results

TOKEN = "hf_SECRETTOKENofatest"
BASE, NAME = "someone/bert-tiny", "someone/xnli-tiny"
OPTIONS = "--languages en de --seeds 1 --num_train_epochs 2 --max_length 32 --per_device_train_batch_size 8".split()
PUSH = f"--model_name_or_path {BASE} --push_to_hub --hub_model_id {NAME} --hub-token {TOKEN}".split()
TEXTS = [["the cat sees a dog", "die katze isst ."], ["red house", "nicht haus"]]

# Run with `python -I` in an empty folder: nothing of ours is in reach but what was pushed.
LOAD = """
import json, sys
from huggingface_hub import ModelCard
from transformers import AutoModelForSequenceClassification, AutoTokenizer

name, commit, texts = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
found = {}
for revision in ("main", commit):
    model = AutoModelForSequenceClassification.from_pretrained(name, revision=revision)
    tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    logits = model.eval()(**tokenizer(*texts, padding=True, return_tensors="pt")).logits
    found[revision] = {"module": type(model).__module__, "labels": model.config.id2label, "logits": logits.tolist()}
figures = [[one.dataset_config, one.metric_type, one.metric_value] for one in ModelCard.load(name).data.eval_results]
print("RESULT", json.dumps({"main": found["main"], "commit": found[commit], "figures": figures}))
"""


@dataclass(frozen=True)
class Pushed:
    """A run, and what became of it on the Hub."""

    hub: Hub
    folder: Path
    output: str  # of the program

    @property
    def main(self) -> Commit:
        """The last commit of main."""
        return self.hub.repositories[NAME].at("main")


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    """A small run of XNLI that was pushed; its base, with remote code, and its examples are on the Hub."""
    workspace = make_evaluation(tmp_path_factory.mktemp("push"), "run_xnli", published=True)
    splits = [("en", "train", "train", 96), ("en", "validation", "dev", 24), ("en", "test", "test", 30)]
    splits.append(("de", "test", "test", 30))
    files = {
        f"{language}/{name}-00000-of-00001.parquet": parquet(xnli_rows(split, language, count))
        for language, name, split, count in splits
    }
    with Hub(TOKEN, "someone") as hub:
        hub.add_repository(BASE, workspace.folder / "checkpoint")
        hub.add_dataset("facebook/xnli", main=with_card(files))
        command = workspace.command("trained", *OPTIONS, *PUSH)
        env = environment(hub, workspace.folder / "home")
        finished = subprocess.run(command, env=env, cwd=workspace.folder, timeout=300, **PIPES)
        assert finished.returncode == 0, finished.stdout
        yield Pushed(hub, workspace.folder / "trained", finished.stdout)


@pytest.fixture(scope="module")
def loaded(pushed: Pushed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a stranger gets who loads the repository by name."""
    folder, home = tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("home")
    command = [sys.executable, "-I", "-c", LOAD, NAME, pushed.main.oid, json.dumps(TEXTS)]
    finished = subprocess.run(command, env=environment(pushed.hub, home), cwd=folder, timeout=300, **PIPES)
    assert finished.returncode == 0, finished.stdout
    return json.loads(finished.stdout.partition("RESULT ")[2])


def test_model_card_results_and_predictions_are_pushed_and_nothing_else(pushed: Pushed) -> None:
    assert set(pushed.main.files) == {
        ".eval_results/xnli.yaml",
        ".gitattributes",
        "README.md",
        "config.json",
        "model.safetensors",
        "predictions/seed-1/xnli.de.jsonl",
        "predictions/seed-1/xnli.en.jsonl",
        "results.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert (pushed.folder / "runs").is_dir()


def test_the_pushed_files_are_those_of_the_run(pushed: Pushed) -> None:
    trained = load_file(pushed.folder / "model.safetensors")
    torch.testing.assert_close(load(pushed.main.files["model.safetensors"]), trained, rtol=0, atol=0)
    results = parse_results(json.loads(pushed.main.files["results.json"]), NAME)
    assert results == read_results(pushed.folder / "results.json")
    assert {m.checkpoint for m in results.measurements} == {BASE}


def test_the_card_gives_back_the_measured_figures(pushed: Pushed, loaded: dict[str, Any]) -> None:
    measurements = read_results(pushed.folder / "results.json").measurements
    assert [m.language for m in measurements] == ["en", "de"]
    assert loaded["figures"] == [[m.language, m.metric, m.value] for m in measurements]


def test_leaderboards_can_read_the_same_figures(pushed: Pushed) -> None:
    results = read_results(pushed.folder / "results.json")
    entries = parse_eval_result_entries(yaml.safe_load(pushed.main.files[".eval_results/xnli.yaml"]))
    told = {"date": results.date, "notes": "accuracy, zero-shot, one seed"}
    assert entries == [EvalResultEntry("facebook/xnli", m.language, m.value, **told) for m in results.measurements]


def test_the_card_names_base_and_benchmark(pushed: Pushed) -> None:
    card = ModelCard(pushed.main.files["README.md"].decode()).data
    assert (card.base_model, card.datasets, card.language) == (BASE, ["facebook/xnli"], ["de", "en"])
    assert card.pipeline_tag == "text-classification"
    assert {result.dataset_type for result in card.eval_results} == {"facebook/xnli"}


def test_the_model_loads_by_name_without_trust(pushed: Pushed, loaded: dict[str, Any]) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(pushed.folder)
    tokenizer = AutoTokenizer.from_pretrained(pushed.folder)
    with torch.no_grad():
        logits = model.eval()(**tokenizer(*TEXTS, padding=True, return_tensors="pt")).logits
    assert loaded["main"]["module"] == "transformers.models.bert.modeling_bert"
    assert loaded["main"]["labels"] == {"0": "entailment", "1": "neutral", "2": "contradiction"}
    torch.testing.assert_close(torch.tensor(loaded["main"]["logits"]), logits)


def test_a_pinned_commit_is_the_same_model(loaded: dict[str, Any]) -> None:
    assert loaded["commit"] == loaded["main"]


def test_the_token_goes_to_the_hub_only(pushed: Pushed) -> None:
    assert TOKEN not in pushed.output
    commits = pushed.hub.repositories[NAME].commits.values()
    assert not [path for commit in commits for path, content in commit.files.items() if TOKEN.encode() in content]
    files = [path for path in pushed.folder.rglob("*") if path.is_file()]
    assert not [str(path) for path in files if TOKEN.encode() in path.read_bytes()]
    assert any(TOKEN in request.headers.get("authorization", "") for request in pushed.hub.requests)


def test_pickles_stay_here(pushed: Pushed) -> None:
    here = " ".join(str(path) for path in pushed.folder.rglob("*"))
    assert "training_args.bin" in here
    assert not re.search(r"runs/|checkpoint-|\.(bin|pth?|unfinished)\b", " ".join(pushed.main.files))
