"""A batch of sentence pairs as its sentences, each by itself, and what the objectives read from them."""

from typing import Any, NamedTuple

import torch
from tokenizers.models import WordPiece
from torch.distributed import nn as distributed
from torch.nn import functional
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode
from transformers.modeling_outputs import BaseModelOutput

from modeling_weam import IGNORED

SENTENCEPIECE_SPACE, BYTE_LEVEL_SPACE = "\u2581", "\u0120"  # what they write for the space before a word
BYTES = {character: byte for byte, character in bytes_to_unicode().items()}  # as byte-level BPE writes them
FIRST_BYTES_OF_IDEOGRAPHS = (b"\xe4", b"\xe9")
# Characters of scripts without spaces between words: Thai to Khmer, kana, ideographs. Each begins a word of its own.
UNSPACED = (
    ("\u0e00", "\u0eff"),
    ("\u1000", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u3040", "\u30ff"),
    ("\u3400", "\u9fff"),
)


class Sentences(NamedTuple):
    """The sentences of B pairs, each by itself, like `[CLS] sentence [SEP]`; rows 0 to B-1 sources, B to 2B-1 targets.

    Attributes:
        input_ids: (2B, L) int64, with the replacements of the masked batch.
        originals: (2B, L) int64, before masking.
        attention_mask: (2B, L) int64.
        labels: (2B, L) int64, -100 where nothing was masked.
        aligned_positions: (2B, L) int64, the position of the aligned token in the row of the other sentence, or -1.
    """

    input_ids: torch.Tensor
    originals: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    aligned_positions: torch.Tensor


def sentences_apart(
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    sequence_ids: torch.Tensor,
    labels: torch.Tensor,
    aligned_positions: torch.Tensor,
) -> Sentences:
    """Cut the rows of a batch of `DataCollatorForWordExchange` in two; masks and links stay what they are.

    `[CLS] a b [SEP] c [SEP]` becomes `[CLS] a b [SEP]` and `[CLS] c [SEP]`; a link from b to c, position 2 to 4 of the
    joint row, becomes one from position 2 to 1. Each sentence gets the special tokens at the two ends of the pair.
    Padding is token 0, whatever that is: nothing attends to it.
    """
    source, target = ((sequence_ids == side).sum(dim=1, keepdim=True) for side in (0, 1))  # (B, 1), (B, 1)
    last = attention_mask.sum(dim=1, keepdim=True) - 1  # (B, 1)
    before_target = last - target - 1  # (B, 1) the position ahead of the first token of the target
    own = torch.arange(int(torch.maximum(source, target).max()) + 2, device=input_ids.device)[None, :]  # (1, L)
    from_source = own.where(own <= source, last)
    from_target = (before_target + own).where((own > 0) & (own <= target), last).masked_fill(own == 0, 0)
    places = torch.cat([from_source, from_target])  # (2B, L) positions in the joint rows
    real = torch.cat([own < source + 2, own < target + 2])  # (2B, L)

    def cut(values: torch.Tensor, padding: int) -> torch.Tensor:
        return values.repeat(2, 1).gather(1, places).masked_fill(~real, padding)

    aligned = cut(aligned_positions, -1)
    in_target = aligned[: len(input_ids)] - before_target
    aligned[: len(input_ids)] = in_target.where(aligned[: len(input_ids)] >= 0, -1)
    return Sentences(
        input_ids=cut(input_ids, 0),
        originals=cut(labels.where(labels != IGNORED, input_ids), 0),
        attention_mask=real.long(),
        labels=cut(labels, IGNORED),
        aligned_positions=aligned,
    )


def encode_sentences(encoder: PreTrainedModel, sides: Sentences, **kwargs: Any) -> BaseModelOutput:  # noqa: ANN401
    """Encode the unmasked sentences, each by itself; `kwargs` are for the encoder."""
    return encoder(sides.originals, attention_mask=sides.attention_mask, **kwargs)


def sentence_vectors(hidden: torch.Tensor, sides: Sentences) -> torch.Tensor:
    """Return (2B, H) unit vectors of sentences, each the mean over its tokens, special ones included.

    Args:
        hidden: (2B, L, H) float, the last hidden states.
        sides: what was encoded.
    """
    real = sides.attention_mask[..., None]
    sums = (hidden.float() * real).sum(dim=1)  # half precision would round, and overflow
    return functional.normalize(sums / real.sum(dim=1), dim=-1)


def one_to_one(aligned_positions: torch.Tensor) -> torch.Tensor:
    """Return (B, L) bool: which source tokens are linked to a target token that is linked back to them.

    A batch has one link of each token. Links that are symmetrised by intersection, the default, are all one to one.

    Args:
        aligned_positions: (2B, L), sources first; one link of each token.
    """
    source, target = aligned_positions.chunk(2)
    back = target.gather(1, source.clamp(min=0))  # (B, L)
    return (source >= 0) & (back == torch.arange(source.shape[1], device=source.device))


def word_ends(sides: Sentences, begins_word: torch.Tensor) -> torch.Tensor:
    """Return (2B, L) bool: which tokens are the last of their words; special tokens are none.

    Args:
        sides: of a batch.
        begins_word: (V,) bool, from `word_beginnings`.
    """
    lengths = sides.attention_mask.sum(dim=1, keepdim=True)  # (2B, 1)
    positions = torch.arange(sides.originals.shape[1], device=lengths.device)
    inside = (positions > 0) & (positions < lengths - 1)
    begins_next = begins_word[sides.originals].roll(-1, dims=1) | (positions == lengths - 2)  # [SEP] ends a word
    return inside & begins_next


def word_beginnings(tokenizer: PreTrainedTokenizerBase) -> list[bool]:
    """Return for each token of the vocabulary whether a word begins with it.

    WordPiece marks the tokens that go on with a word, SentencePiece and byte-level BPE those that begin one. Where a
    script has no spaces, each token that begins a character is taken for a word.
    """
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    if isinstance(tokenizer.backend_tokenizer.model, WordPiece):
        mark = tokenizer.backend_tokenizer.model.continuing_subword_prefix
        return [not token.startswith(mark) or _is_unspaced(token.removeprefix(mark)[:1]) for token in tokens]
    if any(token.startswith(SENTENCEPIECE_SPACE) for token in tokens):
        mark = SENTENCEPIECE_SPACE
        return [token.startswith(mark) or _is_unspaced(token[:1]) for token in tokens]
    return [token.startswith(BYTE_LEVEL_SPACE) or _is_unspaced(_first_character(token)) for token in tokens]


def _is_unspaced(character: str) -> bool:
    return any(first <= character <= last for first, last in UNSPACED)


def _first_character(token: str) -> str:
    """Return the character that a token of byte-level BPE begins with, or one of its script where it is cut short.

    >>> [_first_character(token) for token in ("The", "ä½ł", "ä½", "ł")]
    ['T', '你', '佀', '']
    """
    start = bytes(BYTES.get(character, 0) for character in token[:4])
    if len(start) > 1 or FIRST_BYTES_OF_IDEOGRAPHS[0] <= start <= FIRST_BYTES_OF_IDEOGRAPHS[1]:
        start = start.ljust(3, b"\x80")  # any end will do
    return start.decode("utf-8", errors="ignore")[:1]


def in_parallel() -> bool:
    """Return whether other processes train on other rows of this batch; one may score held-out pairs by itself."""
    return torch.distributed.is_initialized() and torch.is_grad_enabled()


def gather(vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the vectors of all processes, with gradients to all of them, and where among them this one's are.

    Args:
        vectors: (K, ...) float; K may differ between processes.

    Returns:
        (N, ...) and (K,) int64.
    """
    own = torch.arange(len(vectors), device=vectors.device)
    if not in_parallel():
        return vectors, own
    counts = [
        torch.zeros(1, dtype=torch.int64, device=vectors.device) for _ in range(torch.distributed.get_world_size())
    ]
    torch.distributed.all_gather(counts, torch.tensor([len(vectors)], device=vectors.device))
    widest = max(1, *(int(count) for count in counts))
    padding = vectors.new_zeros(widest - len(vectors), *vectors.shape[1:])
    parts = distributed.all_gather(torch.cat([vectors, padding]))
    before = sum(int(count) for count in counts[: torch.distributed.get_rank()])
    return torch.cat([part[: int(count)] for part, count in zip(parts, counts, strict=True)]), own + before


def row_sums(values: torch.Tensor, rows: torch.Tensor, batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum (K,) values by their rows: (B,) sums and (B,) counts, float32 and detached."""
    zeros = torch.zeros(batch_size, device=rows.device)
    values = values.detach().float()
    return zeros.index_add(0, rows, values), zeros.index_add(0, rows, torch.ones_like(values))
