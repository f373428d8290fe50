"""Stages 1 to 3 for every language pair of a run: settings -> training features and held-out pairs.

Reads, aligns, encodes and splits, each stage through its cache.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset, load_dataset
from transformers import PreTrainedTokenizerBase

from weam.alignment.arguments import AlignmentArguments
from weam.alignment.gold import GoldSentence, read_gold
from weam.alignment.links import BitextLinks, align_bitext, import_links
from weam.bitext.arguments import BitextArguments
from weam.bitext.reading import (
    Bitext,
    BitextFile,
    BitextReport,
    cache_bitext,
    load_bitext_files,
    parse_bitext_file,
    parse_language_pair,
    read_hub_bitext,
)
from weam.bitext.selection import choose_held_out, draw_pairs, select_rows, training_rows, write_rows
from weam.pretraining.features import build_features
from weam.pretraining.held_out import HeldOut, make_held_out
from weam.storage import cached_folder


@dataclass(frozen=True)
class LanguagePair:
    """What training needs of one language pair, and what became of its lines."""

    train: Dataset
    held_out: HeldOut
    report: BitextReport

    @property
    def prepared(self) -> str:
        """The name of the folder of its features in the cache: another one for other text, tokens or links."""
        return Path(self.train.cache_files[0]["filename"]).parent.name


def prepare_language_pairs(
    bitext_args: BitextArguments,
    alignment_args: AlignmentArguments,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
) -> dict[str, LanguagePair]:
    """Prepare every language pair that the settings name.

    Raises:
        ValueError: a file breaks its format, nothing is left of a language pair, or an option names a language pair
            that has no data.
    """
    bitexts = read_bitexts(bitext_args, tokenizer)
    gold = _by_language_pair("gold_alignments", bitext_args.gold_alignments, bitexts)
    alignments = _by_language_pair("alignments", alignment_args.alignments, bitexts)
    settings = alignment_args.settings(seed)
    cache_dir = Path(bitext_args.cache_dir)

    links = {}
    for name, bitext in bitexts.items():
        if name in alignments:
            unit = alignment_args.alignments_unit
            links[name] = import_links(alignments[name], unit, bitext, tokenizer, cache_dir)
        else:
            links[name] = align_bitext(bitext, settings, cache_dir)
    hand_aligned = {name: read_gold(gold[name]) if name in gold else [] for name in bitexts}
    return split_language_pairs(bitexts, links, hand_aligned, bitext_args)


def read_bitexts(args: BitextArguments, tokenizer: PreTrainedTokenizerBase) -> dict[str, Bitext]:
    """Read the bitext of each language pair; files of one language pair are joined in their order."""
    cache_dir = Path(args.cache_dir)
    if args.dataset_name is not None:
        bitexts = [load_hub_bitext(args, config, tokenizer, cache_dir) for config in args.dataset_config]
        return {bitext.language_pair: bitext for bitext in bitexts}
    files: dict[str, list[BitextFile]] = {}
    for text in args.train_file:
        file = parse_bitext_file(text)
        files.setdefault("-".join(file.languages), []).append(file)
    return {name: load_bitext_files(group, tokenizer, cache_dir) for name, group in files.items()}


def load_hub_bitext(args: BitextArguments, config: str, tokenizer: PreTrainedTokenizerBase, cache_dir: Path) -> Bitext:
    """Load one configuration of a Hub data set, its `train` split."""
    dataset = load_dataset(args.dataset_name, config, split="train", revision=args.dataset_revision)
    rows = read_hub_bitext(dataset, parse_language_pair(config), f"{args.dataset_name} ({config})")
    return cache_bitext(rows, parse_language_pair(config), tokenizer, cache_dir, [dataset._fingerprint])


def split_language_pairs(
    bitexts: dict[str, Bitext],
    links: dict[str, BitextLinks],
    gold: dict[str, list[GoldSentence]],
    args: BitextArguments,
) -> dict[str, LanguagePair]:
    """Encode the bitexts and split held-out pairs off; what one holds out, none trains on.

    Raises:
        ValueError: no pair of a language pair is left to train on, or none is held out.
    """
    prepared = {}
    folder = cache_rows(bitexts, args)
    for name, bitext in bitexts.items():
        features = build_features(bitext, links[name], args.max_length, Path(args.cache_dir))
        train, held_out = (select_rows(features, folder / f"{name}.{part}.arrow") for part in ("train", "held_out"))
        if not len(held_out) or not len(train):
            raise ValueError(
                f"{name}: {len(train)} pairs to train on and {len(held_out)} held out; give more text or "
                f"another --validation_fraction. {bitext.report}"
            )
        pairs = select_rows(bitext.pairs, folder / f"{name}.held_out.arrow")
        prepared[name] = LanguagePair(
            train=draw_pairs(train, args.max_train_pairs),
            held_out=make_held_out(name, pairs, held_out, gold[name]),
            report=bitext.report,
        )
    return prepared


def cache_rows(bitexts: dict[str, Bitext], args: BitextArguments) -> Path:
    """Choose which rows of each bitext are trained on and which are held out, once; return the folder with the lists.

    `NAME.train.arrow` and `NAME.held_out.arrow` are for `select_rows`.
    """
    key = {
        "stage": "rows 1",
        "bitexts": {name: bitext.key for name, bitext in bitexts.items()},
        "validation_fraction": args.validation_fraction,
        "max_eval_pairs": args.max_eval_pairs,
    }

    def build(folder: Path) -> None:
        held_out = {
            name: choose_held_out(bitext.pairs, args.validation_fraction, args.max_eval_pairs)
            for name, bitext in bitexts.items()
        }
        keys = {key for _, pair_keys in held_out.values() for key in pair_keys}
        for name, bitext in bitexts.items():
            write_rows(training_rows(bitext.pairs, keys), folder / f"{name}.train.arrow")
            write_rows(held_out[name][0], folder / f"{name}.held_out.arrow")

    return cached_folder(Path(args.cache_dir), "rows", key, build)


def _by_language_pair(option: str, texts: list[str], known: Collection[str]) -> dict[str, Path]:
    """Parse `en-de=PATH` texts; refuse language pairs that the data does not have."""
    paths: dict[str, Path] = {}
    for text in texts:
        name, _, path = text.partition("=")
        if name not in known or not path:
            raise ValueError(f"--{option} {text}: write LANGUAGES=PATH for one of {sorted(known)}, which have data")
        if name in paths:
            raise ValueError(f"--{option} names two files for {name}, {paths[name]} and {path}; give one")
        paths[name] = Path(path)
    return paths
