"""Aligning in shards, through the real command line: the shards joined are the whole, whatever was dropped where."""

import gzip
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from tests.conftest import ROOT
from tests.support.command_line import PIPES, environment, sentence_pairs, write_tsv
from weam.alignment.__main__ import main
from weam.alignment.aligner import WordAligner
from weam.alignment.links import AlignerSettings, align_bitext, import_links
from weam.alignment.shards import parse_shard
from weam.bitext.reading import BitextFile, load_bitext_files

SHARDS = 2
BLANK, OVER_LONG, UNEQUAL = ("", ""), ("the " * 201, "die " * 201), ("the cat sees a dog and a house eats", "die")
REPEATED = sentence_pairs()[0]
FIRST_FILE = [BLANK, OVER_LONG, *sentence_pairs()[:20], REPEATED, BLANK, *sentence_pairs()[20:30], UNEQUAL]
SECOND_FILE = [REPEATED, *sentence_pairs()[30:50], ("the cat", ""), BLANK]
UNUSED = {0, 1, 22, 23, 34, 35, 56, 57}  # from 0, both files counted through


@dataclass(frozen=True)
class Workspace:
    """A folder with a tokenizer, a bitext in two files and, once trained, an aligner."""

    folder: Path

    def options(self, *bitext: str) -> list[str]:
        """Return what both commands need."""
        files = bitext or (f"en-de={self.folder / 'a.tsv'}", f"en-de={self.folder / 'b.tsv.gz'}")
        named = [word for file in files for word in ("--bitext", file)]
        folders = {"--tokenizer": "tokenizer", "--aligner_dir": "aligner", "--cache_dir": "cache"}
        return named + [word for name, folder in folders.items() for word in (name, str(self.folder / folder))]

    def start(self, command: str, *options: str) -> subprocess.Popen:
        """Start the program in a process of its own."""
        program = [sys.executable, "-m", "weam.alignment", command, *self.options(), *options]
        return subprocess.Popen(program, cwd=ROOT, env=environment(), **PIPES)


def finish(processes: Sequence[subprocess.Popen]) -> None:
    """Wait for programs that must succeed."""
    for process in processes:
        said = process.communicate(timeout=100)[0]
        assert process.returncode == 0, said


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, tokenizer: PreTrainedTokenizerBase) -> Workspace:
    """Train, then align two shards at once."""
    folder = tmp_path_factory.mktemp("align")
    tokenizer.save_pretrained(folder / "tokenizer")
    write_tsv(folder / "a.tsv", FIRST_FILE)
    write_tsv(folder / "b.tsv", SECOND_FILE)
    (folder / "b.tsv.gz").write_bytes(gzip.compress((folder / "b.tsv").read_bytes()))
    workspace = Workspace(folder)
    main(["train", *workspace.options()])
    outputs = {f"{index}/{SHARDS}": str(folder / f"links.{index}-of-{SHARDS}.txt") for index in range(SHARDS)}
    finish([workspace.start("apply", "--shard", shard, "--output", output) for shard, output in outputs.items()])
    return workspace


@pytest.fixture(scope="module")
def lines(workspace: Workspace) -> list[str]:
    """The lines of all shards, with their ends."""
    names = [f"links.{index}-of-{SHARDS}.txt" for index in range(SHARDS)]
    return "".join((workspace.folder / name).read_text() for name in names).splitlines(keepends=True)


def test_shards_in_order_are_the_whole(workspace: Workspace, lines: list[str], tmp_path: Path) -> None:
    main(["apply", *workspace.options(), "--output", str(tmp_path / "new" / "links.txt.gz")])
    whole = gzip.decompress((tmp_path / "new" / "links.txt.gz").read_bytes()).decode()
    assert lines == whole.splitlines(keepends=True)


def test_a_shard_may_be_without_pairs(workspace: Workspace, lines: list[str], tmp_path: Path) -> None:
    for index in range(2):
        main(["apply", *workspace.options(), "--shard", f"{index}/29", "--output", str(tmp_path / f"{index}.txt")])
    assert (tmp_path / "0.txt").read_text() == "\n\n"
    assert (tmp_path / "1.txt").read_text() == "".join(lines[2:4])


def test_every_line_of_the_bitext_has_its_line(lines: list[str]) -> None:
    assert len(lines) == len(FIRST_FILE + SECOND_FILE) == 58
    assert {number for number, line in enumerate(lines) if line == "\n"} == UNUSED
    assert all(line.endswith("\n") for line in lines)


def test_training_reads_the_shards_as_what_it_would_have_aligned_itself(
    workspace: Workspace, lines: list[str], tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    files = [BitextFile(("en", "de"), (workspace.folder / name,)) for name in ("a.tsv", "b.tsv.gz")]
    bitext = load_bitext_files(files, tokenizer, workspace.folder / "cache")
    (tmp_path / "links.txt").write_text("".join(lines))
    imported = list(import_links(tmp_path / "links.txt", "subword", bitext, tokenizer, tmp_path))

    saved = WordAligner.load(workspace.folder / "aligner")
    tokens = list(zip(bitext.pairs["source_ids"], bitext.pairs["target_ids"], strict=True))
    assert imported == list(saved.align(tokens, "intersect", progress=False))
    assert imported == list(align_bitext(bitext, AlignerSettings("fast_align", "intersect", 42), tmp_path))


def test_both_commands_share_one_cache_and_leave_nothing_unfinished(workspace: Workspace) -> None:
    assert len(list((workspace.folder / "cache").iterdir())) == 1
    assert not list(workspace.folder.glob("*unfinished*"))


def test_an_existing_output_is_kept(workspace: Workspace) -> None:
    output = workspace.folder / "links.0-of-2.txt"
    before = output.read_text()
    with pytest.raises(FileExistsError, match=f"{output} exists; remove it or give another name"):
        main(["apply", *workspace.options(), "--shard", "1/2", "--output", str(output)])
    assert output.read_text() == before


def test_an_existing_aligner_is_kept(workspace: Workspace) -> None:
    with pytest.raises(FileExistsError, match="aligner exists; remove it or give another name"):
        main(["train", *workspace.options()])


def test_a_sample_is_the_same_for_every_order_of_lines(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_tsv(tmp_path / "backwards.tsv", (FIRST_FILE + SECOND_FILE)[::-1])
    samples = []

    def keep_sample(pairs: Sequence, *settings: object) -> None:
        samples.append({(tuple(source), tuple(target)) for source, target in pairs})
        raise InterruptedError

    monkeypatch.setattr(WordAligner, "train", keep_sample)
    for bitext in (workspace.options()[:4], ["--bitext", f"en-de={tmp_path / 'backwards.tsv'}"]):
        options = [*bitext, *workspace.options()[4:], "--aligner_dir", str(tmp_path / "new"), "--max_pairs", "10"]
        with pytest.raises(InterruptedError):
            main(["train", *options])
    assert samples[0] == samples[1]
    assert len(samples[0]) == 10


def test_an_aligner_for_another_language_pair_or_tokenizer_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    swapped = [option.replace("en-de=", "de-en=") for option in workspace.options()]
    with pytest.raises(ValueError, match=r"aligner was not trained .* for this language pair; .* en-de, not de-en"):
        main(["apply", *swapped, "--output", str(tmp_path / "links.txt")])

    text = (workspace.folder / "tokenizer" / "tokenizer.json").read_text()
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "tokenizer.json").write_text(text.replace('"katze"', '"kater"'))
    config = workspace.folder / "tokenizer" / "tokenizer_config.json"
    (tmp_path / "tokenizer" / config.name).write_text(config.read_text())
    other = ["--tokenizer", str(tmp_path / "tokenizer"), "--output", str(tmp_path / "links.txt")]
    with pytest.raises(ValueError, match="aligner was not trained .* for this tokenizer; train an aligner"):
        main(["apply", *workspace.options(), *other])
    assert not (tmp_path / "links.txt").exists()


@pytest.mark.parametrize("text", ["4/4", "x", "1", "-1/4", "1/0", "1/2/3", ""])
def test_a_shard_that_is_none_is_refused(workspace: Workspace, text: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["apply", *workspace.options(), "--output", "links.txt", f"--shard={text}"])
    assert f"argument --shard: {text!r} is no shard; write INDEX/TOTAL" in capsys.readouterr().err


def test_a_shard_is_read() -> None:
    assert parse_shard("3/4") == (3, 4)


@pytest.mark.parametrize("text", ["0", "-5", "many"])
def test_a_sample_of_nothing_is_refused(workspace: Workspace, text: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["train", *workspace.options(), f"--max_pairs={text}"])
    assert f"{text!r} is no number of pairs; give 1 or more" in capsys.readouterr().err


def test_a_missing_aligner_is_named(workspace: Workspace, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    with pytest.raises(FileNotFoundError, match=f"{missing} holds no aligner"):
        main(["apply", *workspace.options(), "--aligner_dir", str(missing), "--output", str(tmp_path / "links.txt")])


@pytest.mark.parametrize(
    ("bitext", "message"),
    [
        (["corpus.tsv"], "'corpus.tsv' names no bitext; write en-de=FILE"),
        (["en-de={folder}/none.tsv"], "none.tsv does not exist"),
        (["en-de={folder}/broken.tsv"], "broken.tsv:2: 3 tab-separated columns instead of 2"),
        (["en-de={folder}/a.tsv", "en-fr={folder}/a.tsv"], "the language pairs en-de and en-fr; read each by itself"),
    ],
)
def test_a_bitext_that_cannot_be_read_is_refused(
    workspace: Workspace, bitext: list[str], message: str, tmp_path: Path
) -> None:
    (workspace.folder / "broken.tsv").write_text("the cat\tdie katze\nthe\tdog\tsees\n")
    options = workspace.options(*(text.format(folder=workspace.folder) for text in bitext))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        main(["apply", *options, "--output", str(tmp_path / "links.txt")])
    assert not (tmp_path / "links.txt").exists()


def test_a_failure_leaves_no_output(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def break_off(*_: object) -> object:
        yield [(0, 0)]
        raise OSError("the aligner died")

    monkeypatch.setattr(WordAligner, "align", break_off)
    with pytest.raises(OSError, match="the aligner died"):
        main(["apply", *workspace.options(), "--output", str(tmp_path / "links.txt")])
    assert not list(tmp_path.iterdir())
