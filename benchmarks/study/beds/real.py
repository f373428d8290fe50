"""The texts of the real bed: English, German, Spanish and Chinese, whose encoders saw no translations.

Each pair of the bitext at hand belongs, by the hash of its English side, to one half: of the first only the foreign
side is read, as monolingual text; the second is the bitext of alignment. English text is of other sources. So no
sentence that is aligned, on either side, was read in pre-training.

    en.txt de.txt es.txt zh.txt    monolingual text
    en-de.tsv en-es.tsv en-zh.tsv  sentence pairs
    udpos                          tags: LinES and ParTUT to train on, PUD in each language to test
    retrieval                      Tatoeba's 1,000 test pairs of each language
"""

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.study.beds.clone import ARTICLES, hash_share, in_random_order, treebank, write_treebank
from benchmarks.study.data import write_lines
from weam.storage import read_lines

LANGUAGES = ("en", "de", "es", "zh")
BITEXTS = {
    "de": ("en-de.tatoeba", "en-de.multi30k", "en-de.wmt-sample"),
    "es": ("en-es.tatoeba",),
    "zh": ("en-zh.tatoeba",),
}
CHINESE_ARTICLES = ("drcd.dev.zh-hant", "drcd.test.zh-hant", "cmrc2018.trial.zh")
ENGLISH_SIDES = ("en-sw.globalvoices", "en-hi.wikipedia-mturk")
MOST_CHARACTERS = 120  # of the English side of a pair to align
MONOLINGUAL_SHARE = 0.5


def article_paragraphs(data_dir: Path, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the paragraphs of files in the format of SQuAD."""
    for name in names:
        with gzip.open(data_dir / "squad" / f"{name}.json.gz", "rt", encoding="utf-8") as file:
            for article in json.load(file)["data"]:
                yield from (" ".join(paragraph["context"].split()) for paragraph in article["paragraphs"])


def english_text(data_dir: Path) -> Iterator[str]:
    """Yield English text that is no side of the bitext."""
    for line in read_lines(data_dir / "nli_train" / "train.en.jsonl.gz"):
        row = json.loads(line)
        yield from (row["premise"], row["hypothesis"])
    yield from article_paragraphs(data_dir, tuple(f"{name}.en" for name in ARTICLES))
    for name in ENGLISH_SIDES:
        yield from (line.split("\t")[0] for line in read_lines(data_dir / "bitext" / f"{name}.tsv.gz"))


def write_language(data_dir: Path, output_dir: Path, language: str, aligned: set[str]) -> None:
    """Write the monolingual text and the bitext of a language; add the English sides of the bitext to `aligned`."""
    monolingual, pairs = [], []
    for name in BITEXTS[language]:
        for line in read_lines(data_dir / "bitext" / f"{name}.tsv.gz"):
            english, foreign = line.rstrip("\n").split("\t")
            if hash_share(english.casefold()) < MONOLINGUAL_SHARE:
                monolingual.append(foreign)
            elif len(english) <= MOST_CHARACTERS:
                pairs.append(line)
                aligned.add(english)
    if language == "zh":
        monolingual += article_paragraphs(data_dir, CHINESE_ARTICLES)
    read = dict.fromkeys(monolingual)
    write_lines(output_dir / f"{language}.txt", in_random_order(read))
    unread = dict.fromkeys(pair for pair in pairs if pair.rstrip("\n").split("\t")[1] not in read)
    write_lines(output_dir / f"en-{language}.tsv", in_random_order(unread))


def write_bed(data_dir: Path, output_dir: Path) -> None:
    """Write all files of the bed."""
    (output_dir / "udpos").mkdir(parents=True, exist_ok=True)
    (output_dir / "retrieval").mkdir(exist_ok=True)
    aligned: set[str] = set()
    for language in BITEXTS:
        write_language(data_dir, output_dir, language, aligned)
        test = f"tatoeba.en-{language}.tsv.gz"
        shutil.copy(data_dir / "xtreme_r" / "tatoeba" / test, output_dir / "retrieval" / test)
    english = dict.fromkeys(text for text in english_text(data_dir) if text not in aligned)
    write_lines(output_dir / "en.txt", in_random_order(english))
    treebanks = data_dir / "xtreme_r" / "udpos"
    sources = {"train.en": ("lines.en.train", "partut.en.train")}
    sources |= {f"test.{language}": (f"pud.{language}",) for language in LANGUAGES}
    for name, files in sources.items():
        sentences = [sentence for file in files for sentence in treebank(treebanks / f"{file}.conllu.gz", str)]
        write_treebank(output_dir / "udpos" / f"{name}.conllu", sentences)
