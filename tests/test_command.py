"""The command `weam`: it starts every program, and a wheel has all that it needs, in any folder."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.command_line import environment
from weam.__main__ import PROGRAMS, main, usage

SOURCES = ["pyproject.toml", "setup.py", "README.md", "LICENSE", "weam", "recipes"]


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
