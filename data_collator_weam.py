"""Masks sentence pairs and points every piece at its translation: features -> batch.

Self-contained (numpy, torch, transformers). It does not find links (`weam/alignment/aligner.py` does) and has no random
generator: everything drawn is a hash of (seed, epoch, example id, position), so a batch does not depend on its
neighbours, on the worker or process that made it, or on an interruption.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

IGNORED = -100
MASK_SHARE, RANDOM_SHARE = 0.8, 0.1  # of the masked pieces; the rest is kept (Devlin et al. 2019)
DRAW_MASK, DRAW_REPLACEMENT, DRAW_PIECE, DRAW_LINK = range(4)  # independent draws for one position


def hash_uniform(*keys: np.ndarray | int) -> np.ndarray:
    """Hash integer keys, broadcast against each other, to float64 in [0, 1).

    The finaliser of SplitMix64 (Steele, Lea & Flood 2014), applied once per key.

    >>> hash_uniform(np.arange(3), 7).round(3).tolist()
    [0.071, 0.2, 0.03]
    """
    state: np.ndarray = np.zeros((), dtype=np.uint64)
    with np.errstate(over="ignore"):  # wrapping around 2**64 is the algorithm
        for key in keys:
            state = state + np.asarray(key).astype(np.int64).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return (state >> np.uint64(11)) * 2.0**-53


class DataCollatorForWordExchange:
    """Makes the batches of `BertForWEAMPreTraining`.

    A feature has `id` (int), `source_ids`, `target_ids` (piece ids, no special tokens), `links` (pairs of
    source position, target position, counted from 0 within each side) and may have `epoch` (int), which overrides
    the collator's: held-out pairs keep their masks throughout a training.

    A batch has, all (B, L) int64:
        input_ids: `[CLS] source [SEP] target [SEP]`, a share `mlm_probability` of the pieces masked; of these 80 %
            become [MASK], 10 % a random piece, 10 % stay.
        attention_mask: 1 for real pieces, 0 for padding.
        token_type_ids: 0 up to the first [SEP], 1 for the target and its [SEP].
        labels: the original piece where it was masked, -100 elsewhere.
        aligned_positions: the position in the same row of one aligned piece of the other language, -1 without a link;
            where there are several, one is drawn.

    Args:
        tokenizer: gives the special pieces and the vocabulary.
        mlm_probability: share of pieces to mask, 0 to 1.
        max_length: longest row allowed, special pieces included.
        pad_to_multiple_of: rounds L up.
        seed: another seed, other masks.

    Raises:
        ValueError: the tokenizer lacks a special piece, or a probability is outside 0..1; on a call, a feature is
            longer than `max_length` or links a piece that it does not have.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        mlm_probability: float = 0.3,
        max_length: int = 128,
        pad_to_multiple_of: int | None = None,
        seed: int = 42,
    ) -> None:
        """See the class."""
        for name in ("cls_token", "sep_token", "mask_token", "pad_token"):
            if tokenizer.special_tokens_map.get(name) is None:
                raise ValueError(f"the tokenizer has no {name}; masked pre-training needs one of a BERT checkpoint")
        if not 0 <= mlm_probability <= 1:
            raise ValueError(f"mlm_probability is {mlm_probability}; give a share from 0 to 1")
        self.tokenizer = tokenizer
        self.mlm_probability = mlm_probability
        self.max_length = max_length
        self.pad_to_multiple_of = pad_to_multiple_of or 1
        self.seed = seed
        special = set(tokenizer.all_special_ids)
        self.ordinary_pieces = np.array([piece for piece in range(len(tokenizer)) if piece not in special])
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()  # loader workers see what the trainer sets

    def set_epoch(self, epoch: int) -> None:
        """Choose the masks of that epoch, in running loader workers too."""
        self._epoch[0] = epoch

    def __call__(self, features: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Collate features into one batch; the class docstring lists the keys."""
        source_lengths = np.array([len(feature["source_ids"]) for feature in features])  # (B,)
        target_lengths = np.array([len(feature["target_ids"]) for feature in features])  # (B,)
        real = self._real(features, source_lengths + target_lengths + 3)  # (B, L) bool
        positions = np.arange(real.shape[1])[None, :]  # (1, L)
        originals = self._originals(features, real)  # (B, L)

        source_end = source_lengths[:, None] + 1  # the first [SEP]
        is_piece = real & (positions > 0) & (positions != source_end)
        is_piece &= positions != source_end + target_lengths[:, None] + 1
        ids = np.array([feature["id"] for feature in features])[:, None]  # (B, 1)
        default_epoch = int(self._epoch[0])
        epochs = np.array([feature.get("epoch", default_epoch) for feature in features])[:, None]
        draw = _Draw(self.seed, epochs, ids)

        masked = is_piece & (draw(positions, DRAW_MASK) < self.mlm_probability)
        batch = {
            "input_ids": np.where(masked, self._replacements(originals, positions, draw), originals),
            "attention_mask": real,
            "token_type_ids": real & (positions > source_end),
            "labels": np.where(masked, originals, IGNORED),
            "aligned_positions": _aligned_positions(features, (source_lengths, target_lengths), real.shape[1], draw),
        }
        return {key: torch.from_numpy(values.astype(np.int64)) for key, values in batch.items()}

    def _real(self, features: Sequence[dict[str, Any]], lengths: np.ndarray) -> np.ndarray:
        """Return (B, L) bool: True for pieces, False for padding."""
        longest = int(lengths.max())
        if longest > self.max_length:
            feature = features[int(lengths.argmax())]
            raise ValueError(
                f"pair {feature['id']} takes {longest} pieces with special ones, max_length is {self.max_length}; "
                "encode the features with the collator's max_length"
            )
        padded = -(-longest // self.pad_to_multiple_of) * self.pad_to_multiple_of
        return np.arange(padded)[None, :] < lengths[:, None]

    def _originals(self, features: Sequence[dict[str, Any]], real: np.ndarray) -> np.ndarray:
        """Return (B, L) the joined pairs before masking."""
        first, separator = [self.tokenizer.cls_token_id], [self.tokenizer.sep_token_id]
        joined = [(first, f["source_ids"], separator, f["target_ids"], separator) for f in features]
        originals = np.full(real.shape, self.tokenizer.pad_token_id, dtype=np.int64)
        originals[real] = np.fromiter(chain.from_iterable(chain.from_iterable(joined)), np.int64, int(real.sum()))
        return originals

    def _replacements(self, originals: np.ndarray, positions: np.ndarray, draw: "_Draw") -> np.ndarray:
        """Return (B, L) what each piece becomes if it is masked."""
        share = draw(positions, DRAW_REPLACEMENT)
        drawn = (draw(positions, DRAW_PIECE) * len(self.ordinary_pieces)).astype(np.int64)
        replaced = np.where(share < MASK_SHARE + RANDOM_SHARE, self.ordinary_pieces[drawn], originals)
        return np.where(share < MASK_SHARE, self.tokenizer.mask_token_id, replaced)


class _Draw:
    """Uniform numbers for (row, position, what for), a pure function of seed, epoch and id."""

    def __init__(self, seed: int, epochs: np.ndarray, ids: np.ndarray) -> None:
        self.keys = (seed, epochs, ids)  # int, (B, 1), (B, 1)

    def __call__(self, positions: np.ndarray, purpose: int) -> np.ndarray:
        return hash_uniform(*self.keys, positions, purpose)  # (B, L)

    def for_links(self, rows: np.ndarray, positions: np.ndarray, partners: np.ndarray) -> np.ndarray:
        seed, epochs, ids = self.keys
        return hash_uniform(seed, epochs[rows, 0], ids[rows, 0], positions, DRAW_LINK, partners)  # (links,)


def _aligned_positions(
    features: Sequence[dict[str, Any]], lengths: tuple[np.ndarray, np.ndarray], width: int, draw: _Draw
) -> np.ndarray:
    """Return (B, L) for each piece the position of one aligned piece, -1 without."""
    aligned = np.full(len(features) * width, -1, dtype=np.int64)
    counts = [len(feature["links"]) for feature in features]
    flat = chain.from_iterable(chain.from_iterable(feature["links"] for feature in features))
    links = np.fromiter(flat, np.int64).reshape(-1, 2)  # (K, 2)
    rows = np.repeat(np.arange(len(features)), counts)  # (K,)
    _check_links(features, links, rows, lengths)

    source, target = links[:, 0] + 1, links[:, 1] + lengths[0][rows] + 2  # [CLS] before, [SEP] between
    rows, positions, partners = np.tile(rows, 2), np.append(source, target), np.append(target, source)  # (2K,)
    cells = rows * width + positions
    order = np.lexsort((draw.for_links(rows, positions, partners), cells))
    chosen, first = np.unique(cells[order], return_index=True)  # the lowest draw of each cell
    aligned[chosen] = partners[order][first]
    return aligned.reshape(len(features), width)


def _check_links(
    features: Sequence[dict[str, Any]], links: np.ndarray, rows: np.ndarray, lengths: tuple[np.ndarray, np.ndarray]
) -> None:
    limits = np.stack([lengths[0][rows], lengths[1][rows]], axis=1)  # (K, 2)
    outside = ((links < 0) | (links >= limits)).any(axis=1)
    if outside.any():
        worst = int(outside.argmax())
        raise ValueError(
            f"pair {features[rows[worst]]['id']} links pieces {links[worst].tolist()} but its sides have "
            f"{limits[worst].tolist()} pieces; positions count from 0 within each side"
        )
