"""What a run leaves beside the weights: whole, readable again, and without a token."""

import json
import shlex
import sys
from dataclasses import asdict, replace
from importlib.metadata import version

import pytest

from weam.arguments import parse_arguments
from weam.bitext import BitextReport
from weam.held_out import HeldOutScores
from weam.results import (
    PreTrainingResults,
    command_line,
    read_scores,
    recipe,
    write_json,
    write_results,
    write_scores,
)

SCORES = [
    HeldOutScores("en-de", 300, 3.4567890123456789, 4.0, 0.5, 1 / 3, 100, 0.25),
    HeldOutScores("en-zh", 20, 5.0, 6.0, 0.0, 0.1, 0, None),
]
RESULTS = PreTrainingResults(
    command="run_pretraining.py --seed 1",
    base_model=None,
    settings={"model": {"exchange": "target"}},
    data=[BitextReport("en-de", 10, 8, {"duplicate": 2})],
    before=SCORES,
    after=[replace(score, multilingual_loss=1.0) for score in SCORES],
    log=[{"loss": 1.5, "step": 1}],
    seconds=2.5,
    total_seconds=2.5 + 30,
    steps=1,
    tokens=1000,
)
NEEDED = ["--config_name", "folder", "--train_file", "en-de=a.tsv", "--output_dir", "out"]


def typed(monkeypatch, *words, token=None):
    monkeypatch.setattr(sys, "argv", ["/somewhere/else/run_pretraining.py", *words])
    return command_line(token)


def test_the_command_line_is_what_was_typed_without_the_folder_of_the_program(monkeypatch):
    command = typed(monkeypatch, "recipes/paper.yaml", "--train_file", "en-de=a.tsv", "--seed=1")
    assert command == "run_pretraining.py recipes/paper.yaml --train_file en-de=a.tsv --seed=1"


def test_the_command_line_can_be_pasted_into_a_shell(monkeypatch):
    command = typed(monkeypatch, "--train_file", "en-de=my text.tsv", "--run_name", "$1; 'x'")
    assert shlex.split(command) == [
        "run_pretraining.py",
        "--train_file",
        "en-de=my text.tsv",
        "--run_name",
        "$1; 'x'",
    ]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--hub_token", "SECRET"], "--hub_token ..."),
        (["--hub_token=SECRET"], "--hub_token=..."),
        (["--hub-token", "SECRET"], "--hub-token ..."),
        (["--hub_tok=SECRET"], "--hub_tok=..."),
    ],
)
def test_the_command_line_hides_a_token_in_every_spelling_that_is_accepted(monkeypatch, words, shown):
    token = parse_arguments([*NEEDED, *words])[-1].hub_token
    assert token == "SECRET"
    assert typed(monkeypatch, *words, "--seed", "1", token=token) == f"run_pretraining.py {shown} --seed 1"


def test_the_recipe_holds_what_makes_a_difference():
    arguments = parse_arguments([*NEEDED, "--hub_token", "SECRET", "--cache_dir", "somewhere", "--seed", "7"])
    settings = recipe(arguments)
    assert list(settings) == ["model", "bitext", "alignment", "training"]
    assert settings["model"]["exchange"] == "representation"
    assert settings["bitext"]["train_file"] == ["en-de=a.tsv"]
    assert settings["alignment"] == {
        "aligner": "fast_align",
        "symmetrization": "intersect",
        "alignments": [],
        "alignments_unit": "word",
    }
    assert settings["training"] == {
        "learning_rate": 5e-5,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0,
        "optim": "adamw_torch_fused",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "per_device_train_batch_size": 32,
        "gradient_accumulation_steps": 1,
        "num_train_epochs": 2.0,
        "max_steps": -1,
        "train_sampling_strategy": "random",
        "bf16": False,
        "fp16": False,
        "seed": 7,
        "world_size": 1,
    }
    text = json.dumps(settings)
    assert "SECRET" not in text
    assert "somewhere" not in text


def test_scores_come_back_as_they_were(tmp_path):
    write_scores(SCORES, tmp_path / "scores.json")
    assert read_scores(tmp_path / "scores.json") == SCORES


def test_results_hold_everything_with_format_and_versions(tmp_path):
    write_results(RESULTS, tmp_path)
    record = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert record.pop("format") == 1
    assert len(record.pop("date")) == len("2026-01-31")
    versions = record.pop("versions")
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert (versions["torch"], versions["sil-thot"]) == (version("torch"), version("sil-thot"))
    assert record == asdict(RESULTS)
    assert [HeldOutScores(**score) for score in record["after"]] == RESULTS.after


def test_json_is_written_for_people_too(tmp_path):
    write_json({"text": "straße 你好", "list": [1]}, tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "text": "straße 你好",\n "list": [\n  1\n ]\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_what_is_no_json_leaves_the_earlier_file_and_no_other(tmp_path):
    write_json({"good": 1}, tmp_path / "a.json")
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json({"good": 2, "bad": {1, 2}}, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"good": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
