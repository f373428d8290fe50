"""What `import weam` and the command `weam` offer, also from a wheel, in any folder: names, programs, recipes."""

import ast
import inspect
import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoModelForSequenceClassification, AutoTokenizer, BertConfig

import weam
from tests.conftest import ROOT, SIZES
from tests.support.command_line import environment, make_evaluation, write_tsv
from tests.support.evaluation_data import write_mlqa, write_xnli
from weam.__main__ import PROGRAMS, main, usage
from weam.transfer.tasks.answer_spans import Windows

PACKAGE = Path(weam.__file__)
SOURCES = ["pyproject.toml", "setup.py", "README.md", "LICENSE", "weam", "recipes"]


def test_every_public_name_can_be_loaded() -> None:
    assert [name for name in weam.__all__ if getattr(weam, name).__name__ != name] == []


def test_type_checkers_see_the_names_that_are_loaded() -> None:
    (block,) = [node for node in ast.parse(PACKAGE.read_text(encoding="utf-8")).body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == weam.MODULE_OF


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'weam' has no attribute 'Nothing'"):
        _ = weam.Nothing


def test_the_import_alone_loads_no_library() -> None:
    code = "import sys, weam; print(sorted({'torch', 'transformers', 'datasets', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_bitext_is_read_aligned_and_encoded(tokenizer, tmp_path) -> None:
    pairs = [("the cat sees a dog", "die katze sieht ein hund"), ("a dog", "ein hund")]
    path, cache = write_tsv(tmp_path / "train.tsv", pairs), tmp_path / "cache"
    bitext = weam.load_bitext(f"en-de={path}", tokenizer, cache)
    features = weam.build_features(bitext, weam.align_bitext(bitext, cache_dir=cache), max_length=32, cache_dir=cache)
    assert (bitext.report.read, len(features)) == (2, 2)
    assert features[0]["source_ids"] == tokenizer("the cat sees a dog", add_special_tokens=False)["input_ids"]


def test_files_of_two_language_pairs_are_refused(tokenizer, tmp_path) -> None:
    path = write_tsv(tmp_path / "train.tsv", [("the cat", "die katze")])
    with pytest.raises(ValueError, match="the language pairs en-de and en-es; read each by itself"):
        weam.load_bitext([f"en-de={path}", f"en-es={path}"], tokenizer, tmp_path / "cache")


@pytest.mark.parametrize(
    ("program", "write", "auto_class", "task", "options"),
    [
        ("run_xnli", write_xnli, AutoModelForSequenceClassification, weam.XNLI, []),
        ("run_mlqa", write_mlqa, AutoModelForQuestionAnswering, weam.MLQA, ["--doc_stride", "8"]),
    ],
)
def test_a_model_in_memory_is_scored_as_the_program_scores_it(
    program, write, auto_class, task, options, tmp_path
) -> None:
    evaluation = make_evaluation(tmp_path, program)
    folder = write(tmp_path / "data") / task.benchmark
    (ending,) = {path.name.split(".", 2)[2] for path in folder.iterdir()}
    files = weam.DataFiles(test=[f"{folder}/test.{{language}}.{ending}"])
    common = ["--max_length", "32", "--languages", "en", "de", *options]
    train = ["--max_train_samples", "16", "--num_train_epochs", "1", "--seeds", "42"]
    tuned = evaluation.here("tuned", *common, *train)
    results = weam.evaluate(
        auto_class.from_pretrained(tuned),
        AutoTokenizer.from_pretrained(tuned),
        task(files, Windows(32, 8)) if program == "run_mlqa" else task(files, 32),
        ["en", "de"],
    )
    expected = json.loads((tuned / "results.json").read_text(encoding="utf-8"))["measurements"]
    figures = ("language", "metric", "value", "count", "data_fingerprint")
    assert [[getattr(m, name) for name in figures] for m in results.measurements] == [
        [m[name] for name in figures] for m in expected
    ]


@pytest.mark.parametrize(
    ("classes", "message"),
    [(["yes", "no", "maybe"], "those of xnli"), (["LABEL_0", "LABEL_1"], "has 2 classes, xnli has 3")],
)
def test_a_head_for_another_task_is_refused(tokenizer, model, tmp_path, classes, message) -> None:
    files = weam.DataFiles(test=[f"{write_xnli(tmp_path)}/xnli/test.{{language}}.jsonl.gz"])
    model.config.id2label = dict(enumerate(classes))
    with pytest.raises(ValueError, match=message):
        weam.evaluate(model, tokenizer, weam.XNLI(files), ["en"])


def test_a_model_in_bfloat16_is_scored(tokenizer, tmp_path) -> None:
    files = weam.DataFiles(test=[f"{write_xnli(tmp_path)}/xnli/test.{{language}}.jsonl.gz"])
    config = BertConfig(vocab_size=len(tokenizer), **SIZES, num_labels=3)
    model = AutoModelForSequenceClassification.from_config(config, dtype=torch.bfloat16)
    (measured,) = weam.evaluate(model, tokenizer, weam.XNLI(files, 32), ["en"]).measurements
    assert 0 <= measured.value <= 1


@pytest.mark.parametrize("module", [module for module, _ in PROGRAMS.values()])
def test_a_program_takes_the_rest_of_the_command_line(module: str) -> None:
    (parameter,) = inspect.signature(import_module(module).main).parameters.values()
    assert (parameter.name, parameter.default) == ("argv", None)


def test_an_unknown_program_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SystemExit, match="weam has no program 'pretraining'\n\nusage: weam PROGRAM"):
        main(["pretraining"])


@pytest.mark.parametrize("argv", [[], ["--help"]])
def test_the_usage_lists_programs_and_recipes(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(argv)
    assert capsys.readouterr().out == usage()
    assert "pretrain" in usage() and str(ROOT / "recipes" / "accelerate" / "one_gpu.yaml") in usage()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as a wheel installs it, and nothing else of the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in [*SOURCES, *(path.name for path in ROOT.glob("*.py"))]:
        source, copy = ROOT / name, folder / "source" / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "-q"]
    subprocess.run([*pip, "wheel", *offline, "-w", folder / "dist", folder / "source"], check=True)
    (wheel,) = (folder / "dist").glob("weam-*.whl")
    subprocess.run([*pip, "install", *offline, "--target", folder / "site", wheel], check=True)
    shutil.rmtree(folder / "source")
    return folder / "site"


def test_the_wheel_has_recipes_sample_and_types(installed: Path) -> None:
    for name in ("quickstart.yaml", "paper.yaml", "accelerate/fsdp2.yaml", "quickstart/model/tokenizer.json"):
        assert (installed / "weam" / "recipes" / name).is_file()
    assert (installed / "weam" / "py.typed").is_file()
    assert not list(installed.glob("recipes")) and not list(installed.glob("tests"))


def test_the_quick_start_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    cut = ["--max_steps", "2", "--max_eval_pairs", "20", "--use_cpu", "--cache_dir", "cache", "--report_to", "none"]
    run = subprocess.run(
        [sys.executable, installed / "bin" / "weam", "pretrain", "quickstart", *cut],
        cwd=tmp_path,
        env={**environment(), "PYTHONPATH": str(installed), "PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    results = json.loads((tmp_path / "weam-quickstart" / "results.json").read_text(encoding="utf-8"))
    assert results["command"].startswith("weam pretrain quickstart --max_steps 2")
    assert results["settings"]["model"]["config_name"] == str(installed / "weam" / "recipes" / "quickstart" / "model")
    assert (tmp_path / "weam-quickstart" / "modeling_weam.py").is_file()
