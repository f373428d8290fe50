"""Files of benchmarks: which one is read, how it is read, and what is said of one that cannot be."""

import gzip
import re
from pathlib import Path

import pytest
from datasets import Dataset

from tests.support.evaluation_data import write_lines
from weam.storage import numbered_lines
from weam.transfer.tasks.files import DataFiles, hub_rows, load_from_hub, read_files, read_json_lines


def lines_of(path: Path) -> list[str]:
    return [line for _, line in numbered_lines(path)]


# Which files


def test_without_files_examples_come_from_the_hub() -> None:
    assert DataFiles().find("train", "en") == []


def test_files_of_a_language_are_those_named_for_it_in_their_order(tmp_path: Path) -> None:
    second, first = write_lines(tmp_path / "a", "{}"), write_lines(tmp_path / "b", "{}")
    files = DataFiles(train=[f"en={first}", f"de={first}", f"en={second}"])
    assert files.find("train", "en") == [first, second]
    assert files.find("train", "zh") == files.find("dev", "en") == []
    assert files.languages("train", []) == ["en", "de"]


def test_a_name_with_a_place_for_the_language_stands_for_all_that_are_not_named(tmp_path: Path) -> None:
    own, shared = write_lines(tmp_path / "mine", "{}"), write_lines(tmp_path / "l=1" / "test.de.jsonl", "{}")
    files = DataFiles(test=[f"en={own}", f"{tmp_path}/l=1/test.{{language}}.jsonl"])
    assert (files.find("test", "en"), files.find("test", "de")) == ([own], [shared])
    assert files.languages("test", ["de", "en", "zh"]) == ["en", "de", "zh"]


def test_a_name_may_have_places_for_the_languages_of_context_and_question(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "dev-context-en-question-de.json", "{}")
    files = DataFiles(test=[f"{tmp_path}/dev-context-{{context}}-question-{{question}}.json"])
    assert files.find("test", "en-de") == [path]


@pytest.mark.parametrize("entry", ["de=nowhere.de.jsonl", "nowhere.{language}.jsonl"])
def test_a_file_that_does_not_exist_is_reported(entry: str) -> None:
    message = (
        "there is no file nowhere.de.jsonl, which --dev_file names for de: mend the name, or choose other --languages"
    )
    with pytest.raises(FileNotFoundError, match=f"^{re.escape(message)}$"):
        DataFiles(dev=[entry]).find("dev", "de")


@pytest.mark.parametrize("entry", ["data/train.jsonl", "=data/train.jsonl", "en=", "data/train.{lang}.jsonl"])
def test_a_file_needs_its_language(entry: str) -> None:
    message = f"^--train_file {entry}: say which language the file is in, as in en={entry}, or write {{language}} where"
    with pytest.raises(ValueError, match=message):
        DataFiles(train=[entry])


# Lines


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_lines_come_with_their_place(name: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / name, "eins", "", "drei\r")
    assert list(numbered_lines(path)) == [(f"{path}:1", "eins"), (f"{path}:2", ""), (f"{path}:3", "drei")]


def test_the_last_line_may_lack_its_end_and_only_line_feeds_end_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("a\u2028b\x85c\n\u3000d ".encode())
    assert lines_of(tmp_path / "a.txt") == ["a\u2028b\x85c", "\u3000d "]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf1\tthe\n")
    assert lines_of(tmp_path / "a.txt") == ["1\tthe"]


def test_a_file_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"eins\nz\xe4hlen\n")
    with pytest.raises(ValueError, match=r"a\.txt:2: 'utf-8' codec can't decode byte 0xe4 .*; convert the file to UTF"):
        lines_of(tmp_path / "a.txt")


DAMAGED = {
    "cut off": (lambda content: content[:-6], "Compressed file ended"),
    "changed": (lambda content: content[:10] + b"\xff" * 9 + content[19:], "invalid block type"),
    "another's checksum": (lambda content: content[:-8] + b"\0" * 4 + content[-4:], "CRC check failed"),
    "not compressed": (lambda content: b"eins\n", "Not a gzipped file"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_gzip_file_is_named(damage: str, tmp_path: Path) -> None:
    change, reason = DAMAGED[damage]
    (tmp_path / "a.txt.gz").write_bytes(change(gzip.compress(b"eins\nzwei\n")))
    with pytest.raises(ValueError, match=rf"a\.txt\.gz: cannot be read after line \d: .*{reason}.*; give a whole gzip"):
        lines_of(tmp_path / "a.txt.gz")


# Examples


def test_the_examples_of_files_are_joined_in_the_order_of_the_files(tmp_path: Path) -> None:
    paths = [write_lines(tmp_path / "b", "eins", "zwei"), write_lines(tmp_path / "a", "drei")]
    assert read_files(paths, lines_of) == ["eins", "zwei", "drei"]


def test_a_file_without_examples_is_named(tmp_path: Path) -> None:
    paths = [write_lines(tmp_path / "a", "eins"), write_lines(tmp_path / "empty.gz")]
    with pytest.raises(ValueError, match=r"empty\.gz: holds no examples; give a file that has some, or leave it out$"):
        read_files(paths, lines_of)


def test_json_lines_are_records_with_their_place(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "a.jsonl", '{"text": "z\\u00e4hlen", "label": 0, "more": null}', '{"text": "", "label": 1}'
    )
    assert list(read_json_lines(path, ("text", "label"))) == [
        (f"{path}:1", {"text": "zählen", "label": 0, "more": None}),
        (f"{path}:2", {"text": "", "label": 1}),
    ]


JSON_FAULTS = {
    '{"text": "a"': r"is not JSON \(Expecting ',' delimiter: .*\); write one object a line",
    "": r"is not JSON \(Expecting value: .*\); write one object a line",  # blank
    '["a", 0]': "holds no JSON object; write one with text, label",
    '{"texts": "a", "kind": 0}': "lacks text, label; it has kind, texts",
    '{"text": "a"}': "lacks label; it has text",
}


@pytest.mark.parametrize("line", JSON_FAULTS)
def test_a_faulty_json_line_is_named(line: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl.gz", '{"text": "a", "label": 0}', line, "never read")
    with pytest.raises(ValueError, match=rf"a\.jsonl\.gz:2: {JSON_FAULTS[line]}$"):
        list(read_json_lines(path, ("text", "label")))


def test_rows_of_a_data_set_are_records_with_their_place() -> None:
    rows = Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]})
    assert list(hub_rows(rows, "me/set train", ("text",))) == [
        ("me/set train row 0", {"text": "a", "label": 0}),
        ("me/set train row 1", {"text": "b", "label": 1}),
    ]


def test_a_data_set_without_a_column_is_named() -> None:
    rows = Dataset.from_dict({"text": ["a"], "class": [0]})
    with pytest.raises(ValueError, match="^me/set train lacks label; it has text, class$"):
        list(hub_rows(rows, "me/set train", ("text", "label")))


def test_a_data_set_without_rows_is_named() -> None:
    with pytest.raises(ValueError, match="^me/set train holds no examples; choose a split that has some$"):
        list(hub_rows(Dataset.from_dict({"text": []}), "me/set train", ("text",)))


def test_a_configuration_that_the_hub_lacks_is_named_with_its_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object, **__: object) -> None:
        raise ValueError("BuilderConfig 'xx' not found")

    monkeypatch.setattr("weam.transfer.tasks.files.load_dataset", lacking)
    with pytest.raises(ValueError, match="BuilderConfig 'xx'") as refused:
        load_from_hub("facebook/xnli:xx", "test")
    assert refused.value.__notes__[0].startswith("while the test split of facebook/xnli:xx was read from the Hub")
