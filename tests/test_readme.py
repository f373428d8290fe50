"""The README is true: its tree, its links, its tables, and every snippet runs."""

import gzip
import re
import shlex
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pytest

from benchmarks.tables import filled_readme
from tests.command_line import environment, make_workspace, sentence_pairs
from tests.conftest import ROOT
from tests.test_language_pairs import write_hub_folder

README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
NOT_IN_THE_TREE = {"__init__.py"}


def commands(program: str) -> list[list[str]]:
    """Return the words of the README's shell commands that call a program."""
    lines = [
        line for language, text in SNIPPETS if language == "bash" for line in text.replace("\\\n", "").splitlines()
    ]
    parts = [part.strip() for line in lines for part in line.split("&&")]
    return [shlex.split(part) for part in parts if part.startswith(program)]


def tree() -> list[str]:
    """Return the paths in the README's tree."""
    text = next(text for language, text in SNIPPETS if language == "" and "modeling_weam.py" in text)
    folder, paths = "", []
    for line in text.splitlines():
        name = line.split()[0]
        folder = folder if line.startswith(" ") else ""
        paths.append(folder + name)
        folder = name if name == "weam/" else folder
    return paths


def test_the_tree_names_what_is_there_and_all_of_it() -> None:
    assert [path for path in tree() if not (ROOT / path).exists()] == []
    modules = {str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.py"), *ROOT.glob("weam/*.py")]}
    assert {path for path in modules if Path(path).name not in NOT_IN_THE_TREE} <= set(tree())


def test_links_lead_somewhere() -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if not target.startswith("https://")]
    assert len(targets) > 3
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_tables_are_what_the_results_say() -> None:
    assert filled_readme() == README


def test_there_are_two_commands_to_set_everything_up() -> None:
    assert commands("pip install") == [["pip", "install", "-e", "."], ["pip", "install", "-e", ".[test]"]]
    assert commands("python -m") == [["python", "-m", "pytest"]]
    assert "python -m pytest" in (ROOT / ".ci" / "run").read_text()


def test_every_shell_snippet_is_one_that_is_tested() -> None:
    known = [*commands("pip"), *commands("python"), *commands("accelerate launch")]
    lines = sum(text.count("&&") + 1 for language, text in SNIPPETS if language == "bash")
    assert len(known) == lines


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the quick start's own command, cut to three steps."""
    output = tmp_path_factory.mktemp("quickstart") / "weam-quickstart"
    cut = ["--output_dir", str(output), "--max_steps", "3", "--cache_dir", str(output.parent / "cache"), "--use_cpu"]
    launch(commands("accelerate launch")[0] + cut)
    return output


def launch(words: list[str]) -> None:
    """Run an `accelerate launch` command in the repository's root."""
    assert words[:2] == ["accelerate", "launch"]
    command = [sys.executable, "-m", "accelerate.commands.launch", *words[2:]]
    run = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_quick_start_scores_three_language_pairs(quickstart: Path) -> None:
    card = (quickstart / "README.md").read_text(encoding="utf-8")
    for pair in ("en-de", "en-es", "en-zh"):
        assert f"| {pair} | before |" in card and f"| {pair} | after |" in card


def test_the_python_snippet_aligns_words(quickstart: Path) -> None:
    (snippet,) = [text for language, text in SNIPPETS if language == "python"]
    run = subprocess.run(
        [sys.executable, "-c", snippet.replace('"weam-quickstart"', repr(str(quickstart)))],
        cwd=quickstart.parent,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    (links,) = literal_eval(run.stdout.splitlines()[-1])
    assert links and all(0 <= i < 8 and 0 <= j < 8 for i, j in links)


@pytest.mark.parametrize("words", commands("accelerate launch")[1:], ids=" ".join)
def test_the_commands_for_own_text_run(words: list[str], tmp_path: Path) -> None:
    """With a small model and text from local folders in place of the Hub's, and two steps."""
    make_workspace(tmp_path)
    pairs = sentence_pairs()
    for language, side in (("en", 0), ("sw", 1)):
        (tmp_path / f"corpus.{language}").write_text("".join(f"{pair[side]}\n" for pair in pairs))
    (tmp_path / "corpus.en-de.tsv.gz").write_bytes(gzip.compress((tmp_path / "train.tsv").read_bytes()))
    local = {
        "google-bert/bert-base-multilingual-cased": tmp_path / "checkpoint",
        "Helsinki-NLP/opus-100": write_hub_folder(tmp_path / "opus-100", {"de-en": pairs}),
        "en-de=corpus.en-de.tsv.gz": f"en-de={tmp_path / 'corpus.en-de.tsv.gz'}",
        "en-sw=corpus.en,corpus.sw": f"en-sw={tmp_path / 'corpus.en'},{tmp_path / 'corpus.sw'}",
        "weam-de": tmp_path / "trained",
        "weam-joint": tmp_path / "trained",
    }
    cut = ["--max_steps", "2", "--validation_fraction", "0.1", "--cache_dir", str(tmp_path / "cache"), "--use_cpu"]
    launch([str(local.get(word, word)) for word in words] + cut)
    assert (tmp_path / "trained" / "model.safetensors").exists()
