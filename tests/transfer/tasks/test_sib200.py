"""SIB-200: its files, its languages, its topics."""

import gzip

import numpy as np
import pytest
from datasets import Dataset

from weam.transfer.jobs import choose_languages
from weam.transfer.tasks.files import SPLITS, DataFiles
from weam.transfer.tasks.sib200 import SIB200, TopicSentence

HEADER = "index_id\tcategory\ttext\n"


def task_of(folder, text, language="en"):
    """Write the test file of a language, and return the task that reads it."""
    with gzip.open(folder / f"test.{language}.tsv.gz", "wt", encoding="utf-8") as file:
        file.write(text)
    return SIB200(DataFiles(test=[f"{folder}/test.{{language}}.tsv.gz"]))


def test_a_file_holds_an_index_a_topic_and_a_sentence_in_each_line(tmp_path):
    task = task_of(tmp_path, HEADER + '7\ttravel\tThe "old" train.\n9\tscience/technology\tA cell divides.\n')
    assert task.read("test", "en") == [
        TopicSentence('The "old" train.', "travel"),
        TopicSentence("A cell divides.", "science/technology"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text\tcategory\n", r"test\.en\.tsv\.gz: begins with \['text', 'category'\], SIB-200 with the line index_id"),
        (HEADER + "7\ttravel\n", r"test\.en\.tsv\.gz:2: has 2 columns between tabs, SIB-200 has 3"),
        (HEADER + "7\tweather\tIt rains.\n", r"test\.en\.tsv\.gz:2: the label is 'weather', which is none of science"),
        (HEADER + "7\ttravel\t \n", r"test\.en\.tsv\.gz:2: text is ' '; it must hold text"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_line(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        task_of(tmp_path, text).read("test", "en")


def test_languages_have_short_codes_and_flores_codes_are_understood():
    assert len(SIB200.languages) == len(set(SIB200.languages)) == 205
    assert choose_languages(SIB200, ["deu_Latn", "sw", "yue_Hant", "de"]) == ["de", "sw", "yue_Hant"]
    assert [SIB200.hub_source("test", name) for name in ("zh", "yue_Hant")] == [
        "Davlan/sib200:zho_Hans",
        "Davlan/sib200:yue_Hant",
    ]
    with pytest.raises(ValueError, match="sib200 has no deu_Cyrl; its languages are af, am"):
        choose_languages(SIB200, ["deu_Cyrl"])


def test_the_share_of_right_topics_is_the_accuracy(tokenizer):
    task = SIB200()
    examples = [TopicSentence("the cat sees", "travel"), TopicSentence("a dog", "geography")]
    encoded = task.encode(examples, tokenizer)
    assert encoded["labels"] == [1, 6] and encoded["length"] == [5, 4]
    scored = task.score((np.eye(7)[[1, 0]],), Dataset.from_dict({}), examples, "en")
    assert scored.metrics["accuracy"].value == 0.5
    assert scored.predictions == ["travel", "science/technology"]


def test_the_real_files_are_read(research_data):
    task = SIB200(DataFiles(*([f"{research_data}/sib200/{split}.{{language}}.tsv.gz"] for split in SPLITS)))
    assert [len(task.read(split, "en")) for split in SPLITS] == [701, 99, 204]
    assert [x.label for x in task.read("test", "zh")] == [x.label for x in task.read("test", "en")]
