"""README and documentation are true: every snippet runs, every link leads somewhere, and the site builds.

The snippets run in one folder, in the order of the pages, with small checkpoints and text in place of the Hub's, and a
few steps. What one leaves (`weam-de`, `xnli-weam`) the next ones use.
"""

import gzip
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support import evaluation_data
from tests.support.command_line import make_workspace, sentence_pairs, write_hub_folder
from weam.__main__ import PROGRAMS, main

README = ROOT / "README.md"
PAGES = [
    README,
    *sorted((ROOT / "docs").rglob("*.md"), key=lambda page: (page.name != "pretraining.md", page)),
    ROOT / "CONTRIBUTING.md",
]
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
INSTALLATION = ("pip install ", "python -m pytest", "make ", "pre-commit install")  # what has been done to be here
HUB = {"google-bert/bert-base-multilingual-cased": "checkpoint", "Helsinki-NLP/opus-100": "opus-100"}
EVALUATION = ["--data_dir", "data", "--max_steps", "2", "--report_to", "none", "--use_cpu"]
CUT = {  # what makes a command of a program short
    "pretrain": [
        "--max_steps",
        "2",
        "--validation_fraction",
        "0.1",
        "--cache_dir",
        "cache",
        "--report_to",
        "none",
        "--use_cpu",
    ],
    "xnli": [*EVALUATION, "--languages", "en", "de", "--max_length", "64"],
    "mlqa": [*EVALUATION, "--languages", "en", "de", "--max_length", "64", "--doc_stride", "8"],
    "xtreme-r": [*EVALUATION, "--max_length", "64"],
    "align": ["--cache_dir", "cache"],
    "card": [],
}
TESTED_IN = {"xcopa": ["it", "tr"], "tatoeba": ["de"]}  # by task, where it is not English and German


@dataclass(frozen=True)
class Snippet:
    """A block of code of a page."""

    page: str
    language: str
    text: str


def snippets(*languages: str) -> list[Snippet]:
    """Return the blocks of all pages in some languages."""
    found = [
        Snippet(str(page.relative_to(ROOT)), *block)
        for page in PAGES
        for block in BLOCK.findall(page.read_text(encoding="utf-8"))
    ]
    return [snippet for snippet in found if snippet.language in languages]


def commands(snippet: Snippet) -> list[str]:
    """Return the commands of a shell snippet, one a line."""
    lines = re.sub(r"\s*\\\n\s*", " ", snippet.text).splitlines()
    return [part.partition("  #")[0].strip() for line in lines for part in line.split("&&") if part.strip()]


def program_of(command: str) -> tuple[str, list[str]] | None:
    """Return the program that a command starts, as `weam` calls it, and its arguments."""
    words = shlex.split(command)
    for start in (["accelerate", "launch"], ["python"]):
        if words[: len(start)] == start:
            words = words[len(start) :]
    words = words[1:] if words[:1] == ["-m"] else words
    names = {f"{module}.py": name for name, (module, _) in PROGRAMS.items()}
    if words[0] == "weam":
        return words[1], words[2:]
    return (names[words[0]], words[1:]) if words[0] in names else None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the snippets name: text, small checkpoints, benchmarks, and the recipes."""
    folder = tmp_path_factory.mktemp("snippets")
    make_workspace(folder)
    pairs = sentence_pairs()
    for language, side in (("en", 0), ("sw", 1)):
        (folder / f"corpus.{language}").write_text("".join(f"{pair[side]}\n" for pair in pairs))
    (folder / "corpus.en-de.tsv.gz").write_bytes(gzip.compress((folder / "train.tsv").read_bytes()))
    write_hub_folder(folder / "opus-100", {"de-en": pairs})
    for name, write in vars(evaluation_data).items():
        if name.startswith("write_") and name not in ("write_text", "write_json_lines", "write_squad"):
            write(folder / "data")
    (folder / "recipes").symlink_to(ROOT / "recipes")
    return folder


def local(text: str) -> str:
    """Put what lies in the folder in the place of what is on the Hub, and few steps in that of epochs."""
    for name, place in HUB.items():
        text = text.replace(name, place)
    return re.sub(r"num_train_epochs=\d+", "max_steps=2", text)


def run_command(command: str) -> None:
    """Run a command of ours in this process, cut short."""
    program, arguments = program_of(local(command))
    task = arguments[arguments.index("--task") + 1] if "--task" in arguments else ""
    languages = ["--languages", *TESTED_IN.get(task, ["en", "de"])] if program == "xtreme-r" else []
    output = arguments[arguments.index("--output_dir") + 1] if "--output_dir" in arguments else ""
    if not (output and Path(output).exists()):  # else an earlier snippet has it made
        main([program, *arguments, *CUT[program], *languages])


@pytest.mark.parametrize("snippet", snippets("bash", "python"), ids=lambda s: f"{s.page}: {s.text[:40]}")
def test_the_snippet_runs(snippet: Snippet, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    if snippet.language == "python":
        exec(compile(local(snippet.text), snippet.page, "exec"), {})  # noqa: S102
        return
    for command in commands(snippet):
        if not command.startswith(INSTALLATION):
            run_command(command)
