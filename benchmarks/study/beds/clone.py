"""The texts of the clone bed: English, and a clone of it in other characters and reversed order.

A sentence's clone has every word moved to the fullwidth block of Unicode and the order of its words reversed, so that
the two languages share neither a character nor an order, and gold links and test sets in the clone come for free.
The English text at hand is parted in three by what belongs together (an article, a premise with its hypotheses): one
part is English text, one is text of the clone, and the third, paired with its clone, is the bitext.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.study.beds.files import (
    ENGLISH_ARTICLES,
    TAGGED,
    hash_share,
    held_out_pairs,
    in_random_order,
    inferences,
    make_folders,
    paragraphs,
    treebank,
    write_bitext,
    write_gold,
    write_links,
    write_retrieval,
    write_treebank,
)
from benchmarks.study.beds.plan import OF_WORDS
from benchmarks.study.data import align_texts, write_lines
from weam.alignment.formats import format_pharaoh
from weam.alignment.gold import GoldSentence
from weam.alignment.symmetrization import Links
from weam.storage import read_lines

TO_FULLWIDTH = 0xFEE0  # from "!" to "！", and so on for all of ASCII that is printed
WORD = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9\s]")
SENTENCE_END = re.compile(r"(?<=[.!?]) +(?=[A-Z\"'])")
TYPOGRAPHIC = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})
SHARES = (("en", 0.44), ("clone", 0.88), ("bitext", 1.0))  # upper ends
BITEXT_WORDS = range(4, 21)
MONOLINGUAL_WORDS = range(3, 401)
ENGLISH_SIDES = ("en-de.multi30k", "en-de.wmt-sample", "en-sw.globalvoices", "en-hi.wikipedia-mturk")
ALIGNED_SENTENCES = 300  # of a part
NAMES_TRAINED, NAMES_TESTED = 6000, 2000
INFERENCES_TRAINED, INFERENCES_TESTED = 20_000, 2001


def plain(text: str) -> str:
    """Write a text in ASCII; what has no likeness there becomes "*".

    >>> plain("Café “Zoë” – 東")
    'Cafe "Zoe" - *'
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(TYPOGRAPHIC))
    kept = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return re.sub(r"[^\x20-\x7e]", "*", re.sub(r"\s", " ", kept))


def words_of(text: str) -> list[str]:
    """Part words and punctuation.

    >>> words_of("It isn't 3.5.")
    ['It', 'isn', "'", 't', '3', '.', '5', '.']
    """
    return WORD.findall(plain(text))


def clone_word(word: str) -> str:
    """Move a word to other characters.

    >>> clone_word("Hi!")
    'Ｈｉ！'
    """
    return "".join(chr(ord(letter) + TO_FULLWIDTH) for letter in word)


def clone(words: Sequence[str]) -> list[str]:
    """Write a sentence in the clone.

    >>> clone(["Hi", "Tom", "!"])
    ['！', 'Ｔｏｍ', 'Ｈｉ']
    """
    return [clone_word(word) for word in reversed(words)]


def cloned(text: str) -> str:
    """Write words that are parted by spaces in the clone."""
    return " ".join(clone(text.split()))


def gold_links(length: int) -> Links:
    """Link the words of a sentence to those of its clone.

    >>> gold_links(3)
    [(0, 2), (1, 1), (2, 0)]
    """
    return [(word, length - 1 - word) for word in range(length)]


def share_of(group: str) -> str:
    """Choose which part of the text a group belongs to, by its hash."""
    number = hash_share(group)
    return next(name for name, end in SHARES if number < end)


def grouped_text(data_dir: Path) -> Iterator[tuple[str, str]]:
    """Yield (group, text): texts of one group may say the same and must not be parted."""
    for premise, hypothesis in inferences(data_dir):
        yield premise, premise
        yield premise, hypothesis
    yield from paragraphs(data_dir, ENGLISH_ARTICLES)
    for name in ENGLISH_SIDES:
        for line in read_lines(data_dir / "bitext" / f"{name}.tsv.gz"):
            text = line.split("\t")[0]
            yield text, text


def parted_text(data_dir: Path) -> dict[str, list[str]]:
    """Return the texts of the three parts, words between spaces, the bitext's cut into sentences; none comes twice."""
    seen: set[str] = set()
    parts: dict[str, list[str]] = {name: [] for name, _ in SHARES}
    for group, text in grouped_text(data_dir):
        part = share_of(group)
        pieces, lengths = [text], MONOLINGUAL_WORDS
        if part == "bitext":
            pieces, lengths = SENTENCE_END.split(text), BITEXT_WORDS
        for piece in pieces:
            words = words_of(piece)
            key = " ".join(words).casefold()
            if key not in seen and len(words) in lengths:
                seen.add(key)
                parts[part].append(" ".join(words))
    return parts


def write_text(data_dir: Path, folder: Path) -> None:
    """Write the monolingual text of both languages, the bitext and its links, and what is held out of it."""
    parts = {name: in_random_order(texts) for name, texts in parted_text(data_dir).items()}
    write_lines(folder / "text" / "en.txt", parts["en"])
    write_lines(folder / "text" / "clone.txt", map(cloned, parts["clone"]))
    pairs = [(text, cloned(text)) for text in parts["bitext"]]
    write_bitext(folder, "clone", pairs)
    write_links(folder, "clone", [gold_links(len(text.split())) for text, _ in pairs])
    write_lines(folder / "links" / f"{OF_WORDS}.en-clone.txt", map(format_pharaoh, align_texts(pairs)))
    write_as_it_is(folder, "dev", [source.split() for source, _ in held_out_pairs(pairs)])


def write_as_it_is(folder: Path, part: str, sentences: Sequence[list[str]]) -> None:
    """Write sentences and their clones for retrieval, and the first of them for alignment."""
    write_retrieval(folder, part, "clone", ((" ".join(words), " ".join(clone(words))) for words in sentences))
    links = [frozenset(gold_links(len(words))) for words in sentences]
    gold = [
        GoldSentence(tuple(words), tuple(clone(words)), found, found)
        for words, found in zip(sentences, links, strict=True)
    ]
    write_gold(folder, part, "en-clone", gold[:ALIGNED_SENTENCES])


def write_tags(data_dir: Path, folder: Path) -> None:
    """Write part-of-speech tags: LinES and ParTUT to train on, PUD in English and in the clone to test."""
    trained = [sentence for name in TAGGED for sentence in plain_treebank(data_dir, name)]
    tested = plain_treebank(data_dir, "pud.en")
    write_treebank(folder / "udpos" / "train.en.conllu", trained)
    write_treebank(folder / "udpos" / "test.en.conllu", tested)
    cloned = [[(clone_word(word), tag) for word, tag in reversed(sentence)] for sentence in tested]
    write_treebank(folder / "udpos" / "test.clone.conllu", cloned)
    write_as_it_is(folder, "test", [[word for word, _ in sentence] for sentence in tested])


def plain_treebank(data_dir: Path, name: str) -> list[list[tuple[str, str]]]:
    """Read a treebank with its words in ASCII."""
    sentences = treebank(data_dir, name)
    return [[(plain(word).replace(" ", "") or "*", tag) for word, tag in sentence] for sentence in sentences]


def write_names(data_dir: Path, output_dir: Path) -> None:
    """Write names of WikiANN: its English training set, without what is tested, and its dev set in both languages."""
    folder = data_dir / "xtreme_r" / "wikiann"
    tested = list(named_sentences(folder / "dev.en.jsonl.gz"))[:NAMES_TESTED]
    known = {tuple(row["tokens"]) for row in tested}
    trained = [row for row in named_sentences(folder / "train.en.jsonl.gz") if tuple(row["tokens"]) not in known]
    write_json_lines(output_dir / "panx" / "train.en.jsonl", trained[:NAMES_TRAINED])
    write_json_lines(output_dir / "panx" / "test.en.jsonl", tested)
    cloned = [{"tokens": clone(row["tokens"]), "ner_tags": reversed_names(row["ner_tags"])} for row in tested]
    write_json_lines(output_dir / "panx" / "test.clone.jsonl", cloned)


def named_sentences(path: Path) -> Iterator[dict[str, list[str]]]:
    """Yield the rows of a WikiANN file, in ASCII."""
    for line in read_lines(path):
        row = json.loads(line)
        yield {"tokens": [plain(word).replace(" ", "") or "*" for word in row["tokens"]], "ner_tags": row["ner_tags"]}


def reversed_names(tags: Sequence[str]) -> list[str]:
    """Reverse tags of names: a name begins where it ended.

    >>> reversed_names(["B-PER", "I-PER", "O", "B-LOC"])
    ['B-LOC', 'O', 'B-PER', 'I-PER']
    """
    turned = []
    for place in reversed(range(len(tags))):
        kind = tags[place][2:]
        ends_name = place + 1 == len(tags) or tags[place + 1] != f"I-{kind}"
        turned.append(tags[place] if not kind else f"{'B' if ends_name else 'I'}-{kind}")
    return turned


def write_inferences(data_dir: Path, output_dir: Path) -> None:
    """Write English inferences to train on, and XNLI's test set in both languages."""
    trained = list(read_lines(data_dir / "nli_train" / "train.en.jsonl.gz"))
    order = sorted(range(len(trained)), key=lambda row: hashlib.blake2b(trained[row].encode()).digest())
    tested = [json.loads(line) for line in read_lines(data_dir / "xnli" / "test.en.jsonl.gz")][:INFERENCES_TESTED]
    rows = [json.loads(trained[row]) for row in sorted(order[:INFERENCES_TRAINED])]
    for name, part, write in (("train.en", rows, words_of), ("test.en", tested, words_of)):
        write_json_lines(output_dir / "xnli" / f"{name}.jsonl", [_inference(row, write) for row in part])
    cloned = [_inference(row, lambda text: clone(words_of(text))) for row in tested]
    write_json_lines(output_dir / "xnli" / "test.clone.jsonl", cloned)


def _inference(row: dict[str, str], write: Callable[[str], list[str]]) -> dict[str, str]:
    texts = {side: " ".join(write(row[side])) for side in ("premise", "hypothesis")}
    return {**texts, "label": row["label"]}


def write_json_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as JSON lines."""
    write_lines(path, (json.dumps(row, ensure_ascii=False) for row in rows))


def write_bed(data_dir: Path, folder: Path) -> None:
    """Write all files of the bed."""
    make_folders(folder)
    write_text(data_dir, folder)
    write_tags(data_dir, folder)
    write_names(data_dir, folder)
    write_inferences(data_dir, folder)
