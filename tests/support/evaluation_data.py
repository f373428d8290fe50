"""Small but learnable benchmarks in the words of the small tokenizer, as `BENCHMARK/SPLIT.LANGUAGE.ENDING`.

One word of a text gives its label away, and it has a translation, so that a few dozen steps suffice to learn each task.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from tests.support.command_line import sentence_pairs
from weam.transfer.tasks.answer_spans import Question, Windows

Rows = Callable[[str, str, int], list[dict[str, Any]]]  # split, language, count -> rows
SIDES = {"en": 0, "de": 1, "zh": 0, "it": 1, "tr": 0}  # which side of a sentence pair stands for a language
NOT, RED, HOUSE, CAT = ("not", "nicht"), ("red", "rotes"), ("house", "haus"), ("cat", "katze")
STARTS = {"train": 0, "dev": 200, "test": 300}  # of each split, so that no two share sentences
TAGS = {
    "DET": "the a die ein",
    "NOUN": "cat dog house cats dogs katze hund haus katzen hunde",
    "VERB": "sees eats sieht isst",
    "PART": "not nicht",
    "ADJ": "red rotes",
    "PUNCT": ". , ?",
}
TAG_OF = {word: tag for tag, words in TAGS.items() for word in words.split()}
SHORT_WORDS = "the cat sees a dog . die katze sieht ein hund , not the red house ? nicht das rotes haus".split()
LONG_CONTEXT = " ".join(np.random.default_rng(0).choice(SHORT_WORDS, 60))
NARROW = Windows(max_length=20, stride=5, max_answer_length=4)
INNER = {"cat": "cats", "dog": "dogs", "katze": "katzen", "hund": "hunde"}  # words of two tokens


def sentences(split: str, language: str, count: int) -> list[str]:
    """Return sentences of a split, parallel in all languages."""
    pairs = sentence_pairs()
    random.Random(0).shuffle(pairs)
    return [pair[SIDES[language]] for pair in pairs[STARTS[split] :][:count]]


def xnli_rows(split: str, language: str, count: int) -> list[dict[str, str]]:
    """Return pairs: "not" contradicts, "red" is neutral, "cat" is entailed."""
    side, rows = SIDES[language], []
    for number, premise in enumerate(sentences(split, language, count)):
        label, cue = [("entailment", CAT), ("neutral", RED), ("contradiction", NOT)][number % 3]
        hypothesis = f"{cue[side]} {HOUSE[side]}" + " ." * (number % 2)
        rows.append({"premise": premise, "hypothesis": hypothesis, "label": label})
    return rows


def write_xnli(folder: Path) -> Path:
    """Write 96 training and 24 dev pairs in English and German, 30 test pairs in Chinese too; return the folder."""
    for language in ("en", "de"):
        write_json_lines(folder / f"xnli/train.{language}.jsonl.gz", xnli_rows("train", language, 96))
        write_json_lines(folder / f"xnli/dev.{language}.jsonl.gz", xnli_rows("dev", language, 24))
    for language in ("en", "de", "zh"):
        write_json_lines(folder / f"xnli/test.{language}.jsonl.gz", xnli_rows("test", language, 30))
    return folder


def pawsx_rows(split: str, language: str, count: int) -> list[dict[str, Any]]:
    """Return pairs that "not" keeps from being paraphrases."""
    side = SIDES[language]
    return [
        {"sentence1": text, "sentence2": f"{(NOT, RED)[number % 2][side]} {text}", "label": number % 2}
        for number, text in enumerate(sentences(split, language, count))
    ]


def squad_paragraphs(split: str, context: str, question: str, count: int) -> list[dict[str, Any]]:
    """Return contexts with a red house among others; the question is where it is."""
    paragraphs = []
    for number, (text, asked) in enumerate(
        zip(sentences(split, context, count), sentences(split, question, count), strict=True)
    ):
        answer = f"{RED[SIDES[context]]} {HOUSE[SIDES[context]]}"
        before = " ".join([text] * (number % 3 + 1))
        words = f"{before} {answer} {text}"
        found = {"text": answer, "answer_start": words.index(answer)}
        entry = {"id": f"{split}-{number}", "question": " ".join(asked.split()[:3]) + " ?", "answers": [found]}
        paragraphs.append({"context": words, "qas": [entry]})
    return paragraphs


def long_answer() -> dict[str, Any]:
    """Return a paragraph whose answer is longer than any window of the tests."""
    context = " ".join(["the cat eats a red house"] * 8)
    entry = {"id": "long", "question": "the cat ?", "answers": [{"text": context, "answer_start": 0}]}
    return {"context": context, "qas": [entry]}


def write_squad(path: Path, paragraphs: Sequence[dict[str, Any]]) -> Path:
    """Write a SQuAD v1.1 file; return its path."""
    record = {"version": "1.1", "data": [{"title": "houses", "paragraphs": list(paragraphs)}]}
    return write_text(path, json.dumps(record))


def write_mlqa(folder: Path) -> Path:
    """Write 64 training questions, one with no answer in a window; 16 of dev, 12 of each test, 10 of XQuAD."""
    write_squad(folder / "mlqa/train.en.json.gz", [*squad_paragraphs("train", "en", "en", 63), long_answer()])
    write_squad(folder / "mlqa/dev.en.json.gz", squad_paragraphs("dev", "en", "en", 16))
    for context in ("en", "de"):
        for question in ("en", "de"):
            path = folder / f"mlqa/test.{context}-{question}.json.gz"
            write_squad(path, squad_paragraphs("test", context, question, 12))
        write_squad(folder / f"xquad/test.{context}.json.gz", squad_paragraphs("test", context, context, 10))
    return folder


def ask(context: str, answer: str, number: int = 0, question: str = "the cat ?") -> Question:
    """Ask for an answer by its only or first place in the context."""
    return Question(f"q{number}", question, context, (answer,), (context.index(answer),))


def ask_words(first: int, last: int, number: int = 0) -> Question:
    """Ask for words first..last of the long context, each of which is one token."""
    words = LONG_CONTEXT.split()
    start = len(" ".join(words[:first])) + (first > 0)
    return Question(f"q{number}", "the cat ?", LONG_CONTEXT, (" ".join(words[first : last + 1]),), (start,))


def label_logits(encoded: Dataset) -> list[np.ndarray]:
    """Return logits for starts and ends: 10 at the labels, 0 elsewhere, and 5 columns of padding."""
    labels = np.array(encoded["labels"][:])
    logits = np.zeros((2, len(encoded), max(encoded["length"][:]) + 5))
    for side in (0, 1):
        logits[side, np.arange(len(encoded)), labels[:, side]] = 10
    return list(logits)


def tagged_sentences(split: str, language: str, count: int) -> list[list[tuple[str, str]]]:
    """Return sentences of (word, part of speech), every second one with words of two tokens."""
    tagged = []
    for number, sentence in enumerate(sentences(split, language, count)):
        words = [INNER.get(word, word) if number % 2 else word for word in sentence.split()]
        tagged.append([(word, TAG_OF[word]) for word in words])
    return tagged


def conllu(tagged: Iterable[Sequence[tuple[str, str]]]) -> str:
    """Write CoNLL-U with all that is no word of its own: a comment, a multiword token, an empty node."""
    blocks = []
    for words in tagged:
        cells = [[str(number), word, word, tag] for number, (word, tag) in enumerate(words, start=1)]
        cells.insert(0, ["1-2", "".join(word for word, _ in words[:2]), "_", "_"])
        cells.append([f"{len(words)}.1", "the", "the", "DET"])
        lines = ["\t".join(line + ["_"] * (10 - len(line))) for line in cells]
        blocks.append("\n".join(["# text", *lines]) + "\n\n")
    return "".join(blocks)


def write_udpos(folder: Path) -> Path:
    """Write 64 training and 16 dev sentences in English, 20 test sentences in English and German."""
    for split, count in (("train", 64), ("dev", 16)):
        write_text(folder / f"udpos/{split}.en.conllu.gz", conllu(tagged_sentences(split, "en", count)))
    for language in ("en", "de"):
        test = conllu(tagged_sentences("test", language, 20))
        write_text(folder / f"udpos/test.{language}.conllu.gz", test)
    return folder


def panx_rows(split: str, language: str, count: int) -> list[dict[str, Any]]:
    """Return sentences in which cats are persons and houses places."""
    names = {"cat": "PER", "katze": "PER", "house": "LOC", "haus": "LOC"}
    rows = []
    for sentence in sentences(split, language, count):
        words = sentence.split()
        rows.append({"tokens": words, "ner_tags": [f"B-{names[word]}" if word in names else "O" for word in words]})
    return rows


def xcopa_rows(split: str, language: str, count: int) -> list[dict[str, Any]]:
    """Return choices: the red house is the answer."""
    side, rows = SIDES[language], []
    for number, premise in enumerate(sentences(split, language, count)):
        wrong, right = f"{CAT[side]} {HOUSE[side]}", f"{RED[side]} {HOUSE[side]}"
        first, second = (right, wrong) if number % 3 else (wrong, right)
        question = ("cause", "effect")[number % 2]
        label = 0 if number % 3 else 1
        rows.append({"premise": premise, "choice1": first, "choice2": second, "question": question, "label": label})
    return rows


def write_xcopa(folder: Path) -> Path:
    """Write 60 training and 16 validation choices of COPA, 20 test choices in two languages."""
    write_json_lines(folder / "xcopa/train.en.jsonl.gz", xcopa_rows("train", "en", 60))
    write_json_lines(folder / "xcopa/dev.en.jsonl.gz", xcopa_rows("dev", "en", 16))
    for language in ("it", "tr"):
        write_json_lines(folder / f"xcopa/test.{language}.jsonl.gz", xcopa_rows("test", language, 20))
    return folder


def write_panx(folder: Path) -> Path:
    """Write 60 training and 16 dev sentences with names in English, 20 test sentences in English and German."""
    return _write_splits(folder / "panx", panx_rows)


def write_pawsx(folder: Path) -> Path:
    """Write 60 training and 16 dev pairs in English, 20 test pairs in English and German."""
    return _write_splits(folder / "pawsx", pawsx_rows)


def _write_splits(folder: Path, rows: Rows) -> Path:
    for split, language, count in (("train", "en", 60), ("dev", "en", 16), ("test", "en", 20), ("test", "de", 20)):
        write_json_lines(folder / f"{split}.{language}.jsonl.gz", rows(split, language, count))
    return folder


def write_sib200(folder: Path) -> Path:
    """Write 60 training and 16 dev sentences in English, 20 test sentences in English and German, of two topics."""
    for split, language, count in (("train", "en", 60), ("dev", "en", 16), ("test", "en", 20), ("test", "de", 20)):
        topics = ("travel", "sports")
        rows = [f"{n}\t{topics[n % 2]}\t{text}" for n, text in enumerate(sentences(split, language, count))]
        path = folder / "sib200" / f"{split}.{language}.tsv.gz"
        write_text(path, "\n".join(("index_id\tcategory\ttext", *rows)) + "\n")
    return folder


def write_tatoeba(folder: Path) -> Path:
    """Write 40 English-German test pairs, and 30 others in `dev.en-de.tsv`."""
    for split, count, name in (("test", 40, "tatoeba/test.de.tsv.gz"), ("dev", 30, "dev.en-de.tsv")):
        pairs = zip(sentences(split, "en", count), sentences(split, "de", count), strict=True)
        write_text(folder / name, "".join(f"{english}\t{german}\n" for english, german in pairs))
    return folder


def write_json_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write JSON lines; return the path."""
    return write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8, gzipped where the name says so, with the folders it needs; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode("utf-8")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_lines(path: Path, *lines: str) -> Path:
    """Write lines, gzipped if the file is called so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def pairs(sources, targets):
    return Dataset.from_dict({"source": list(sources), "target": list(targets)})
