"""The aligner, and its directions joined, against the output of the original FastAlign and `atools`, and any line."""

import gzip
import os
import re
import resource
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from transformers import BertTokenizer, PreTrainedTokenizerBase

from tests.conftest import ROOT
from weam.alignment.aligner import ALIGNERS, DIRECTIONS, SentencePair, WordAligner, aligner_version, shard, token_symbol
from weam.alignment.formats import format_pharaoh, parse_pharaoh
from weam.alignment.gold import GoldSentence, read_gold
from weam.alignment.symmetrization import HEURISTICS, Links, symmetrize, token_links, word_links
from weam.metrics import AlignmentScores, alignment_error_rate

WORDS = {"house": "haus", "book": "buch", "red": "rotes", "small": "kleines", "the": "das", "sees": "sieht"}
TOY_TEXTS = ("the house", "the book", "the red house", "red book", "small house", "the small book sees", "sees the")
TOY_PAIRS: list[SentencePair] = [(text.split(), [WORDS[word] for word in text.split()]) for text in TOY_TEXTS * 4]
REFERENCE_PAIRS = ("zh-en", "de-en")
links_strategy = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12).map(lambda x: sorted(set(x)))


class Reference:
    """What the original program answers for one set: tokens, and links by direction or heuristic."""

    def __init__(self, path: Path) -> None:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            header, *rows = (line.rstrip("\n").split("\t") for line in file)
        columns = dict(zip(header, zip(*rows, strict=True), strict=True))
        self.pairs: list[SentencePair] = []
        for tokens in columns.pop("pieces"):
            source, target = tokens.split(" ||| ")
            self.pairs.append((source.split(" "), target.split(" ")))
        self.links = {name: [parse_pharaoh(line) for line in lines] for name, lines in columns.items()}


@pytest.fixture(scope="module", params=REFERENCE_PAIRS)
def reference_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def reference(reference_name: str, research_data: Path) -> Reference:
    return Reference(research_data / "fast_align_reference" / f"{reference_name}.tsv.gz")


@pytest.fixture(scope="module")
def directions(reference: Reference) -> list[tuple[Links, Links]]:
    aligner = WordAligner.train(reference.pairs, progress=False)
    return list(aligner.align_directions(reference.pairs, progress=False))


@pytest.fixture(scope="module")
def gold(reference_name: str, research_data: Path) -> list[GoldSentence]:
    return read_gold(research_data / "gold_alignments" / reference_name)


@pytest.fixture(scope="module")
def mbert_tokenizer(research_data: Path) -> PreTrainedTokenizerBase:
    vocabulary = research_data / "tokenizer" / "mbert-vocab.txt"
    return BertTokenizer(vocab=str(vocabulary), do_lower_case=False, strip_accents=False)


@pytest.fixture(scope="module", params=ALIGNERS)
def toy_aligner(request: pytest.FixtureRequest) -> WordAligner:
    return WordAligner.train(TOY_PAIRS, aligner=request.param, progress=False)


def link_f1(found: list[Links], expected: list[Links]) -> float:
    common = sum(len(set(a) & set(b)) for a, b in zip(found, expected, strict=True))
    return 2 * common / (sum(map(len, found)) + sum(map(len, expected)))


def cut_words(words: tuple[str, ...], tokenizer: PreTrainedTokenizerBase) -> tuple[list[str], list[int]]:
    """Cut words into tokens; also return for each token the number of its word."""
    tokens = [tokenizer.tokenize(word) for word in words]
    numbers = [number for number, word_tokens in enumerate(tokens) for _ in word_tokens]
    return [token for word_tokens in tokens for token in word_tokens], numbers


def score_words(links: list[Links], words: list[list[list[int]]], gold: list[GoldSentence]) -> AlignmentScores:
    predicted = [word_links(found, *numbers) for found, numbers in zip(links, words, strict=True)]
    return alignment_error_rate(predicted, [s.sure for s in gold], [s.possible for s in gold])


# Against the original program


def test_each_direction_agrees_with_the_original_program(
    reference: Reference, directions: list[tuple[Links, Links]]
) -> None:
    for column, links in zip(DIRECTIONS, zip(*directions, strict=True), strict=True):
        assert link_f1(list(links), reference.links[column]) >= 0.999


def test_gold_sentences_are_the_first_rows_of_the_reference(
    reference: Reference, gold: list[GoldSentence], mbert_tokenizer: PreTrainedTokenizerBase
) -> None:
    for sentence, pair in zip(gold, reference.pairs, strict=False):
        tokens = tuple(cut_words(words, mbert_tokenizer)[0] for words in (sentence.source, sentence.target))
        assert tokens == pair


def test_error_rate_is_the_originals(
    reference: Reference,
    directions: list[tuple[Links, Links]],
    gold: list[GoldSentence],
    mbert_tokenizer: PreTrainedTokenizerBase,
) -> None:
    words = [[cut_words(side, mbert_tokenizer)[1] for side in (s.source, s.target)] for s in gold]
    for heuristic in HEURISTICS:
        ours = [symmetrize(forward, reverse, heuristic) for forward, reverse in directions[: len(gold)]]
        theirs = reference.links[heuristic][: len(gold)]
        rates = [score_words(links, words, gold).alignment_error_rate for links in (ours, theirs)]
        assert abs(rates[0] - rates[1]) <= 0.003, (heuristic, rates)


# No line shifts

STRANGE = ["", " ", "|||", "\t", "\0", "\ud800", "\u2028", "\n", "\r", "<s>", "NULL", "UNKNOWN_WORD", "0-0", "ä", "##s"]
token_strategy = st.one_of(
    st.sampled_from(STRANGE), st.integers(-5, 119_546), st.text(max_size=3), st.just("x" * 40_000)
)
side_strategy = st.one_of(st.lists(token_strategy, max_size=5), st.just([7] * 1025))
pairs_strategy = st.lists(st.tuples(side_strategy, side_strategy), max_size=6)
MARKER: SentencePair = (["red", "book"], ["rotes", "buch"])


@settings(max_examples=12, deadline=None)
@given(pairs_strategy)
def test_no_line_shifts_whatever_is_in_it(toy_aligner: WordAligner, pairs: list[SentencePair]) -> None:
    marked = [pair for strange in pairs for pair in (strange, MARKER)]
    links = list(toy_aligner.align(marked, "union", progress=False))
    expected = next(toy_aligner.align([MARKER], "union", progress=False))
    assert expected == [(0, 0), (1, 1)]
    assert links[1::2] == [expected] * len(pairs)
    for (source, target), found in zip(pairs, links[::2], strict=True):
        assert all(i < len(source) and j < len(target) for i, j in found)
        if not source or not target or max(len(source), len(target)) > 1024:
            assert found == []


@settings(max_examples=5, deadline=None)
@given(pairs_strategy)
def test_strange_lines_in_training_leave_the_aligner_whole(pairs: list[SentencePair]) -> None:
    aligner = WordAligner.train(pairs + TOY_PAIRS, progress=False)
    assert len(list(aligner.align(pairs, "union", progress=False))) == len(pairs)
    assert next(aligner.align([MARKER], "intersect", progress=False)) == [(0, 0), (1, 1)]


def test_a_sentence_at_the_limit_is_aligned_and_one_beyond_is_not(toy_aligner: WordAligner) -> None:
    pairs = [(["house"] * 1024, ["haus"]), (["house"] * 1025, ["haus"]), (["house"], ["haus"] * 1025)]
    links = list(toy_aligner.align(pairs, "union", progress=False))
    assert [bool(pair_links) for pair_links in links] == [True, False, False]


@given(st.one_of(st.text(), st.integers()), st.one_of(st.text(), st.integers()))
def test_symbols_are_plain_and_different(first: int | str, second: int | str) -> None:
    assert re.fullmatch(r"s[0-9a-f]*|-?[0-9]+", token_symbol(first))
    assert (token_symbol(first) == token_symbol(second)) == (first == second)


def test_batches_do_not_show(toy_aligner: WordAligner, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(toy_aligner.align_directions(TOY_PAIRS, progress=False))
    monkeypatch.setattr("weam.alignment.aligner.PAIRS_AT_ONCE", 3)
    assert list(toy_aligner.align_directions(iter(TOY_PAIRS), progress=False)) == whole


# The same links every time


def test_a_reloaded_aligner_gives_the_same_links(toy_aligner: WordAligner, tmp_path: Path) -> None:
    toy_aligner.save(tmp_path / "new" / "aligner")
    assert os.listdir(tmp_path / "new") == ["aligner"]
    reloaded = WordAligner.load(tmp_path / "new" / "aligner")
    expected = list(toy_aligner.align_directions(TOY_PAIRS, progress=False))
    assert list(reloaded.align_directions(TOY_PAIRS, progress=False)) == expected


def test_a_saved_aligner_does_not_hold_the_sentences(tmp_path: Path) -> None:
    WordAligner.train(TOY_PAIRS, progress=False).save(tmp_path / "aligner")
    sentence = " ".join(map(token_symbol, TOY_PAIRS[2][0])).encode()
    assert not [file for file in (tmp_path / "aligner").iterdir() if sentence in file.read_bytes()]


@pytest.mark.parametrize("aligner", ALIGNERS)
def test_training_gives_the_same_models_each_time_and_whatever_the_threads(
    aligner: str, research_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = Reference(research_data / "fast_align_reference" / "de-en.tsv.gz").pairs[-1000:]
    once = WordAligner.train(pairs, aligner=aligner, seed=3, progress=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    again = WordAligner.train(pairs, aligner=aligner, seed=3, progress=False)
    assert model_files(once.folder) == model_files(again.folder)


def test_directions_trained_one_after_the_other_are_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    together = WordAligner.train(TOY_PAIRS, progress=False)
    for direction in DIRECTIONS:
        monkeypatch.setattr("weam.alignment.aligner.DIRECTIONS", (direction,))
        alone = WordAligner.train(TOY_PAIRS, progress=False)
        for name, content in model_files(alone.folder).items():
            assert content == (together.folder / name).read_bytes() or name == "aligner.json"  # lists the files


def test_another_seed_samples_other_links() -> None:
    first, second = (WordAligner.train(TOY_PAIRS, aligner="eflomal", seed=seed, progress=False) for seed in (1, 2))
    assert model_files(first.folder) != model_files(second.folder)


def model_files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


# What goes wrong is said


def test_an_unknown_name_is_answered_with_the_known_ones(toy_aligner: WordAligner) -> None:
    with pytest.raises(ValueError, match="'grow' is no symmetrisation heuristic; choose one of intersect, union"):
        toy_aligner.align([], "grow")
    with pytest.raises(ValueError, match="'giza' is no aligner; choose one of fast_align, eflomal"):
        WordAligner.train([], aligner="giza")
    with pytest.raises(ValueError, match="seed -1 is outside"):
        WordAligner.train([], seed=-1)


def test_no_pairs_give_no_links() -> None:
    aligner = WordAligner.train([], progress=False)
    assert list(aligner.align([], "union", progress=False)) == []
    assert list(aligner.align([([], [])], "union", progress=False)) == [[]]


def test_a_damaged_folder_is_named(toy_aligner: WordAligner, tmp_path: Path) -> None:
    folder = tmp_path / "aligner"
    with pytest.raises(FileNotFoundError, match=f"{folder} holds no aligner"):
        WordAligner.load(folder)
    toy_aligner.save(folder)
    with pytest.raises(FileExistsError, match=f"{folder} exists"):
        toy_aligner.save(folder)
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        if content:
            file.write_bytes(content[: len(content) // 2])
            with pytest.raises(ValueError, match=f"{folder}.* damaged.*train the aligner again"):
                WordAligner.load(folder)
            file.write_bytes(content)
    WordAligner.load(folder)


def test_files_that_vanish_after_loading_are_named(toy_aligner: WordAligner, tmp_path: Path) -> None:
    toy_aligner.save(tmp_path / "aligner")
    aligner = WordAligner.load(tmp_path / "aligner")
    (tmp_path / "aligner" / "reverse.svcb").unlink()
    with pytest.raises(ValueError, match=f"{tmp_path / 'aligner'} is damaged: reverse.svcb has 0 bytes"):
        list(aligner.align(TOY_PAIRS, "union", progress=False))


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 100 bytes, in this process and those it starts."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_stops_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match="could not train .*free disk space"), full_disk():
        WordAligner.train(TOY_PAIRS, progress=False)
    assert os.listdir(tmp_path) == []


def test_a_direction_that_dies_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "false")
    with pytest.raises(OSError, match="could not train .*(forward|reverse): exit code 1; out of memory"):
        WordAligner.train(TOY_PAIRS, progress=False)


def test_a_full_disk_leaves_no_half_saved_aligner(
    toy_aligner: WordAligner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(OSError, match="No space left"):
        toy_aligner.save(tmp_path / "aligner")
    assert os.listdir(tmp_path) == []


def test_training_text_and_models_go_with_the_aligner() -> None:
    aligner = WordAligner.train(TOY_PAIRS, progress=False)
    folder = aligner.folder
    assert folder.is_dir()
    del aligner
    assert not folder.exists()


def test_progress_goes_to_the_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    list(WordAligner.train(TOY_PAIRS).align(TOY_PAIRS, "union"))
    shown = capsys.readouterr()
    assert shown.out == ""
    for text in ("training forward: 100%", "training reverse: 100%", "4/4", "aligning: 100%", "28/28"):
        assert text in shown.err


@given(st.integers(0, 50), st.integers(1, 9))
def test_shards_in_order_are_the_whole(count: int, total: int) -> None:
    assert [row for index in range(total) for row in shard(count, index, total)] == list(range(count))


def test_a_shard_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no shard 2 of 2"):
        shard(5, 2, 2)


def test_without_the_library_training_and_loading_say_what_serves_instead(
    monkeypatch: pytest.MonkeyPatch, toy_aligner: WordAligner
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("weam.alignment.aligner.version", missing)
    for begin in (lambda: WordAligner.train(TOY_PAIRS), lambda: WordAligner.load(toy_aligner.folder)):
        with pytest.raises(ModuleNotFoundError, match=r"sil-thot.*ARM.*--alignments en-de=FILE.*or take --aligner enc"):
            begin()


def test_the_library_is_imported_in_one_file_and_there_where_aligning_begins() -> None:
    """So that all else works where it is not installed."""
    modules = [*ROOT.glob("*.py"), *(ROOT / "weam").rglob("*.py")]
    importing = [path.name for path in modules if re.search(r"^ *(from|import) thot", path.read_text(), re.MULTILINE)]
    assert importing == ["direction.py"]
    program = "import sys; sys.modules['thot'] = None; import weam.alignment.direction"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    ("platform", "machine", "needed"),
    [("linux", "x86_64", True), ("linux", "aarch64", False), ("darwin", "arm64", True), ("win32", "AMD64", True)],
)
def test_the_library_is_required_where_it_has_a_wheel(platform: str, machine: str, needed: bool) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (requirement,) = (Requirement(x) for x in project["dependencies"] if x.startswith("sil-thot"))
    assert requirement.marker is not None
    assert requirement.marker.evaluate({"sys_platform": platform, "platform_machine": machine}) == needed


def test_the_version_can_stand_in_a_cache_key() -> None:
    assert re.fullmatch(r"\d+\.\d+.*", aligner_version())


# Directions joined


@pytest.mark.parametrize("heuristic", HEURISTICS)
def test_symmetrisation_equals_the_program_atools(reference: Reference, heuristic: str) -> None:
    directions = zip(reference.links["forward"], reference.links["reverse"], strict=True)
    assert [symmetrize(forward, reverse, heuristic) for forward, reverse in directions] == reference.links[heuristic]


@pytest.mark.parametrize(
    ("heuristic", "expected"),
    [
        ("intersect", "0-0 2-2"),
        ("union", "0-0 1-0 1-1 2-2 2-4 3-2 4-3"),
        # 1-0 touches 0-0, 1-1 touches 0-0 and 2-2, 3-2 touches 2-2. 2-4 touches none; 4-3 touches 3-2.
        ("grow-diag", "0-0 1-0 1-1 2-2 3-2 4-3"),
        # 2-4 is added for target 4, which has no link yet, though source 2 has one ...
        ("grow-diag-final", "0-0 1-0 1-1 2-2 2-4 3-2 4-3"),
        # ... but not where both sides must be without.
        ("grow-diag-final-and", "0-0 1-0 1-1 2-2 3-2 4-3"),
    ],
)
def test_a_worked_example(heuristic: str, expected: str) -> None:
    forward, reverse = parse_pharaoh("0-0 1-1 2-2 4-3 2-4"), parse_pharaoh("0-0 1-0 2-2 3-2")
    assert format_pharaoh(symmetrize(forward, reverse, heuristic)) == expected


@given(links_strategy, links_strategy, st.sampled_from(HEURISTICS))
def test_symmetrised_links_lie_between_intersection_and_union(forward: Links, reverse: Links, heuristic: str) -> None:
    links = symmetrize(forward, reverse, heuristic)
    assert set(forward) & set(reverse) <= set(links) <= set(forward) | set(reverse)
    assert links == sorted(set(links))


@given(links_strategy)
def test_word_links_of_one_token_words_are_the_links(links: Links) -> None:
    positions = list(range(9))
    assert word_links(links, positions, positions) == links == token_links(links, positions, positions)


@given(links_strategy)
def test_token_links_lead_back_to_the_word_links(links: Links) -> None:
    words = [n // 2 for n in range(18)]
    assert word_links(token_links(links, words, words), words, words) == links
