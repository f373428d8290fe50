"""The files of a bed, whatever its languages are, and the research data that beds read; LL is any language but English.

text/LL.txt            monolingual text, a sentence or paragraph a line, English too
bitext/en-LL.tsv       sentence pairs
unpaired/en-LL.tsv     each sentence beside the translation of another one
links/NAME.en-LL.txt   links of their words: true, the same ones shuffled within each pair (the placebo), and none;
                       of the clone bed FastAlign's, too
retrieval/PART.LL.tsv  sentence pairs to retrieve: held out of the bitext (dev), and a test set
gold/PART.PAIR.*       sentence pairs with their links: to choose a layer by (dev), and a test set
TASK/train.en.*        training sets in English, and test sets in every language, in the layouts of the tasks
"""

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from datasets import Dataset

from benchmarks.study.beds.plan import HELD_OUT_SENTENCES, HELD_OUT_SHARE, NO_LINKS, SHUFFLED, TRUE
from benchmarks.study.data import shuffle, write_lines
from weam.alignment.formats import format_pharaoh
from weam.alignment.gold import GoldSentence
from weam.alignment.symmetrization import Links
from weam.bitext.selection import choose_held_out
from weam.storage import read_lines

FOLDERS = ("text", "bitext", "unpaired", "links", "retrieval", "gold", "udpos", "panx", "xnli", "sib200")
Pair = tuple[str, str]  # words between spaces
ENGLISH_ARTICLES = (
    "squad-v1.1-dev.minus-xquad.en",
    "squadshifts.new_wiki.en",
    "squadshifts.reddit.en",
    "squadshifts.amazon_reviews.en",
)
TAGGED = ("lines.en.train", "partut.en.train")  # treebanks to train on


def make_folders(folder: Path) -> None:
    """Make the folders of a bed."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)


def hash_share(text: str) -> float:
    """Hash a text to [0, 1)."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big") / 2**56


def pair_share(pair: Pair) -> float:
    """Hash a sentence pair to [0, 1), to order pairs by."""
    return hash_share("\t".join(pair))


def in_random_order(texts: Iterable[str]) -> list[str]:
    """Order texts by hash, so that no source comes last."""
    return sorted(texts, key=lambda text: hashlib.blake2b(text.encode(), digest_size=8).digest())


def write_bitext(folder: Path, language: str, pairs: Sequence[Pair]) -> None:
    """Write sentence pairs, and the same sentences unpaired: each source beside a target from half the file away."""
    sources, targets = zip(*pairs, strict=True)
    half = len(targets) // 2
    for name, others in (("bitext", targets), ("unpaired", targets[half:] + targets[:half])):
        write_lines(folder / name / f"en-{language}.tsv", map("\t".join, zip(sources, others, strict=True)))


def write_links(folder: Path, language: str, links: Sequence[Links]) -> None:
    """Write the links of a bitext, a line for each pair, the same ones shuffled, and none."""
    shuffled = [shuffle(found, number) for number, found in enumerate(links)]
    for part, found in ((TRUE, links), (SHUFFLED, shuffled), (NO_LINKS, [[]] * len(links))):
        write_lines(folder / "links" / f"{part}.en-{language}.txt", map(format_pharaoh, found))


def write_retrieval(folder: Path, part: str, language: str, pairs: Iterable[Pair]) -> None:
    """Write sentence pairs to retrieve."""
    write_lines(folder / "retrieval" / f"{part}.{language}.tsv", map("\t".join, pairs))


def write_gold(folder: Path, part: str, pair: str, gold: Sequence[GoldSentence]) -> None:
    """Write sentence pairs and their links, as `weam.alignment.gold.read_gold` reads them."""
    path = folder / "gold" / f"{part}.{pair}"
    write_lines(Path(f"{path}.src-tgt"), (f"{' '.join(each.source)} ||| {' '.join(each.target)}" for each in gold))
    write_lines(Path(f"{path}.gold"), map(_gold_line, gold))


def _gold_line(pair: GoldSentence) -> str:
    links = [(*link, "-" if link in pair.sure else "p") for link in sorted(pair.possible)]
    return " ".join(f"{source + 1}{kind}{target + 1}" for source, target, kind in links)


def held_out_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """Return sentence pairs of a bitext that `run_pretraining.py` holds out of every arm."""
    sources, targets = zip(*pairs, strict=True)
    bitext = Dataset.from_dict({"source": sources, "target": targets})
    rows, _ = choose_held_out(bitext, HELD_OUT_SHARE, HELD_OUT_SENTENCES)
    return [pairs[row] for row in rows]


def write_treebank(path: Path, sentences: Iterable[Sequence[tuple[str, str]]]) -> None:
    """Write words and tags as CoNLL-U."""
    lines: list[str] = []
    for sentence in sentences:
        for number, (word, tag) in enumerate(sentence, start=1):
            lines.append("\t".join([str(number), word, "_", tag, *["_"] * 6]))
        lines.append("")
    write_lines(path, lines)


# The research data


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
