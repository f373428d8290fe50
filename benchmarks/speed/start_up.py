"""Measure how a run begins on a large bitext: the first time, and again when everything is on disk.

    python -m benchmarks.speed.start_up

The pairs are generated: sentences of eight drawn words, linked word by word by a file, so that no aligner is needed.
Everything else is the real thing: reading, cutting, choosing held-out pairs, encoding, the Trainer's first batch. Each
start is a process of its own; its memory is what it had at its peak above a start on a thousand pairs, without the
pages of mapped files, which the system may take back at any time.
"""

import argparse
import gc
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from transformers import BertConfig, BertTokenizer

from benchmarks.processes import Peak, in_a_fresh_process, process_status
from benchmarks.records import described, measuring_parser, write_part
from benchmarks.speed.__main__ import machine
from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import BertForWEAMPreTraining
from weam.alignment.arguments import AlignmentArguments
from weam.bitext.arguments import BitextArguments
from weam.pretraining.arguments import PreTrainingArguments
from weam.pretraining.mixture import mix_language_pairs
from weam.pretraining.preparation import prepare_language_pairs
from weam.trainer import WEAMTrainer

PROGRAM = "python -m benchmarks.speed.start_up"
WORDS = 8  # of a sentence
FEW = 1000  # pairs of the start that others are compared with


@dataclass(frozen=True)
class Row:
    """The starts of a run on so many pairs, to its first batch."""

    pairs: int
    first_seconds: float
    first_megabytes: float  # at the peak, more than on a thousand pairs
    again_seconds: float
    again_megabytes: float
    gigabytes_on_disk: float


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--pairs", type=int, nargs="+", default=[100_000, 1_000_000])
    return parser.parse_args()


def write_bitext(folder: Path, vocabulary: Path, pairs: int) -> None:
    """Write so many pairs of sentences, and links from each word to the one in its place."""
    words = [word for word in vocabulary.read_text(encoding="utf-8").split() if word.isascii() and word.isalpha()]
    draw = random.Random(0)
    links = " ".join(f"{place}-{place}" for place in range(WORDS)) + "\n"
    with (folder / "text.tsv").open("w") as text, (folder / "links.txt").open("w") as alignments:
        for _ in range(pairs):
            drawn = draw.choices(words, k=2 * WORDS)
            text.write(" ".join(drawn[:WORDS]) + "\t" + " ".join(drawn[WORDS:]) + "\n")
            alignments.write(links)


def start(folder: Path, vocabulary: Path) -> tuple[float, float]:
    """Go from the settings to the first batch; return seconds and the most bytes in use."""
    memory = Peak(lambda: process_status("RssAnon"))
    begun = time.perf_counter()
    gc.freeze()  # as run_pretraining.py
    tokenizer = BertTokenizer(vocab=str(vocabulary), do_lower_case=False)
    bitext = BitextArguments(train_file=[f"en-de={folder / 'text.tsv'}"], cache_dir=str(folder / "cache"))
    alignment = AlignmentArguments(alignments=[f"en-de={folder / 'links.txt'}"], alignments_unit="subword")
    pairs = prepare_language_pairs(bitext, alignment, tokenizer, seed=1)
    features = mix_language_pairs({name: pair.train for name, pair in pairs.items()}, 1.0, [], seed=1)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 16}
    model = BertForWEAMPreTraining(BertConfig(vocab_size=len(tokenizer), **sizes))
    args = PreTrainingArguments(output_dir=str(folder / "output"), use_cpu=True)
    trainer = WEAMTrainer(model, args, DataCollatorForWordExchange(tokenizer), features)
    next(iter(trainer.get_train_dataloader()))
    return time.perf_counter() - begun, memory.value


def starts(pairs: int, vocabulary: Path) -> tuple[tuple[float, float], tuple[float, float], int]:
    """Start twice on new text; return both, and the bytes on disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_bitext(folder, vocabulary, pairs)
        first, again = (in_a_fresh_process(start, folder, vocabulary) for _ in range(2))
        size = sum(file.stat().st_size for file in (folder / "cache").rglob("*") if file.is_file())
        return first, again, size


def measure(sizes: list[int], vocabulary: Path) -> Iterator[Row]:
    """Yield the starts on each number of pairs."""
    small = starts(FEW, vocabulary)
    for pairs in sizes:
        first, again, size = starts(pairs, vocabulary)
        yield Row(
            pairs=pairs,
            first_seconds=round(first[0], 1),
            first_megabytes=round((first[1] - small[0][1]) / 1e6),
            again_seconds=round(again[0], 1),
            again_megabytes=round((again[1] - small[1][1]) / 1e6),
            gigabytes_on_disk=round(size / 1e9, 2),
        )


def main() -> None:
    """Measure, write after each size, print."""
    arguments = parse_arguments()
    rows = []
    for row in measure(arguments.pairs, arguments.data_dir / "tokenizer" / "mbert-vocab.txt"):
        rows.append(row)
        write_part(described(PROGRAM, rows, machine=machine()), "start", arguments.output)
        print(row)


if __name__ == "__main__":
    main()
