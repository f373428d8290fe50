"""Score the joint model of `recipes/evidence.yaml`, step by step and layer by layer, beside statistical aligners.

    accelerate launch run_pretraining.py recipes/evidence.yaml --output_dir outputs/evidence
    accelerate launch run_pretraining.py recipes/evidence.yaml --output_dir outputs/evidence-warm --max_steps 300 \
      --save_strategy no
    accelerate launch run_pretraining.py recipes/evidence.yaml --output_dir outputs/evidence-cold --max_steps 300 \
      --save_strategy no --head_warmup_steps 0
    python -m benchmarks.before_after.training_curve

The last command reads what the first three left behind and writes `benchmarks/results/evidence.json` and its plot.
Word alignment is measured on hand-aligned sentences, translation retrieval on Tatoeba; neither was trained on. The
statistical aligners see the gold sentences together with all the bitext that the model's own links come from.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from tqdm.auto import tqdm
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from benchmarks.aligners.__main__ import make_corpus, read_bitext
from benchmarks.records import FIGURES
from modeling_weam import WEAMBertModel
from weam.alignment.aligner import ALIGNERS, WordAligner
from weam.alignment.gold import read_gold, score_links
from weam.alignment.symmetrization import symmetrize, word_links
from weam.metrics import retrieval_accuracy
from weam.pretraining.held_out import aligner_error_rate
from weam.results import RESULTS_FILE, read_results, versions
from weam.sentence_vectors import layer_vectors
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.tatoeba import read_translations

GOLD_SETS = {  # the bitext of the training runs; the gold sets have English second
    "de-en": ("en-de.tatoeba", "en-de.multi30k", "en-de.wmt-sample"),
    "zh-en": ("en-zh.tatoeba",),
}
RETRIEVAL_LANGUAGES = ("de", "es", "zh")
HEURISTICS = ("intersect", "grow-diag")
NOTE = (
    "A small backbone (12 layers of 384, 4-bit weights) and 20,000 pairs a language pair: our own figures, not the "
    "paper's setting."
)


@dataclass(frozen=True)
class Alignment:
    """The error rate of `align_words` on one gold set."""

    step: int
    layer: int
    gold_set: str
    alignment_error_rate: float


@dataclass(frozen=True)
class Retrieval:
    """Shares of 1,000 Tatoeba sentences whose translation is the nearest of 1,000."""

    step: int
    layer: int
    language: str
    from_english: float
    to_english: float


@dataclass(frozen=True)
class Aligner:
    """The error rate of a statistical aligner on the same gold set, at word level."""

    gold_set: str
    aligner: str
    heuristic: str
    pairs: int
    alignment_error_rate: float


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("outputs/evidence"), help="The long training.")
    parser.add_argument("--warm", type=Path, default=Path("outputs/evidence-warm"), help="Short, with head warm-up.")
    parser.add_argument("--cold", type=Path, default=Path("outputs/evidence-cold"), help="Short, without.")
    parser.add_argument("--backbone", type=Path, default=Path("models/backbone"), help="What was trained.")
    parser.add_argument("--data_dir", type=Path, default=Path("../shared/data"), help="The research data.")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/evidence.json"))
    return parser.parse_args()


def checkpoints(run: Path, backbone: Path) -> dict[int, Path]:
    """Return the folders with weights by step; step 0 is the backbone."""
    folders = {int(folder.name.rpartition("-")[2]): folder for folder in run.glob("checkpoint-*")}
    return {0: backbone, **dict(sorted(folders.items()))}


def alignments(
    step: int, encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, data_dir: Path, layers: Iterable[int]
) -> Iterator[Alignment]:
    """Score the word alignment of one checkpoint at the given layers."""
    for layer in tqdm(layers, desc=f"alignment, step {step}", unit=" layers"):
        for name in GOLD_SETS:
            gold = read_gold(data_dir / "gold_alignments" / name)
            yield Alignment(step, layer, name, round(aligner_error_rate(encoder, tokenizer, gold, layer), 4))


def retrievals(
    step: int, encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, data_dir: Path, layers: Iterable[int]
) -> Iterator[Retrieval]:
    """Score the translation retrieval of one checkpoint at the given layers."""
    for language in tqdm(RETRIEVAL_LANGUAGES, desc=f"retrieval, step {step}", unit=" languages"):
        pairs = read_translations(DataFiles(data_dir), "test", language)
        sides = [pair.english for pair in pairs], [pair.other for pair in pairs]
        vectors = [layer_vectors(encoder, tokenizer, side) for side in sides]  # (layers, sentences, H) each
        for layer in layers:
            english, other = (side[layer - 1] for side in vectors)
            yield Retrieval(
                step, layer, language, retrieval_accuracy(english, other), retrieval_accuracy(other, english)
            )


def score_aligners(name: str, tokenizer: PreTrainedTokenizerBase, data_dir: Path) -> Iterator[Aligner]:
    """Train the statistical aligners on the gold sentences and all bitext, and score them on the former."""
    gold = read_gold(data_dir / "gold_alignments" / name)
    files = [data_dir / "bitext" / f"{file}.tsv.gz" for file in GOLD_SETS[name]]
    bitext = [pair for file in files for pair in read_bitext(file, swapped=True, limit=10**9)]
    corpus = make_corpus(gold, bitext, "token", tokenizer)
    for aligner in ALIGNERS:
        trained = WordAligner.train(corpus.pairs, aligner=aligner)
        directions = list(trained.align_directions(corpus.pairs[: len(gold)], progress=False))
        for heuristic in HEURISTICS:
            links = [
                word_links(symmetrize(*both, heuristic), *words)
                for both, words in zip(directions, corpus.word_numbers, strict=True)
            ]
            yield Aligner(
                name, aligner, heuristic, len(corpus.pairs), round(score_links(links, gold).alignment_error_rate, 4)
            )


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Score everything: every checkpoint at the layer that aligns, the first and the last at others too."""
    tokenizer = AutoTokenizer.from_pretrained(arguments.backbone)
    folders = checkpoints(arguments.run, arguments.backbone)
    aligned: list[Alignment] = []
    retrieved: list[Retrieval] = []
    for step, folder in folders.items():
        encoder = WEAMBertModel.from_pretrained(folder, add_pooling_layer=False).eval()
        last, default = encoder.config.num_hidden_layers, encoder.align_layer()
        at_ends = step in (0, max(folders))
        layers = sorted({default, *range(last // 3, last + 1, last // 3)}) if at_ends else [default]
        aligned += alignments(step, encoder, tokenizer, arguments.data_dir, layers)
        retrieved += retrievals(step, encoder, tokenizer, arguments.data_dir, [default, last] if at_ends else [default])
    aligners = [row for name in GOLD_SETS for row in score_aligners(name, tokenizer, arguments.data_dir)]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": " ".join(["python -m benchmarks.before_after.training_curve", *sys.argv[1:]]),
        "note": NOTE,
        "versions": versions(),
        "align_layer": default,
        "alignment": [asdict(row) for row in aligned],
        "retrieval": [asdict(row) for row in retrieved],
        "aligners": [asdict(row) for row in aligners],
        "training": read_run(arguments.run),
        "with_head_warmup": read_run(arguments.warm),
        "without_head_warmup": read_run(arguments.cold),
    }


def read_run(folder: Path) -> dict[str, Any]:
    """Return what a training measured of itself."""
    return asdict(read_results(folder / RESULTS_FILE))


def plot(record: dict[str, Any], path: Path) -> None:
    """Draw losses, error rates and retrieval over steps, error rates over layers, and the warm-up comparison."""
    figure, axes = plt.subplots(2, 3, figsize=(15, 8), layout="constrained")
    log = record["training"]["trainings"][0]["log"]
    draw_losses(axes[0, 0], log, "multilingual_loss", "held-out multilingual loss")
    draw_losses(axes[0, 1], log, "cross_lingual_loss", "held-out cross-lingual loss")
    draw_warmup(axes[0, 2], record)
    draw_error_rates(axes[1, 0], record, "step", record["align_layer"])
    draw_error_rates(axes[1, 1], record, "layer", None)
    draw_retrieval(axes[1, 2], record)
    for axis in axes.flat:
        axis.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def draw_losses(axis: Axes, log: list[dict[str, float]], name: str, title: str) -> None:
    """Draw one held-out loss of each language pair over the steps."""
    for pair in ("en-de", "en-es", "en-zh"):
        points = [(entry["step"], entry[f"eval_{pair}_{name}"]) for entry in log if f"eval_{pair}_{name}" in entry]
        axis.plot(*zip(*points, strict=True), marker=".", label=pair)
    axis.set(title=title, xlabel="step", ylabel="nats per token")


def draw_warmup(axis: Axes, record: dict[str, Any]) -> None:
    """Draw both losses in training, with and without the head warm-up."""
    for key, style in (("with_head_warmup", "-"), ("without_head_warmup", "--")):
        for name in ("multilingual_loss", "cross_lingual_loss"):
            points = [(entry["step"], entry[name]) for entry in record[key]["trainings"][0]["log"] if name in entry]
            label = f"{name.replace('_', ' ')}, {key.replace('_', ' ')}"
            axis.plot(*zip(*points, strict=True), style, label=label)
    axis.set(title="training losses of short runs", xlabel="step", ylabel="nats per token")


def draw_error_rates(axis: Axes, record: dict[str, Any], over: str, layer: int | None) -> None:
    """Draw the error rate of `align_words` over steps at one layer, or over layers before and after training."""
    last = max(row["step"] for row in record["alignment"])
    for color, name in zip(("C0", "C3"), GOLD_SETS, strict=True):
        rows = [row for row in record["alignment"] if row["gold_set"] == name]
        if layer is not None:
            _line(axis, [row for row in rows if row["layer"] == layer], over, "-", color, f"{name}, layer {layer}")
        else:
            _line(axis, [row for row in rows if row["step"] == 0], over, "--", color, f"{name} before")
            _line(axis, [row for row in rows if row["step"] == last], over, "-", color, f"{name} after")
        for aligner, style in zip(ALIGNERS, (":", "-."), strict=True):
            rates = [
                x["alignment_error_rate"]
                for x in record["aligners"]
                if (x["gold_set"], x["aligner"]) == (name, aligner)
            ]
            axis.axhline(100 * min(rates), linestyle=style, color=color, linewidth=1, label=f"{name} {aligner}")
    axis.set(title=f"alignment error rate over {over}s", xlabel=over, ylabel="%")


def _line(axis: Axes, rows: list[dict[str, Any]], over: str, style: str, color: str, label: str) -> None:
    axis.plot([x[over] for x in rows], [100 * x["alignment_error_rate"] for x in rows], style, color=color, label=label)


def draw_retrieval(axis: Axes, record: dict[str, Any]) -> None:
    """Draw retrieval over steps, mean of both directions, at the alignment layer and at the last."""
    last = max(row["layer"] for row in record["retrieval"])
    for color, language in zip(("C0", "C1", "C3"), RETRIEVAL_LANGUAGES, strict=True):
        for layer, style in ((record["align_layer"], "-"), (last, "--")):
            rows = [row for row in record["retrieval"] if (row["language"], row["layer"]) == (language, layer)]
            means = [50 * (row["from_english"] + row["to_english"]) for row in rows]
            axis.plot([row["step"] for row in rows], means, style, color=color, label=f"en-{language}, layer {layer}")
    axis.set(title="Tatoeba retrieval, mean of both directions", xlabel="step", ylabel="%")


def main() -> None:
    """Measure, write and draw."""
    arguments = parse_arguments()
    record = measure(arguments)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    plot(record, FIGURES / f"{arguments.output.stem}.svg")


if __name__ == "__main__":
    main()
