"""Measure aligners against hand-made alignments, in one run: errors, trust in scores, speed, memory.

    pip install simalign==0.4 awesome-align==0.1.7
    weam align prepare --model BACKBONE --output PREPARED --bitext en-de=DE.tsv en-zh=ZH.tsv ...
    python -m benchmarks.aligners.encoders --models untrained=PREPARED trained=TRAINED

TRAINED is what `run_pretraining.py` left: of the bitext of six languages every so many-th line, as in

    zcat en-de.wmt-sample.tsv.gz | awk 'NR % 2 == 0' > en-de.tsv  # en-fr.tatoeba 33, en-cs.multi30k 6,
    # en-hi.wikipedia-mturk 2, en-ja.tatoeba 12, en-zh.tatoeba 6; of de-en and ja-en the first 150 hand-aligned pairs
    python run_pretraining.py --model_name_or_path BACKBONE --output_dir TRAINED --train_file en-de=en-de.tsv ... \
        --aligner encoder --gold_alignments en-de=de-en en-ja=ja-en --objective word-contrastive --word_layer 10 \
        --learning_rate 5e-5 --warmup_steps 30 --max_steps 300 --per_device_train_batch_size 32 \
        --max_eval_pairs 100 --save_strategy no --seed 1 --bf16 yes  # on one thread

The aligners of others read the first encoder. Of awesome-align 0.1.7 the model runs, its program does not: that reads
no safetensors, and no tokenizer but BERT's. Every cell is measured in a process of its own, on one thread, and kept in
a folder: a run that was stopped goes on. This needs Linux and git.
"""

import argparse
import importlib.util
import json
import os
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig, AutoTokenizer

from benchmarks.aligners.__main__ import GOLD_SETS, GoldSet, Task, make_corpus, measure, read_bitext, score
from benchmarks.processes import in_a_fresh_process, process_status
from benchmarks.records import described, measuring_parser, write
from weam.alignment.aligner import ALIGNERS
from weam.alignment.encoder import PAIRS_OF_SAMPLE, Sample, error_rates, expected_links, load_encoder
from weam.alignment.gold import read_gold, score_links
from weam.storage import write_json

PROGRAM = "python -m benchmarks.aligners.encoders"
PARTS = ("gold", "layers", "speed")
THEIR_LAYER = 7  # that simalign and awesome-align read: of this encoder it is better than 8, their default
THEIR_BATCH = 32  # awesome-align's default
OLD_COMMIT, OLD_LAYER = "ea8f247", 8  # the commit whose `align_words` speed is compared with, and its default here
SPEED_BITEXT, SPEED_PAIRS = "en-de.tatoeba", 2_000
STATISTICAL_PAIRS = 20_000  # that the statistical aligners have beside the gold sentences, where there are so many
GOLD_SENTENCES = 600  # at most, of a set: evenly from en-cs, which has 2,501, and all others whole
LAYER_SENTENCES = 150  # of a set, to see which layer is best
BINS = 10  # of scores

T = TypeVar("T")
WordPairs = Sequence[tuple[Sequence[str], Sequence[str]]]
Found = dict[str, list[dict[tuple[int, int], float]]]  # method -> per pair its links, each with its score
Align = Callable[[WordPairs], Found]


@dataclass(frozen=True)
class Cell:
    """What one process measures.

    Attributes:
        part: one of `PARTS`.
        system: what aligns: one of `SYSTEMS`, or of `SPEED_SYSTEMS`.
        model: what the encoder is called.
        folder: where it is.
        data: the gold set, or the round of `speed`.
    """

    part: str
    system: str
    model: str
    folder: str
    data: str


# The systems. Each loads an encoder and returns what aligns with it.


def ours(folder: str, dtype: str = "float32", **options: Any) -> Align:  # noqa: ANN401
    """Align as `weam align text` does."""
    loaded = load_encoder(folder)
    encoder = loaded.model.to(getattr(torch, dtype))
    return lambda pairs: {"": list(encoder.align_corpus(loaded.tokenizer, pairs, **options))}


def old(folder: str) -> Align:
    """Align as `align_words` did at an older commit, in its batches of 32 pairs."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "old_modeling_weam.py"
        path.write_bytes(subprocess.check_output(["git", "show", f"{OLD_COMMIT}:modeling_weam.py"]))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    config = AutoConfig.from_pretrained(folder)
    config.weam = {}  # has settings that were not known then
    encoder = module.WEAMModel.from_pretrained(folder, config=config, add_pooling_layer=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def align(pairs: WordPairs) -> Found:
        sides = (list(map(list, side)) for side in zip(*pairs, strict=True))
        found = encoder.align_words(tokenizer, *sides, layer=OLD_LAYER)
        return {"": [dict.fromkeys(links, 1.0) for links in found]}

    return align


def simalign(folder: str, methods: str = "ai", layer: int = THEIR_LAYER) -> Align:
    """Align with simalign: `a` of its methods is argmax, `i` itermax; both are found at once."""
    from simalign import SentenceAligner

    aligner = SentenceAligner(model=folder, token_type="bpe", matching_methods=methods, device="cpu", layer=layer)
    names = {"inter": "argmax", "itermax": "itermax"}

    def align(pairs: WordPairs) -> Found:
        found = [aligner.get_word_aligns(list(source), list(target)) for source, target in pairs]
        return {names[key]: [dict.fromkeys(sorted(links[key]), 1.0) for links in found] for key in found[0]}

    return align


def awesome_align(folder: str, layer: int = THEIR_LAYER) -> Align:
    """Align with awesome-align's model and defaults.

    It reads no safetensors and no tokenizer but BERT's: the weights are written anew in a temporary folder, and the
    checkpoint's tokenizer cuts the words, which is faster than its own.
    """
    from awesome_align import configuration_bert, modeling

    loaded = load_encoder(folder)
    tokenizer = loaded.tokenizer
    with tempfile.TemporaryDirectory() as temporary:
        weights = {f"bert.{name}": values.clone() for name, values in loaded.model.state_dict().items()}
        torch.save(weights, Path(temporary) / "pytorch_model.bin")
        (Path(temporary) / "config.json").write_text((Path(folder) / "config.json").read_text())
        config = configuration_bert.BertConfig.from_pretrained(temporary)
        model = modeling.BertForMaskedLM.from_pretrained(temporary, config=config).eval()
    modeling.PAD_ID, modeling.CLS_ID = tokenizer.pad_token_id, tokenizer.cls_token_id
    modeling.SEP_ID = tokenizer.sep_token_id

    def align(pairs: WordPairs) -> Found:
        found = []
        for start in range(0, len(pairs), THEIR_BATCH):
            ids, words = [], []
            for side in zip(*pairs[start : start + THEIR_BATCH], strict=True):
                encoded = tokenizer(list(map(list, side)), is_split_into_words=True)
                rows = [torch.tensor(row) for row in encoded["input_ids"]]
                ids.append(pad_sequence(rows, batch_first=True, padding_value=tokenizer.pad_token_id))
                words.append([encoded.word_ids(row)[1:-1] for row in range(len(rows))])  # without <s> and </s>
            found += model.get_aligned_word(*ids, *words, "cpu", 0, 0, align_layer=layer, test=True)
        return {"": [dict.fromkeys(sorted(links), 1.0) for links in found]}

    return align


ENCODERS: dict[str, Callable[[str], Align]] = {
    "align_words": lambda folder: ours(folder, "bfloat16"),
    "awesome-align": awesome_align,
    "simalign": simalign,
}
SYSTEMS = ("align_words", *ALIGNERS, "awesome-align", "simalign")  # in the order of the table
SPEED_SYSTEMS: dict[str, Callable[[str], Align]] = {  # the first is what the others are compared with
    f"align_words of {OLD_COMMIT}": old,
    "argmax": lambda folder: ours(folder, method="argmax", layer=OLD_LAYER),
    "argmax, bfloat16": lambda folder: ours(folder, "bfloat16", method="argmax", layer=OLD_LAYER),
    "dual softmax": ours,
    "dual softmax, bfloat16": lambda folder: ours(folder, "bfloat16"),
    "simalign, argmax": lambda folder: simalign(folder, "a", OLD_LAYER),
    "awesome-align": lambda folder: awesome_align(folder, OLD_LAYER),
}


# What is measured of them


def align_measured(load: Callable[[str], Align], folder: str, pairs: WordPairs) -> tuple[Found, dict[str, Any]]:
    """Align; return the links, and what that cost without loading."""
    align = load(folder)
    start = time.process_time()
    found = align(pairs)
    return found, {
        "pairs": len(pairs),
        "cpu_seconds": round(time.process_time() - start, 1),
        "peak_megabytes": round(process_status("VmHWM") / 2**20),
        "load_average": os.getloadavg(),
    }


def measure_gold(cell: Cell, data_dir: Path) -> dict[str, Any]:
    """Score an encoder's links of a gold set."""
    gold = evenly(read_gold(data_dir / "gold_alignments" / cell.data), GOLD_SENTENCES)
    found, cost = align_measured(ENCODERS[cell.system], cell.folder, [(s.source, s.target) for s in gold])
    rows = []
    for method, links in found.items():
        row: dict[str, Any] = {"method": method, **rounded(asdict(score_links(links, gold)))}
        if cell.system == "align_words":
            judged = [(p, link in s.possible) for own, s in zip(links, gold, strict=True) for link, p in own.items()]
            row["reliability"] = reliability(judged)
        rows.append(row)
    return {"rows": rows, **cost}


def reliability(judged: Sequence[tuple[float, bool]]) -> list[tuple[float, float, int]]:
    """Return, for each tenth of the scores, the sum of the scores, the number of right links and that of links.

    >>> reliability([(0.25, True), (0.5, False), (0.5, True)])[2], reliability([(0.5, False), (1.0, True)])[9]
    ((0.25, 1, 1), (1.0, 1, 1))
    """
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for probability, is_right in judged:
        bins[min(int(probability * BINS), BINS - 1)].append((probability, is_right))
    return [(round(sum(p for p, _ in own), 2), sum(right for _, right in own), len(own)) for own in bins]


def measure_layers(cell: Cell, data_dir: Path) -> dict[str, Any]:
    """Score every layer as `choose_layer` does without hand-made alignments, on bitext, and with them."""
    (gold_set,) = [known for known in GOLD_SETS if known.name == cell.data]
    gold = evenly(read_gold(data_dir / "gold_alignments" / cell.data), LAYER_SENTENCES)
    sources, targets = zip(*evenly(all_bitext(gold_set, data_dir), PAIRS_OF_SAMPLE), strict=True)
    loaded = load_encoder(cell.folder)
    encoder, tokenizer = loaded.model.to(torch.bfloat16), loaded.tokenizer
    numbers = range(1, encoder.config.num_hidden_layers + 1)
    layers = encoder.layer_statistics(tokenizer, [*sources, *targets], numbers)
    scores = zip(
        expected_links(encoder, tokenizer, [Sample(sources, targets)], layers),
        error_rates(encoder, tokenizer, gold, layers),
        strict=True,
    )
    rows = [
        {"layer": layer, "expected_links": round(expected, 1), "alignment_error_rate": round(rate, 4)}
        for layer, (expected, rate) in zip(numbers, scores, strict=True)
    ]
    return {"rows": rows, "load_average": os.getloadavg()}


def measure_statistical(cell: Cell, data_dir: Path) -> dict[str, Any]:
    """Train a statistical aligner on bitext and the gold sentences, over the encoder's tokens, and score it."""
    (gold_set,) = [known for known in GOLD_SETS if known.name == cell.data]
    gold = evenly(read_gold(data_dir / "gold_alignments" / cell.data), GOLD_SENTENCES)
    bitext = evenly(all_bitext(gold_set, data_dir), STATISTICAL_PAIRS)
    corpus = make_corpus(gold, bitext, "token", AutoTokenizer.from_pretrained(cell.folder))
    run, directions = measure(Task(cell.data, cell.system, "token", corpus.pairs))
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "rows": [
            {"method": row.heuristic + row.unit.removeprefix("token"), **rounded(asdict(row), SCORES)}
            for row in score(run, directions, corpus, gold)
        ],
        "pairs": run.pairs,
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_megabytes": None,  # a process begins as a copy of this one, which holds torch; alignment.json has it
        "load_average": os.getloadavg(),
    }


SCORES = ("precision", "recall", "alignment_error_rate")


def rounded(scores: dict[str, Any], names: Sequence[str] = SCORES) -> dict[str, float]:
    """Keep the named scores, to four places."""
    return {name: round(scores[name], 4) for name in names}


def all_bitext(gold_set: GoldSet, data_dir: Path) -> list[tuple[str, str]]:
    """Read all bitext of a gold set's languages, its sides in the order of the gold set."""
    languages = gold_set.bitext.partition(".")[0]
    files = sorted((data_dir / "bitext").glob(f"{languages}.*.tsv.gz"))
    return [pair for file in files for pair in read_bitext(file, gold_set.swapped)]


def evenly(rows: list[T], count: int) -> list[T]:
    """Take at most so many rows from all over a text, which may be sorted.

    >>> evenly([0, 1, 2, 3, 4, 5, 6], 3)
    [0, 2, 4]
    """
    return rows[:: max(1, len(rows) // count)][:count]


def measure_speed(cell: Cell, data_dir: Path) -> dict[str, Any]:
    """Align real pairs; the links are kept, to be compared."""
    bitext = read_bitext(data_dir / "bitext" / f"{SPEED_BITEXT}.tsv.gz")
    pairs = [(s.split(), t.split()) for s, t in random.Random(0).sample(bitext, SPEED_PAIRS)]
    found, cost = align_measured(SPEED_SYSTEMS[cell.system], cell.folder, pairs)
    (links,) = found.values()
    return {**cost, "links": [sorted(own) for own in links]}


def measure_cell(cell: Cell, data_dir: Path) -> dict[str, Any]:
    """Measure; meant for a fresh process."""
    torch.set_num_threads(1)
    if cell.system in ALIGNERS:
        return measure_statistical(cell, data_dir)
    return {"gold": measure_gold, "layers": measure_layers, "speed": measure_speed}[cell.part](cell, data_dir)


# The run


def cells(arguments: argparse.Namespace) -> Iterator[Cell]:
    """Yield what is to be measured; systems take turns in a round, so that they meet the same load."""
    models = dict(text.split("=", 1) for text in arguments.models)
    first = next(iter(models))
    if "speed" in arguments.parts:
        for number in range(arguments.rounds):
            for system in SPEED_SYSTEMS:
                yield Cell("speed", system, first, models[first], str(number))
    read = [("layers", "align_words", name) for name in models]
    read += [("gold", system, name) for system in arguments.systems for name in models if scored(system, name, first)]
    for part, system, name in read:
        for gold_set in GOLD_SETS if part in arguments.parts else ():
            yield Cell(part, system, name, models[name], gold_set.name)


def scored(system: str, model: str, first: str) -> bool:
    """Whether an aligner is scored with a model: ours with every one, others with the first."""
    return system == "align_words" or model == first


def with_links_compared(speeds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put, in place of the links, how many there are and how many differ from the first system's.

    >>> with_links_compared([{"links": [[(0, 0), (1, 1)]]}, {"links": [[(0, 0), (1, 2)]]}])
    [{'links': 2, 'other_links': 0}, {'links': 2, 'other_links': 2}]
    """
    compared: set[tuple[int, int, int]] = set()
    rows = []
    for number, speed in enumerate(speeds):
        links = {(pair, *link) for pair, own in enumerate(speed["links"]) for link in own}
        compared = compared if number else links
        rows.append({**speed, "links": len(links), "other_links": len(links ^ compared)})
    return rows


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = measuring_parser(PROGRAM, __doc__, "aligners")
    parser.add_argument("--models", nargs="+", required=True, help="NAME=FOLDER; the first is what others read, too.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="What to measure.")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS, help="Whose errors to measure.")
    parser.add_argument("--rounds", type=int, default=3, help="How often speed is measured; tables have the medians.")
    parser.add_argument("--cells", type=Path, default=Path("outputs/aligners"), help="Folder of what is measured.")
    return parser.parse_args()


def main() -> None:
    """Measure what is not measured yet and write the record."""
    arguments = parse_arguments()
    measured: dict[str, list[dict[str, Any]]] = {part: [] for part in arguments.parts}
    for cell in cells(arguments):
        name = ".".join((cell.part, cell.system, cell.model, cell.data)).replace(" ", "_")
        path = arguments.cells / f"{name}.json"
        if not path.exists():
            arguments.cells.mkdir(parents=True, exist_ok=True)
            write_json(in_a_fresh_process(measure_cell, cell, arguments.data_dir), path)
        names = {"system": cell.system, "model": cell.model, "data": cell.data}
        measured[cell.part].append(names | json.loads(path.read_text(encoding="utf-8")))
    if "speed" in measured:
        measured["speed"] = with_links_compared(measured["speed"])
    write(described(PROGRAM, [], **measured), arguments.output)


if __name__ == "__main__":
    main()
