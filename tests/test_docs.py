"""README and documentation are true: every snippet runs, every link leads somewhere, and the site builds.

The snippets run in one folder, in the order of the pages, with small checkpoints and text in place of the Hub's, and a
few steps. What one leaves (`weam-de`, `xnli-weam`) the next ones use.
"""

import gzip
import re
import shlex
import subprocess
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.pages.__main__ import filled_pages
from tests.conftest import ROOT
from tests.support.command_line import environment, launcher, make_workspace, sentence_pairs, with_files
from tests.support.evaluation_data import (
    write_mlqa,
    write_panx,
    write_pawsx,
    write_sib200,
    write_tatoeba,
    write_udpos,
    write_xcopa,
    write_xnli,
)
from tests.support.hub_server import write_hub_folder
from weam.__main__ import PROGRAMS, main

README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").rglob("*.md"), key=lambda page: (page.name != "quickstart.md", page))
PAGES = [README, *DOCS, ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
TABLE = re.compile(r"<!-- (.+) -->\n.*?<!-- /\1 -->", re.DOTALL)
INTERVAL = re.compile(r"\d+\.\d+ ± \d+\.\d+")
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
BENCHMARKS = (write_xnli, write_mlqa, write_udpos, write_panx, write_pawsx, write_xcopa, write_sib200, write_tatoeba)
INSTALLATION = ("pip install ", "python -m pytest", "make ", "pre-commit install")  # what has been done to be here
HUB = {  # what stands for it here
    "google-bert/bert-base-multilingual-cased": "checkpoint",
    "intfloat/multilingual-e5-small": "checkpoint",
    "--layer 8": "--layer 2",  # of two
    "Helsinki-NLP/opus-100": "opus-100",
    "weam.XNLI(": "weam.XNLI(weam.DataFiles(test=['data/xnli/test.{language}.jsonl.gz']), ",
}
FEW_STEPS = ["--max_steps", "2", "--report_to", "none", "--use_cpu"]
CUT = {  # what makes a command of a program short
    "pretrain": [*FEW_STEPS, "--validation_fraction", "0.1", "--max_eval_pairs", "20", "--cache_dir", "cache"],
    "xnli": [*FEW_STEPS, "--languages", "en", "de", "--max_length", "64"],
    "mlqa": [*FEW_STEPS, "--languages", "en", "de", "--max_length", "64", "--doc_stride", "8"],
    "xtreme-r": [*FEW_STEPS, "--max_length", "64"],
    "align": ["--cache_dir", "cache"],
    "card": [],
}
EVALUATIONS = ("xnli", "mlqa", "xtreme-r")
TESTED_IN = {"xcopa": ["it", "tr"], "tatoeba": ["de"]}  # by task, where it is not English and German


@dataclass(frozen=True)
class Snippet:
    """A block of code of a page."""

    page: str
    language: str
    text: str


def snippets(*languages: str) -> list[Snippet]:
    """Return the blocks of all pages in some languages.

    The commands of the scaling page are for many machines; `tests/benchmarks/test_speed.py` looks at them.
    """
    found = [
        Snippet(str(page.relative_to(ROOT)), *block)
        for page in PAGES
        if page.name != "scaling.md"
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
    for write in BENCHMARKS:
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
    output = "weam-quickstart" if "quickstart" in arguments[0] else ""  # as its recipe says
    output = arguments[arguments.index("--output_dir") + 1] if "--output_dir" in arguments else output
    if not (output and Path(output).exists()):  # else an earlier snippet has it made
        cut = [] if arguments[0] == "text" else CUT[program]
        words = [*arguments, *cut, *languages]
        if program in EVALUATIONS:
            benchmark = task or ("xquad" if "xquad" in arguments else program)
            words = with_files(words, Path("data"), benchmark)
        main([program, *words])


@pytest.fixture(scope="module")
def quickstart(folder: Path) -> Path:
    """What the README's first command leaves, through accelerate and cut to three steps."""
    install, launch = commands(snippets("bash")[0])
    assert install == "pip install -e ."
    cut = ["--max_steps", "3", "--cache_dir", str(folder / "cache"), "--output_dir", str(folder / "weam-quickstart")]
    cut += ["--max_eval_pairs", "20", "--report_to", "none", "--use_cpu"]
    words = [*launcher([]), *shlex.split(launch)[2:], *cut]
    run = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "weam-quickstart"


def test_the_quick_start_scores_three_language_pairs(quickstart: Path) -> None:
    card = (quickstart / "README.md").read_text(encoding="utf-8")
    for pair in ("en-de", "en-es", "en-zh"):
        assert f"| {pair} | before |" in card and f"| {pair} | after |" in card


@pytest.mark.parametrize("snippet", snippets("bash", "python"), ids=lambda s: f"{s.page}: {s.text[:40]}")
def test_the_snippet_runs(snippet: Snippet, folder: Path, quickstart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    if snippet.language == "python":
        exec(compile(local(snippet.text), snippet.page, "exec"), {"Path": Path})
        return
    for command in commands(snippet):
        if command.startswith("python -m benchmarks"):
            assert find_spec(command.split()[2]) is not None
        elif not command.startswith(INSTALLATION):
            run_command(command)


def test_the_command_of_the_tests_is_that_of_the_continuous_integration() -> None:
    assert commands(snippets("bash")[1]) == ['pip install -e ".[test]"', "python -m pytest"]
    assert "python -m pytest" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readme_is_short() -> None:
    assert README.stat().st_size <= 8192


def test_the_tables_are_what_the_results_say() -> None:
    assert {page: page.read_text(encoding="utf-8") for page in filled_pages()} == filled_pages()


def test_the_intervals_in_sentences_are_those_of_a_table() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    of_tables = {x for text in texts for table in TABLE.finditer(text) for x in INTERVAL.findall(table[0])}
    of_sentences = {x for text in texts for x in INTERVAL.findall(TABLE.sub("", text))}
    assert of_sentences and of_sentences <= of_tables


def test_every_module_says_what_it_is_for_in_its_first_line() -> None:
    """The tree of the architecture page is made of these lines."""
    modules = [path for name in ("weam", "benchmarks") for path in (ROOT / name).rglob("*.py")]
    first_lines = {path: path.read_text(encoding="utf-8").partition("\n")[0] for path in modules}
    assert [path for path, line in first_lines.items() if not re.match(r'r?"""\S', line)] == []


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="needs the extra [docs]")
    build, load_config = import_module("mkdocs.commands.build").build, import_module("mkdocs.config").load_config
    build(load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(tmp_path)))
    pretraining = (tmp_path / "pretraining" / "index.html").read_text(encoding="utf-8")
    assert "--mlm_probability" in pretraining and "options:" not in pretraining
    assert "modeling_weam.py" in (tmp_path / "architecture" / "index.html").read_text(encoding="utf-8")
