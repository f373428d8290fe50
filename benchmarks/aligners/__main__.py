"""Measure the word aligners against hand-made alignments: error rate, time and memory.

    python -m benchmarks.aligners

Every gold set is aligned together with other text of its language pair, once over the tokens of the model's tokenizer
and once over words. Words are the gold set's own; the other text has no word boundaries of that kind and is split at
spaces and punctuation, Chinese characters one by one, as BERT does. Error rates are always those of words: token links
are mapped to words after symmetrisation ("token", what pre-training uses) or before it ("token, words joined").
Memory is read from /proc, so this needs Linux.
"""

import argparse
import gzip
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import transformers  # its classes load when they are used; the process that is measured uses none

from benchmarks.processes import Peak, children_peak_megabytes, in_a_fresh_process
from benchmarks.records import described, measuring_parser, write_part
from weam.alignment.aligner import ALIGNERS, SentencePair, WordAligner
from weam.alignment.gold import GoldSentence, read_gold, score_links
from weam.alignment.symmetrization import HEURISTICS, Links, symmetrize, word_links

PROGRAM = "python -m benchmarks.aligners"
UNITS = ("token", "word")
NOTE = (
    "Two processes, one for each direction; memory is the sum of their peaks. Wall times are of a shared machine: read "
    "them with load_average."
)


@dataclass(frozen=True)
class GoldSet:
    """A hand-aligned test set and the bitext that is aligned with it."""

    name: str
    bitext: str
    swapped: bool = False  # the bitext has English first, the gold set has it second


GOLD_SETS = (
    GoldSet("de-en", "en-de.tatoeba", swapped=True),
    GoldSet("en-cs", "en-cs.multi30k"),
    GoldSet("en-fr", "en-fr.multi30k"),
    GoldSet("en-hi", "en-hi.wikipedia-mturk"),
    GoldSet("ja-en", "en-ja.tatoeba", swapped=True),
    GoldSet("zh-en", "en-zh.tatoeba", swapped=True),
)


@dataclass(frozen=True)
class Task:
    """What one measured process aligns; the first pairs are the gold set's."""

    gold_set: str
    aligner: str
    unit: str
    pairs: list[SentencePair]


@dataclass(frozen=True)
class Run:
    """One training and one alignment of everything."""

    gold_set: str
    aligner: str
    unit: str
    pairs: int
    train_seconds: float
    align_seconds: float
    peak_megabytes: float  # of both direction processes together
    load_average: tuple[float, float, float]  # over 1, 5 and 15 minutes, before the run


@dataclass(frozen=True)
class Row:
    """The scores of one way to make links."""

    gold_set: str
    aligner: str
    unit: str
    heuristic: str
    precision: float
    recall: float
    alignment_error_rate: float


@dataclass(frozen=True)
class Corpus:
    """Pairs in one unit, the gold set's first, with the word number of each unit of the gold set."""

    pairs: list[SentencePair]
    word_numbers: list[tuple[list[int], list[int]]]


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "alignment")
    parser.add_argument("--tokenizer", type=Path, help="A cased WordPiece vocabulary; mBERT's in data_dir by default.")
    parser.add_argument("--extra_pairs", type=int, default=10_000, help="Pairs aligned together with each gold set.")
    arguments = parser.parse_args()
    arguments.tokenizer = arguments.tokenizer or arguments.data_dir / "tokenizer" / "mbert-vocab.txt"
    return arguments


def read_bitext(path: Path, swapped: bool = False, limit: int | None = None) -> list[tuple[str, str]]:
    """Return the first pairs of a TSV, sides swapped where the gold set has them the other way round."""
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        pairs = [line.rstrip("\n").split("\t") for line in islice(file, limit)]
    return [(target, source) if swapped else (source, target) for source, target in pairs]


def cut_words(
    words: tuple[str, ...], unit: str, tokenizer: transformers.PreTrainedTokenizerBase
) -> tuple[list[str], list[int]]:
    """Return the units of a gold sentence and, for each, the number of its word."""
    units = [[word] if unit == "word" else tokenizer.tokenize(word) for word in words]
    flat = [(text, number) for number, word_units in enumerate(units) for text in word_units]
    return [text for text, _ in flat], [number for _, number in flat]


def cut_text(text: str, unit: str, tokenizer: transformers.PreTrainedTokenizerBase) -> list[str]:
    """Return the units of running text."""
    if unit == "token":
        return tokenizer.tokenize(text)
    return [word for word, _ in tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text)]


def make_corpus(
    gold: list[GoldSentence],
    bitext: list[tuple[str, str]],
    unit: str,
    tokenizer: transformers.PreTrainedTokenizerBase,
) -> Corpus:
    """Cut the gold set and the other text into units."""
    pairs: list[SentencePair] = []
    word_numbers = []
    for sentence in gold:
        source, source_words = cut_words(sentence.source, unit, tokenizer)
        target, target_words = cut_words(sentence.target, unit, tokenizer)
        pairs.append((source, target))
        word_numbers.append((source_words, target_words))
    pairs += [(cut_text(source, unit, tokenizer), cut_text(target, unit, tokenizer)) for source, target in bitext]
    return Corpus(pairs, word_numbers)


def measure(task: Task) -> tuple[Run, list[tuple[Links, Links]]]:
    """Train and align; meant for a fresh process, whose children are the aligner's alone."""
    load_average = os.getloadavg()
    memory = Peak(children_peak_megabytes)
    start = time.perf_counter()
    aligner = WordAligner.train(task.pairs, aligner=task.aligner, progress=False)
    trained = time.perf_counter()
    directions = list(aligner.align_directions(task.pairs, progress=False))
    aligned = time.perf_counter()
    run = Run(
        gold_set=task.gold_set,
        aligner=task.aligner,
        unit=task.unit,
        pairs=len(task.pairs),
        train_seconds=round(trained - start, 2),
        align_seconds=round(aligned - trained, 2),
        peak_megabytes=round(memory.value, 1),
        load_average=load_average,
    )
    return run, directions


def score(run: Run, directions: list[tuple[Links, Links]], corpus: Corpus, gold: list[GoldSentence]) -> Iterator[Row]:
    """Yield the scores of every heuristic."""
    found = directions[: len(gold)]
    words_of = corpus.word_numbers
    for heuristic in HEURISTICS:
        joined_late = [
            word_links(symmetrize(*both, heuristic), *words) for both, words in zip(found, words_of, strict=True)
        ]
        yield make_row(run, run.unit, heuristic, joined_late, gold)
        if run.unit == "token":
            joined_early = [
                symmetrize(word_links(forward, *words), word_links(reverse, *words), heuristic)
                for (forward, reverse), words in zip(found, words_of, strict=True)
            ]
            yield make_row(run, "token, words joined", heuristic, joined_early, gold)


def make_row(run: Run, unit: str, heuristic: str, links: list[Links], gold: list[GoldSentence]) -> Row:
    """Score links between words."""
    rounded = {name: round(value, 4) for name, value in asdict(score_links(links, gold)).items()}
    return Row(run.gold_set, run.aligner, unit, heuristic, **rounded)


def main() -> None:
    """Measure every gold set, unit and aligner."""
    arguments = parse_arguments()
    tokenizer = transformers.BertTokenizer(vocab=str(arguments.tokenizer), do_lower_case=False, strip_accents=False)
    runs: list[Run] = []
    rows: list[Row] = []
    for gold_set in GOLD_SETS:
        gold = read_gold(arguments.data_dir / "gold_alignments" / gold_set.name)
        path = arguments.data_dir / "bitext" / f"{gold_set.bitext}.tsv.gz"
        bitext = read_bitext(path, gold_set.swapped, arguments.extra_pairs)
        for unit in UNITS:
            corpus = make_corpus(gold, bitext, unit, tokenizer)
            for aligner in ALIGNERS:
                run, directions = in_a_fresh_process(measure, Task(gold_set.name, aligner, unit, corpus.pairs))
                print(run)
                runs.append(run)
                rows += score(run, directions, corpus, gold)
    figures = {"extra_pairs": arguments.extra_pairs, "note": NOTE, "runs": [asdict(run) for run in runs]}
    write_part(described(PROGRAM, rows, **figures), "heuristics", arguments.output)
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
