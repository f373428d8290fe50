"""Links of a whole bitext: aligned once and cached, or imported with every complaint in its place."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import BertTokenizer, PreTrainedTokenizerBase

from modeling_weam import WEAMBertModel
from tests.conftest import SPECIAL, WORDS, small_config
from tests.support.command_line import sentence_pairs
from tests.support.tokenizers import SPACE, unigram_tokenizer
from weam.alignment.aligner import SentencePair, WordAligner
from weam.alignment.encoder import load_encoder
from weam.alignment.links import AlignerSettings, TokenPairs, align_bitext, import_links, word_numbers
from weam.alignment.symmetrization import Links
from weam.bitext.reading import Bitext, Row, cache_bitext

SETTINGS = AlignerSettings("fast_align", "intersect", seed=42)
ROWS = [  # tokens of `the cats .`: the cat ##s .
    Row("the cats .", "die katze ."),
    Row("", ""),
    Row("a cat", "ein hund"),
    Row("the cats .", "die katze ."),  # a duplicate
    Row("the dog eats", "hund isst"),
]
USED_ROWS = [0, 2, 4]


@pytest.fixture(scope="module")
def chinese_tokenizer() -> PreTrainedTokenizerBase:
    vocabulary = [*SPECIAL, *WORDS, *"我看见一只红猫。"]
    return BertTokenizer(vocab={token: number for number, token in enumerate(vocabulary)}, do_lower_case=False)


@pytest.fixture
def bitext(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> Bitext:
    return make_bitext(ROWS, tokenizer, tmp_path)


@pytest.fixture
def importing(bitext: Bitext, tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> Callable[[str, str], list[Links]]:
    """Write a Pharaoh file and import it."""

    def write_and_import(text: str, unit: str = "word") -> list[Links]:
        path = tmp_path / "links.txt"
        path.write_text(text)
        return list(import_links(path, unit, bitext, tokenizer, tmp_path / "cache"))

    return write_and_import


def make_bitext(rows: list[Row], tokenizer: PreTrainedTokenizerBase, folder: Path) -> Bitext:
    return cache_bitext(rows, ("en", "de"), tokenizer, folder / "cache", ["written in a test"])


class LastToFirst:
    """In place of an aligner: links the last token of the source to the first of the target."""

    def align(self, pairs: Iterable[SentencePair], heuristic: str) -> Iterator[Links]:
        assert heuristic == "intersect"
        return ([(len(source) - 1, 0)] for source, _ in pairs)


def count_trainings(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Replace the aligner; return the settings of each training, as they come."""
    trainings: list[dict] = []

    def train(pairs: TokenPairs, **settings: object) -> LastToFirst:
        trainings.append(settings)
        return LastToFirst()

    monkeypatch.setattr(WordAligner, "train", train)
    return trainings


# Our own aligner


def test_the_test_uses_three_of_five_lines(bitext: Bitext) -> None:
    assert bitext.pairs["row"][:] == USED_ROWS


def test_tokens_are_read_row_by_row_and_in_order(bitext: Bitext, tokenizer: PreTrainedTokenizerBase) -> None:
    pairs = TokenPairs(bitext.pairs)
    tokens = [tuple(tokenizer.convert_ids_to_tokens(side) for side in pair) for pair in pairs]
    assert tokens == [
        (["the", "cat", "##s", "."], ["die", "katze", "."]),
        (["a", "cat"], ["ein", "hund"]),
        (["the", "dog", "eats"], ["hund", "isst"]),
    ]
    assert len(pairs) == 3


def test_every_pair_has_its_links_in_order(bitext: Bitext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = count_trainings(monkeypatch)
    links = align_bitext(bitext, SETTINGS, tmp_path)
    assert list(links) == [[(3, 0)], [(1, 0)], [(2, 0)]]
    assert links.path.read_text() == "3-0\n1-0\n2-0\n"
    assert list(links) == list(links), "links can be read more than once"
    assert trainings == [{"aligner": "fast_align", "seed": 42}]


def test_words_of_the_same_meaning_are_linked(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    rows = [Row("the cat sees a dog .", "die katze sieht ein hund ."), *(Row(*pair) for pair in sentence_pairs())]
    first = next(iter(align_bitext(make_bitext(rows, tokenizer, tmp_path), SETTINGS, tmp_path)))
    assert first == [(n, n) for n in range(6)]


def test_a_second_call_reads_the_cache(bitext: Bitext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = align_bitext(bitext, SETTINGS, tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(WordAligner, "train", refuse)
    second = align_bitext(bitext, SETTINGS, tmp_path)
    assert second == first
    assert list(second) == list(first)


@pytest.mark.parametrize(
    "change", [{"aligner": "eflomal"}, {"aligner": "eflomal", "seed": 43}, {"symmetrization": "union"}]
)
def test_other_settings_are_cached_apart(
    bitext: Bitext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict
) -> None:
    monkeypatch.setattr(LastToFirst, "align", lambda self, pairs, heuristic: ([] for _ in pairs))
    trainings = count_trainings(monkeypatch)
    first = align_bitext(bitext, SETTINGS, tmp_path)
    other = align_bitext(bitext, replace(SETTINGS, **change), tmp_path)
    assert len(trainings) == 2
    assert other.path != first.path
    assert other.key != first.key


def test_another_seed_has_other_links_of_eflomal_only(bitext: Bitext, tmp_path: Path) -> None:
    links = {
        aligner: [align_bitext(bitext, replace(SETTINGS, aligner=aligner, seed=seed), tmp_path) for seed in (1, 2)]
        for aligner in ("fast_align", "eflomal")
    }
    assert [one.path == other.path for one, other in links.values()] == [True, False]


def test_another_bitext_is_cached_apart(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings = count_trainings(monkeypatch)
    bitexts = [
        cache_bitext(ROWS, ("en", "de"), tokenizer, tmp_path, [origin]) for origin in ("one file", "another file")
    ]
    paths = {align_bitext(bitext, SETTINGS, tmp_path).path for bitext in bitexts}
    assert len(paths) == len(trainings) == 2


# Links made elsewhere


def test_links_between_words_become_links_between_their_tokens(importing: Callable) -> None:
    """Lines 2 and 4 belong to lines of the bitext that were dropped, and are skipped."""
    assert importing("0-0 1-1 2-2\n9-9\n1-1\nno links\n1-0 2-1\n") == [
        [(0, 0), (1, 1), (2, 1), (3, 2)],  # `cats` is two tokens
        [(1, 1)],
        [(1, 0), (2, 1)],
    ]


def test_links_between_tokens_are_taken_as_they_are(importing: Callable) -> None:
    assert importing("3-2 0-0 2-1\n9-9\n\nno links\n2-1\n", "subword") == [[(0, 0), (2, 1), (3, 2)], [], [(2, 1)]]


def test_chinese_without_spaces(chinese_tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """A link file counts words between spaces: a sentence without is one word, of a token for each character."""
    rows = [Row("a red cat .", "一只 红猫 。"), Row("not a cat", "我看见猫")]
    bitext = make_bitext(rows, chinese_tokenizer, tmp_path)
    path = tmp_path / "links.txt"

    path.write_text("1-1 2-1 3-2\n2-0\n")
    by_word = list(import_links(path, "word", bitext, chinese_tokenizer, tmp_path))
    assert by_word == [[(1, 2), (1, 3), (2, 2), (2, 3), (3, 4)], [(2, 0), (2, 1), (2, 2), (2, 3)]]

    path.write_text("1-2 2-3 3-4\n2-3\n")
    by_token = list(import_links(path, "subword", bitext, chinese_tokenizer, tmp_path))
    assert by_token == [[(1, 2), (2, 3), (3, 4)], [(2, 3)]]


def test_a_word_without_tokens_can_be_linked(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """U+200B is a word to an aligner and nothing to the tokenizer."""
    bitext = make_bitext([Row("the cat \u200b", "die katze")], tokenizer, tmp_path)
    (tmp_path / "links.txt").write_text("1-1 2-1\n")
    assert list(import_links(tmp_path / "links.txt", "word", bitext, tokenizer, tmp_path)) == [[(1, 1)]]


def test_a_compressed_file_and_windows_line_ends(
    bitext: Bitext, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    path = tmp_path / "links.txt.gz"
    path.write_bytes(gzip.compress(b"0-0\r\n\r\n1-1\r\n\r\n\r\n"))
    assert list(import_links(path, "word", bitext, tokenizer, tmp_path)) == [[(0, 0)], [(1, 1)], []]


def test_a_file_with_other_links_or_another_unit_is_imported_anew(importing: Callable) -> None:
    assert importing("1-1\n\n\n\n\n") == [[(1, 1), (2, 1)], [], []]
    assert importing("1-1\n\n\n\n\n", "subword") == [[(1, 1)], [], []]
    assert importing("0-0\n\n\n\n\n") == [[(0, 0)], [], []]


def test_an_imported_file_is_read_once(
    bitext: Bitext, tokenizer: PreTrainedTokenizerBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "links.txt"
    path.write_text("0-0\n" * 5)
    first = import_links(path, "word", bitext, tokenizer, tmp_path)
    monkeypatch.setattr("weam.alignment.links.word_numbers", SimpleNamespace())  # cannot be called
    assert list(import_links(path, "word", bitext, tokenizer, tmp_path)) == list(first)


@pytest.mark.parametrize(("lines", "length"), [("0-0\n" * 4, 4), ("0-0\n" * 6, 6), ("", 0), ("0-0\n" * 3, 3)])
def test_a_file_of_another_length_is_refused(importing: Callable, lines: str, length: int) -> None:
    with pytest.raises(ValueError, match=rf"links\.txt has {length} lines, the en-de bitext has 5; "):
        importing(lines)


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("0-0\n\n2-0\n\n\n", "word", r"links\.txt:3: link 2-0 is outside its sentence pair of 2 and 2 words; "),
        ("0-3\n\n\n\n\n", "word", r"links\.txt:1: link 0-3 is outside its sentence pair of 3 and 3 words; "),
        ("3-2\n\n\n\n3-0\n", "subword", r"links\.txt:5: link 3-0 is outside its sentence pair of 3 and 2 subwords; "),
        ("3-3\n\n\n\n\n", "subword", r"links\.txt:1: link 3-3 is outside its sentence pair of 4 and 3 subwords; "),
        ("0-0\n\n0-0 1:1\n\n\n", "word", r"links\.txt:3: '1:1' is not a link; "),
        ("0-0\n\n\n\n-1-0\n", "word", r"links\.txt:5: '-1-0' is not a link; "),
        ("0--1\n\n\n\n\n", "subword", r"links\.txt:1: '0--1' is not a link; "),
        ("0-0-0\n\n\n\n\n", "subword", r"links\.txt:1: '0-0-0' is not a link; "),
        ("0\n\n\n\n\n", "word", r"links\.txt:1: '0' is not a link; "),
    ],
)
def test_a_link_that_cannot_be_is_refused_with_its_place(
    importing: Callable, text: str, unit: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        importing(text, unit)


def test_a_refused_file_is_read_anew_once_it_is_mended(importing: Callable) -> None:
    with pytest.raises(ValueError, match="outside its sentence pair"):
        importing("9-9\n\n\n\n\n")
    assert importing("2-2\n\n\n\n\n") == [[(3, 2)], [], []]


# Tokens and words


@pytest.mark.parametrize(
    ("text", "tokens", "numbers"),
    [
        ("the cats .", ["the", "cat", "##s", "."], [0, 1, 1, 2]),
        ("the cats.", ["the", "cat", "##s", "."], [0, 1, 1, 1]),
        ("  the   cat ", ["the", "cat"], [0, 1]),
        ("the unknown cat", ["the", "[UNK]", "cat"], [0, 1, 2]),
        ("一只 红猫。", ["一", "只", "红", "猫", "。"], [0, 0, 1, 1, 1]),
        ("a 红猫 cats", ["a", "红", "猫", "cat", "##s"], [0, 1, 1, 2, 2]),
        ("我看见猫", ["我", "看", "见", "猫"], [0, 0, 0, 0]),
        ("the\xa0cat sees", ["the", "cat", "sees"], [0, 0, 1]),  # aligners split at spaces and tabs only
        ("", [], []),
        (" ", [], []),
    ],
)
def test_the_word_of_each_token(
    chinese_tokenizer: PreTrainedTokenizerBase, text: str, tokens: list[str], numbers: list[int]
) -> None:
    assert chinese_tokenizer.tokenize(text) == tokens
    assert word_numbers(text, chinese_tokenizer) == numbers


def test_a_token_that_is_only_a_space_belongs_to_the_word_after_it() -> None:
    tokenizer = unigram_tokenizer()
    tokens = tokenizer.tokenize("a \u4e16 cat ")
    assert tokens[tokens.index("\u4e16") - 1] == SPACE == tokens[-1]
    begun = list(accumulate(token.startswith(SPACE) for token in tokens))  # words, and one after the last
    assert word_numbers("a \u4e16 cat ", tokenizer) == [min(count, 3) - 1 for count in begun]


@pytest.fixture
def checkpoint(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> str:
    torch.manual_seed(0)
    WEAMBertModel(small_config(), add_pooling_layer=False).save_pretrained(tmp_path / "encoder")
    tokenizer.save_pretrained(tmp_path / "encoder")
    return str(tmp_path / "encoder")


def test_an_encoder_links_the_subwords_of_the_bitext(bitext: Bitext, checkpoint: str, tmp_path: Path) -> None:
    settings = AlignerSettings("encoder", model=checkpoint)
    links = list(align_bitext(bitext, settings, tmp_path / "cache"))
    loaded = load_encoder(checkpoint)
    sources, targets = bitext.pairs["source"], bitext.pairs["target"]
    texts = [text for pair in zip(sources, targets, strict=True) for text in pair]
    loaded.model.fit_alignment(loaded.tokenizer, texts)
    assert links == loaded.model.align_words(loaded.tokenizer, sources, targets, unit="subword")
    for (source, target), pair_links in zip(TokenPairs(bitext.pairs), links, strict=True):
        assert pair_links and all(i < len(source) and j < len(target) for i, j in pair_links)


def test_links_of_an_encoder_are_cached_by_its_weights(bitext: Bitext, checkpoint: str, tmp_path: Path) -> None:
    settings = AlignerSettings("encoder", model=checkpoint)
    path = align_bitext(bitext, settings, tmp_path / "cache").path
    path.write_text("0-0\n" * len(bitext.pairs))
    assert list(align_bitext(bitext, settings, tmp_path / "cache")) == [[(0, 0)]] * len(bitext.pairs)
    WEAMBertModel(small_config(), add_pooling_layer=False).save_pretrained(checkpoint)
    assert align_bitext(bitext, settings, tmp_path / "cache").path != path


def test_an_encoder_that_cannot_align_is_refused(bitext: Bitext, checkpoint: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a checkpoint"):
        AlignerSettings("encoder")
    with pytest.raises(ValueError, match="joined by intersect or grow-diag, not by union"):
        AlignerSettings("encoder", "union", model=checkpoint)
    BertTokenizer(vocab={word: n for n, word in enumerate([*SPECIAL, "the"])}).save_pretrained(checkpoint)
    with pytest.raises(ValueError, match="is not that of the bitext"):
        align_bitext(bitext, AlignerSettings("encoder", model=checkpoint), tmp_path / "cache")
