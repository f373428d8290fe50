"""Stage 2, for a whole bitext: sentence pairs -> one list of links per pair, cached as Pharaoh lines.

The links come from our aligner, trained on the bitext itself, or from a file made elsewhere. How an aligner works is in
`aligner.py`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerBase

from modeling_weam import ALIGNMENT_SYMMETRIZATIONS
from weam.alignment.aligner import WordAligner, aligner_version
from weam.alignment.encoder import load_encoder
from weam.alignment.formats import format_pharaoh, read_links, read_pharaoh, split_words
from weam.alignment.symmetrization import Links, token_links
from weam.bitext.reading import Bitext
from weam.processor import encoder_dtype, in_order, ranges, with_progress
from weam.storage import CACHE_DIR, cached_folder, file_fingerprint, read_lines, read_rows, tokenizer_fingerprint

ENCODER = "encoder"
PAIRS_FOR_STATISTICS = 256


@dataclass(frozen=True)
class AlignerSettings:
    """Which aligner, and which heuristic joins its two directions.

    Attributes:
        aligner: "fast_align", "eflomal" or "encoder".
        symmetrization: one of `HEURISTICS`; the encoder has "intersect" and "grow-diag".
        seed: Eflomal samples.
        model: Hub name or folder of the checkpoint whose encoder aligns.
        revision: branch, tag or commit of it.
    """

    aligner: str = "fast_align"
    symmetrization: str = "intersect"
    seed: int = 42
    model: str | None = None
    revision: str = "main"

    def __post_init__(self) -> None:
        """Refuse an encoder that is not named, and heuristics that it does not have."""
        if self.aligner != ENCODER:
            return
        if self.model is None:
            raise ValueError("the aligner 'encoder' needs a checkpoint: give --aligner_model, or continue a checkpoint")
        check_encoder_symmetrization(self.symmetrization)


def check_encoder_symmetrization(symmetrization: str) -> None:
    """Refuse a heuristic that joins the directions of a statistical aligner only.

    Raises:
        ValueError: it is none of the encoder's.
    """
    if symmetrization not in ALIGNMENT_SYMMETRIZATIONS:
        raise ValueError(
            f"--symmetrization {symmetrization} needs a statistical aligner; the encoder's links are joined by "
            f"{' or '.join(ALIGNMENT_SYMMETRIZATIONS)}, not by {symmetrization}"
        )


@dataclass(frozen=True)
class BitextLinks:
    """Links between the tokens of every pair of a bitext, in its order, with the key that determines them."""

    path: Path
    key: dict[str, Any]

    def __iter__(self) -> Iterator[Links]:
        """Yield the links of one pair after the other."""
        return read_pharaoh(self.path)


class TokenPairs:
    """The tokens of a bitext's pairs as the aligner reads them, straight from disk."""

    def __init__(self, pairs: Dataset) -> None:
        """Look at the two columns of tokens."""
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[tuple[list[int], list[int]]]:
        return read_rows(self.pairs, "source_ids", "target_ids")


def align_bitext(
    bitext: Bitext, settings: AlignerSettings | None = None, cache_dir: str | Path = CACHE_DIR
) -> BitextLinks:
    """Align the subword tokens of a bitext with an aligner trained on it; once, then from the cache.

    Args:
        bitext: the sentence pairs.
        settings: which aligner; None: FastAlign, both directions intersected.
        cache_dir: where the result is kept.
    """
    settings = settings or AlignerSettings()
    if settings.aligner == ENCODER:
        return _align_by_encoder(bitext, settings, Path(cache_dir))
    seed = settings.seed if settings.aligner == "eflomal" else AlignerSettings.seed  # FastAlign draws nothing
    chosen = {"aligner": settings.aligner, "symmetrization": settings.symmetrization, "seed": seed}
    key = {"stage": "links 1", "bitext": bitext.key, **chosen, "version": aligner_version()}

    def build(folder: Path) -> None:
        pairs = TokenPairs(bitext.pairs)
        aligner = WordAligner.train(pairs, aligner=settings.aligner, seed=settings.seed)
        _write_links(folder, aligner.align(pairs, settings.symmetrization))

    folder = cached_folder(Path(cache_dir), f"links-{bitext.language_pair}", key, build)
    return BitextLinks(folder / "links.txt", key)


def _align_by_encoder(bitext: Bitext, settings: AlignerSettings, cache_dir: Path) -> BitextLinks:
    """Link the subword tokens by their hidden states; the first pairs give statistics that the checkpoint lacks."""
    loaded = load_encoder(str(settings.model), settings.revision)
    if tokenizer_fingerprint(loaded.tokenizer) != bitext.key["tokenizer"]:
        raise ValueError(f"the tokenizer of {settings.model} is not that of the bitext; give a checkpoint that has it")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype, layer = encoder_dtype(device), loaded.model.align_layer()
    statistics = loaded.model.config.to_dict().get("weam", {}).get("align_statistics")
    key = {
        "stage": "encoder links 1",
        "bitext": bitext.key,
        "symmetrization": settings.symmetrization,
        "weights": loaded.fingerprint,
        "layer": layer,
        "statistics": statistics,
        "precision": str(dtype),
    }

    def build(folder: Path) -> None:
        model = loaded.model.to(device, dtype)
        if statistics is None:
            first = islice(read_rows(bitext.pairs, "source", "target"), PAIRS_FOR_STATISTICS)
            model.fit_alignment(loaded.tokenizer, [text for pair in first for text in pair], layer)
        rows = read_rows(bitext.pairs, "source", "target")
        pairs = tqdm(rows, f"aligning {bitext.language_pair}", unit=" pairs", total=len(bitext.pairs))
        links = model.align_corpus(
            loaded.tokenizer, pairs, layer=layer, unit="subword", symmetrization=settings.symmetrization
        )
        _write_links(folder, map(list, links))

    folder = cached_folder(cache_dir, f"links-{bitext.language_pair}", key, build)
    return BitextLinks(folder / "links.txt", key)


def import_links(
    path: Path, unit: str, bitext: Bitext, tokenizer: PreTrainedTokenizerBase, cache_dir: Path
) -> BitextLinks:
    """Take links made elsewhere: a Pharaoh file with one line for each line of the bitext, used or not.

    Args:
        path: lines like `0-0 1-2`, source-target, counted from 0.
        unit: "word" where the file links words between spaces, "subword" where it links subword tokens.
        bitext: its pairs remember which line they were.
        tokenizer: cuts words into tokens; the bitext's.
        cache_dir: where the result is kept.

    Raises:
        ValueError: the file has another number of lines than the bitext, a malformed link, or one outside its
            sentence; names file and line.
    """
    key = {"stage": "imported links 2", "bitext": bitext.key, "file": file_fingerprint(path), "unit": unit}

    def build(folder: Path) -> None:
        lines = sum(1 for _ in read_lines(path))
        if lines != bitext.report.read:
            raise ValueError(
                f"{path} has {lines} lines, the {bitext.language_pair} bitext has {bitext.report.read}; "
                "an alignment file has one line, perhaps empty, for each line of the bitext"
            )
        _write_lines(folder, _imported(path, unit, bitext, tokenizer))

    folder = cached_folder(cache_dir, f"links-{bitext.language_pair}", key, build)
    return BitextLinks(folder / "links.txt", key)


def _write_links(folder: Path, links: Iterable[Links]) -> None:
    _write_lines(folder, (format_pharaoh(pair_links) + "\n" for pair_links in links))


def _write_lines(folder: Path, lines: Iterable[str]) -> None:
    with (folder / "links.txt").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)


def _imported(path: Path, unit: str, bitext: Bitext, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    """Yield the links of the pairs as lines, many at once; all cores work."""
    sides = ("source_ids", "target_ids") if unit == "subword" else ("source", "target")

    def checked(part: tuple[range, list[str]]) -> str:
        rows, lines = part
        imported = []
        for (row, *pair), line in zip(read_rows(bitext.pairs.select(rows), "row", *sides), lines, strict=True):
            source, target = (_units(side, tokenizer) for side in pair)
            links = read_links(line, f"{path}:{row + 1}", (source.size, target.size), unit)
            imported.append(format_pharaoh(token_links(links, source.of_tokens, target.of_tokens)) + "\n")
        return "".join(imported)

    parts = in_order(checked, _lines_of_pairs(path, bitext.pairs))
    return with_progress(parts, len(bitext.pairs), f"reading links of {bitext.language_pair}")


def _lines_of_pairs(path: Path, pairs: Dataset) -> Iterator[tuple[range, list[str]]]:
    """Yield pairs and their lines, in order; a pair remembers which line it was."""
    lines = enumerate(read_lines(path))
    for part in ranges(len(pairs)):
        rows = read_rows(pairs.select(part), "row")
        yield part, [next(line for number, line in lines if number == row) for (row,) in rows]


class Units(NamedTuple):
    """What a link file counts in one sentence: how many there are, and the number of each token's."""

    size: int
    of_tokens: list[int]


def _units(side: list[int] | str, tokenizer: PreTrainedTokenizerBase) -> Units:
    """Count tokens where the side is given as tokens, words where it is given as text."""
    if isinstance(side, list):
        return Units(len(side), list(range(len(side))))
    return Units(len(split_words(side)), word_numbers(side, tokenizer))


def word_numbers(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return for each token of a text the number of the space-separated word that it ends in.

    A token that is only a space belongs to the word after it, as every other space of such a tokenizer does.
    """
    encoded = tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
    last = max(len(split_words(text)) - 1, 0)
    numbers = []
    for start, end in encoded["offset_mapping"]:
        words_so_far = len(split_words(text[:end]))
        is_space = start < end and not split_words(text[start:end])
        numbers.append(min(max(words_so_far - (not is_space), 0), last))
    return numbers
