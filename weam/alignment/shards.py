"""Stage 2 by itself: aligns a bitext in shards, with an aligner trained on the bitext or on a sample of it.

    weam align train --bitext en-de=corpus.tsv.gz --tokenizer BASE --aligner_dir ALIGNER
    for n in 0 1 2 3; do  # each may run on another machine
        weam align apply --bitext en-de=corpus.tsv.gz --tokenizer BASE --aligner_dir ALIGNER \
            --shard $n/4 --output links.$n-of-4.txt
    done
    cat links.?-of-4.txt > links.txt  # in the order of the shards
    accelerate launch run_pretraining.py ... --alignments en-de=links.txt --alignments_unit subword

`run_pretraining.py` needs none of this where one machine can align the whole bitext. Machines that share `--cache_dir`
read the bitext once, when the aligner is trained.
"""

import argparse
import gzip
import json
import logging
import re
import uuid
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from weam.alignment.aligner import ALIGNERS, WordAligner, shard
from weam.alignment.arguments import AlignmentArguments
from weam.alignment.formats import format_pharaoh
from weam.alignment.links import TokenPairs
from weam.alignment.symmetrization import HEURISTICS, Links
from weam.bitext.arguments import BitextArguments
from weam.bitext.reading import Bitext, load_bitext
from weam.bitext.selection import draw_pairs
from weam.checkpoint import load_tokenizer
from weam.storage import read_json, whole_column

logger = logging.getLogger("weam")

TRAINED_FOR_FILE = "trained_for.json"


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `train`."""
    add_common_arguments(parser)
    parser.add_argument("--aligner", choices=ALIGNERS, default=ALIGNERS[0], help="Which model.")
    parser.add_argument(
        "--max_pairs", type=pair_count, default=5_000_000, help="Train on so many, always the same ones."
    )
    parser.add_argument("--seed", type=int, default=42, help="Of Eflomal's sampling.")


def add_apply_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `apply`."""
    add_common_arguments(parser)
    parser.add_argument("--symmetrization", choices=HEURISTICS, default=AlignmentArguments.symmetrization)
    parser.add_argument("--shard", type=parse_shard, default=(0, 1), help="Which part of the lines, like 0/4.")
    parser.add_argument("--output", type=Path, required=True, help="Pharaoh lines; .gz compresses them.")


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what both commands need."""
    bitext = "en-de=FILE or en-de=SOURCE,TARGET; the files of one language pair, in order."
    parser.add_argument("--bitext", nargs="+", action="extend", required=True, help=bitext)
    parser.add_argument("--tokenizer", required=True, help="Hub name or folder; the one to train with.")
    parser.add_argument("--aligner_dir", type=Path, required=True, help="The folder of the aligner.")
    parser.add_argument("--cache_dir", type=Path, default=BitextArguments.cache_dir, help="Where bitext is kept.")


def pair_count(text: str) -> int:
    """Read how many pairs to train on, at least one."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of pairs; give 1 or more")
    return int(text)


def parse_shard(text: str) -> tuple[int, int]:
    """Read which shard of how many.

    >>> parse_shard("0/4")
    (0, 4)
    """
    match = re.fullmatch("([0-9]+)/([0-9]+)", text)
    if match is None or int(match[1]) >= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard; write INDEX/TOTAL, of 4 shards 0/4, 1/4, 2/4 or 3/4")
    return int(match[1]), int(match[2])


def train(arguments: argparse.Namespace) -> None:
    """Train an aligner on a sample of the bitext, the same one whatever the order of its lines, and save it.

    Raises:
        FileExistsError: the folder for the aligner is there already.
    """
    refuse_existing(arguments.aligner_dir)
    bitext = load_bitext(arguments.bitext, load_tokenizer(arguments.tokenizer), arguments.cache_dir)
    logger.info(bitext.report)
    sample = TokenPairs(draw_pairs(bitext.pairs, arguments.max_pairs))
    reading = tqdm(sample, desc="reading for the aligner", unit=" pairs")
    aligner = WordAligner.train(reading, arguments.aligner, arguments.seed)
    (aligner.folder / TRAINED_FOR_FILE).write_text(json.dumps(trained_for(bitext), indent=1), encoding="utf-8")
    aligner.save(arguments.aligner_dir)
    logger.info("trained on %s of %s pairs, saved to %s", len(sample), len(bitext.pairs), arguments.aligner_dir)


def apply(arguments: argparse.Namespace) -> None:
    """Align a shard of the bitext and write one line for each of its lines.

    Raises:
        FileExistsError: the output is there already.
        ValueError: the aligner was trained for another language pair or tokenizer.
    """
    refuse_existing(arguments.output)
    aligner = WordAligner.load(arguments.aligner_dir)
    bitext = load_bitext(arguments.bitext, load_tokenizer(arguments.tokenizer), arguments.cache_dir)
    logger.info(bitext.report)
    check_trained_for(arguments.aligner_dir, bitext)

    lines = shard(bitext.report.read, *arguments.shard)
    rows = whole_column(bitext.pairs, "row")  # (pairs,), ascending: the line of each pair
    first, last = np.searchsorted(rows, [lines.start, lines.stop])
    links = aligner.align(TokenPairs(bitext.pairs.select(range(first, last))), arguments.symmetrization)
    write_whole(pharaoh_lines(lines, rows[first:last], links), arguments.output)
    logger.info("wrote the links of %s pairs, %s lines, to %s", last - first, len(lines), arguments.output)


def refuse_existing(path: Path) -> None:
    """Stop before any work that could not be saved."""
    if path.exists():
        raise FileExistsError(f"{path} exists; remove it or give another name")


def trained_for(bitext: Bitext) -> dict[str, str]:
    """Name what an aligner's vocabulary depends on: with other tokens it would find links, and all of them wrong."""
    return {"language_pair": bitext.language_pair, "tokenizer": bitext.key["tokenizer"]}


def check_trained_for(folder: Path, bitext: Bitext) -> None:
    """Refuse an aligner that does not know this bitext's languages or tokens."""
    path = folder / TRAINED_FOR_FILE
    known = read_json(path, dict[str, str], "train the aligner again") if path.is_file() else {}
    for name, value in trained_for(bitext).items():
        if known.get(name) != value:
            raise ValueError(
                f"{folder} was not trained by `weam align train` for this {name.replace('_', ' ')}; "
                f"train an aligner for this bitext ({name}: {known.get(name)}, not {value})"
            )


def pharaoh_lines(lines: range, rows: Iterable[int], links: Iterable[Links]) -> Iterator[str]:
    """Yield a line for each line of the bitext, empty where no pair was kept.

    Args:
        lines: which lines of the bitext.
        rows: for each pair its line, ascending.
        links: of each pair.

    >>> list(pharaoh_lines(range(10, 14), [11, 12], [[(0, 0), (1, 2)], []]))
    ['', '0-0 1-2', '', '']
    """
    line = lines.start
    for row, pair_links in zip(rows, links, strict=True):
        yield from repeat("", row - line)
        yield format_pharaoh(pair_links)
        line = row + 1
    yield from repeat("", lines.stop - line)


def write_whole(lines: Iterable[str], path: Path) -> None:
    """Write a file that is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Hidden, so that `cat links.*` does not take what a killed process left.
    unfinished = path.with_name(f".{path.name}.unfinished-{uuid.uuid4().hex[:8]}")
    open_file = gzip.open if path.suffix == ".gz" else open
    try:
        with open_file(unfinished, "wt", encoding="utf-8", newline="\n") as file:
            file.writelines(line + "\n" for line in lines)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
