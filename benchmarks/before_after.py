"""The backbone before and after WEAM, language by language: trains, tests, and writes one record.

    python -m benchmarks.before_after --dry_run    # the commands
    python -m benchmarks.before_after              # about four hours on two cores

One joint model for German, Spanish and Chinese, two short trainings with and without warm-up of the head, and each
test for the backbone and for the joint model. What has left its results in its folder is not run again. Then every
checkpoint is scored: word alignment on hand-aligned sentences, translation retrieval on Tatoeba; neither was trained
on. The statistical aligners see the gold sentences together with all the bitext that the model's links come from.
"""

import argparse
import os
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from tqdm.auto import tqdm
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from benchmarks.aligners.__main__ import make_corpus, read_bitext
from benchmarks.records import Record, measuring_parser, provenance, write
from benchmarks.study.__main__ import command
from benchmarks.study.places import Place
from benchmarks.study.plan import BACKBONE, DATA, ENGLISH_QUESTIONS, JOINT, PAIRS, Settings, Step, bitext
from modeling_weam import WEAMBertModel
from weam.alignment.aligner import ALIGNERS, WordAligner
from weam.alignment.encoder import aligner_error_rate
from weam.alignment.gold import read_gold, score_links
from weam.alignment.symmetrization import symmetrize, word_links
from weam.metrics import retrieval_accuracy
from weam.results import RESULTS_FILE, Results, read_results
from weam.sentence_vectors import layer_vectors
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.tatoeba import read_translations

PROGRAM = "python -m benchmarks.before_after"
RUNS = "{runs}"  # in settings: the folder of all runs
TRAINING: Settings = {
    "model_name_or_path": BACKBONE,
    "train_file": bitext(JOINT),  # all of it trains the aligner
    "gold_alignments": [f"en-de={DATA}/gold_alignments/de-en", f"en-zh={DATA}/gold_alignments/zh-en"],
    "max_train_pairs": 20_000,  # of each language pair, so that the encoder trains in an hour on two cores
    "max_eval_pairs": 300,
    "exchange": "representation",
    "head_warmup_steps": 300,  # the backbone comes without a prediction head
    "num_train_epochs": 1,
    "eval_strategy": "steps",
    "eval_steps": 125,
    "save_steps": 375,
    "logging_steps": 25,
    "bf16": "no",
}
SHORT: Settings = {"max_steps": 300, "save_strategy": "no"}
TRAININGS: dict[str, Settings] = {
    "evidence": TRAINING,
    "evidence-warm": {**TRAINING, **SHORT},
    "evidence-cold": {**TRAINING, **SHORT, "head_warmup_steps": 0},
}
TESTED = ["en", "de", "es", "zh"]
COMMON: Settings = {"logging_steps": 25, "bf16": "yes", "use_cpu": "yes"}
QUESTIONS: Settings = {"max_test_samples": 200, "max_length": 256, "doc_stride": 64, **COMMON}
QUESTION_FILES = (*ENGLISH_QUESTIONS, "squadshifts.reddit", "squadshifts.amazon_reviews")
TESTS: dict[str, tuple[str, Settings]] = {  # a small backbone and few steps: larger learning rates than the defaults
    "xnli": (
        "run_xnli.py",
        {
            "languages": [*TESTED, "ar", "hi", "sw", "tr", "vi"],
            "dev_file": f"{DATA}/xnli/dev.{{language}}.jsonl.gz",
            "max_train_samples": 20_000,
            "seeds": 1,
            "num_train_epochs": 1,
            "learning_rate": 5e-5,
            **dict.fromkeys(("eval_strategy", "save_strategy"), "steps"),
            **dict.fromkeys(("eval_steps", "save_steps"), 0.25),
            **COMMON,
        },
    ),
    "mlqa": (
        "run_mlqa.py",
        {
            "benchmark": "mlqa-dev",  # the test set is not at hand
            "languages": TESTED,
            "train_file": [f"en={DATA}/squad/{name}.en.json.gz" for name in QUESTION_FILES],
            "dev_file": f"en={DATA}/squad/tydiqa-goldp-train.en.json.gz",
            "max_train_samples": 2500,
            "max_dev_samples": 100,
            "seeds": 1,
            "num_train_epochs": 1,
            "per_device_train_batch_size": 16,
            "learning_rate": 1e-4,
            **QUESTIONS,
        },
    ),
    "xquad": (
        "run_mlqa.py",
        {"benchmark": "xquad", "setting": "test-only", "languages": [*TESTED, "ar", "hi", "vi"], **QUESTIONS},
    ),
    "udpos": (
        "run_xtreme_r.py",
        {
            "task": "udpos",
            "languages": [*TESTED, "ar", "hi", "ru", "tr"],
            "seeds": [1, 2],
            "num_train_epochs": 2,
            "learning_rate": 1e-4,
            **COMMON,
        },
    ),
    "tatoeba": (
        "run_xtreme_r.py",
        {
            "task": "tatoeba",
            "languages": ["de", "es", "zh", "ar", "hi", "sw", "tr", "vi", "it", "ja", "ko", "nl", "pt"],
            "dev_file": [f"{pair[-2:]}={DATA}/bitext/{PAIRS[pair][0]}.tsv.gz" for pair in JOINT],
            "max_dev_samples": 500,  # they choose the layer, and share no sentence with the test
        },
    ),
}
GOLD_SETS = {"de-en": PAIRS["en-de"], "zh-en": PAIRS["en-zh"]}  # with the training's bitext; they have English second
HEURISTICS = ("intersect", "grow-diag")
RATE = "alignment_error_rate"
NOTE = (
    "Our own numbers, on a small backbone (12 layers of 384, multilingual E5 with 4-bit weights) and with reduced "
    "training sets: not the paper's setting, and not comparable with published figures."
)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "before_after")
    parser.add_argument("--dry_run", action="store_true", help="Print the commands, and run nothing.")
    parser.add_argument("--runs", type=Path, default=Path("outputs"), help="Folder of the runs.")
    parser.add_argument("--backbone", type=Path, default=Path("models/backbone"), help="What is trained.")
    return parser.parse_args()


def steps() -> list[Step]:
    """Return the trainings, and each test of the backbone and of the joint model."""
    found = [Step(name, "run_pretraining.py", settings) for name, settings in TRAININGS.items()]
    for benchmark, (program, settings) in TESTS.items():
        for when, model in (("before", BACKBONE), ("after", f"{RUNS}/evidence")):
            tested = f"{RUNS}/mlqa-{when}" if benchmark == "xquad" else model
            compared = {"compare_with": f"{RUNS}/{benchmark}-before/{RESULTS_FILE}"} if when == "after" else {}
            found.append(Step(f"{benchmark}-{when}", program, {"model_name_or_path": tested, **settings, **compared}))
    return found


def command_of(step: Step, arguments: argparse.Namespace) -> list[str]:
    """Return the command line of a step; one that was interrupted goes on."""
    known = {"data": arguments.data_dir, "runs": arguments.runs, "backbone": arguments.backbone}
    return command(step, Place(arguments.runs / step.name, known), os.cpu_count() or 1, "")


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
    for language in tqdm([pair[-2:] for pair in JOINT], desc=f"retrieval, step {step}", unit=" languages"):
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
    bitext = [pair for file in files for pair in read_bitext(file, swapped=True)]
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


def score_checkpoints(arguments: argparse.Namespace) -> Record:
    """Score every checkpoint at the layer that aligns, the first and the last at others too."""
    tokenizer = AutoTokenizer.from_pretrained(arguments.backbone)
    folders = checkpoints(arguments.runs / "evidence", arguments.backbone)
    aligned: list[Record] = []
    retrieved: list[Record] = []
    for step, folder in folders.items():
        encoder = WEAMBertModel.from_pretrained(folder, add_pooling_layer=False).eval()
        last, default = encoder.config.num_hidden_layers, encoder.align_layer()
        at_ends = step in (0, max(folders))
        layers = sorted({default, *range(last // 3, last + 1, last // 3)}) if at_ends else [default]
        aligned += alignments(step, encoder, tokenizer, arguments.data_dir, layers)
        retrieved += retrievals(step, encoder, tokenizer, arguments.data_dir, [default, last] if at_ends else [default])
    scored = [row for name in GOLD_SETS for row in score_aligners(name, tokenizer, arguments.data_dir)]
    return {"align_layer": default, "alignment": aligned, "retrieval": retrieved, "aligners": scored}


def gather(runs: Path) -> Record:
    """Return what all runs left."""

    def left(name: str) -> Results:
        return read_results(runs / name / RESULTS_FILE)

    tests = {name: {when: asdict(left(f"{name}-{when}")) for when in ("before", "after")} for name in TESTS}
    names = {"training": "evidence", "with_head_warmup": "evidence-warm", "without_head_warmup": "evidence-cold"}
    return {**tests, **{key: asdict(left(name)) for key, name in names.items()}}


def main() -> None:
    """Run what has not run, score and write."""
    arguments = parse_arguments()
    for step in steps():
        line = command_of(step, arguments)
        if arguments.dry_run:
            print(shlex.join(line))
        elif not (arguments.runs / step.name / RESULTS_FILE).exists():
            subprocess.run(line, check=True)
    if not arguments.dry_run:
        record = {**provenance(PROGRAM), "note": NOTE, **score_checkpoints(arguments), **gather(arguments.runs)}
        write(record, arguments.output)


if __name__ == "__main__":
    main()
