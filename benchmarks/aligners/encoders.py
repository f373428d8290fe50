"""Measure encoders as word aligners against hand-made alignments: error rate, calibration, speed and memory.

    python -m benchmarks.aligners.encoders --model BACKBONE

Mean and deviation of the hidden states come from the first sentences of two sets, which also chose every constant of
the method; all sets are scored whole. Speed is pairs per second of processor time on one thread, so that other work on
the machine matters little; it is measured on real pairs, in a fresh process for each system, which is what memory
counts. `--simalign PYTHON` names an interpreter that has simalign (see README.md beside this file).
"""

import argparse
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks.aligners.__main__ import GOLD_SETS, machine, read_bitext
from benchmarks.processes import in_a_fresh_process, process_status
from modeling_weam import AlignmentOptions, _link
from weam.alignment.encoder import EncoderAligner, load_encoder
from weam.alignment.gold import GoldSentence, read_gold, score_links
from weam.storage import write_json

TUNED_ON = ("de-en", "ja-en")
SENTENCES_TUNED_ON = 150
SPEED_BITEXT = "en-de.tatoeba"
SPEED_PAIRS = 2_000
BINS = 10


@dataclass(frozen=True)
class Method:
    """One way to choose links from the hidden states of a layer."""

    name: str
    layer: int | None
    has_statistics: bool
    options: AlignmentOptions


METHODS = (
    Method("dual softmax", None, True, AlignmentOptions()),
    Method("dual softmax, grow-diag", None, True, AlignmentOptions(symmetrization="grow-diag")),
    Method("dual softmax, no statistics", None, False, AlignmentOptions()),
    Method("argmax (SimAlign)", 8, False, AlignmentOptions(method="argmax")),
)


@dataclass(frozen=True)
class Row:
    """Scores of a method on a gold set; `reliability`: per bin of scores their mean, share of right links, count."""

    model: str
    method: str
    layer: int
    gold_set: str
    precision: float
    recall: float
    alignment_error_rate: float
    calibration_error: float
    reliability: list[tuple[float, float, int]]


@dataclass(frozen=True)
class Speed:
    """One alignment of the same pairs in a process of its own."""

    system: str
    pairs: int
    cpu_seconds: float
    pairs_per_cpu_second: float
    peak_megabytes: float
    links: int


@dataclass(frozen=True)
class SpeedTask:
    """What a process aligns, and how."""

    system: str
    model: str
    dtype: str
    pairs: list[tuple[str, str]]


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Error rate, calibration, speed and memory of encoders as aligners.")
    parser.add_argument("--model", required=True, help="Checkpoint of the encoder.")
    parser.add_argument("--name", default="backbone (E5-small, 4-bit)", help="What tables call it.")
    parser.add_argument("--data_dir", type=Path, default=Path("../shared/data"), help="gold_alignments/ and bitext/.")
    parser.add_argument("--simalign", help="A Python interpreter that has simalign, to be measured beside.")
    parser.add_argument("--skip", choices=("speed", "gold"), help="Measure the other part only.")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/aligners.json"))
    return parser.parse_args()


def score_methods(aligner: EncoderAligner, name: str, gold: dict[str, list[GoldSentence]]) -> Iterator[Row]:
    """Yield a row for each method and gold set; sentences are encoded once for the methods of a layer."""
    sample = [
        text
        for s in TUNED_ON
        for pair in gold[s][:SENTENCES_TUNED_ON]
        for text in (list(pair.source), list(pair.target))
    ]
    encode = aligner.model._encode_tokens
    for kind in ("dual-softmax", "argmax"):
        methods = [method for method in METHODS if method.options.method == kind]
        layer = aligner.model.align_layer(methods[0].layer)
        aligner.model.fit_alignment(aligner.tokenizer, sample, layer)
        statistics = aligner.model.alignment_statistics(layer)
        for gold_set, sentences in gold.items():
            sides = [
                encode(aligner.tokenizer, [list(getattr(s, side)) for s in sentences], layer, methods[0].options)
                for side in ("source", "target")
            ]
            for method in methods:
                used = statistics if method.has_statistics else None
                links = [_link(source, target, used, method.options) for source, target in zip(*sides, strict=True)]
                yield make_row(name, method.name, layer, gold_set, links, sentences)


def make_row(
    name: str, method: str, layer: int, gold_set: str, links: Sequence[dict], gold: Sequence[GoldSentence]
) -> Row:
    """Score links between words, and their scores."""
    scores = {key: round(value, 4) for key, value in asdict(score_links(links, gold)).items()}
    judged = [(p, link in s.possible) for found, s in zip(links, gold, strict=True) for link, p in found.items()]
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for score, is_right in judged:
        bins[min(int(score * BINS), BINS - 1)].append((score, is_right))
    reliability = [
        (round(sum(p for p, _ in b) / len(b), 3), round(sum(r for _, r in b) / len(b), 3), len(b)) for b in bins if b
    ]
    error = sum(abs(mean - share) * count for mean, share, count in reliability) / max(len(judged), 1)
    return Row(name, method, layer, gold_set, **scores, calibration_error=round(error, 3), reliability=reliability)


def measure_speed(task: SpeedTask) -> Speed:
    """Align on one thread; meant for a fresh process."""
    torch.set_num_threads(1)
    aligner = load_encoder(task.model)
    model = aligner.model.to(getattr(torch, task.dtype))
    sources, targets = zip(*task.pairs, strict=True)
    start = time.process_time()
    links = model.align_words(aligner.tokenizer, sources, targets)
    return make_speed(task.system, len(task.pairs), time.process_time() - start, sum(map(len, links)))


def make_speed(system: str, pairs: int, seconds: float, links: int, megabytes: float | None = None) -> Speed:
    """Round what was measured; memory is this process's where it is not given."""
    peak = process_status("VmHWM") / 2**20 if megabytes is None else megabytes
    return Speed(system, pairs, round(seconds, 1), round(pairs / seconds, 1), round(peak, 1), links)


def measure_simalign(python: str, model: str, pairs: list[tuple[str, str]]) -> Speed:
    """Run simalign's own program text in the interpreter that has it."""
    script = Path(__file__).with_name("run_simalign.py")
    answer = subprocess.run([python, str(script), model], input=json.dumps(pairs), capture_output=True, text=True)
    if answer.returncode:
        raise RuntimeError(f"simalign failed: {answer.stderr[-2000:]}")
    found = json.loads(answer.stdout.splitlines()[-1])
    return make_speed("simalign 0.4, argmax", len(pairs), found["seconds"], found["links"], found["megabytes"])


def speed_pairs(data_dir: Path) -> list[tuple[str, str]]:
    """Return pairs from the whole bitext, which is sorted by length."""
    pairs = read_bitext(data_dir / "bitext" / f"{SPEED_BITEXT}.tsv.gz")
    return pairs[:: len(pairs) // SPEED_PAIRS][:SPEED_PAIRS]


def measure_speeds(arguments: argparse.Namespace) -> list[Speed]:
    """Measure our aligner in two precisions, and simalign where it is installed."""
    pairs = speed_pairs(arguments.data_dir)
    speeds = []
    for dtype in ("float32", "bfloat16"):
        task = SpeedTask(f"align_words, {dtype}", arguments.model, dtype, pairs)
        speeds.append(in_a_fresh_process(measure_speed, task))
    if arguments.simalign:
        speeds.append(measure_simalign(arguments.simalign, arguments.model, pairs))
    return speeds


def main() -> None:
    """Add what is measured to the record."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    record: dict[str, Any] = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    record |= {"date": datetime.now(UTC).date().isoformat(), "machine": machine()}
    record["versions"] = {"torch": torch.__version__, "transformers": transformers.__version__}
    if arguments.skip != "gold":
        gold = {s.name: read_gold(arguments.data_dir / "gold_alignments" / s.name) for s in GOLD_SETS}
        rows = [row for row in record.get("rows", []) if row["model"] != arguments.name]
        rows += map(asdict, score_methods(load_encoder(arguments.model), arguments.name, gold))
        record["rows"] = rows
        write_json(record, arguments.output)
    if arguments.skip != "speed":
        record["speeds"] = [asdict(speed) for speed in measure_speeds(arguments)]
        write_json(record, arguments.output)
    for row in record.get("rows", []):
        print(row["model"], row["method"], row["gold_set"], row["alignment_error_rate"])
    for speed in record.get("speeds", []):
        print(speed)


if __name__ == "__main__":
    main()
