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
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from tqdm.auto import tqdm
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from benchmarks.aligners.__main__ import make_corpus, read_bitext
from benchmarks.records import FIGURES, Record, measuring_parser, provenance, write
from modeling_weam import WEAMBertModel
from weam.alignment.aligner import ALIGNERS, WordAligner
from weam.alignment.gold import read_gold, score_links
from weam.alignment.symmetrization import symmetrize, word_links
from weam.metrics import retrieval_accuracy
from weam.pretraining.held_out import aligner_error_rate
from weam.results import RESULTS_FILE, read_results
from weam.sentence_vectors import layer_vectors
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.tatoeba import read_translations

PROGRAM = "python -m benchmarks.before_after.training_curve"
PAIRS = ("en-de", "en-es", "en-zh")
LOSSES = {"multilingual_loss": "multilingual loss", "cross_lingual_loss": "cross-lingual loss"}
GOLD_SETS = {  # the bitext of the training runs; the gold sets have English second
    "de-en": ("en-de.tatoeba", "en-de.multi30k", "en-de.wmt-sample"),
    "zh-en": ("en-zh.tatoeba",),
}
HEURISTICS = ("intersect", "grow-diag")
RATE = "alignment_error_rate"
NOTE = (
    "A small backbone (12 layers of 384, 4-bit weights) and 20,000 pairs a language pair: our own figures, not the "
    "paper's setting."
)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "evidence")
    parser.add_argument("--run", type=Path, default=Path("outputs/evidence"), help="The long training.")
    parser.add_argument("--warm", type=Path, default=Path("outputs/evidence-warm"), help="Short, with head warm-up.")
    parser.add_argument("--cold", type=Path, default=Path("outputs/evidence-cold"), help="Short, without.")
    parser.add_argument("--backbone", type=Path, default=Path("models/backbone"), help="What was trained.")
    return parser.parse_args()


def checkpoints(run: Path, backbone: Path) -> dict[int, Path]:
    """Return the folders with weights by step; step 0 is the backbone."""
    folders = {int(folder.name.rpartition("-")[2]): folder for folder in run.glob("checkpoint-*")}
    return {0: backbone, **dict(sorted(folders.items()))}


def alignments(
    step: int, encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, data_dir: Path, layers: Iterable[int]
) -> Iterator[Record]:
    """Score the word alignment of one checkpoint at the given layers."""
    for layer in tqdm(layers, desc=f"alignment, step {step}", unit=" layers"):
        for name in GOLD_SETS:
            gold = read_gold(data_dir / "gold_alignments" / name)
            rate = round(aligner_error_rate(encoder, tokenizer, gold, layer), 4)
            yield {"step": step, "layer": layer, "gold_set": name, RATE: rate}


def retrievals(
    step: int, encoder: WEAMBertModel, tokenizer: PreTrainedTokenizerBase, data_dir: Path, layers: Iterable[int]
) -> Iterator[Record]:
    """Score the translation retrieval of one checkpoint at the given layers, over 1,000 sentences of a language."""
    for language in tqdm([pair[-2:] for pair in PAIRS], desc=f"retrieval, step {step}", unit=" languages"):
        files = DataFiles(test=[f"{data_dir}/xtreme_r/tatoeba/tatoeba.en-{{language}}.tsv.gz"])
        pairs = read_translations(files, "test", language)
        sides = [pair.english for pair in pairs], [pair.other for pair in pairs]
        vectors = [layer_vectors(encoder, tokenizer, side) for side in sides]  # (layers, sentences, H) each
        for layer in layers:
            english, other = (side[layer - 1] for side in vectors)
            there, back = retrieval_accuracy(english, other), retrieval_accuracy(other, english)
            yield {"step": step, "layer": layer, "language": language, "from_english": there, "to_english": back}


def score_aligners(name: str, tokenizer: PreTrainedTokenizerBase, data_dir: Path) -> Iterator[Record]:
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
            rate = round(score_links(links, gold).alignment_error_rate, 4)
            found = {"gold_set": name, "aligner": aligner, "heuristic": heuristic, "pairs": len(corpus.pairs)}
            yield {**found, RATE: rate}


def measure(arguments: argparse.Namespace) -> Record:
    """Score everything: every checkpoint at the layer that aligns, the first and the last at others too."""
    tokenizer = AutoTokenizer.from_pretrained(arguments.backbone)
    folders = checkpoints(arguments.run, arguments.backbone)
    aligned: list[Record] = []
    retrieved: list[Record] = []
    for step, folder in folders.items():
        encoder = WEAMBertModel.from_pretrained(folder, add_pooling_layer=False).eval()
        last, default = encoder.config.num_hidden_layers, encoder.align_layer()
        at_ends = step in (0, max(folders))
        layers = sorted({default, *range(last // 3, last + 1, last // 3)}) if at_ends else [default]
        aligned += alignments(step, encoder, tokenizer, arguments.data_dir, layers)
        retrieved += retrievals(step, encoder, tokenizer, arguments.data_dir, [default, last] if at_ends else [default])
    return {
        **provenance(PROGRAM),
        "note": NOTE,
        "align_layer": default,
        "alignment": aligned,
        "retrieval": retrieved,
        "aligners": [row for name in GOLD_SETS for row in score_aligners(name, tokenizer, arguments.data_dir)],
        "training": asdict(read_results(arguments.run / RESULTS_FILE)),
        "with_head_warmup": asdict(read_results(arguments.warm / RESULTS_FILE)),
        "without_head_warmup": asdict(read_results(arguments.cold / RESULTS_FILE)),
    }


def plot(record: Record, path: Path) -> None:
    """Draw losses, error rates and retrieval over steps, error rates over layers, and the warm-up comparison."""
    figure, axes = plt.subplots(2, 3, figsize=(15, 8), layout="constrained")
    for axis, loss in zip(axes[0], LOSSES, strict=False):
        for pair in PAIRS:
            axis.plot(logged(record, "training", f"eval_{pair}_{loss}"), marker=".", label=pair)
        axis.set(title=f"held-out {LOSSES[loss]}", xlabel="step", ylabel="nats per token")
    for words, style in (("with", "-"), ("without", "--")):
        for loss, name in LOSSES.items():
            log = logged(record, f"{words}_head_warmup", loss)
            axes[0, 2].plot(log, style, label=f"{name}, {words} head warm-up")
    axes[0, 2].set(title="training losses of short runs", xlabel="step", ylabel="nats per token")
    draw_error_rates(axes[1, 0], record, "step", {record["align_layer"]: "-"})
    last = max(row["step"] for row in record["alignment"])
    draw_error_rates(axes[1, 1], record, "layer", {0: "--", last: "-"})
    draw_retrieval(axes[1, 2], record)
    for axis in axes.flat:
        axis.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def logged(record: Record, run: str, name: str) -> "pd.Series[float]":
    """Return what the log of a run has of a figure, by step."""
    return pd.DataFrame(record[run]["trainings"][0]["log"]).set_index("step")[name].dropna()


def draw_error_rates(axis: Axes, record: Record, over: str, fixed: dict[int, str]) -> None:
    """Draw the error rate of `align_words` over steps at some layers, or over layers at some steps."""
    other = "layer" if over == "step" else "step"
    rates = 100 * pd.DataFrame(record["alignment"]).set_index(["gold_set", other, over])[RATE].sort_index()
    best = 100 * pd.DataFrame(record["aligners"]).groupby(["gold_set", "aligner"])[RATE].min()
    for color, name in zip(("C0", "C3"), GOLD_SETS, strict=True):
        for place, style in fixed.items():
            axis.plot(rates[name, place], style, color=color, label=f"{name}, {other} {place}")
        for aligner, style in zip(ALIGNERS, (":", "-."), strict=True):
            axis.axhline(best[name, aligner], linestyle=style, color=color, linewidth=1, label=f"{name} {aligner}")
    axis.set(title=f"alignment error rate over {over}s", xlabel=over, ylabel="%")


def draw_retrieval(axis: Axes, record: Record) -> None:
    """Draw retrieval over steps, mean of both directions, at the alignment layer and at the last."""
    frame = pd.DataFrame(record["retrieval"]).set_index(["language", "layer", "step"])
    shares = 50 * (frame.from_english + frame.to_english).sort_index()
    layers = {record["align_layer"]: "-", max(row["layer"] for row in record["retrieval"]): "--"}
    for color, pair in zip(("C0", "C1", "C3"), PAIRS, strict=True):
        for layer, style in layers.items():
            axis.plot(shares[pair[-2:], layer], style, color=color, label=f"{pair}, layer {layer}")
    axis.set(title="Tatoeba retrieval, mean of both directions", xlabel="step", ylabel="%")


def main() -> None:
    """Measure, write and draw."""
    arguments = parse_arguments()
    record = measure(arguments)
    write(record, arguments.output)
    matplotlib.rcParams["svg.hashsalt"] = "weam"  # the same figure gives the same file
    plot(record, FIGURES / f"{arguments.output.stem}.svg")


if __name__ == "__main__":
    main()
