"""The README is true: its tree, its links, its tables, and every snippet runs."""

import gzip
import re
import shlex
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pytest

from benchmarks.pages.__main__ import filled_pages
from tests.conftest import ROOT
from tests.support.command_line import environment, make_workspace, sentence_pairs
from tests.support.evaluation_data import write_mlqa, write_udpos, write_xnli
from tests.support.hub_server import write_hub_folder

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
    assert {page: page.read_text(encoding="utf-8") for page in filled_pages()} == filled_pages()


def test_there_are_two_commands_to_set_everything_up() -> None:
    assert commands("pip install") == [["pip", "install", "-e", "."], ["pip", "install", "-e", ".[test]"]]
    assert commands("python -m pytest") == [["python", "-m", "pytest"]]
    assert "python -m pytest" in (ROOT / ".ci" / "run").read_text()


def test_every_shell_snippet_is_one_that_is_tested() -> None:
    known = [*commands("pip"), *commands("python"), *commands("accelerate launch")]
    shell = [text.replace("\\\n", "") for language, text in SNIPPETS if language == "bash"]
    assert len(known) == sum(text.count("&&") + text.count("\n") for text in shell)


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


def local_pretraining(folder: Path) -> tuple[dict[str, Path | str], list[str]]:
    """Write a small model and text; return what stands for the README's names, and what cuts its commands short."""
    make_workspace(folder)
    pairs = sentence_pairs()
    for language, side in (("en", 0), ("sw", 1)):
        (folder / f"corpus.{language}").write_text("".join(f"{pair[side]}\n" for pair in pairs))
    (folder / "corpus.en-de.tsv.gz").write_bytes(gzip.compress((folder / "train.tsv").read_bytes()))
    local: dict[str, Path | str] = {
        "google-bert/bert-base-multilingual-cased": folder / "checkpoint",
        "Helsinki-NLP/opus-100": write_hub_folder(folder / "opus-100", {"de-en": pairs}),
        "en-de=corpus.en-de.tsv.gz": f"en-de={folder / 'corpus.en-de.tsv.gz'}",
        "en-sw=corpus.en,corpus.sw": f"en-sw={folder / 'corpus.en'},{folder / 'corpus.sw'}",
        "weam-de": folder / "weam-de",
        "weam-joint": folder / "weam-joint",
    }
    return local, [
        "--max_steps",
        "2",
        "--validation_fraction",
        "0.1",
        "--cache_dir",
        str(folder / "cache"),
        "--use_cpu",
    ]


PRETRAINING = commands("accelerate launch run_pretraining.py")[1:]
TRANSFER = [words for words in commands("accelerate launch") if words[2] != "run_pretraining.py"]


@pytest.mark.parametrize("words", PRETRAINING, ids=" ".join)
def test_the_commands_for_own_text_run(words: list[str], tmp_path: Path) -> None:
    """With a small model and text from local folders in place of the Hub's, and two steps."""
    local, cut = local_pretraining(tmp_path)
    launch([str(local.get(word, word)) for word in words] + cut)
    assert (Path(local[words[words.index("--output_dir") + 1]]) / "model.safetensors").exists()


def test_the_commands_for_transfer_run_and_make_a_card(tmp_path: Path) -> None:
    """One after another, with small benchmarks in local folders in place of the Hub's, and two steps each."""
    local, cut = local_pretraining(tmp_path)
    launch([str(local.get(word, word)) for word in PRETRAINING[0]] + cut)
    data = write_udpos(write_mlqa(write_xnli(tmp_path / "data")))
    more = {"run_mlqa.py": ["--doc_stride", "8"]}
    outputs = [words[words.index("--output_dir") + 1] for words in TRANSFER]
    local |= {name: tmp_path / name for name in outputs}
    local |= {f"{name}/results.json": tmp_path / name / "results.json" for name in ("weam-de", *outputs)}
    local["CARD.md"] = tmp_path / "CARD.md"
    for words in TRANSFER:
        settings = ["--data_dir", str(data), "--languages", "en", "de", "--max_length", "64", *more.get(words[2], [])]
        launch([str(local.get(word, word)) for word in words] + settings + ["--max_steps", "2", "--use_cpu"])
    (card,) = commands("python -m weam.cards")
    subprocess.run([sys.executable, *(str(local.get(word, word)) for word in card[1:])], cwd=ROOT, check=True)
    assert "| language | n | accuracy | checkpoint | difference |" in (tmp_path / "CARD.md").read_text()
