"""Reading parallel text: every format, what is dropped, and every complaint with its place."""

import gzip
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertTokenizer

from tests.conftest import TEXTS
from weam.bitext.reading import (
    BitextFile,
    Row,
    cache_bitext,
    check_pairs,
    load_bitext_files,
    pair_id,
    parse_bitext_file,
    parse_language_pair,
    read_bitext_file,
    read_hub_bitext,
)
from weam.storage import read_lines

ROWS = [Row(*texts) for texts in TEXTS]
PAIR = ("en", "de")


def write(path, text):
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(*paths):
    return list(read_bitext_file(BitextFile(PAIR, tuple(paths))))


def test_every_format_gives_the_same_rows(tmp_path):
    tsv = "".join(f"{source}\t{target}\n" for source, target in TEXTS)
    jsonl = "".join(json.dumps({"translation": {"de": de, "en": en}, "more": 1}) + "\n" for en, de in TEXTS)
    english = write(tmp_path / "c.en", "".join(source + "\n" for source, _ in TEXTS))
    german = write(tmp_path / "c.de", "".join(target + "\n" for _, target in TEXTS))
    for name, text in (("a.tsv", tsv), ("a.tsv.gz", tsv), ("a.jsonl", jsonl), ("a.jsonl.gz", jsonl)):
        assert read(write(tmp_path / name, text)) == ROWS, name
    assert read(english, german) == ROWS


def test_quotes_carriage_returns_bom_and_line_separators_do_not_shift_lines(tmp_path):
    text = '\ufeff"Hello, he said\tHallo"\r\na\u2028b\x0bc\x1cd\tx\x85y\n"\t"\n'
    assert read(write(tmp_path / "a.tsv", text)) == [
        Row('"Hello, he said', 'Hallo"'),
        Row("a\u2028b\x0bc\x1cd", "x\x85y"),
        Row('"', '"'),
    ]


def test_a_blank_line_is_a_pair_without_sides(tmp_path):
    assert read(write(tmp_path / "a.tsv", "a\tb\n\nc\td\n")) == [Row("a", "b"), Row("", ""), Row("c", "d")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tsv", "a\tb\na b\n", r"a\.tsv:2: 1 tab-separated columns instead of 2"),
        ("a.tsv.gz", "a\tb\tc\n", r"a\.tsv\.gz:1: 3 tab-separated columns"),
        ("a.tsv", b"a\tb\n\xff\tb\n", r"a\.tsv:2: 'utf-8' codec can't decode byte 0xff .*; convert the file to UTF-8"),
        (
            "a.jsonl",
            '{"translation": {"en": "a", "de": "b"}}\n{"en": "a"}\n',
            r"a\.jsonl:2: no text under translation/en",
        ),
        ("a.jsonl", '{"translation": {"en": "a", "fr": "b"}}\n', r"a\.jsonl:1: no text under translation/de"),
        ("a.jsonl", '{"translation": {"en": "a", "de": null}}\n', r"a\.jsonl:1: no text under translation/de"),
        ("a.jsonl", "[1]\n", r"a\.jsonl:1: no text under translation/en"),
        ("a.jsonl", "{\n", r"a\.jsonl:1: is not JSON"),
        ("a.jsonl", '{"translation": {"en": "\\ud800", "de": "b"}}\n', r"a\.jsonl:1: the en side is no Unicode text"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path / name, text))


def test_unequal_moses_files_are_named(tmp_path):
    english, german = write(tmp_path / "c.en", "a\nb\nc\n"), write(tmp_path / "c.de", "a\nb\n")
    with pytest.raises(ValueError, match=r"c\.de ends after line 2, .*c\.en goes on at line 3"):
        read(english, german)
    with pytest.raises(ValueError, match=r"c\.de ends after line 2"):
        read(german, english)


@given(st.lists(st.tuples(st.text(), st.text())))
def test_any_text_comes_back_in_its_line(tmp_path_factory, pairs):
    """TSV can hold whatever has neither tab nor line feed; sides come back stripped."""
    pairs = [tuple(side.replace("\t", "").replace("\n", "").replace("\r", "") for side in pair) for pair in pairs]
    path = tmp_path_factory.mktemp("any") / "a.tsv"
    try:
        path.write_bytes("".join(f"{source}\t{target}\n" for source, target in pairs).encode())
    except UnicodeEncodeError:
        return  # lone surrogates cannot be in a UTF-8 file
    first_bom_removed = [(pairs[0][0].removeprefix("\ufeff"), pairs[0][1])] + pairs[1:] if pairs else []
    assert read(path) == [Row(source.strip(" "), target.strip(" ")) for source, target in first_bom_removed]


def test_what_is_dropped_is_counted_by_reason(tokenizer):
    rows = [
        Row("the cat", "die katze"),
        Row("", "hund"),
        Row("the cat", "die katze"),
        Row("cat", "ein rotes haus " * 4),
        Row("cat " * 201, "katze " * 201),
        Row("the dog", "hund"),
    ]
    dropped = Counter()
    (pairs,) = check_pairs(rows, PAIR, tokenizer, dropped)
    assert pairs["row"].to_pylist() == [0, 5]
    assert dropped == {
        "with an empty side": 1,
        "duplicate": 1,
        "over 9 times longer on one side": 1,
        "over 200 tokens": 1,
    }


def test_markup_in_the_text_never_becomes_a_special_token(tokenizer):
    (pairs,) = check_pairs([Row("the [SEP] cat [MASK]", "die [PAD] katze")], PAIR, tokenizer, Counter())
    (pair,) = pairs.to_pylist()
    assert set(pair["source_ids"] + pair["target_ids"]).isdisjoint({0, 2, 3, 4})


def test_ids_depend_on_the_text_alone():
    assert pair_id(PAIR, "a", "b") == pair_id(PAIR, "a", "b") == 6637272020207155314
    different = [(PAIR, "a", "b"), (PAIR, "b", "a"), (("en", "fr"), "a", "b"), (PAIR, "a\tb", ""), (PAIR, "", "a\tb")]
    assert len({pair_id(*arguments) for arguments in different}) == len(different)


def test_files_of_one_language_pair_are_joined_and_rows_count_through(tokenizer, tmp_path):
    first = write(tmp_path / "a.tsv", "the cat\tdie katze\n\nthe dog\thund\n")
    second = write(tmp_path / "b.tsv", "the dog\thund\na red house\tein rotes haus\n")
    files = [parse_bitext_file(f"en-de={path}") for path in (first, second)]
    bitext = load_bitext_files(files, tokenizer, tmp_path / "cache")
    assert bitext.pairs["row"][:] == [0, 2, 4]
    assert str(bitext.report) == "en-de: 3 of 5 sentence pairs kept; dropped: 1 with an empty side, 1 duplicate"
    assert bitext.language_pair == "en-de"


def test_nothing_left_says_what_was_dropped(tokenizer, tmp_path):
    path = write(tmp_path / "a.tsv", "the cat\t\n\t\n")
    with pytest.raises(ValueError, match="no sentence pair is left.*0 of 2 .* 2 with an empty side"):
        load_bitext_files([parse_bitext_file(f"en-de={path}")], tokenizer, tmp_path / "cache")


def test_the_cache_is_read_again_and_never_stale(tokenizer, tmp_path):
    path = write(tmp_path / "a.tsv", "the cat\tdie katze\n")
    files = [parse_bitext_file(f"en-de={path}")]
    first = load_bitext_files(files, tokenizer, tmp_path / "cache")
    entries = sorted((tmp_path / "cache").iterdir())
    assert load_bitext_files(files, tokenizer, tmp_path / "cache").pairs[:] == first.pairs[:]
    assert sorted((tmp_path / "cache").iterdir()) == entries

    write(path, "the dog\thund\n")
    assert load_bitext_files(files, tokenizer, tmp_path / "cache").pairs["source"][:] == ["the dog"]
    other = BertTokenizer(vocab={**tokenizer.get_vocab(), "more": len(tokenizer)}, do_lower_case=False)
    load_bitext_files(files, other, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_a_hub_data_set_is_read_through_datasets(tokenizer, tmp_path):
    """A local folder with configurations, loaded by the code that loads Helsinki-NLP/opus-100."""
    folder = tmp_path / "opus"
    (folder / "de-en").mkdir(parents=True)
    lines = [json.dumps({"translation": {"de": de, "en": en}}) for en, de in TEXTS]
    write(folder / "de-en" / "train.jsonl", "\n".join(lines))
    write(folder / "README.md", "---\nconfigs:\n- config_name: de-en\n  data_files: de-en/train.jsonl\n---\n")
    dataset = load_dataset(str(folder), "de-en", split="train", cache_dir=str(tmp_path / "datasets"))
    assert list(read_hub_bitext(dataset, ("de", "en"), "opus")) == [Row(de, en) for en, de in TEXTS]
    with pytest.raises(ValueError, match="opus, row 1: no text under translation/fr"):
        list(read_hub_bitext(dataset, ("fr", "en"), "opus"))


@pytest.mark.parametrize("text", ["en", "en-", "-de", "en-de-fr", ""])
def test_what_is_no_language_pair_is_refused(text):
    with pytest.raises(ValueError, match="write it like en-de"):
        parse_language_pair(text)


def test_what_names_no_bitext_is_refused(tmp_path):
    with pytest.raises(ValueError, match="names no bitext; write en-de=FILE"):
        parse_bitext_file("corpus.tsv")
    with pytest.raises(ValueError, match=r"two files of pairs .*; write en-de=a\.tsv en-de=b\.tsv"):
        parse_bitext_file("en-de=a.tsv,b.tsv")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.tsv does not exist"):
        parse_bitext_file(f"en-de={tmp_path / 'nowhere.tsv'}")


def test_mbert_and_unigram_vocabularies_cut_real_text(research_data, tmp_path):
    """Real lines through mBERT's WordPiece vocabulary; the Unigram backbone is tested in test_checkpoint.py."""
    words = list(read_lines(research_data / "tokenizer" / "mbert-vocab.txt"))
    tokenizer = BertTokenizer(vocab={token: number for number, token in enumerate(words)}, do_lower_case=False)
    lines = list(read_lines(research_data / "bitext" / "en-zh.tatoeba.tsv.gz"))[:500]
    bitext = cache_bitext((Row(*line.split("\t")) for line in lines), ("en", "zh"), tokenizer, tmp_path, ["test"])
    assert bitext.report.read == 500
    assert bitext.report.kept > 400
    shutil.rmtree(tmp_path)
    assert not Path(tmp_path).exists()
