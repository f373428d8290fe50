"""The research data that both beds read: English inferences, articles of question answering, treebanks."""

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from weam.storage import read_lines

ENGLISH_ARTICLES = (
    "squad-v1.1-dev.minus-xquad.en",
    "squadshifts.new_wiki.en",
    "squadshifts.reddit.en",
    "squadshifts.amazon_reviews.en",
)
TAGGED = ("lines.en.train", "partut.en.train")  # treebanks to train on


def inferences(data_dir: Path) -> Iterator[tuple[str, str]]:
    """Yield the premise and the hypothesis of each English inference to train on."""
    for line in read_lines(data_dir / "nli_train" / "train.en.jsonl.gz"):
        row = json.loads(line)
        yield row["premise"], row["hypothesis"]


def paragraphs(data_dir: Path, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (title, paragraph) of files in the format of SQuAD; a paragraph without a title is its own."""
    for name in names:
        with gzip.open(data_dir / "squad" / f"{name}.json.gz", "rt", encoding="utf-8") as file:
            for article in json.load(file)["data"]:
                for paragraph in article["paragraphs"]:
                    yield article.get("title") or paragraph["context"], paragraph["context"]


def tatoeba(data_dir: Path, language: str) -> Path:
    """Return the test set of Tatoeba: sentence pairs of English and a language."""
    return data_dir / "xtreme_r" / "tatoeba" / f"tatoeba.en-{language}.tsv.gz"


def treebank(data_dir: Path, name: str) -> Iterator[list[tuple[str, str]]]:
    """Yield the sentences of a CoNLL-U file as (word, tag)."""
    sentence: list[tuple[str, str]] = []
    for line in [*read_lines(data_dir / "xtreme_r" / "udpos" / f"{name}.conllu.gz"), ""]:
        cells = line.split("\t")
        if cells[0].isdigit():
            sentence.append((cells[1], cells[3]))
        elif not line.strip() and sentence:
            yield sentence
            sentence = []
