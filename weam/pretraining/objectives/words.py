"""Objectives that draw linked words together, beside or instead of the exchange: batch -> losses.

Siblings of those in `systems.py`: the same batches, the same output, divided by the masked tokens of the optimiser
step. A word here is a subword token, as the links are; a batch has one link of each, of which those that lead back are
used. Each class says which paper its formula comes from.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import PretrainedConfig

from modeling_weam import IGNORED, WEAMPreTrainingMixin
from weam.pretraining.objectives.sentences import Sentences, encode_sentences, gather, one_to_one, row_sums
from weam.pretraining.objectives.systems import (
    Batch,
    Contrasting,
    EncoderObjective,
    MonolingualMLM,
    TranslationRanking,
    Vectors,
    WEAMObjective,
    WEAMWithContrast,
    translations,
)

WORD_TEMPERATURE = 0.1  # Wu & Dredze 2020
WORDS_AT_ONCE = 1024  # whose scores are kept; a batch of 32 pairs has a few hundred linked words


def linked_words(hidden: torch.Tensor, sides: Sentences) -> Vectors:
    """Return (K, 2, H) the vectors of linked words.

    Args:
        hidden: (2B, L, H) float, of the sentences of B pairs at one layer.
        sides: what was encoded.
    """
    pairs = len(hidden) // 2
    rows, i = one_to_one(sides.aligned_positions).nonzero(as_tuple=True)  # (K,), (K,)
    j = sides.aligned_positions[rows, i]  # (K,)
    return Vectors(torch.stack([hidden[rows, i], hidden[pairs + rows, j]], dim=1), rows)


def word_contrast(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return (K,) the loss of each pair of linked words, the mean of both directions, in nats.

    Wu & Dredze 2020, "Do Explicit Alignments Robustly Improve Multilingual Encoders?", arXiv 2010.02537, with strong
    alignment, but without their projection and their pull towards the weights at the start: with unit vectors z of all
    linked words given, of both languages and of all processes, a word u and v its linked one

        -log[ e^(u.v / t) / sum over z other than u of e^(u.z / t) ]

    Args:
        source: (K, H) float, the words of one language.
        target: (K, H) float, those that they are linked to.
    """
    with torch.autocast(source.device.type, enabled=False):  # it would round cosines to steps of 1/256 near 1
        sides = [functional.normalize(side.float(), dim=-1) for side in (source, target)]
        candidates, own = gather(torch.stack(sides, dim=1))  # (N, 2, H)
        everything = candidates.flatten(0, 1)  # (2N, H), each word beside its linked one
        find: Callable[..., torch.Tensor] = _losses_of_words
        if len(source) > WORDS_AT_ONCE:  # all scores would fill the memory: a part's are made again for gradients
            find = partial(checkpoint, _losses_of_words, use_reentrant=False)
        losses = []
        for side, words in enumerate(sides):
            parts = (each.split(WORDS_AT_ONCE) for each in (words, 2 * own + side, 2 * own + 1 - side))
            losses.append(torch.cat([find(*part, everything) for part in zip(*parts, strict=True)]))
    return torch.stack(losses).mean(dim=0)


def _losses_of_words(
    words: torch.Tensor, own: torch.Tensor, linked: torch.Tensor, everything: torch.Tensor
) -> torch.Tensor:
    """Return (K,) losses of (K, H) words, `own` (K,) their rows in `everything` (N, H), `linked` (K,) those to find."""
    scores = words @ everything.T / WORD_TEMPERATURE  # (K, N)
    scores = scores.scatter(1, own[:, None], float("-inf"))  # a word is no negative of itself
    return functional.cross_entropy(scores, linked, reduction="none")


class ContrastsWords(Contrasting):
    """What contrasts the linked words of a step; `word_contrast` has the formula."""

    comparisons: tuple[Callable[..., torch.Tensor], ...] = (word_contrast,)
    layer: int | None = None

    def choose_layer(self, layer: int | None) -> None:
        """Draw together the hidden states of a layer, 1 to `num_hidden_layers`; None: of the last.

        Raises:
            ValueError: the encoder has no such layer.
        """
        layers = self.config.num_hidden_layers
        if layer is not None and not 1 <= layer <= layers:
            raise ValueError(f"--word_layer is {layer}; the layers of this encoder are 1 to {layers}")
        self.layer = layer

    def vectors(self, batch: Batch) -> list[Vectors]:
        """Encode the sentences, each by itself, for their linked words."""
        sides = batch.sides()
        states = encode_sentences(self.base_model, sides, output_hidden_states=True).hidden_states
        return [linked_words(states[self.layer or -1], sides)]


class WordContrast(ContrastsWords, EncoderObjective):
    """Word contrastive: among all linked words of a step each must find the one that it is linked to.

    Sentences are encoded apart and unmasked. Gaschi et al. 2023, arXiv 2306.02790, have it as realignment. `layer`
    chooses which hidden states are drawn together, None the last.
    """

    loss_names = ("word_contrastive_loss",)


class WEAMWithWordContrast(ContrastsWords, WEAMWithContrast):  # type: ignore[misc]  # as WEAMObjective
    """WEAM and word contrast together: loss = WEAM's + the mean contrastive loss of the linked words."""

    loss_names = (*WEAMPreTrainingMixin.loss_names, *WordContrast.loss_names)


class WEAMWithWordContrastAndRanking(WEAMWithWordContrast):
    """WEAM, word contrast and translation ranking together, the latter two on the same hidden states.

    loss = WEAM's + the mean contrastive loss of the linked words + the mean ranking loss of the pairs
    """

    loss_names = (*WEAMWithWordContrast.loss_names, *TranslationRanking.loss_names)
    comparisons = (*WEAMWithWordContrast.comparisons, *TranslationRanking.comparisons)

    def vectors(self, batch: Batch) -> list[Vectors]:
        """Encode the sentences, each by itself, once for their linked words and for what they say."""
        sides = batch.sides()
        outputs = encode_sentences(self.base_model, sides, output_hidden_states=True)
        words = linked_words(outputs.hidden_states[self.layer or -1], sides)
        return [words, translations(outputs.last_hidden_state, sides)]


class Pointer(nn.Module):
    """Points from a position at one of the other sentence's: softmax of q(h_i) . k(h_p) / sqrt(H) over its tokens p.

    Chi et al. 2021, "Improving Pretrained Cross-Lingual Language Models via Self-Labeled Word Alignment" (XLM-Align),
    arXiv 2106.06381: denoising word alignment. Both projections are drawn at random and are not published.
    """

    def __init__(self, hidden_size: int) -> None:
        """Draw the two projections."""
        super().__init__()
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)

    def forward(
        self, hidden: torch.Tensor, sequence_ids: torch.Tensor, places: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """Return (K,) -log of the probability of the linked position, in nats.

        Args:
            hidden: (B, L, H), of pairs read together.
            sequence_ids: (B, L) int64, 0 in the source, 1 in the target, -1 elsewhere.
            places: rows, positions and their linked positions, (K,) int64 each.
        """
        rows, i, j = places
        scores = (self.query(hidden) @ self.key(hidden).mT)[rows, i].float() / hidden.shape[-1] ** 0.5  # (K, L)
        other_side = sequence_ids[rows] == 1 - sequence_ids[rows, i][:, None]  # (K, L)
        return functional.cross_entropy(scores.masked_fill(~other_side, float("-inf")), j, reduction="none")

    def of_batch(self, hidden: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return () the loss of the masked tokens that are linked, and (B, 2) its sums and counts."""
        rows, i = ((batch.labels != IGNORED) & (batch.aligned_positions >= 0)).nonzero(as_tuple=True)  # (K,), (K,)
        losses = self(hidden, batch.sequence_ids, (rows, i, batch.aligned_positions[rows, i]))  # (K,)
        return losses.sum() / batch.items(), torch.stack(row_sums(losses, rows, len(batch.labels)), dim=1)


class PointerAlone(EncoderObjective):
    """Denoising word alignment alone: each masked token that is linked points at its linked token.

    loss = sum over masked, linked i of -log p(aligned(i) | i) / number of masked tokens; `Pointer` has p.
    """

    loss_names = ("pointer_loss",)

    def __init__(self, config: PretrainedConfig) -> None:
        """Build the encoder and the pointer."""
        super().__init__(config)
        self.pointer = Pointer(config.hidden_size)
        self.post_init()

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Point from the masked tokens; (B, 2) the summed loss of each pair's masked, linked ones, and their number."""
        has_segments = self.config.to_dict().get("type_vocab_size", 1) > 1
        segments = {"token_type_ids": batch.token_type_ids} if has_segments else {}
        outputs = self.base_model(batch.input_ids, attention_mask=batch.attention_mask, **segments)
        return self.pointer.of_batch(outputs.last_hidden_state, batch)


class WEAMWithPointer(WEAMObjective):
    """WEAM and the pointer together, on the same hidden states: loss = WEAM's + that of `PointerAlone`."""

    loss_names = (*WEAMPreTrainingMixin.loss_names, *PointerAlone.loss_names)

    def __init__(self, config: PretrainedConfig) -> None:
        """Build WEAM's model and the pointer."""
        super().__init__(config)  # type: ignore[call-arg]  # that of the family
        self.pointer = Pointer(config.hidden_size)
        self.post_init()

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Score the masked tokens and point from them; (B, 6) those of WEAM, then of `PointerAlone`."""
        weam = self.weam_outputs(batch, output_hidden_states=True)
        loss, parts = self.pointer.of_batch(weam["hidden_states"][-1], batch)
        return weam["loss"] + loss, torch.cat([weam["loss_parts"], parts], dim=1)


class EmbeddingAlignment(MonolingualMLM):
    """Masked language modelling of each sentence by itself, and like embeddings for the words of a dictionary.

    Deshpande et al. 2022, "ALIGN-MLM: Word Embedding Alignment is Crucial for Multilingual Pre-training", arXiv
    2211.08547. With E the word embeddings and D a dictionary of word pairs

        loss = MLM's + dictionary_weight * mean over (s, t) in D of (1 - cos(E(s), E(t)))

    For the second no sentence is encoded. `learn_dictionary` must be called once before training.
    """

    loss_names = (*MonolingualMLM.loss_names, "embedding_distance")
    dictionary_weight: float = 10.0

    def __init__(self, config: PretrainedConfig) -> None:
        """Build the masked language model; the dictionary is empty."""
        super().__init__(config)  # type: ignore[call-arg]  # that of the family
        self.register_buffer("dictionary", torch.zeros(0, 2, dtype=torch.int64), persistent=False)

    def learn_dictionary(self, data_sets: Iterable[Iterable[dict[str, Any]]]) -> None:
        """Count the links of the training pairs of each language pair, as `dictionary_of_links` does."""
        pairs = [words for features in data_sets for words in dictionary_of_links(features)]
        self.dictionary = torch.tensor(pairs, dtype=torch.int64, device=self.device).view(-1, 2)

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Score the masked tokens and measure the dictionary; (B, 6) those of MLM, then its mean distance and 1."""
        loss, parts = super().losses(batch)
        embeddings = self.get_input_embeddings().weight  # (V, H)
        words = functional.embedding(self.dictionary, embeddings)  # (D, 2, H); its gradient is repeatable
        source, target = words.unbind(dim=1)  # (D, H), (D, H)
        distances = 1 - functional.cosine_similarity(source.float(), target.float(), dim=-1)  # (D,)
        distance = distances.sum() / max(1, len(distances))
        share = (batch.labels != IGNORED).sum() / batch.items()  # over accumulation and processes they add up to 1
        distance_and_1 = torch.stack([distance.detach().expand(len(parts)), torch.ones_like(parts[:, 0])], dim=1)
        return loss + self.dictionary_weight * distance * share, torch.cat([parts, distance_and_1], dim=1)


def dictionary_of_links(features: Iterable[dict[str, Any]]) -> list[tuple[int, int]]:
    """Return the pairs of tokens that are each other's most frequent link; of equally frequent ones the lower token.

    >>> pairs = [{"source_ids": [7, 8], "target_ids": [20, 21], "links": [[0, 0], [1, 1]]}] * 2
    >>> pairs += [{"source_ids": [7], "target_ids": [21], "links": [[0, 0]]}]
    >>> dictionary_of_links(pairs)
    [(7, 20), (8, 21)]
    """
    counts: Counter[tuple[int, int]] = Counter()
    for pair in features:
        source, target = pair["source_ids"], pair["target_ids"]
        counts.update((source[i], target[j]) for i, j in pair["links"])
    ranked = sorted(counts, key=lambda words: (-counts[words], words))
    best_target = {source: target for source, target in reversed(ranked)}
    best_source = {target: source for source, target in reversed(ranked)}
    return sorted((source, target) for source, target in best_target.items() if best_source[target] == source)
