r"""Text in files -> links in files: one line of links for each sentence pair, whatever is in it.

    weam align text --model MODEL --input pairs.tsv --output links.txt --scores scores.txt
    weam align text --model MODEL --source a.en --target a.de --output links.txt --html report.html
    weam align text --model MODEL < pairs.txt > links.txt

Without files it reads and writes as fast_align does: lines `source words ||| target words` in, Pharaoh lines out. Words
are what stands between spaces. A run that was interrupted goes on where it stopped when it is started again.
"""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from modeling_weam import AlignmentOptions
from weam.alignment.aligner import ALIGNERS, WordAligner, shard
from weam.alignment.encoder import load_encoder
from weam.alignment.formats import format_pharaoh, parse_pharaoh, split_words
from weam.alignment.gold import read_gold
from weam.alignment.links import ENCODER, check_encoder_symmetrization
from weam.alignment.picture import alignment_page, show_alignment
from weam.alignment.shards import parse_shard, refuse_existing, write_whole
from weam.alignment.symmetrization import HEURISTICS
from weam.bitext.reading import BitextFile, read_bitext_file
from weam.processor import encoder_dtype
from weam.storage import file_fingerprint, read_lines, write_json

logger = logging.getLogger("weam")

DTYPES = ("auto", "float32", "bfloat16", "float16")
SIDE_SEPARATOR = "|||"
LONGEST_SIDE = 8_000  # characters; the similarities of longer ones may not fit memory
WordPair = tuple[list[str], list[str]]
Align = Callable[[int], Iterator[str]]  # number of pairs to skip -> for each other pair `links` or `links TAB scores`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `text`."""
    parser.add_argument("--input", type=Path, help="Sentence pairs: TSV, .gz or not. Without files: standard input.")
    parser.add_argument("--source", type=Path, help="One side of the pairs, a sentence in each line.")
    parser.add_argument("--target", type=Path, help="The other side, as many lines.")
    parser.add_argument("--output", type=Path, help="Pharaoh lines; .gz compresses them. Default: standard output.")
    parser.add_argument("--aligner", choices=(ENCODER, *ALIGNERS), default=ENCODER, help="Which aligner.")
    parser.add_argument("--model", help="Checkpoint of the encoder: Hub name or folder.")
    parser.add_argument("--model_revision", default="main", help="Branch, tag or commit of the checkpoint.")
    parser.add_argument("--layer", type=int, help="Layer that is read; default: the one noted in the checkpoint.")
    parser.add_argument("--threshold", type=float, default=0.0, help="Leave out links with a lower score, 0 to 1.")
    parser.add_argument("--symmetrization", choices=HEURISTICS, default="intersect", help="How directions are joined.")
    parser.add_argument("--batch_tokens", type=int, default=AlignmentOptions.batch_tokens, help="Encoded at once.")
    parser.add_argument(
        "--dtype", choices=DTYPES, default="auto", help="Of the encoder. auto: bfloat16 on processors with AVX512-BF16."
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="Like cuda:1.")
    parser.add_argument("--seed", type=int, default=42, help="Of Eflomal's sampling.")
    parser.add_argument("--scores", type=Path, help="Also write the score of each link, a line for each pair.")
    parser.add_argument("--html", type=Path, help="Also draw the first pairs, in a page for a browser.")
    parser.add_argument("--html_pairs", type=int, default=100, help="How many pairs --html draws.")
    parser.add_argument("--gold", help="PREFIX of PREFIX.src-tgt and PREFIX.gold for these pairs: --html marks errors.")
    parser.add_argument("--shard", type=parse_shard, default=(0, 1), help="Which part of the lines, like 0/4.")


def run(arguments: argparse.Namespace) -> None:
    """Align and write.

    Raises:
        FileExistsError: the output is there already.
        ValueError: options that do not go together, malformed input (names file and line), or an unfit checkpoint.
    """
    check(arguments)
    if arguments.output is None:
        align, _ = prepare(arguments)
        for line in align(0):
            sys.stdout.write(line.partition("\t")[0] + "\n")
            sys.stdout.flush()
        return
    for path in filter(None, (arguments.output, arguments.scores, arguments.html)):
        refuse_existing(path)
    align, key = prepare(arguments)
    unfinished = arguments.output.with_name(f".{arguments.output.name}.unfinished")
    count = write_resumably(align, unfinished, key)
    if arguments.html is not None:
        write_whole([report(arguments, unfinished, count)], arguments.html)
    if arguments.scores is not None:
        write_whole((line.partition("\t")[2] for line in read_lines(unfinished)), arguments.scores)
    write_whole((line.partition("\t")[0] for line in read_lines(unfinished)), arguments.output)
    unfinished.unlink()
    _key_file(unfinished).unlink()
    logger.info("wrote the links of %s sentence pairs to %s", f"{count:,}", arguments.output)


def check(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together, before any work."""
    sides = (arguments.source is None) + (arguments.target is None)
    if sides == 1 or (arguments.input is not None and sides == 0):
        raise ValueError("give --input, or --source and --target, or pairs on standard input")
    if arguments.aligner == ENCODER:
        if arguments.model is None:
            raise ValueError("--aligner encoder needs --model, a checkpoint")
        check_encoder_symmetrization(arguments.symmetrization)
    elif arguments.scores or arguments.threshold:
        raise ValueError(f"--aligner {arguments.aligner} has no scores; leave --scores and --threshold out")
    if not input_files(arguments) and (arguments.output or arguments.scores or arguments.html):
        raise ValueError("pairs from standard input go to standard output; to write files, give --input")
    if arguments.output is None and (arguments.scores or arguments.html):
        raise ValueError("--scores and --html need --output, the file of the links")
    if arguments.gold is not None:
        if arguments.html is None:
            raise ValueError("--gold marks errors in the page of --html; give both")
        read_gold(arguments.gold)
    if not input_files(arguments) and arguments.shard != (0, 1):
        raise ValueError("--shard needs files, whose lines can be counted")


# Sentence pairs


def read_pairs(arguments: argparse.Namespace) -> Iterator[WordPair]:
    """Yield the words of every pair of the input, or of the shard of it."""
    if not input_files(arguments):
        yield from map(_split_sides, enumerate(_standard_input(), start=1))
        return
    file = BitextFile(("source", "target"), input_files(arguments))
    rows = range(sys.maxsize)
    if arguments.shard != (0, 1):
        rows = shard(sum(1 for _ in read_bitext_file(file)), *arguments.shard)
    for number, row in enumerate(islice(read_bitext_file(file), rows.start, rows.stop), start=rows.start + 1):
        yield _checked(split_words(row.source), split_words(row.target), number)


def input_files(arguments: argparse.Namespace) -> tuple[Path, ...]:
    """Return the files that were named; none for standard input."""
    return tuple(path for path in (arguments.input, arguments.source, arguments.target) if path is not None)


def _standard_input() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            yield line.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise ValueError(f"standard input, line {number}: {error}; convert it to UTF-8") from error


def _split_sides(numbered: tuple[int, str]) -> WordPair:
    number, line = numbered
    sides = line.split(SIDE_SEPARATOR) if line.strip() else ["", ""]  # a blank line is a pair without sides
    if len(sides) != 2:
        raise ValueError(
            f"standard input, line {number}: {len(sides)} sides instead of 2; write SOURCE WORDS ||| TARGET WORDS"
        )
    return _checked(split_words(sides[0]), split_words(sides[1]), number)


def _checked(source: list[str], target: list[str], number: int) -> WordPair:
    """Return a pair, or an empty one where a side is too long for its similarities to fit memory."""
    longest = max(sum(map(len, side)) for side in (source, target))
    if longest > LONGEST_SIDE:
        logger.warning("line %s has a side of %s characters, over %s: no links", number, longest, LONGEST_SIDE)
        return [], []
    return source, target


# Aligners


def prepare(arguments: argparse.Namespace) -> tuple[Align, dict[str, Any]]:
    """Load or train the aligner; return what aligns, and all that determines the links."""
    names = ("aligner", "layer", "threshold", "symmetrization", "seed", "shard", "dtype")
    key = {name: getattr(arguments, name) for name in names}
    key["input"] = [file_fingerprint(path) for path in input_files(arguments)]
    if arguments.aligner != ENCODER:
        return _statistical(arguments), key
    align, key["model"] = _by_encoder(arguments)
    return align, key


def _by_encoder(arguments: argparse.Namespace) -> tuple[Align, dict[str, Any]]:
    loaded = load_encoder(arguments.model, arguments.model_revision)
    dtype = encoder_dtype(arguments.device) if arguments.dtype == "auto" else getattr(torch, arguments.dtype)
    model = loaded.model.to(device=arguments.device, dtype=dtype)
    layer = model.align_layer(arguments.layer)
    statistics = model.alignment_statistics(layer)
    if statistics is None:
        logger.info(
            "%s has no statistics of layer %s, which make links a little better: `weam align prepare` notes them",
            arguments.model,
            layer,
        )
    names = ("symmetrization", "threshold", "batch_tokens")
    options = {name: getattr(arguments, name) for name in names}

    def align(skipped: int) -> Iterator[str]:
        pairs = tqdm(islice(read_pairs(arguments), skipped, None), "aligning", initial=skipped, unit=" pairs")
        for scored in model.align_corpus(loaded.tokenizer, pairs, layer=layer, **options):
            scores = " ".join(f"{score:.4f}" for score in scored.values())
            yield f"{format_pharaoh(list(scored))}\t{scores}"

    noted = None if statistics is None else statistics.tolist()
    return align, {"weights": loaded.fingerprint, "layer": layer, "statistics": noted}


def _statistical(arguments: argparse.Namespace) -> Align:
    """Train on the pairs themselves, which are read twice."""
    kept = None if input_files(arguments) else list(read_pairs(arguments))

    def pairs() -> Iterator[WordPair]:
        return read_pairs(arguments) if kept is None else iter(kept)

    aligner = WordAligner.train(pairs(), arguments.aligner, arguments.seed)

    def align(skipped: int) -> Iterator[str]:
        return map(format_pharaoh, aligner.align(islice(pairs(), skipped, None), arguments.symmetrization))

    return align


# Output


def write_resumably(align: Align, path: Path, key: dict[str, Any]) -> int:
    """Write the lines of an alignment after those that an interrupted run with the same key left; return how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    note = _key_file(path)
    known = json.loads(json.dumps(key))
    done = 0
    if path.exists() and note.exists() and json.loads(note.read_text(encoding="utf-8")) == known:
        done = _cut_last_line(path)
        logger.info("going on after %s sentence pairs that an earlier run aligned", f"{done:,}")
    else:
        path.unlink(missing_ok=True)
        write_json(known, note)
    with path.open("a", encoding="utf-8", newline="\n") as file:
        for line in align(done):
            file.write(line + "\n")
            done += 1
    return done


def _key_file(unfinished: Path) -> Path:
    return unfinished.with_name(unfinished.name + ".json")


def _cut_last_line(path: Path) -> int:
    """Remove what follows the last line feed; return the number of whole lines."""
    lines = whole = 0
    with path.open("r+b") as file:
        for line in file:
            if line.endswith(b"\n"):
                lines, whole = lines + 1, whole + len(line)
        file.truncate(whole)
    return lines


def report(arguments: argparse.Namespace, aligned: Path, count: int) -> str:
    """Draw the first pairs; errors are marked where there is gold for all pairs."""
    gold = read_gold(arguments.gold) if arguments.gold else None
    if gold is not None and len(gold) != count:
        raise ValueError(
            f"{arguments.gold} has {len(gold)} sentence pairs, the input {count}; give the gold of its pairs"
        )
    pictures = []
    lines = zip(read_pairs(arguments), read_lines(aligned), strict=False)
    for number, ((source, target), line) in enumerate(islice(lines, arguments.html_pairs)):
        links, _, scores = line.partition("\t")
        given = [float(score) for score in scores.split()] if arguments.aligner == ENCODER else None
        pictures.append(
            show_alignment(source, target, parse_pharaoh(links), given, None if gold is None else gold[number])
        )
    return alignment_page(pictures, count, has_gold=gold is not None)
