"""UDPOS and PAN-X: CoNLL-U and JSON lines -> words and tags -> tokens, and back to scores of words and entities."""

import json
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from transformers import PreTrainedTokenizerBase

from tests.support.evaluation_data import write_lines
from tests.support.tokenizers import byte_level_tokenizer
from weam.scores import Scored
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.tagging import PANX, UDPOS, EntityCounts, TaggedSentence, TaggingTask, entity_counts

MARK = "\u200f"  # the tokenizer drops it
LONG_WORDS = "the dogs sees nicht cats ? houses dogs a redes katzen".split() * 3
LONG = TaggedSentence(tuple(LONG_WORDS), ("NOUN", "X", "ADJ") * 11)
SENTENCES = [
    TaggedSentence(("the", "dogs", "eats"), ("DET", "NOUN", "VERB")),
    LONG,
    TaggedSentence((MARK, "cats", MARK), ("NOUN", "NOUN", "X")),
]


def word(number: object, form: str, tag: str) -> str:
    return f"{number}\t{form}\tlemma\t{tag}\t_\t_\t0\troot\t_\t_"


def udpos(max_length: int = 128) -> UDPOS:
    return UDPOS(DataFiles(), max_length)


def test_words_are_encoded_with_the_spaces_of_running_text() -> None:
    tokenizer = byte_level_tokenizer()
    encoded = udpos().encode(SENTENCES[:1], tokenizer)
    assert encoded["input_ids"] == [tokenizer("the dogs eats")["input_ids"]]
    assert [word for word in encoded["word"][0] if word >= 0] == [0, 1, 2]


def panx_line(tokens: object, tags: object) -> str:
    return json.dumps({"tokens": tokens, "ner_tags": tags})


def label_logits(encoded: Dataset, classes: int) -> np.ndarray:
    """Return (rows, L, C) logits that are right at every labelled token and favour class 1 elsewhere; 3 too many."""
    logits = np.zeros((len(encoded), max(encoded["length"]) + 3, classes))
    logits[:, :, 1] = 1
    for row, labels in enumerate(encoded["labels"]):
        for position, label in enumerate(labels):
            if label >= 0:
                logits[row, position, label] = 2
    return logits


def score_tags(
    task: TaggingTask, predicted: list[list[str]], gold: list[TaggedSentence], tokenizer: PreTrainedTokenizerBase
) -> Scored:
    """Score predicted tags by way of logits."""
    said = [TaggedSentence(sentence.words, tuple(tags)) for sentence, tags in zip(gold, predicted, strict=True)]
    encoded = task.encode(said, tokenizer)
    return task.score((label_logits(encoded, len(task.labels)),), encoded, gold, "de")


# CoNLL-U

CONLLU = [
    "# newdoc",
    "# text = Im Haus",
    word("1-2", "Im", "_"),
    word(1, "In", "ADP"),
    word(2, "dem", "DET"),
    word(3, "Haus", "NOUN"),
    word("3.1", "", "_"),
    word(4, "#", "SYM"),
    "",
    "",
    "# text = Ja",
    word(1, "New York", "PROPN"),
]
READ = [
    TaggedSentence(("In", "dem", "Haus", "#"), ("ADP", "DET", "NOUN", "SYM")),
    TaggedSentence(("New York",), ("PROPN",)),
]


@pytest.mark.parametrize("end", [(), ("",), ("# the end",)], ids=["no blank line", "blank line", "comment"])
def test_udpos_reads_the_words_and_passes_over_the_rest(end: tuple[str, ...], tmp_path: Path) -> None:
    path = write_lines(tmp_path / "pud.de.conllu.gz", *CONLLU, *end)
    assert UDPOS(DataFiles(test=[f"de={path}"])).read("test", "de") == READ


def test_a_byte_order_mark_loses_no_word(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.conllu", "\ufeff" + word(1, "In", "ADP"), word(2, "dem", "DET"))
    assert udpos().read_custom(str(path)) == [TaggedSentence(("In", "dem"), ("ADP", "DET"))]


CONLLU_FAULTS = {
    "3 Haus NOUN": "has 1 columns between tabs, CoNLL-U has 10",
    word(3, "Haus", "NOUN") + "\t": "has 11 columns between tabs, CoNLL-U has 10",
    word(3, "Haus", "_"): "the label is '_', which is none of ADJ, ADP, .*, X; mend or remove the row",
    word(3, "Haus", "noun"): "the label is 'noun', which is none of ADJ, ADP, .*, X; mend or remove the row",
}


@pytest.mark.parametrize("line", CONLLU_FAULTS)
def test_a_faulty_line_of_a_treebank_is_named(line: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.conllu", *CONLLU[:5], line, "")
    with pytest.raises(ValueError, match=rf"a\.conllu:6: {CONLLU_FAULTS[line]}$"):
        udpos().read_custom(str(path))


@pytest.mark.parametrize("lines", [(), ("", "# text = Im Haus", "")], ids=["empty", "comments"])
def test_a_treebank_without_sentences_is_named(lines: tuple[str, ...], tmp_path: Path) -> None:
    path = write_lines(tmp_path / "pud.de.conllu.gz", *lines)
    with pytest.raises(ValueError, match=r"pud\.de\.conllu\.gz: holds no examples"):
        UDPOS(DataFiles(test=[f"de={path}"])).read("test", "de")


def test_a_data_set_has_numbers_as_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    write_lines(tmp_path / "ud" / "train.jsonl", json.dumps({"tokens": ["Das", "Haus"], "pos_tags": [5, 7]}))
    assert udpos().read_custom(str(tmp_path / "ud")) == [TaggedSentence(("Das", "Haus"), ("DET", "NOUN"))]


def test_a_row_of_a_data_set_with_too_few_tags_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    write_lines(tmp_path / "ud" / "train.jsonl", json.dumps({"tokens": ["Das", "Haus"], "pos_tags": [5]}))
    with pytest.raises(ValueError, match=r"/ud train row 0: has 2 tokens and 1 tags; give one tag for each token"):
        udpos().read_custom(str(tmp_path / "ud"))


# PAN-X


def test_panx_is_read_by_name_or_number_of_the_tags(tmp_path: Path) -> None:
    lines = panx_line(["Anna", "Weiß", "lacht"], ["B-PER", "I-PER", "O"]), panx_line(["Rom"], [5])
    path = write_lines(tmp_path / "dev.de.jsonl.gz", *lines)
    assert PANX(DataFiles(dev=[f"de={path}"])).read("dev", "de") == [
        TaggedSentence(("Anna", "Weiß", "lacht"), ("B-PER", "I-PER", "O")),
        TaggedSentence(("Rom",), ("B-LOC",)),
    ]


PANX_FAULTS = {
    panx_line(["Anna", "lacht"], ["B-PER"]): "has 2 tokens and 1 tags; give one tag for each token",
    panx_line([], []): "has 0 tokens and 0 tags; give one tag for each token",
    panx_line(["Anna"], ["B-MISC"]): "the label is 'B-MISC', which is none of O, B-PER, .*; mend or remove the row",
    panx_line("O", ["O"]): "give a list of texts as tokens, and a list of tags",
    panx_line(["O"], "O"): "give a list of texts as tokens, and a list of tags",
    panx_line(["Anna", 7], ["O", "O"]): "give a list of texts as tokens, and a list of tags",
    panx_line(["Anna"], None): "give a list of texts as tokens, and a list of tags",
}


@pytest.mark.parametrize("line", PANX_FAULTS)
def test_a_faulty_row_of_panx_is_named(line: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", panx_line(["Rom"], ["B-LOC"]), line)
    with pytest.raises(ValueError, match=rf"a\.jsonl:2: {PANX_FAULTS[line]}$"):
        PANX(DataFiles()).read_custom(str(path))


def test_an_empty_file_of_panx_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.jsonl: holds no examples"):
        PANX(DataFiles()).read_custom(str(write_lines(tmp_path / "a.jsonl")))


# Words and tokens


def test_a_word_is_labelled_at_its_first_token(tokenizer: PreTrainedTokenizerBase) -> None:
    assert udpos().encode(SENTENCES[:1], tokenizer).to_list() == [
        {
            "input_ids": [2, 5, 7, 23, 9, 3],  # [CLS] the dog ##s eats [SEP]
            "token_type_ids": [0] * 6,
            "attention_mask": [1] * 6,
            "sentence": 0,
            "word": [-1, 0, 1, -1, 2, -1],
            "labels": [-100, 5, 7, -100, 15, -100],
            "length": 6,
        }
    ]


@pytest.mark.parametrize("max_length", [3, 4, 7, 12, 20, 128])  # at 3, some rows have no label
def test_a_long_sentence_loses_no_word(max_length: int, tokenizer: PreTrainedTokenizerBase) -> None:
    task = udpos(max_length)
    encoded = task.encode(SENTENCES, tokenizer)
    tokens = [tokenizer(list(s.words), is_split_into_words=True, add_special_tokens=False) for s in SENTENCES]
    labelled: Counter[tuple[int, int]] = Counter()
    found: dict[int, list[int]] = {number: [] for number in range(len(SENTENCES))}
    for row in encoded:
        assert len(row["input_ids"]) == row["length"] <= max_length
        found[row["sentence"]] += row["input_ids"][1:-1]
        for number, label in zip(row["word"], row["labels"], strict=True):
            expected = -100 if number < 0 else task.labels.index(SENTENCES[row["sentence"]].tags[number])
            assert label == expected
            labelled[row["sentence"], number] += number >= 0
    assert list(found.values()) == [sentence["input_ids"] for sentence in tokens]
    assert +labelled == Counter([(0, 0), (0, 1), (0, 2), *((1, number) for number in range(33)), (2, 1)])


@pytest.mark.parametrize("max_length", [3, 7, 128])
def test_tags_come_back_and_words_without_a_token_are_untagged(
    max_length: int, tokenizer: PreTrainedTokenizerBase
) -> None:
    task = udpos(max_length)
    encoded = task.encode(SENTENCES, tokenizer)
    tags = task.tags(label_logits(encoded, len(task.labels)), encoded, SENTENCES)
    assert tags == [["DET", "NOUN", "VERB"], ["NOUN", "X", "ADJ"] * 11, ["X", "NOUN", "X"]]


# Scores


def test_accuracy_of_udpos_is_the_share_of_right_words(tokenizer: PreTrainedTokenizerBase) -> None:
    gold = [SENTENCES[0], SENTENCES[2]]
    predicted = [["DET", "VERB", "VERB"], ["X", "ADJ", "X"]]  # 2 of 3 and, words without a token counted, 1 of 3
    scored = score_tags(udpos(), predicted, gold, tokenizer)
    assert scored.predictions == predicted
    assert list(scored.metrics) == ["accuracy"]
    assert scored.metrics["accuracy"].numerators.tolist() == [2, 1]
    assert scored.metrics["accuracy"].denominators.tolist() == [3, 3]
    assert scored.metrics["accuracy"].value == 0.5


def test_f1_of_panx_counts_whole_entities(tokenizer: PreTrainedTokenizerBase) -> None:
    words = "the cat sees a red house".split()
    gold = [
        TaggedSentence(tuple(words), ("B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O")),
        TaggedSentence(tuple(words[:3]), ("O", "O", "O")),
        TaggedSentence(tuple(words[:2]), ("B-ORG", "B-ORG")),
    ]
    predicted = [["B-PER", "I-PER", "O", "B-LOC", "O", "O"], ["O", "I-PER", "O"], ["B-ORG", "I-ORG"]]
    scored = score_tags(PANX(DataFiles()), predicted, gold, tokenizer)
    assert scored.predictions == predicted
    assert list(scored.metrics) == ["f1"]
    assert scored.metrics["f1"].numerators.tolist() == [2, 0, 0]  # twice the right ones
    assert scored.metrics["f1"].denominators.tolist() == [4, 1, 3]
    assert scored.metrics["f1"].value == 0.25
    assert f1_score([list(sentence.tags) for sentence in gold], predicted) == 0.25


def test_f1_of_panx_equals_seqeval(tokenizer: PreTrainedTokenizerBase) -> None:
    generator, task = np.random.default_rng(0), PANX(DataFiles())
    lengths = [(int(number), 2) for number in generator.integers(1, 12, 60)]
    both = [generator.choice(task.labels, length, p=[0.4, *[0.1] * 6]).tolist() for length in lengths]
    predicted = [[tag for tag, _ in sentence] for sentence in both]
    gold = [TaggedSentence(("cats",) * len(sentence), tuple(tag for _, tag in sentence)) for sentence in both]
    value = score_tags(task, predicted, gold, tokenizer).metrics["f1"].value
    assert value == pytest.approx(f1_score([list(sentence.tags) for sentence in gold], predicted))
    assert 0.05 < value < 0.95


# Entities


def test_an_entity_is_right_with_its_type_and_both_ends() -> None:
    gold = ["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "O"]
    predicted = ["B-PER", "O", "O", "B-LOC", "B-ORG", "B-ORG"]  # too short, right, wrong type, not there
    assert entity_counts(predicted, gold) == EntityCounts(right=1, predicted=4, gold=3)


def test_an_entity_may_begin_with_an_inside_tag() -> None:
    assert entity_counts(["I-PER", "I-LOC"], ["B-PER", "B-LOC"]) == EntityCounts(right=2, predicted=2, gold=2)


def test_unequal_numbers_of_tags_are_refused() -> None:
    with pytest.raises(ValueError, match="not 1 for 2"):
        entity_counts(["O"], ["O", "O"])


NAMES = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.tuples(NAMES, NAMES), max_size=8), min_size=1, max_size=5))
def test_f1_over_all_sentences_equals_seqeval(sentences: list[list[tuple[str, str]]]) -> None:
    predicted = [[tag for tag, _ in sentence] for sentence in sentences]
    gold = [[tag for _, tag in sentence] for sentence in sentences]
    counts = [entity_counts(*pair) for pair in zip(predicted, gold, strict=True)]
    entities = sum(sentence.predicted + sentence.gold for sentence in counts)
    f1 = 2 * sum(sentence.right for sentence in counts) / max(entities, 1)
    assert f1 == pytest.approx(f1_score(gold, predicted, zero_division=0))


# Research data


def test_a_parallel_treebank_is_read(research_data: Path) -> None:
    sentences = UDPOS(DataFiles(test=[f"{research_data}/xtreme_r/udpos/pud.{{language}}.conllu.gz"])).read("test", "de")
    assert len(sentences) == 1000
    assert sum(len(sentence.words) for sentence in sentences) == 21332  # lines that begin with a whole number
    assert max(len(sentence.words) for sentence in sentences) < 100


def test_names_in_hindi_are_read(research_data: Path) -> None:
    sentences = PANX(DataFiles(dev=[f"{research_data}/xtreme_r/wikiann/dev.{{language}}.jsonl.gz"])).read("dev", "hi")
    assert len(sentences) == 1000
    assert {tag for sentence in sentences for tag in sentence.tags} == set(PANX.labels)
