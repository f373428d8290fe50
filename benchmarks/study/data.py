"""Make the files that the study needs and the research data lacks, from the research data.

    python -m benchmarks.study.data --part xnli-dev --data_dir ../shared/data --output_dir OUT

    xnli-dev  XNLI's dev rows as a training set (667 premises with their 3 hypotheses) and one to select by (163)
    xquad     1,001 of XQuAD's questions as a training set, 189 to select by; no paragraph is in both
    wikiann   16,000 of WikiANN's English training sentences, the others to select by; none that its dev set has too
    bitext    so many pairs of language pairs, drawn: --sizes en-de=1000 en-sw=100
    unpaired  the same, each source beside the target of a pair half the file away: no sentence with its translation
    links     the joint bitext's links shuffled within each pair (`shuffled.*`), and links of words (`words.*`)

Where a part splits by groups, languages are split alike.
"""

import argparse
import gzip
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.study.plan import JOINT, PAIRS
from weam.alignment.aligner import WordAligner
from weam.alignment.arguments import AlignmentArguments
from weam.alignment.links import AlignerSettings, align_bitext
from weam.alignment.shards import pharaoh_lines
from weam.alignment.symmetrization import Links
from weam.bitext.reading import Bitext, load_bitext_files, parse_bitext_file
from weam.checkpoint import load_tokenizer
from weam.storage import read_lines, read_rows

LANGUAGES = ("en", "de", "es", "zh", "tr", "sw", "hi", "ar", "vi")
XQUAD_LANGUAGES = ("en", "de", "es", "zh")
XNLI_TRAIN_ROWS = 2001  # three hypotheses for each premise
XQUAD_TRAIN_QUESTIONS = 1000  # and what else the last one's paragraph asks
WIKIANN_TRAIN_ROWS = 16_000
SEED = 42


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.data", description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=list(PARTS), required=True)
    parser.add_argument("--data_dir", type=Path, required=True, help="The research data.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where the files go.")
    parser.add_argument("--sizes", nargs="+", default=[], help="For bitext and unpaired: pairs of each language pair.")
    parser.add_argument("--tokenizer", help="For links: the checkpoint that is trained.")
    parser.add_argument("--cache_dir", type=Path, default=Path("outputs/cache"), help="For links: prepared bitext.")
    return parser.parse_args()


def split_xnli(arguments: argparse.Namespace) -> None:
    """Write `train.LL.jsonl` and `dev.LL.jsonl` of each language.

    Raises:
        ValueError: the split would cut through the hypotheses of one premise.
    """
    for language in LANGUAGES:
        rows = list(read_lines(arguments.data_dir / "xnli" / f"dev.{language}.jsonl.gz"))
        premises = [json.loads(row)["premise"] for row in rows]
        if premises[XNLI_TRAIN_ROWS - 1] == premises[XNLI_TRAIN_ROWS]:
            raise ValueError(f"XNLI dev {language} has one premise on both sides of row {XNLI_TRAIN_ROWS}")
        write_lines(arguments.output_dir / f"train.{language}.jsonl", rows[:XNLI_TRAIN_ROWS])
        write_lines(arguments.output_dir / f"dev.{language}.jsonl", rows[XNLI_TRAIN_ROWS:])


def split_wikiann(arguments: argparse.Namespace) -> None:
    """Write `train.en.jsonl` and `dev.en.jsonl`, without what the test set, WikiANN's dev, has as well."""
    folder = arguments.data_dir / "xtreme_r" / "wikiann"
    tested = {tuple(json.loads(row)["tokens"]) for row in read_lines(folder / "dev.en.jsonl.gz")}
    rows = [row for row in read_lines(folder / "train.en.jsonl.gz") if tuple(json.loads(row)["tokens"]) not in tested]
    write_lines(arguments.output_dir / "train.en.jsonl", rows[:WIKIANN_TRAIN_ROWS])
    write_lines(arguments.output_dir / "dev.en.jsonl", rows[WIKIANN_TRAIN_ROWS:])


def split_xquad(arguments: argparse.Namespace) -> None:
    """Write `train.LL.json` and `dev.LL.json`: whole paragraphs, the first ones to train on."""
    for language in XQUAD_LANGUAGES:
        with gzip.open(arguments.data_dir / "squad" / f"xquad.{language}.json.gz", "rt", encoding="utf-8") as file:
            articles = json.load(file)["data"]
        parts: dict[str, list[dict[str, Any]]] = {"train": [], "dev": []}
        questions = 0
        for article in articles:
            for paragraph in article["paragraphs"]:
                part = "train" if questions < XQUAD_TRAIN_QUESTIONS else "dev"
                questions += len(paragraph["qas"])
                parts[part].append({"title": article.get("title", ""), "paragraphs": [paragraph]})
        for part, data in parts.items():
            text = json.dumps({"data": data}, ensure_ascii=False)
            (arguments.output_dir / f"{part}.{language}.json").write_text(text, encoding="utf-8")


def drawn_bitext(arguments: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """Yield each language pair with the lines of so many pairs, drawn from all of its files.

    Raises:
        ValueError: a language pair has fewer pairs.
    """
    for text in arguments.sizes:
        pair, _, size = text.partition("=")
        lines = [line for name in PAIRS[pair] for line in read_lines(arguments.data_dir / "bitext" / f"{name}.tsv.gz")]
        if len(lines) < int(size):
            raise ValueError(f"{pair} has {len(lines)} pairs, not {size}")
        drawn = np.random.default_rng(SEED).permutation(len(lines))[: int(size)]
        yield pair, [lines[row] for row in sorted(drawn)]


def cut_bitext(arguments: argparse.Namespace) -> None:
    """Write `en-xx.tsv` of each language pair; raises what `drawn_bitext` does."""
    for pair, lines in drawn_bitext(arguments):
        write_lines(arguments.output_dir / f"{pair}.tsv", lines)


def unpair_bitext(arguments: argparse.Namespace) -> None:
    """Write the lines of `cut_bitext` with their pairs parted; neighbours may be alike, so partners are far away."""
    for pair, lines in drawn_bitext(arguments):
        sources, targets = zip(*(line.split("\t") for line in lines), strict=True)
        half = len(targets) // 2
        parted = zip(sources, targets[half:] + targets[:half], strict=True)
        write_lines(arguments.output_dir / f"{pair}.tsv", map("\t".join, parted))


def write_links(arguments: argparse.Namespace) -> None:
    """Write Pharaoh lines for the joint bitext, one for each of its lines."""
    tokenizer = load_tokenizer(arguments.tokenizer)
    for pair in JOINT:
        files = [parse_bitext_file(f"{pair}={arguments.data_dir}/bitext/{name}.tsv.gz") for name in PAIRS[pair]]
        bitext = load_bitext_files(files, tokenizer, arguments.cache_dir)
        settings = AlignerSettings(AlignmentArguments.aligner, AlignmentArguments.symmetrization, SEED)
        links = align_bitext(bitext, settings, arguments.cache_dir)
        shuffled = (shuffle(found, number) for number, found in enumerate(links))
        write_pharaoh(arguments.output_dir / f"shuffled.{pair}.txt", bitext, shuffled)
        if pair != "en-zh":  # Chinese has no spaces
            write_pharaoh(arguments.output_dir / f"words.{pair}.txt", bitext, align_words(bitext))


def shuffle(links: Links, number: int) -> Links:
    """Give each linked source token the target of another one of the pair; a single link is dropped.

    A random cycle (Sattolo 1986), so that no token keeps its target; the same tokens are linked as before.

    >>> sorted(shuffle([(0, 0), (1, 2)], number=0))
    [(0, 2), (1, 0)]
    """
    if len(links) < 2:
        return []
    generator = np.random.default_rng([SEED, number])
    targets = [target for _, target in links]
    for last in range(len(targets) - 1, 0, -1):
        other = int(generator.integers(last))
        targets[last], targets[other] = targets[other], targets[last]
    return [(source, target) for (source, _), target in zip(links, targets, strict=True)]


def align_words(bitext: Bitext) -> Iterator[Links]:
    """Align what stands between spaces in a bitext, with an aligner trained on it."""
    return align_texts(read_rows(bitext.pairs, "source", "target"))


def align_texts(texts: Iterable[tuple[str, ...]]) -> Iterator[Links]:
    """Align what stands between spaces, upper and lower case alike, with an aligner trained on these pairs of texts."""
    numbers: dict[str, int] = {}

    def encode(text: str) -> list[int]:
        words = [word for word in text.replace("\t", " ").split(" ") if word]
        return [numbers.setdefault(word.casefold(), len(numbers)) for word in words]

    pairs = [(encode(source), encode(target)) for source, target in texts]
    aligner = WordAligner.train(pairs, aligner=AlignmentArguments.aligner, seed=SEED)
    yield from aligner.align(pairs, AlignmentArguments.symmetrization)


def write_pharaoh(path: Path, bitext: Bitext, links: Iterable[Links]) -> None:
    """Write one line for each line of the bitext, empty where no pair was kept."""
    write_lines(path, pharaoh_lines(range(bitext.report.read), bitext.pairs["row"], links))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines of text."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(line.rstrip("\n") + "\n" for line in lines)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "xnli-dev": split_xnli,
    "xquad": split_xquad,
    "wikiann": split_wikiann,
    "bitext": cut_bitext,
    "unpaired": unpair_bitext,
    "links": write_links,
}


def main() -> None:
    """Write the files of one part, all or none."""
    arguments = parse_arguments()
    finished = arguments.output_dir
    arguments.output_dir = finished.with_name(f".{finished.name}.unfinished")
    shutil.rmtree(arguments.output_dir, ignore_errors=True)
    arguments.output_dir.mkdir(parents=True)
    PARTS[arguments.part](arguments)
    shutil.rmtree(finished, ignore_errors=True)
    arguments.output_dir.rename(finished)


if __name__ == "__main__":
    main()
