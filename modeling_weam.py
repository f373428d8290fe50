"""BERT that learns to exchange words between languages: batch -> losses.

This is the file that is published with every checkpoint, so it imports torch and transformers only.
It holds the pre-training model (`BertForWEAMPreTraining`) and the encoder that aligns words (`WEAMModel`).
It does not mask, align or train: `data_collator_weam.py` makes its batches, the stock `Trainer` trains it.

Method: Yang et al. 2021, "Bilingual Alignment Pre-Training for Zero-Shot Cross-Lingual Transfer", arXiv 2106.01732.
State-dict keys are those of `BertForMaskedLM`, and `model_type` stays `bert`: every stock Auto class loads a
checkpoint of this model without this file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from transformers import BertConfig, BertForMaskedLM, BertModel, BertPreTrainedModel, PreTrainedTokenizerBase
from transformers.models.bert.modeling_bert import BertOnlyMLMHead
from transformers.utils import ModelOutput

EXCHANGES = ("representation", "target")
IGNORED = -100  # a label that is not scored
WEAM_DEFAULTS: dict[str, Any] = {"exchange": "representation", "cross_lingual_weight": 1.0, "align_layer": None}


def weam_settings(config: BertConfig) -> dict[str, Any]:
    """Return `config.weam` completed with the defaults.

    Raises:
        ValueError: a setting is unknown or has an impossible value.
    """
    given = config.to_dict().get("weam", {})
    unknown = sorted(set(given) - set(WEAM_DEFAULTS))
    if unknown:
        raise ValueError(f"config.weam has unknown settings {unknown}; known are {sorted(WEAM_DEFAULTS)}")
    settings = {**WEAM_DEFAULTS, **given}
    if settings["exchange"] not in EXCHANGES:
        raise ValueError(f"config.weam['exchange'] is {settings['exchange']!r}; choose one of {EXCHANGES}")
    if settings["cross_lingual_weight"] < 0:
        raise ValueError("config.weam['cross_lingual_weight'] is negative; it weighs a loss, give 0 or more")
    return settings


@dataclass
class WEAMPreTrainingOutput(ModelOutput):
    """What `BertForWEAMPreTraining` returns for a batch of B rows of length L over V pieces.

    Attributes:
        loss: () float, the weighted sum of both predictions per masked token.
        loss_parts: (B, 4) float32, detached; per row: summed multilingual cross-entropy (nats), masked tokens,
            summed cross-lingual cross-entropy (nats), masked tokens that have an aligned one. Sums and counts,
            so that means over any set of rows are exact.
        logits: (B, L, V), only where no labels were given.
        hidden_states: per layer (B, L, H), on request.
        attentions: per layer (B, heads, L, L), on request.
    """

    loss: torch.Tensor | None = None
    loss_parts: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


class WEAMModel(BertModel):
    """The stock BERT encoder, number for number, that can also align the words of two sentences."""

    @torch.no_grad()
    def align_words(
        self,
        tokenizer: PreTrainedTokenizerBase,
        source: Sequence[str | list[str]],
        target: Sequence[str | list[str]],
        layer: int | None = None,
        batch_size: int = 32,
    ) -> list[list[tuple[int, int]]]:
        """Link the words of each sentence to those of its translation.

        Each sentence is encoded by itself; two pieces are linked where each is the other's nearest by cosine
        (mutual argmax, Jalili Sabet et al. 2020), two words where any of their pieces are.

        Args:
            tokenizer: the checkpoint's fast tokenizer.
            source: sentences, as words separated by spaces or as lists of words.
            target: their translations, as many.
            layer: 1 (first) to `num_hidden_layers` (last); None: the layer noted in the checkpoint, else two
                thirds of the way up.
            batch_size: sentences encoded at once.

        Returns:
            Per pair the sorted links (source word, target word), both counted from 0.

        Raises:
            ValueError: unequal numbers of sentences, an impossible layer, or a sentence too long for the model.
        """
        if len(source) != len(target):
            raise ValueError(f"{len(source)} source sentences but {len(target)} target sentences; give pairs")
        layer = self.align_layer(layer)
        source_pieces = self._piece_vectors(tokenizer, source, layer, batch_size)
        target_pieces = self._piece_vectors(tokenizer, target, layer, batch_size)
        return [_mutual_links(*sides) for sides in zip(source_pieces, target_pieces, strict=True)]

    def align_layer(self, layer: int | None = None) -> int:
        """Return the layer that `align_words` reads: the given one, the checkpoint's, or two thirds of the way up."""
        last = self.config.num_hidden_layers
        noted = weam_settings(self.config)["align_layer"]
        default = max(1, round(last * 2 / 3)) if noted is None else noted
        chosen = default if layer is None else layer
        if not 1 <= chosen <= last:
            raise ValueError(f"layer {chosen} does not exist; choose 1 to {last}")
        return chosen

    def _piece_vectors(
        self,
        tokenizer: PreTrainedTokenizerBase,
        sentences: Sequence[str | list[str]],
        layer: int,
        batch_size: int,
    ) -> Iterator[tuple[torch.Tensor, list[int]]]:
        """Yield per sentence (pieces, H) unit vectors and for each piece the number of its word."""
        for start in range(0, len(sentences), batch_size):
            batch = [s.split() if isinstance(s, str) else list(s) for s in sentences[start : start + batch_size]]
            encoded = tokenizer(batch, is_split_into_words=True, padding=True, return_tensors="pt").to(self.device)
            length = encoded["input_ids"].shape[1]
            if length > self.config.max_position_embeddings:
                raise ValueError(
                    f"a sentence among {start} to {start + len(batch) - 1} has {length} pieces, the model reads "
                    f"{self.config.max_position_embeddings}; split it"
                )
            states = self(**encoded, output_hidden_states=True).hidden_states[layer]  # (B, L, H)
            for row, vectors in enumerate(functional.normalize(states, dim=-1)):
                words = encoded.word_ids(row)
                kept = [position for position, word in enumerate(words) if word is not None]
                yield vectors[kept], [words[position] for position in kept]


def _mutual_links(
    source: tuple[torch.Tensor, list[int]], target: tuple[torch.Tensor, list[int]]
) -> list[tuple[int, int]]:
    """Link the words whose pieces are each other's nearest."""
    (source_vectors, source_words), (target_vectors, target_words) = source, target
    if not source_words or not target_words:
        return []
    similarity = source_vectors @ target_vectors.T  # (source pieces, target pieces)
    forward, backward = similarity.argmax(dim=1).tolist(), similarity.argmax(dim=0).tolist()
    return sorted({(source_words[i], target_words[j]) for i, j in enumerate(forward) if backward[j] == i})


class BertForWEAMPreTraining(BertForMaskedLM):
    """BERT with one prediction head, tied to the embeddings, that scores every masked token twice.

    With x the sentence pair before masking, h the encoder's output, i a masked position and j = aligned(i):

        multilingual   L_m = sum over masked i            -log p(x_i | h_i)
        cross-lingual  L_c = sum over masked, aligned i   -log p(x_i | h_j)    exchange "representation"
                                                          -log p(x_j | h_i)    exchange "target"
        loss = (L_m + cross_lingual_weight * L_c) / number of masked tokens

    `config.weam` holds `exchange` and `cross_lingual_weight`. A weight of 0 is translation language modelling (TLM).
    Only masked positions pass through the head: no (B, L, V) tensor exists while labels are given.
    """

    accepts_loss_kwargs = True  # the Trainer passes num_items_in_batch, and the loss below divides by it
    loss_names: tuple[str, ...] = ("multilingual_loss", "cross_lingual_loss")  # what `loss_parts` sums and counts

    def __init__(self, config: BertConfig) -> None:
        """Build the stock masked language model around a `WEAMModel`; `config.weam` is checked here."""
        BertPreTrainedModel.__init__(self, config)  # BertForMaskedLM's own would build a plain encoder
        self.weam = weam_settings(config)
        self.bert = WEAMModel(config, add_pooling_layer=False)
        self.cls = BertOnlyMLMHead(config)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        aligned_positions: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs: object,
    ) -> WEAMPreTrainingOutput:
        """Score the masked tokens of a batch.

        Args:
            input_ids: (B, L) int64, `[CLS] source [SEP] target [SEP]` with some pieces replaced.
            attention_mask: (B, L) int64, 1 for real pieces.
            token_type_ids: (B, L) int64, 0 source, 1 target.
            labels: (B, L) int64, the original piece where it was masked, else -100. None: return logits instead.
            aligned_positions: (B, L) int64, the position in the same row of one aligned piece of the other language,
                -1 where there is none. None: no piece is aligned (monolingual text).
            num_items_in_batch: masked tokens of the whole optimiser step, over accumulated batches and processes.
                None: those of this batch.
            **kwargs: handed to the encoder (`position_ids`, `output_hidden_states`, ...).
        """
        outputs = self.bert(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, **kwargs)
        hidden = outputs.last_hidden_state  # (B, L, H)
        extras = {"hidden_states": outputs.hidden_states, "attentions": outputs.attentions}
        if labels is None:
            return WEAMPreTrainingOutput(logits=self.cls(hidden), **extras)

        weight = self.weam["cross_lingual_weight"]
        if aligned_positions is None or (self.training and weight == 0):  # TLM need not pay for a zero
            aligned_positions = torch.full_like(labels, -1)
        originals = torch.where(labels != IGNORED, labels, input_ids)  # (B, L)
        own_rows = torch.arange(len(labels), device=labels.device)
        parts = self.word_losses(hidden, labels, originals, aligned_positions, own_rows)  # (B, 4), with gradients

        multilingual, masked, cross_lingual, _ = parts.sum(dim=0)
        items = masked.clamp(min=1) if num_items_in_batch is None else num_items_in_batch
        loss = (multilingual + weight * cross_lingual) / items
        return WEAMPreTrainingOutput(loss=loss, loss_parts=parts.detach(), **extras)

    def word_losses(
        self,
        hidden: torch.Tensor,
        labels: torch.Tensor,
        originals: torch.Tensor,
        aligned_positions: torch.Tensor,
        aligned_rows: torch.Tensor,
    ) -> torch.Tensor:
        """Score each masked token from its own representation, and through its aligned one.

        Args:
            hidden: (B, L, H), the output of the encoder.
            labels: (B, L) int64, as in `forward`.
            originals: (B, L) int64, the pieces before masking.
            aligned_positions: (B, L) int64, as in `forward`.
            aligned_rows: (B,) int64, the row that the aligned positions of each row are in.

        Returns:
            (B, 4) float32, the sums and counts of `WEAMPreTrainingOutput.loss_parts`.
        """
        rows, i = (labels != IGNORED).nonzero(as_tuple=True)  # (M,), (M,)
        logits = self.cls(hidden[rows, i])  # (M, V)
        multilingual = functional.cross_entropy(logits.float(), labels[rows, i], reduction="none")  # (M,)

        aligned = aligned_positions[rows, i]  # (M,)
        linked = (aligned >= 0).nonzero()[:, 0]  # (K,) which of the masked tokens have an aligned one
        j, rows_of_j = aligned[linked], aligned_rows[rows[linked]]  # (K,), (K,)
        if self.weam["exchange"] == "representation":
            exchanged = self.cls(hidden[rows_of_j, j])  # (K, V)
            words = labels[rows, i][linked]
        else:
            exchanged = logits[linked]  # (K, V)
            words = originals[rows_of_j, j]
        cross_lingual = functional.cross_entropy(exchanged.float(), words, reduction="none")  # (K,)
        parts = [*_per_row(multilingual, rows, len(labels)), *_per_row(cross_lingual, rows[linked], len(labels))]
        return torch.stack(parts, dim=1)


def _per_row(losses: torch.Tensor, rows: torch.Tensor, batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum (M,) losses by their rows: (B,) sums and (B,) counts."""
    zeros = torch.zeros(batch_size, device=rows.device)
    return zeros.index_add(0, rows, losses), zeros.index_add(0, rows, torch.ones_like(losses))
