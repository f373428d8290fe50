"""The files that the study makes: shuffled links by their laws, splits of groups, all files of a part or none."""

import gzip
import json
import random
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from benchmarks.study import data as study_data
from benchmarks.study.data import (
    align_words,
    cut_bitext,
    main,
    shuffle,
    split_wikiann,
    split_xnli,
    split_xquad,
    unpair_bitext,
)
from tests.support.command_line import sentence_pairs
from tests.support.evaluation_data import write_json_lines, write_text
from weam.alignment.formats import parse_pharaoh
from weam.alignment.links import AlignerSettings, align_bitext
from weam.alignment.symmetrization import Links
from weam.bitext.reading import Bitext, BitextReport, load_bitext_files, parse_bitext_file

LINKS: list[Links] = [
    [(0, 0), (1, 1)],
    [(0, 2), (2, 0), (5, 1)],
    [(source, 30 - source) for source in range(0, 30, 2)],
]


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def arguments(tmp_path: Path) -> Namespace:
    (tmp_path / "out").mkdir()
    return Namespace(data_dir=tmp_path / "data", output_dir=tmp_path / "out", sizes=[])


# Shuffled links


@pytest.mark.parametrize("links", LINKS)
@pytest.mark.parametrize("number", range(5))
def test_no_token_keeps_its_target(links: Links, number: int) -> None:
    assert not set(shuffle(links, number)) & set(links)


@pytest.mark.parametrize("links", LINKS)
def test_the_same_tokens_are_linked(links: Links) -> None:
    shuffled = shuffle(links, number=0)
    assert [source for source, _ in shuffled] == [source for source, _ in links]
    assert sorted(target for _, target in shuffled) == sorted(target for _, target in links)


def test_two_links_change_targets() -> None:
    assert shuffle([(0, 4), (3, 1)], number=7) == [(0, 1), (3, 4)]


@pytest.mark.parametrize("links", [[], [(2, 3)]])
def test_a_single_link_is_dropped(links: Links) -> None:
    assert shuffle(links, number=0) == []


def test_a_pair_is_always_shuffled_alike_and_another_pair_in_its_own_way() -> None:
    assert shuffle(LINKS[-1], number=3) == shuffle(LINKS[-1], number=3)
    assert shuffle(LINKS[-1], number=3) != shuffle(LINKS[-1], number=4)


def test_every_way_to_shuffle_three_links_is_drawn() -> None:
    """Without a token that keeps its target there are two."""
    drawn = [shuffle([(0, 0), (1, 1), (2, 2)], number) for number in range(100)]
    assert 30 < drawn.count([(0, 1), (1, 2), (2, 0)]) < 70
    assert 30 < drawn.count([(0, 2), (1, 0), (2, 1)]) < 70


# Splits


def write_xnli_dev(folder: Path) -> list[dict[str, str]]:
    """Write three premises with three hypotheses each, in two languages."""
    rows = [{"premise": f"premise {number // 3}", "hypothesis": f"hypothesis {number}"} for number in range(9)]
    for language in ("en", "zh"):
        write_json_lines(folder / f"xnli/dev.{language}.jsonl.gz", [{**row, "language": language} for row in rows])
    return rows


def test_xnli_is_split_between_premises_in_all_languages_alike(
    arguments: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write_xnli_dev(arguments.data_dir)
    monkeypatch.setattr(study_data, "LANGUAGES", ("en", "zh"))
    monkeypatch.setattr(study_data, "XNLI_TRAIN_ROWS", 6)
    split_xnli(arguments)
    for language in ("en", "zh"):
        expected = [{**row, "language": language} for row in rows]
        train, dev = (lines(arguments.output_dir / f"{part}.{language}.jsonl") for part in ("train", "dev"))
        assert [json.loads(line) for line in train] == expected[:6]
        assert [json.loads(line) for line in dev] == expected[6:]


@pytest.mark.parametrize("rows", [5, 7])
def test_a_premise_on_both_sides_is_refused(arguments: Namespace, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    write_xnli_dev(arguments.data_dir)
    monkeypatch.setattr(study_data, "LANGUAGES", ("en", "zh"))
    monkeypatch.setattr(study_data, "XNLI_TRAIN_ROWS", rows)
    with pytest.raises(ValueError, match=f"XNLI dev en has one premise on both sides of row {rows}"):
        split_xnli(arguments)


def test_no_premise_of_xnli_is_on_both_sides(arguments: Namespace, research_data: Path) -> None:
    arguments.data_dir = research_data
    split_xnli(arguments)
    for language in study_data.LANGUAGES:
        train, dev = (lines(arguments.output_dir / f"{part}.{language}.jsonl") for part in ("train", "dev"))
        premises = [{json.loads(line)["premise"] for line in part} for part in (train, dev)]
        assert (len(train), len(dev), len(premises[0]), len(premises[1])) == (2001, 489, 667, 163)
        assert not premises[0] & premises[1]


def test_wikiann_is_split_at_a_row_without_what_is_tested(
    arguments: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"tokens": ["straße", str(number)], "ner_tags": ["O", "O"]} for number in range(5)]
    tested = {"tokens": ["straße", "tested"], "ner_tags": ["O", "O"]}
    write_json_lines(arguments.data_dir / "xtreme_r/wikiann/train.en.jsonl.gz", [rows[0], tested, *rows[1:]])
    write_json_lines(arguments.data_dir / "xtreme_r/wikiann/dev.en.jsonl.gz", [{**tested, "ner_tags": ["O", "B-LOC"]}])
    monkeypatch.setattr(study_data, "WIKIANN_TRAIN_ROWS", 3)
    split_wikiann(arguments)
    parts = {path.name: [json.loads(line) for line in lines(path)] for path in arguments.output_dir.iterdir()}
    assert parts == {"train.en.jsonl": rows[:3], "dev.en.jsonl": rows[3:]}


def paragraph(number: int, questions: int) -> dict[str, object]:
    """Return a paragraph with so many questions."""
    qas = [{"id": f"{number}-{n}", "question": "?", "answers": []} for n in range(questions)]
    return {"context": f"context {number}", "qas": qas}


@pytest.mark.parametrize("questions", [3, 4])
def test_xquad_is_split_between_paragraphs(
    arguments: Namespace, monkeypatch: pytest.MonkeyPatch, questions: int
) -> None:
    """Two and two questions are what is to be trained on, or more; titles stay with their paragraphs."""
    paragraphs = [paragraph(0, 2), paragraph(1, 2), paragraph(2, 1), paragraph(3, 4)]
    data = [{"title": "one", "paragraphs": paragraphs[:3]}, {"title": "two", "paragraphs": paragraphs[3:]}]
    for language in ("en", "zh"):
        write_text(arguments.data_dir / f"squad/xquad.{language}.json.gz", json.dumps({"version": "1.1", "data": data}))
    monkeypatch.setattr(study_data, "XQUAD_LANGUAGES", ("en", "zh"))
    monkeypatch.setattr(study_data, "XQUAD_TRAIN_QUESTIONS", questions)
    split_xquad(arguments)
    one = [{"title": "one", "paragraphs": [part]} for part in paragraphs[:3]]
    two = [{"title": "two", "paragraphs": paragraphs[3:]}]
    for language in ("en", "zh"):
        train, dev = (arguments.output_dir / f"{part}.{language}.json" for part in ("train", "dev"))
        assert json.loads(train.read_text()) == {"data": one[:2]}
        assert json.loads(dev.read_text()) == {"data": [one[2], *two]}


def test_no_paragraph_of_xquad_is_on_both_sides(arguments: Namespace, research_data: Path) -> None:
    arguments.data_dir = research_data
    split_xquad(arguments)
    for language in study_data.XQUAD_LANGUAGES:
        contexts, questions = [], []
        for part in ("train", "dev"):
            data = json.loads((arguments.output_dir / f"{part}.{language}.json").read_text(encoding="utf-8"))["data"]
            found = [paragraph for article in data for paragraph in article["paragraphs"]]
            contexts.append({paragraph["context"] for paragraph in found})
            questions.append(sum(len(paragraph["qas"]) for paragraph in found))
        assert questions == [1001, 189] and not contexts[0] & contexts[1]


# Bitext


@pytest.fixture
def small_bitext(arguments: Namespace, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Two files of one language pair and one of another."""
    files = {
        "en-de.one": [f"one {n}\teins {n}" for n in range(6)],
        "en-de.two": [f"two {n}\tzwei {n}" for n in range(4)],
        "en-sw.one": [f"one {n}\tmoja {n}" for n in range(3)],
    }
    for name, rows in files.items():
        write_text(arguments.data_dir / f"bitext/{name}.tsv.gz", "\n".join(rows) + "\n")
    monkeypatch.setattr(study_data, "PAIRS", {"en-de": ("en-de.one", "en-de.two"), "en-sw": ("en-sw.one",)})
    return files


def test_bitext_is_cut_to_pairs_of_all_files_in_their_order(
    arguments: Namespace, small_bitext: dict[str, list[str]]
) -> None:
    arguments.sizes = ["en-de=7", "en-sw=3"]
    cut_bitext(arguments)
    german, swahili = (lines(arguments.output_dir / f"{pair}.tsv") for pair in ("en-de", "en-sw"))
    both = small_bitext["en-de.one"] + small_bitext["en-de.two"]
    assert len(german) == 7 and german == [row for row in both if row in set(german)]
    assert {row.split()[0] for row in german} == {"one", "two"}
    assert swahili == small_bitext["en-sw.one"]


def test_a_smaller_bitext_is_part_of_a_larger_one(arguments: Namespace, small_bitext: dict[str, list[str]]) -> None:
    found = []
    for size in (3, 6, 6):
        arguments.sizes = [f"en-de={size}"]
        cut_bitext(arguments)
        found.append(lines(arguments.output_dir / "en-de.tsv"))
    assert set(found[0]) < set(found[1]) and found[1] == found[2]


def test_more_pairs_than_there_are_are_refused(arguments: Namespace, small_bitext: dict[str, list[str]]) -> None:
    arguments.sizes = ["en-de=10", "en-sw=4"]
    with pytest.raises(ValueError, match="en-sw has 3 pairs, not 4"):
        cut_bitext(arguments)


def test_unpaired_text_has_the_same_sentences_and_no_pair(
    arguments: Namespace, small_bitext: dict[str, list[str]]
) -> None:
    arguments.sizes = ["en-de=7", "en-sw=3"]
    cut_bitext(arguments)
    paired = {pair: lines(arguments.output_dir / f"{pair}.tsv") for pair in ("en-de", "en-sw")}
    unpair_bitext(arguments)
    for pair, rows in paired.items():
        parted = lines(arguments.output_dir / f"{pair}.tsv")
        both = [[row.split("\t") for row in text] for text in (rows, parted)]
        before, after = ([list(side) for side in zip(*text, strict=True)] for text in both)
        assert after[0] == before[0] and sorted(after[1]) == sorted(before[1])
        assert not set(parted) & set(rows)


# Links of words


def bitext_of(sources: list[str], targets: list[str]) -> Bitext:
    pairs = Dataset.from_dict({"source": sources, "target": targets})
    return Bitext(("en", "de"), pairs, BitextReport("en-de", len(pairs), len(pairs), {}), {})


def test_words_of_the_same_meaning_are_linked() -> None:
    words = {"the": "das", "red": "rote", "house": "Haus", "sees": "sieht", "dog": "Hund", "a": "ein"}
    texts = ["the dog sees the house", "a dog sees", "the red house", "a red dog", "the dog", "the house", "a house"]
    targets = [" ".join(words[word] for word in text.split()) for text in texts]
    found = list(align_words(bitext_of(texts * 4, targets * 4)))
    assert found == [[(n, n) for n in range(len(text.split()))] for text in texts * 4]


def test_words_are_what_stands_between_spaces_whatever_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def train(pairs: list[tuple[list[int], list[int]]], aligner: str, seed: int) -> SimpleNamespace:
        read.extend(pairs)
        return SimpleNamespace(align=lambda pairs, heuristic: [[] for _ in pairs])

    monkeypatch.setattr(study_data.WordAligner, "train", train)
    assert list(align_words(bitext_of(["The house", "the  STRASSE\tHouse"], ["das Haus", "straße\u00a0 das"]))) == [
        [],
        [],
    ]
    assert read == [([0, 1], [2, 3]), ([0, 4, 1], [5, 2])]  # a space that does not break is part of a word


@pytest.fixture
def linked(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, list[Links]]:
    """The folder of a part `links`, and the links of its English-German bitext; line 2 is empty."""
    pairs = sentence_pairs()
    random.Random(0).shuffle(pairs)
    rows = ["\t".join(pair) for pair in pairs[:60]]
    rows[1] = "\t"
    for pair in ("en-de", "en-zh"):
        write_text(tmp_path / f"data/bitext/{pair}.all.tsv.gz", "".join(f"{row}\n" for row in rows))
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    monkeypatch.setattr(study_data, "JOINT", ("en-de", "en-zh"))
    monkeypatch.setattr(study_data, "PAIRS", {"en-de": ("en-de.all",), "en-zh": ("en-zh.all",)})
    options = {"--part": "links", "--tokenizer": tmp_path / "tokenizer", "--cache_dir": tmp_path / "cache"}
    run(monkeypatch, tmp_path / "data", tmp_path / "links", options)
    file = parse_bitext_file(f"en-de={tmp_path}/data/bitext/en-de.all.tsv.gz")
    bitext = load_bitext_files([file], tokenizer, tmp_path / "cache")
    links = align_bitext(bitext, AlignerSettings("fast_align", "intersect", 42), tmp_path / "cache")
    return tmp_path / "links", list(links)


def test_links_are_written_for_every_line_of_the_bitext(linked: tuple[Path, list[Links]]) -> None:
    folder, links = linked
    assert {path.name for path in folder.iterdir()} == {"shuffled.en-de.txt", "words.en-de.txt", "shuffled.en-zh.txt"}
    shuffled = [parse_pharaoh(line) for line in lines(folder / "shuffled.en-de.txt")]
    assert len(shuffled) == 60 == len(lines(folder / "words.en-de.txt")) and shuffled.pop(1) == []
    for found, before in zip(shuffled, links, strict=True):
        assert not set(found) & set(before)
        assert len(found) == (len(before) if len(before) > 1 else 0)
    assert sum(map(len, links)) > 200


# All files of a part, or none


def run(monkeypatch: pytest.MonkeyPatch, data: Path, output: Path, options: dict[str, object]) -> None:
    """Run the program."""
    words = {**options, "--data_dir": data, "--output_dir": output}
    monkeypatch.setattr(sys, "argv", ["data", *(str(word) for pair in words.items() for word in pair)])
    main()


def test_a_part_is_written_whole_over_what_was_there(
    arguments: Namespace, small_bitext: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "new" / "text"
    for size in (1, 2):
        run(monkeypatch, arguments.data_dir, output, {"--part": "bitext", "--sizes": f"en-de={size}"})
        (output / "other.txt").write_text("of an earlier run")
    run(monkeypatch, arguments.data_dir, output, {"--part": "bitext", "--sizes": "en-sw=3"})
    assert [path.name for path in output.iterdir()] == ["en-sw.tsv"]
    assert [path.name for path in output.parent.iterdir()] == ["text"]


def test_a_part_that_fails_leaves_nothing_where_it_is_looked_for(
    arguments: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """English is written before Chinese is found to be cut off."""
    write_xnli_dev(arguments.data_dir)
    path = arguments.data_dir / "xnli/dev.zh.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"premise": "one"}\n')[:-9])
    monkeypatch.setattr(study_data, "LANGUAGES", ("en", "zh"))
    monkeypatch.setattr(study_data, "XNLI_TRAIN_ROWS", 6)
    with pytest.raises(ValueError, match=r"dev\.zh\.jsonl\.gz: cannot be read"):
        run(monkeypatch, arguments.data_dir, tmp_path / "xnli-dev", {"--part": "xnli-dev"})
    assert not (tmp_path / "xnli-dev").exists()
    write_xnli_dev(arguments.data_dir)
    run(monkeypatch, arguments.data_dir, tmp_path / "xnli-dev", {"--part": "xnli-dev"})
    assert len(list((tmp_path / "xnli-dev").iterdir())) == 4
