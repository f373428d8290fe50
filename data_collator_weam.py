"""Masks sentence pairs and points every token at its translation: features -> batch.

Self-contained (numpy, torch, transformers). It does not find links (`weam/alignment` does) and has no random
generator: everything drawn is a hash of (seed, epoch, example id, position), so a batch does not depend on its
neighbours, on the worker or process that made it, or on an interruption.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

IGNORED = -100
MASK_SHARE, RANDOM_SHARE = 0.8, 0.1  # of the masked tokens; the rest is kept (Devlin et al. 2019)
DRAW_MASK, DRAW_REPLACEMENT, DRAW_TOKEN, DRAW_LINK = range(4)  # independent draws for one position


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


@dataclass(frozen=True)
class PairTemplate:
    """How a tokenizer joins two sentences.

    Attributes:
        before: special tokens before the first sentence.
        between: special tokens between the two.
        after: special tokens after the second.
        types: the `token_type_ids` of special tokens before, first sentence, special tokens between, second sentence,
            special tokens after, each as long as what it is of, a sentence's of length 1; None: it gives none.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    types: tuple[tuple[int, ...], ...] | None

    @property
    def special_tokens(self) -> int:
        """How many special tokens a pair has."""
        return len(self.before) + len(self.between) + len(self.after)

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> "PairTemplate":
        """Read the template off a pair that the tokenizer has joined.

        Raises:
            ValueError: the tokenizer is slow, and does not tell which sentence a token is of.
        """
        if not tokenizer.is_fast:
            raise ValueError(f"{type(tokenizer).__name__} is a slow tokenizer; pairs are joined by fast ones only")
        encoded = tokenizer("a", "a")
        sides = encoded.sequence_ids(0)
        first, second = ([place for place, side in enumerate(sides) if side == number] for number in (0, 1))
        cuts = (0, first[0], first[-1] + 1, second[0], second[-1] + 1, len(sides))
        parts = [slice(start, end) for start, end in zip(cuts, cuts[1:], strict=False)]
        before, _, between, _, after = (tuple(encoded["input_ids"][part]) for part in parts)
        types = None
        if "token_type_ids" in encoded:
            types = tuple(tuple(encoded["token_type_ids"][part]) for part in parts)
            types = (types[0], types[1][:1], types[2], types[3][:1], types[4])
        return cls(before, between, after, types)


class DataCollatorForWordExchange:
    """Makes the batches of models for WEAM pre-training.

    A feature has `id` (int), `source_ids`, `target_ids` (token ids, no special tokens), `links` (pairs of
    source position, target position, counted from 0 within each side) and may have `epoch` (int), which overrides
    the collator's: held-out pairs keep their masks throughout a training.

    A batch has, all (B, L) int64:
        input_ids: pairs joined as the tokenizer joins them, like `[CLS] source [SEP] target [SEP]`, padded on the
            right; a share `mlm_probability` of the tokens that are not special masked; of these 80 % become the mask
            token, 10 % a random token, 10 % stay.
        attention_mask: 1 for tokens, 0 for padding.
        token_type_ids: as the tokenizer gives them, such as 0 for source and 1 for target; only where it does.
        labels: the original token where it was masked, -100 elsewhere.
        aligned_positions: the position in the same row of one aligned token of the other language, -1 without a link;
            where there are several, one is drawn.
        sequence_ids: on request, the sentence of each token: 0 source, 1 target, -1 special tokens and padding.

    Args:
        tokenizer: fast; gives the template, the special tokens and the vocabulary.
        mlm_probability: share of tokens to mask, 0 to 1.
        max_length: longest row allowed, special tokens included.
        pad_to_multiple_of: rounds L up.
        seed: another seed, other masks.
        return_sequence_ids: for objectives that encode the sentences of a pair apart.

    Raises:
        ValueError: the tokenizer lacks a special token or is slow, a probability is outside 0..1, or sequence_ids are
            asked for and a pair has not one special token at each end; on a call, a feature is longer than `max_length`
            or links a token that it does not have.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        mlm_probability: float = 0.3,
        max_length: int = 128,
        pad_to_multiple_of: int | None = None,
        seed: int = 42,
        return_sequence_ids: bool = False,
    ) -> None:
        """See the class."""
        for name in ("mask_token", "pad_token"):
            if tokenizer.special_tokens_map.get(name) is None:
                raise ValueError(f"the tokenizer has no {name}; masked pre-training needs one of a masked model")
        if not 0 <= mlm_probability <= 1:
            raise ValueError(f"mlm_probability is {mlm_probability}; give a share from 0 to 1")
        self.tokenizer = tokenizer
        self.template = PairTemplate.of(tokenizer)
        if return_sequence_ids and not len(self.template.before) == len(self.template.after) == 1:
            raise ValueError(
                f"{type(tokenizer).__name__} does not put one special token before a pair and one after it, which "
                "objectives that encode the sentences apart need; give it such a template, or train weam, tlm"
            )
        self.mlm_probability = mlm_probability
        self.max_length = max_length
        self.pad_to_multiple_of = pad_to_multiple_of or 1
        self.seed = seed
        self.return_sequence_ids = return_sequence_ids
        special = set(tokenizer.all_special_ids)
        self.ordinary_tokens = np.array([token for token in range(len(tokenizer)) if token not in special])
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()  # loader workers see what the trainer sets

    def set_epoch(self, epoch: int) -> None:
        """Choose the masks of that epoch, in running loader workers too."""
        self._epoch[0] = epoch

    def __call__(self, features: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Collate features into one batch; the class docstring lists the keys."""
        lengths = np.array([[len(f["source_ids"]), len(f["target_ids"])] for f in features])  # (B, 2)
        real = self._real(features, lengths.sum(axis=1) + self.template.special_tokens)  # (B, L) bool
        starts = self._starts(lengths)  # (B, 2)
        positions = np.arange(real.shape[1])[None, :]  # (1, L)
        sequence_ids = self._sequence_ids(positions, starts, lengths)  # (B, L)
        originals = self._originals(features, real)  # (B, L)
        ids = np.array([feature["id"] for feature in features])[:, None]  # (B, 1)
        default_epoch = int(self._epoch[0])
        epochs = np.array([feature.get("epoch", default_epoch) for feature in features])[:, None]
        draw = _Draw(self.seed, epochs, ids)

        masked = (sequence_ids >= 0) & (draw(positions, DRAW_MASK) < self.mlm_probability)
        batch = {
            "input_ids": np.where(masked, self._replacements(originals, positions, draw), originals),
            "attention_mask": real,
            "labels": np.where(masked, originals, IGNORED),
            "aligned_positions": _aligned_positions(features, starts, lengths, draw, real.shape[1]),
        }
        if self.template.types is not None:
            batch["token_type_ids"] = self._token_types(real, lengths, self.template.types)
        if self.return_sequence_ids:
            batch["sequence_ids"] = sequence_ids
        return {key: torch.from_numpy(values.astype(np.int64)) for key, values in batch.items()}

    def _real(self, features: Sequence[dict[str, Any]], lengths: np.ndarray) -> np.ndarray:
        """Return (B, L) bool: True for tokens, False for padding."""
        longest = int(lengths.max())
        if longest > self.max_length:
            feature = features[int(lengths.argmax())]
            raise ValueError(
                f"pair {feature['id']} takes {longest} tokens with special ones, max_length is {self.max_length}; "
                "encode the features with the collator's max_length"
            )
        padded = -(-longest // self.pad_to_multiple_of) * self.pad_to_multiple_of
        return np.arange(padded)[None, :] < lengths[:, None]

    def _starts(self, lengths: np.ndarray) -> np.ndarray:
        """Return (B, 2) the positions of the first tokens of source and target."""
        source = np.full(len(lengths), len(self.template.before))
        return np.stack([source, source + lengths[:, 0] + len(self.template.between)], axis=1)

    def _sequence_ids(self, positions: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return (B, L) 0 for tokens of the source, 1 for those of the target, -1 elsewhere."""
        is_source, is_target = (
            (positions >= starts[:, [side]]) & (positions < (starts + lengths)[:, [side]]) for side in (0, 1)
        )
        return np.where(is_source, 0, np.where(is_target, 1, -1))

    def _originals(self, features: Sequence[dict[str, Any]], real: np.ndarray) -> np.ndarray:
        """Return (B, L) the joined pairs before masking."""
        before, between, after = self.template.before, self.template.between, self.template.after
        joined = [(before, f["source_ids"], between, f["target_ids"], after) for f in features]
        return _filled(real, self.tokenizer.pad_token_id, chain.from_iterable(joined))

    def _token_types(self, real: np.ndarray, lengths: np.ndarray, types: tuple[tuple[int, ...], ...]) -> np.ndarray:
        """Return (B, L) the types that the tokenizer gives, as `PairTemplate` has them."""
        before, source, between, target, after = types
        joined = [(before, source * m, between, target * n, after) for m, n in lengths.tolist()]
        return _filled(real, self.tokenizer.pad_token_type_id, chain.from_iterable(joined))

    def _replacements(self, originals: np.ndarray, positions: np.ndarray, draw: "_Draw") -> np.ndarray:
        """Return (B, L) what each token becomes if it is masked."""
        share = draw(positions, DRAW_REPLACEMENT)
        drawn = (draw(positions, DRAW_TOKEN) * len(self.ordinary_tokens)).astype(np.int64)
        replaced = np.where(share < MASK_SHARE + RANDOM_SHARE, self.ordinary_tokens[drawn], originals)
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


def _filled(real: np.ndarray, padding: int, parts: Iterable[Sequence[int]]) -> np.ndarray:
    """Return (B, L) the parts one after the other, row by row, where `real` is, and padding elsewhere."""
    filled = np.full(real.shape, padding, dtype=np.int64)
    filled[real] = np.fromiter(chain.from_iterable(parts), np.int64, int(real.sum()))
    return filled


def _aligned_positions(
    features: Sequence[dict[str, Any]], starts: np.ndarray, lengths: np.ndarray, draw: _Draw, width: int
) -> np.ndarray:
    """Return (B, L) for each token the position of one aligned token, -1 without."""
    aligned = np.full(len(features) * width, -1, dtype=np.int64)
    counts = [len(feature["links"]) for feature in features]
    flat = chain.from_iterable(chain.from_iterable(feature["links"] for feature in features))
    links = np.fromiter(flat, np.int64).reshape(-1, 2)  # (K, 2)
    rows = np.repeat(np.arange(len(features)), counts)  # (K,)
    _check_links(features, links, rows, lengths)

    source, target = (links + starts[rows]).T  # (K,), (K,) in the joined row
    rows, positions, partners = np.tile(rows, 2), np.append(source, target), np.append(target, source)  # (2K,)
    cells = rows * width + positions
    order = np.lexsort((draw.for_links(rows, positions, partners), cells))
    chosen, first = np.unique(cells[order], return_index=True)  # the lowest draw of each cell
    aligned[chosen] = partners[order][first]
    return aligned.reshape(len(features), width)


def _check_links(features: Sequence[dict[str, Any]], links: np.ndarray, rows: np.ndarray, lengths: np.ndarray) -> None:
    limits = lengths[rows]  # (K, 2)
    outside = ((links < 0) | (links >= limits)).any(axis=1)
    if outside.any():
        worst = int(outside.argmax())
        raise ValueError(
            f"pair {features[rows[worst]]['id']} links tokens {links[worst].tolist()} but its sides have "
            f"{limits[worst].tolist()} tokens; positions count from 0 within each side"
        )
