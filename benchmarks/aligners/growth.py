"""Measure how the cost of FastAlign grows with the bitext, beside the original program.

    python -m benchmarks.aligners.growth --fast_align PROGRAM

The bitext is that of all language pairs as one, in mBERT's subword tokens, shuffled; where there is too little of it,
pairs are joined two by two at random. Ours trains and aligns in two processes, a direction each, and intersects. The
original, built from https://github.com/clab/fast_align, does its two directions in two processes as well, one thread
each, with `-d -o -v`; nothing joins them. Memory is the sum of the two directions' peaks, read from /proc, so this
needs Linux.
"""

import argparse
import os
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import transformers  # its classes load when they are used; the process that is measured uses none
from tqdm.auto import tqdm

from benchmarks.aligners.__main__ import read_bitext
from benchmarks.processes import Peak, children_peak_megabytes, in_a_fresh_process
from benchmarks.records import described, measuring_parser, write_part
from weam.alignment.aligner import SentencePair, WordAligner
from weam.alignment.formats import format_pharaoh

PROGRAM = "python -m benchmarks.aligners.growth"
DIVIDER = " ||| "
CUT_AT_ONCE = 1000  # sentences


@dataclass(frozen=True)
class Cost:
    """What both directions of an aligner need."""

    seconds: float
    training_seconds: float | None  # of these; the original does not say
    processor_seconds: float  # of all processes
    megabytes: float  # at the peak, of the two directions together


@dataclass(frozen=True)
class Row:
    """One size of bitext."""

    pairs: int
    tokens: int  # tokens on both sides
    cells: int  # source tokens times target tokens, added up: what a round of training looks at
    weam: Cost
    original: Cost
    times_original: float  # seconds
    times_original_processor: float


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "alignment")
    parser.add_argument("--fast_align", type=Path, required=True, help="The original program.")
    parser.add_argument("--pairs", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    return parser.parse_args()


def read_all_bitext(folder: Path) -> list[tuple[str, str]]:
    """Read the pairs of all language pairs, shuffled."""
    pairs = [pair for path in sorted(folder.glob("*.tsv.gz")) for pair in read_bitext(path)]
    random.Random(0).shuffle(pairs)
    return pairs


def cut(sentences: list[str], tokenizer: transformers.PreTrainedTokenizerBase) -> list[str]:
    """Cut sentences into tokens, joined by spaces; what has none is one unknown token."""
    found = []
    for start in tqdm(range(0, len(sentences), CUT_AT_ONCE), desc="cutting into tokens", unit=" thousand"):
        encoded = tokenizer(sentences[start : start + CUT_AT_ONCE], add_special_tokens=False)
        found += [" ".join(tokenizer.convert_ids_to_tokens(ids)) or tokenizer.unk_token for ids in encoded["input_ids"]]
    return found


def write_tokens(pairs: int, data_dir: Path, path: Path) -> None:
    """Write so many lines `source tokens ||| target tokens`; the first ones are the same for any number."""
    tokenizer = transformers.BertTokenizer(vocab=str(data_dir / "tokenizer" / "mbert-vocab.txt"), do_lower_case=False)
    real = read_all_bitext(data_dir / "bitext")[:pairs]
    sources, targets = (cut([pair[side] for pair in real], tokenizer) for side in (0, 1))
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(pairs):
            rows = [number] if number < len(real) else draw.choices(range(len(real)), k=2)
            sides = (" ".join(side[row] for row in rows) for side in (sources, targets))
            file.write(DIVIDER.join(sides) + "\n")


def read_tokens(path: Path) -> Iterator[SentencePair]:
    """Yield the pairs of a file as the aligner takes them."""
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            source, target = line.rstrip("\n").split(DIVIDER)
            yield source.split(), target.split()


def align_weam(path: Path) -> float:
    """Train, align and write the links, as pre-training does; return the seconds of training."""
    start = time.perf_counter()
    aligner = WordAligner.train(read_tokens(path), progress=False)
    seconds = time.perf_counter() - start
    with path.with_suffix(".weam").open("w", encoding="utf-8") as file:
        for links in aligner.align(read_tokens(path), "intersect", progress=False):
            file.write(format_pharaoh(links) + "\n")
    return round(seconds, 1)


def align_original(program: Path, path: Path) -> None:
    """Let the original train and align in both directions."""
    command = [str(program), "-i", str(path), "-d", "-o", "-v"]
    directions = []
    for name, options in (("forward", []), ("reverse", ["-r"])):
        with path.with_suffix(f".{name}").open("w", encoding="utf-8") as output:
            one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
            errors = subprocess.DEVNULL
            directions.append(subprocess.Popen([*command, *options], stdout=output, stderr=errors, env=one_thread))
    for direction in directions:
        if direction.wait():
            raise OSError(f"{program} ended with exit code {direction.returncode}")


def measure(program: Path | None, path: Path) -> Cost:
    """Align a file with the original program, or with ours where there is none; meant for a fresh process."""
    memory = Peak(children_peak_megabytes)
    start, training = time.perf_counter(), None
    if program is None:
        training = align_weam(path)
    else:
        align_original(program, path)
    seconds = time.perf_counter() - start
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor = sum(own.ru_utime + own.ru_stime for own in usage)
    return Cost(round(seconds, 1), training, round(processor, 1), round(memory.value))


def compare(pairs: int, program: Path, data_dir: Path) -> Row:
    """Align so many pairs with both."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokens.txt"
        write_tokens(pairs, data_dir, path)
        lengths = [(len(source), len(target)) for source, target in read_tokens(path)]
        weam, original = (in_a_fresh_process(measure, contender, path) for contender in (None, program))
    return Row(
        pairs=pairs,
        tokens=sum(source + target for source, target in lengths),
        cells=sum(source * target for source, target in lengths),
        weam=weam,
        original=original,
        times_original=round(weam.seconds / original.seconds, 2),
        times_original_processor=round(weam.processor_seconds / original.processor_seconds, 2),
    )


def main() -> None:
    """Measure each size, write after each, print."""
    arguments = parse_arguments()
    rows = []
    for pairs in arguments.pairs:
        rows.append(compare(pairs, arguments.fast_align.resolve(), arguments.data_dir))
        command = f"{PROGRAM} --fast_align {arguments.fast_align.name}"  # not where it is
        write_part(described(PROGRAM, rows, command=command), "growth", arguments.output)
        print(rows[-1])


if __name__ == "__main__":
    main()
