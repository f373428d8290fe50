"""Measure bfloat16 beside float32 on a processor: a step, the losses of a training, word alignment and retrieval.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.precision

Its parts:
    step: one batch of full rows at the shape of mBERT, with the stock masked language model beside WEAM; in turns.
    training: the quick start's model and text for some steps, with the same masks and dropout in both precisions.
    encoder: AER and translation retrieval of an encoder as it is, its weights in both precisions.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from transformers import AutoConfig, AutoTokenizer, BertTokenizer, TrainingArguments, set_seed

from benchmarks.processes import in_a_fresh_process
from benchmarks.records import described, measuring_parser, write_part
from benchmarks.speed.collator import encoded_pairs
from benchmarks.speed.step import STOCK, Data, Shape, measure_step
from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import BertForWEAMPreTraining
from weam.alignment.encoder import aligner_error_rate, load_encoder
from weam.alignment.gold import read_gold
from weam.alignment.links import align_bitext
from weam.arguments import recipe_folder
from weam.bitext.reading import load_bitext
from weam.metrics import retrieval_accuracy
from weam.pretraining.features import build_features
from weam.sentence_vectors import layer_vectors
from weam.trainer import WEAMTrainer
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.tatoeba import read_translations

PROGRAM = "python -m benchmarks.speed.precision"
PARTS = ("step", "training", "encoder")
CONTENDERS = (STOCK, "WEAM")
PRECISIONS = {"float32": False, "bfloat16": True}
LOGGED_STEPS = 20  # a loss is the mean of so many
TATOEBA = "tatoeba.en-{language}.tsv.gz"
GOLD_SETS, LANGUAGES = ("de-en", "zh-en", "en-fr"), ("de", "zh", "tr")


@dataclass(frozen=True)
class Step:
    """Seconds of a step; times those of the stock model in the same precision, and of the model itself in float32."""

    contender: str
    precision: str
    seconds: float
    times_stock: float
    times_float32: float


@dataclass(frozen=True)
class Loss:
    """The losses of a training in both precisions, in nats per token, after so many steps."""

    steps: int
    float32: float
    bfloat16: float
    difference: float  # as a share of that in float32


@dataclass(frozen=True)
class Score:
    """What an encoder reaches in both precisions, from 0 to 1."""

    metric: str
    data: str
    float32: float
    bfloat16: float


def measure_steps(arguments: argparse.Namespace) -> list[Step]:
    """Let the models in both precisions take turns."""
    vocabulary = arguments.data_dir / "tokenizer" / "mbert-vocab.txt"
    features = encoded_pairs(arguments.data_dir, 2_000, BertTokenizer(vocab=str(vocabulary), do_lower_case=False))
    data: Data = (features, vocabulary)
    shape = Shape(arguments.layers, 119_547, arguments.batch_size, 128, 0.3)
    turns = [(contender, precision) for contender in CONTENDERS for precision in PRECISIONS]
    found: dict[tuple[str, str], list[float]] = {turn: [] for turn in turns}
    for contender, precision in turns * arguments.rounds:
        own = (contender, shape, arguments.steps, data, PRECISIONS[precision])
        found[contender, precision].append(in_a_fresh_process(measure_step, *own).seconds)
    seconds = {turn: median(values) for turn, values in found.items()}
    return [
        Step(
            contender,
            precision,
            round(seconds[contender, precision], 2),
            round(seconds[contender, precision] / seconds[STOCK, precision], 3),
            round(seconds[contender, precision] / seconds[contender, "float32"], 3),
        )
        for contender, precision in turns
    ]


def training_losses(in_bfloat16: bool, steps: int) -> list[float]:
    """Train the quick start's model on its German text, and return the mean losses."""
    folder = recipe_folder() / "quickstart"
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    set_seed(42)
    model = BertForWEAMPreTraining(AutoConfig.from_pretrained(folder / "model"))
    with tempfile.TemporaryDirectory() as temporary:
        bitext = load_bitext(f"en-de={folder / 'train.en-de.tsv'}", tokenizer, temporary)
        features = build_features(bitext, align_bitext(bitext, cache_dir=temporary), cache_dir=temporary)
        args = TrainingArguments(
            f"{temporary}/output",
            learning_rate=1e-3,
            per_device_train_batch_size=32,
            max_steps=steps,
            logging_steps=LOGGED_STEPS,
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            bf16=in_bfloat16,
            disable_tqdm=True,
        )
        trainer = WEAMTrainer(model, args, DataCollatorForWordExchange(tokenizer, pad_to_multiple_of=8), features)
        trainer.train()
    return [record["loss"] for record in trainer.state.log_history if "loss" in record]


def compare_trainings(arguments: argparse.Namespace) -> list[Loss]:
    """Train in both precisions; the last row is the mean over all steps."""
    found = [in_a_fresh_process(training_losses, value, arguments.training_steps) for value in PRECISIONS.values()]
    rows = [(LOGGED_STEPS * number, *losses) for number, losses in enumerate(zip(*found, strict=True), start=1)]
    return [Loss(steps, full, half, round(half / full - 1, 5)) for steps, full, half in rows]


def encoder_scores(model_name: str, in_bfloat16: bool, data_dir: Path) -> dict[tuple[str, str], float]:
    """Return AER and the accuracy of retrieval, both directions in the mean, of an encoder as it is."""
    loaded = load_encoder(model_name)
    encoder, tokenizer = loaded.model.to(torch.bfloat16 if in_bfloat16 else torch.float32), loaded.tokenizer
    scores = {}
    for name in GOLD_SETS:
        scores["AER", name] = aligner_error_rate(encoder, tokenizer, read_gold(data_dir / "gold_alignments" / name))
    for language in LANGUAGES:
        pairs = read_translations(DataFiles(test=[f"{data_dir}/xtreme_r/tatoeba/{TATOEBA}"]), "test", language)
        sides = [[pair.english for pair in pairs], [pair.other for pair in pairs]]
        own, other = (layer_vectors(encoder, tokenizer, side)[encoder.align_layer() - 1] for side in sides)
        scores["retrieval", language] = mean([retrieval_accuracy(own, other), retrieval_accuracy(other, own)])
    return scores


def compare_encoders(arguments: argparse.Namespace) -> list[Score]:
    """Score an encoder in both precisions."""
    name, data_dir = arguments.model_name_or_path, arguments.data_dir
    full, half = (in_a_fresh_process(encoder_scores, name, value, data_dir) for value in PRECISIONS.values())
    return [Score(metric, data, round(full[metric, data], 5), round(half[metric, data], 5)) for metric, data in full]


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "speed")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--model_name_or_path", default="models/backbone", help="The encoder that is scored.")
    parser.add_argument("--batch_size", type=int, default=16, help="Rows of 128 tokens in a step.")
    parser.add_argument("--layers", type=int, default=12, help="Of 768, in a step.")
    parser.add_argument("--steps", type=int, default=1, help="Timed, after one that is not.")
    parser.add_argument("--rounds", type=int, default=1, help="Turns of each in the part step.")
    parser.add_argument("--training_steps", type=int, default=200)
    return parser.parse_args()


def main() -> None:
    """Measure, write after each part, print."""
    arguments = parse_arguments()
    measures: dict[str, Callable[[argparse.Namespace], list[Any]]] = {
        "step": measure_steps,
        "training": compare_trainings,
        "encoder": compare_encoders,
    }
    for part in arguments.parts:
        rows = measures[part](arguments)
        settings = {"threads": torch.get_num_threads(), "batch_size": arguments.batch_size, "layers": arguments.layers}
        write_part(described(PROGRAM, rows, **settings), f"precision, {part}", arguments.output)
        print(*rows, sep="\n")


if __name__ == "__main__":
    main()
