"""What a run leaves beside the weights: whole, readable again, summed up rightly, and without a token."""

import json
import math
import shlex
import sys
from dataclasses import asdict, replace
from importlib.metadata import version

import pytest
from transformers import TrainerState, TrainingArguments

from weam.pretraining.arguments import parse_arguments
from weam.results import (
    Comparison,
    Measurement,
    Results,
    Summary,
    Training,
    command_line,
    course,
    parse_results,
    read_results,
    summarise,
    training_recipe,
    versions,
    write_results,
)
from weam.storage import write_json

NEEDED = ["--config_name", "folder", "--train_file", "en-de=a.tsv", "--output_dir", "out"]


def measured(language, metric, value, seed=1, benchmark="xnli", count=100):
    return Measurement(benchmark, language, metric, value, count, seed, 10, "base", "b" * 16, f"{language} examples")


RESULTS = Results(
    program="run_xnli",
    command="run_xnli.py --seeds 1 2",
    settings={"transfer": {"setting": "zero-shot"}},
    data=[{"split": "test", "language": "en", "count": 100, "fingerprint": "0123"}],
    trainings=[Training("seed-1", 1, 10, 1000, 2.5, [{"loss": 1.5, "step": 1}])],
    measurements=[measured("en", "accuracy", 0.7), measured("de", "accuracy", 1 / 3)],
    total_seconds=32.5,
    comparisons=[Comparison(0.1, -0.05, 0.25, "xnli", "de", "accuracy", "other")],
)


SCORE = RESULTS.measurements[0]


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
    assert typed(monkeypatch, "--mine", "hf_abcDEF") == "run_pretraining.py --mine ..."


def test_rare_settings_of_a_training_are_in_its_recipe_where_they_are_set():
    plain = training_recipe(TrainingArguments("out"))
    assert not {"lr_scheduler_kwargs", "data_seed", "neftune_noise_alpha"} & plain.keys()
    args = TrainingArguments("out", lr_scheduler_kwargs={"min_lr_rate": 0.1}, data_seed=0, neftune_noise_alpha=5.0)
    rare = {"lr_scheduler_kwargs": {"min_lr_rate": 0.1}, "data_seed": 0, "neftune_noise_alpha": 5.0}
    assert training_recipe(args) == {**plain, **rare}


def test_results_come_back_as_they_were(tmp_path):
    write_results(RESULTS, tmp_path)
    assert read_results(tmp_path / "results.json") == RESULTS


def test_a_library_that_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr("weam.results.LIBRARIES", ("torch", "not-there"))
    assert list(versions()) == ["python", "torch"]


def test_results_hold_everything_with_format_and_versions(tmp_path):
    write_results(RESULTS, tmp_path)
    record = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert record == asdict(RESULTS)
    assert record["format"] == 2 and len(record["date"]) == len("2026-01-31")
    assert record["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert [record["versions"][name] for name in ("torch", "sil-thot")] == [version("torch"), version("sil-thot")]


@pytest.mark.parametrize("found", [1, 3])
def test_another_format_is_refused_by_file_and_both_versions(tmp_path, found):
    path = tmp_path / "old.json"
    write_json({"format": found}, path)
    with pytest.raises(
        ValueError, match=rf"old\.json is of results format {found}, this version reads 2; measure again"
    ):
        read_results(path)


def text_of(**changes):
    return json.dumps({**asdict(RESULTS), **changes})


def without(name):
    return json.dumps({key: value for key, value in asdict(RESULTS).items() if key != name})


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (text_of()[:-20], "Invalid JSON: EOF"),
        ("[]", "Input should be an object"),
        ("null", "Input should be an object"),
        (text_of().encode("utf-16"), "Invalid JSON"),
        ('{"format": ' * 20_000 + "2" + "}" * 20_000, "Invalid JSON: recursion limit"),
        (text_of().replace("32.5", "9" * 6000), "Invalid JSON: number out of range"),
        ("{}", "format: Field required"),
        (text_of(format="2"), "format: Input should be a valid integer"),
        (text_of(settings={}), "settings: Dictionary should have at least 1 item"),
        (text_of(settings=[]), "settings: Input should be an object"),
        (text_of(settings={"transfer": "zero-shot"}), "settings.transfer: Input should be an object"),
        (text_of(measurements=[{"benchmark": "xnli"}]), "measurements.0.language: Field required"),
        (
            text_of(measurements=[asdict(replace(SCORE, value="0.7"))]),
            "measurements.0.value: Input should be a valid nu",
        ),
        (
            text_of(measurements=[asdict(replace(SCORE, value=math.nan))]),
            "measurements.0.value: Input should be a finite",
        ),
        (text_of(total_seconds=1e400), "total_seconds: Input should be a finite number"),
        (text_of(settings={"training": {"learning_rate": math.nan}}), "Out of range float values"),
        (text_of(trainings=None), "trainings: Input should be a valid array"),
        (text_of(more=1), "more: Unexpected keyword argument"),
        *((without(name), f"{name}: Field required") for name in ("comparisons", "versions", "date", "program")),
    ],
)
def test_a_damaged_file_is_refused_by_file_fault_and_remedy(content, fault, tmp_path):
    path = tmp_path / "results.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError) as refusal:
        read_results(path)
    assert str(refusal.value).startswith(f"{path} is damaged ({fault}")
    assert str(refusal.value).endswith("); give a results.json that one of our programs wrote, or measure again")


def test_results_inside_another_file_are_checked_alike():
    assert parse_results(asdict(RESULTS), "here") == RESULTS
    with pytest.raises(ValueError, match=r"here is damaged \(measurements"):
        parse_results({**asdict(RESULTS), "measurements": 3}, "here")


def test_figures_that_are_not_finite_are_not_written(tmp_path):
    diverged = replace(RESULTS, measurements=[SCORE, replace(SCORE, metric="loss", value=math.nan)])
    with pytest.raises(
        ValueError, match=rf"loss of en came out not finite, so {tmp_path}/results\.json is not written"
    ):
        write_results(diverged, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_course_of_a_training_leaves_out_what_is_not_finite():
    log = [{"loss": 1.5, "grad_norm": math.inf, "step": 1}, {"train_loss": math.nan, "train_runtime": 2.5, "step": 2}]
    state = TrainerState(global_step=2, num_input_tokens_seen=1000, log_history=log)
    kept = [{"loss": 1.5, "step": 1}, {"train_runtime": 2.5, "step": 2}]
    assert course("seed-1", 1, state) == Training("seed-1", 1, 2, 1000, 2.5, kept)


def test_no_results_file_is_no_results(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_results(tmp_path / "results.json")


# Summaries

SEEDS = [  # English 0.8 and 0.6, German 0.5 and 0.4: a mean of 0.65 and 0.5 over the languages
    measured("en", "accuracy", 0.8, seed=1),
    measured("de", "accuracy", 0.5, seed=1, count=50),
    measured("en", "accuracy", 0.6, seed=2),
    measured("de", "accuracy", 0.4, seed=2, count=50),
]


def test_seeds_are_summed_up_and_languages_averaged():
    summaries = summarise(SEEDS)
    assert [replace(x, mean=round(x.mean, 9), deviation=round(x.deviation, 9)) for x in summaries] == [
        Summary("xnli", "en", "accuracy", 100, 0.7, 0.141421356, 2),
        Summary("xnli", "de", "accuracy", 50, 0.45, 0.070710678, 2),
        Summary("xnli", "mean", "accuracy", 150, 0.575, 0.106066017, 2),
    ]


def test_one_seed_has_no_deviation_and_one_language_no_mean_row():
    assert summarise(SEEDS[:1]) == [Summary("xnli", "en", "accuracy", 100, 0.8, None, 1)]


def test_the_mean_over_languages_is_of_seeds_that_all_languages_have():
    mean = summarise(SEEDS[:3])[-1]  # German lacks the second seed
    assert (mean.language, round(mean.mean, 9), mean.deviation, mean.seeds) == ("mean", 0.65, None, 1)


def test_languages_without_a_seed_in_common_have_no_mean():
    rows = [replace(SEEDS[0], language="en", seed=1), replace(SEEDS[0], language="de", seed=2)]
    assert [row.language for row in summarise(rows)] == ["en", "de"]


def test_benchmarks_and_metrics_keep_apart():
    rows = [
        measured("de", metric, value, benchmark=name)
        for name, metric, value in [("mlqa", "f1", 0.5), ("mlqa", "exact_match", 0.25), ("xquad", "f1", 0.75)]
    ]
    assert [(x.benchmark, x.metric, x.mean) for x in summarise(rows)] == [
        ("mlqa", "f1", 0.5),
        ("mlqa", "exact_match", 0.25),
        ("xquad", "f1", 0.75),
    ]


# Files


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
