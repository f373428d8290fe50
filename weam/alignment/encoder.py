"""A checkpoint -> an encoder that aligns words, and what has to be noted in the checkpoint for that.

    weam align prepare --model BASE --bitext en-de=de.tsv.gz en-zh=zh.tsv.gz --output PREPARED

How links are found is in `modeling_weam.py`, which is published with every checkpoint.
"""

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from modeling_weam import AlignmentOptions, WordAlignmentMixin
from weam.alignment.gold import GoldSentence, read_gold, score_links
from weam.bitext.reading import parse_bitext_file, read_bitext_file
from weam.checkpoint import load_fast_tokenizer, load_weights, read_config
from weam.families import FAMILIES

logger = logging.getLogger("weam")

PAIRS_OF_SAMPLE = 100  # of each language pair; a few hundred sentences suffice
Layers = Mapping[int, Tensor | None]  # their numbers, and the statistics of each


@dataclass(frozen=True)
class EncoderAligner:
    """An encoder with its tokenizer.

    Attributes:
        model: a `WordAlignmentMixin`, in evaluation mode.
        tokenizer: the checkpoint's.
        fingerprint: of its weights.
    """

    model: Any
    tokenizer: PreTrainedTokenizerBase
    fingerprint: str


@dataclass(frozen=True)
class Sample:
    """Some sentence pairs of a language pair, and pairs aligned by hand where there are any."""

    sources: Sequence[str]
    targets: Sequence[str]
    gold: Sequence[GoldSentence] = field(default=())


def load_encoder(name: str, revision: str = "main") -> EncoderAligner:
    """Load an encoder of any family that the method knows, in float32.

    Raises:
        ValueError: the family is not known, the tokenizer is slow, or weights of the encoder are missing or not finite.
    """
    family = FAMILIES.get(read_config(name, revision).model_type)
    if family is None:
        raise ValueError(f"{name} is of no family whose encoder aligns words; those are {', '.join(sorted(FAMILIES))}")
    loaded = load_weights(family.encoder, name, revision=revision, **family.encoder_options)
    return EncoderAligner(loaded.model.eval(), load_fast_tokenizer(name, revision), loaded.fingerprint)


def note_alignment(
    encoder: WordAlignmentMixin, tokenizer: PreTrainedTokenizerBase, samples: Sequence[Sample], layer: int | None = None
) -> int:
    """Note in `config.weam` of an encoder the layer to read and the statistics there; return the layer.

    Args:
        encoder: in evaluation mode, with its final weights.
        tokenizer: the checkpoint's.
        samples: one for each language pair.
        layer: None: the one that `choose_layer` finds.
    """
    if layer is None:
        layer, statistics = choose_layer(encoder, tokenizer, samples)
        encoder.note_statistics(layer, statistics)
    else:
        encoder.fit_alignment(tokenizer, _sentences(samples), layer)
    return layer


def choose_layer(
    encoder: WordAlignmentMixin, tokenizer: PreTrainedTokenizerBase, samples: Sequence[Sample]
) -> tuple[int, Tensor]:
    """Find the layer with the lowest error rate on hand-aligned pairs, or without any, the one surest of its links.

    A layer is as sure as the sum of the probabilities of the links between all tokens of the samples, the number of
    right links to be expected. Its statistics, (2, H) float32, are returned with it.
    """
    numbers = range(1, encoder.config.num_hidden_layers + 1)
    layers = encoder.layer_statistics(tokenizer, _sentences(samples), numbers)
    gold = [sentence for sample in samples for sentence in sample.gold[:PAIRS_OF_SAMPLE]]
    if gold:
        costs = error_rates(encoder, tokenizer, gold, layers)
    else:
        costs = [-links for links in expected_links(encoder, tokenizer, samples, layers)]
    chosen = numbers[costs.index(min(costs))]
    return chosen, layers[chosen]


def expected_links(
    encoder: WordAlignmentMixin, tokenizer: PreTrainedTokenizerBase, samples: Sequence[Sample], layers: Layers
) -> list[float]:
    """Return for each layer the sum of the probabilities of all links between tokens."""
    totals = [0.0] * len(layers)
    for sample in samples:
        pairs = zip(sample.sources, sample.targets, strict=True)
        for by_layer in encoder.align_at_layers(tokenizer, pairs, layers, AlignmentOptions(unit="subword")):
            totals = [total + sum(links.values()) for total, links in zip(totals, by_layer, strict=True)]
    return totals


def error_rates(
    encoder: WordAlignmentMixin,
    tokenizer: PreTrainedTokenizerBase,
    gold: Sequence[GoldSentence],
    layers: Layers,
    options: AlignmentOptions = AlignmentOptions(),  # noqa: B008  # it cannot be changed
) -> list[float]:
    """Return the alignment error rate of each layer."""
    pairs = ((sentence.source, sentence.target) for sentence in gold)
    by_layer = zip(*encoder.align_at_layers(tokenizer, pairs, layers, options), strict=True)
    return [score_links(list(links), gold).alignment_error_rate for links in by_layer]


def aligner_error_rate(
    encoder: WordAlignmentMixin, tokenizer: PreTrainedTokenizerBase, gold: Sequence[GoldSentence]
) -> float:
    """Return the alignment error rate of the layer that an encoder reads."""
    layer = encoder.align_layer()
    (rate,) = error_rates(encoder, tokenizer, gold, {layer: encoder.alignment_statistics(layer)})
    return rate


def _sentences(samples: Sequence[Sample]) -> list[str]:
    return [text for sample in samples for side in (sample.sources, sample.targets) for text in side]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `prepare`."""
    parser.add_argument("--model", required=True, help="Checkpoint: Hub name or folder.")
    parser.add_argument("--model_revision", default="main", help="Branch, tag or commit of the checkpoint.")
    parser.add_argument("--bitext", nargs="+", required=True, help="en-de=FILE or en-de=SOURCE,TARGET, one or several.")
    parser.add_argument("--gold", nargs="+", default=[], help="PREFIX of PREFIX.src-tgt and PREFIX.gold, to choose by.")
    parser.add_argument("--layer", type=int, help="Layer to read; default: the best by gold, or the surest.")
    parser.add_argument("--output", type=Path, required=True, help="Folder for the encoder with what was noted.")


def run(arguments: argparse.Namespace) -> None:
    """Write an encoder that reads its best layer and has the statistics of it.

    Raises:
        FileExistsError: the output is there already.
        ValueError: a malformed bitext, or an unfit checkpoint.
    """
    if arguments.output.exists():
        raise FileExistsError(f"{arguments.output} exists; remove it or give another name")
    samples = [_read_sample(text) for text in arguments.bitext]
    samples += [Sample([], [], read_gold(prefix)) for prefix in arguments.gold]
    loaded = load_encoder(arguments.model, arguments.model_revision)
    layer = note_alignment(loaded.model, loaded.tokenizer, samples, arguments.layer)
    loaded.model.save_pretrained(arguments.output)
    loaded.tokenizer.save_pretrained(arguments.output)
    logger.info("wrote %s, which aligns words by layer %s", arguments.output, layer)


def _read_sample(text: str) -> Sample:
    rows = [row for row in read_bitext_file(parse_bitext_file(text)) if row.source and row.target]
    every = max(1, len(rows) // PAIRS_OF_SAMPLE)  # from the whole text, which may be sorted
    chosen = list(islice(rows[::every], PAIRS_OF_SAMPLE))
    return Sample([row.source for row in chosen], [row.target for row in chosen])
