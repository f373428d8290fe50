"""XNLI and PAWS-X: read, encoded, scored."""

import json
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pytest
from transformers import PreTrainedTokenizerBase

from tests.support.evaluation_data import write_lines
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.text_pairs import PAWSX, XNLI, TextPair

PAIRS = [
    TextPair("the cat sees a dog .", "a dog .", "entailment"),
    TextPair("die katze", "nicht die katze isst ein rotes haus", "contradiction"),
    TextPair("a", "not", "neutral"),
]


def xnli_line(label: object, **changes: object) -> str:
    return json.dumps({"premise": "Die Katze ißt.", "hypothesis": " Nichts", "label": label, **changes})


def pawsx_line(label: object) -> str:
    return json.dumps({"sentence1": "eins", "sentence2": "zwei", "label": label})


# Reading


def test_xnli_is_read_from_files(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "test.de.jsonl.gz", xnli_line("neutral", more=1), xnli_line("contradiction"))
    assert XNLI(DataFiles(test=[f"de={path}"])).read("test", "de") == [
        TextPair("Die Katze ißt.", " Nichts", "neutral"),
        TextPair("Die Katze ißt.", " Nichts", "contradiction"),
    ]


def test_named_files_of_a_language_are_joined(tmp_path: Path) -> None:
    paths = [write_lines(tmp_path / f"{label}.jsonl", xnli_line(label)) for label in ("neutral", "entailment")]
    files = DataFiles(train=[f"de={path}" for path in paths])
    assert [pair.label for pair in XNLI(files).read("train", "de")] == ["neutral", "entailment"]


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "dev.de.jsonl.gz")
    with pytest.raises(ValueError, match=r"dev\.de\.jsonl\.gz: holds no examples"):
        XNLI(DataFiles(dev=[f"de={path}"])).read("dev", "de")
    with pytest.raises(ValueError, match=r"dev\.de\.jsonl\.gz: holds no examples"):
        XNLI(DataFiles()).read_custom(str(path))


@pytest.mark.parametrize("label", ["-", -1, 3, True, None])
def test_a_label_outside_the_set_is_named(label: object, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", xnli_line("neutral"), xnli_line(label))
    message = rf"a\.jsonl:2: the label is {label!r}, which is none of entailment, neutral, contradiction"
    with pytest.raises(ValueError, match=message):
        XNLI(DataFiles()).read_custom(str(path))


def test_a_pair_without_a_text_is_named(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", xnli_line("neutral"), xnli_line("neutral", hypothesis=" "))
    with pytest.raises(ValueError, match=r"a\.jsonl:2: hypothesis is ' '; it must hold text"):
        XNLI(DataFiles()).read_custom(str(path))


def test_a_pair_without_a_column_is_named(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", pawsx_line(0))
    with pytest.raises(ValueError, match=r"a\.jsonl:1: lacks premise, hypothesis; it has label, sentence1, sentence2"):
        XNLI(DataFiles()).read_custom(str(path))


def test_a_data_set_has_numbers_as_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    write_lines(tmp_path / "nli" / "train.jsonl", *map(xnli_line, (0, 1, 2)))
    pairs = XNLI(DataFiles()).read_custom(str(tmp_path / "nli"))
    assert [pair.label for pair in pairs] == ["entailment", "neutral", "contradiction"]


def test_a_faulty_row_of_a_data_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    write_lines(tmp_path / "nli" / "train.jsonl", *map(xnli_line, (0, -1)))
    with pytest.raises(ValueError, match=r"/nli train row 1: the label is -1"):
        XNLI(DataFiles()).read_custom(str(tmp_path / "nli"))


@pytest.mark.parametrize(
    ("label", "name"),
    [(0, "different"), ("0", "different"), ("different", "different"), (1, "paraphrase"), ("1", "paraphrase")],
)
def test_pawsx_labels_are_digits_as_numbers_or_text(label: object, name: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "test.ko.jsonl.gz", pawsx_line(label))
    assert PAWSX(DataFiles(test=[f"ko={path}"])).read("test", "ko") == [TextPair("eins", "zwei", name)]


@pytest.mark.parametrize("label", ["2", 2, "01", True, None, ["1"]])
def test_other_pawsx_labels_are_named(label: object, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", pawsx_line(label))
    with pytest.raises(ValueError, match=r"a\.jsonl:1: the label is .*, which is none of different, paraphrase"):
        PAWSX(DataFiles()).read_custom(str(path))


# Encoding


def test_a_pair_is_encoded_as_the_tokenizer_does_it_alone(tokenizer: PreTrainedTokenizerBase) -> None:
    encoded = XNLI(DataFiles()).encode(PAIRS, tokenizer)
    expected = [dict(tokenizer(pair.first, pair.second)) for pair in PAIRS]
    for row, label in zip(expected, (0, 2, 1), strict=True):
        row |= {"length": len(row["input_ids"]), "labels": label}
    assert encoded.to_list() == expected


def test_the_longer_text_is_cut_and_both_are_kept(tokenizer: PreTrainedTokenizerBase) -> None:
    encoded = XNLI(DataFiles(), max_length=8).encode(PAIRS[:2], tokenizer)
    assert [" ".join(tokenizer.convert_ids_to_tokens(row)) for row in encoded["input_ids"]] == [
        "[CLS] the cat sees [SEP] a dog [SEP]",
        "[CLS] die katze [SEP] nicht die katze [SEP]",
    ]
    assert encoded["token_type_ids"][:] == [[0] * 5 + [1] * 3, [0] * 4 + [1] * 4]
    assert encoded["length"][:] == [8, 8]


# Scores


def test_accuracy_is_the_share_of_right_classes() -> None:
    logits = np.array([[2.0, 0.0, 1.0], [0.5, 0.6, 0.4], [-3.0, -1.0, -2.0]])  # entailment, neutral, neutral
    scored = XNLI(DataFiles()).score((logits,), None, PAIRS, "de")
    assert scored.predictions == ["entailment", "neutral", "neutral"]
    assert list(scored.metrics) == ["accuracy"]
    assert scored.metrics["accuracy"].numerators.tolist() == [1, 0, 1]
    assert scored.metrics["accuracy"].value == pytest.approx(2 / 3)


# Research data


def test_xnli_s_test_set_is_read(research_data: Path) -> None:
    pairs = XNLI(DataFiles(test=[f"{research_data}/xnli/test.{{language}}.jsonl.gz"])).read("test", "sw")
    assert Counter(pair.label for pair in pairs) == {"entailment": 1670, "neutral": 1670, "contradiction": 1670}


def test_pawsx_s_test_set_is_read(research_data: Path) -> None:
    pairs = PAWSX(DataFiles(test=[f"{research_data}/xtreme_r/pawsx/test.{{language}}.jsonl.gz"])).read("test", "de")
    assert len(pairs) == 1968
    assert pairs[1] == TextPair(
        "Der Tabaci River ist ein Nebenfluss des Flusses Leurda in Rumänien.",
        "Der Fluss Leurda ist ein Nebenfluss des Flusses Tabaci in Rumänien.",
        "different",
    )
