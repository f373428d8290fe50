"""The systems that WEAM is compared with: batch -> losses, from the very batches that WEAM trains on.

Each model takes what `DataCollatorForWordExchange` makes and returns a `WEAMPreTrainingOutput`, as
`BertForWEAMPreTraining` does, so that one program trains all under the same data, order, steps, logging and resume.
Each is written once for all families of models: `Objective.model_class` joins it with the classes of one.
Most encode the two sentences of a pair apart; the batch tells which tokens belong to which, and what stood where a
token was masked. Every loss is divided by `num_items_in_batch`, the masked tokens of the optimiser step: a batch then
means the same however it is shared out, except for in-batch negatives, which a smaller batch has fewer of.
"""

import torch
from torch.distributed import nn as distributed
from torch.nn import functional
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from modeling_weam import IGNORED, WEAMPreTrainingMixin, WEAMPreTrainingOutput, items_of_step
from weam.families import Family
from weam.pretraining.objectives.sentences import (
    Sentences,
    in_parallel,
    one_to_one,
    row_sums,
    sentence_vectors,
    sentences_apart,
    word_beginnings,
    word_ends,
)

TEMPERATURE = 0.05  # SimCSE's; LaBSE's scale of the cosine is of this order
MARGIN = 0.3  # LaBSE's


class MonolingualMLM(WEAMPreTrainingMixin):
    """Masked language modelling of the same text with the same masks, but each sentence sees itself only.

    The control: what it gains comes from more text of that kind, not from translation. Devlin et al. 2019.
    """

    _auto_class = None  # is saved as a stock model

    def forward(  # type: ignore[override]  # labels are required
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        sequence_ids: torch.Tensor,
        labels: torch.Tensor,
        aligned_positions: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> WEAMPreTrainingOutput:
        """Score the masked tokens of a batch, whose keys `DataCollatorForWordExchange` explains."""
        sides = sentences_apart(input_ids, attention_mask, sequence_ids, labels, aligned_positions)
        outputs = super().forward(
            sides.input_ids, sides.attention_mask, labels=sides.labels, num_items_in_batch=num_items_in_batch
        )
        parts = outputs["loss_parts"].view(2, -1, 4).sum(dim=0)  # (B, 4)
        return WEAMPreTrainingOutput(loss=outputs["loss"], loss_parts=parts)


class WEAMApart(WEAMPreTrainingMixin):
    """WEAM with the two sentences of a pair encoded apart.

    A masked word then cannot look at its translation: the exchange is the only way across. Not in the paper.
    """

    _auto_class = None  # is saved as a stock model

    def forward(  # type: ignore[override]  # labels are required
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        sequence_ids: torch.Tensor,
        labels: torch.Tensor,
        aligned_positions: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> WEAMPreTrainingOutput:
        """Score the masked tokens of a batch, whose keys `DataCollatorForWordExchange` explains."""
        sides = sentences_apart(input_ids, attention_mask, sequence_ids, labels, aligned_positions)
        outputs, matrix = self.encode(sides.input_ids, sides.attention_mask)
        hidden = outputs.last_hidden_state  # (2B, L, H)
        other_rows = torch.arange(len(hidden), device=hidden.device).roll(len(input_ids))  # source <-> target
        total, l_m, l_c = self.word_losses(
            hidden, matrix, sides.labels, sides.originals, sides.aligned_positions, other_rows
        )
        parts = torch.cat([l_m, l_c], dim=1).view(2, -1, 4).sum(dim=0)  # (B, 4)
        return WEAMPreTrainingOutput(loss=total / items_of_step(labels, num_items_in_batch), loss_parts=parts)


class WEAMWithRanking(WEAMPreTrainingMixin):
    """WEAM and translation ranking together: loss = WEAM's + the mean ranking loss of the pairs."""

    _auto_class = None  # is saved as a stock model

    loss_names = (*WEAMPreTrainingMixin.loss_names, "contrastive_loss")

    def forward(  # type: ignore[override]  # labels are required
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        sequence_ids: torch.Tensor,
        labels: torch.Tensor,
        aligned_positions: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> WEAMPreTrainingOutput:
        """Score the masked tokens and rank the translations of a batch; `DataCollatorForWordExchange` has its keys.

        `loss_parts` (B, 6): those of WEAM, then those of `TranslationRanking`.
        """
        outputs = super().forward(
            input_ids, attention_mask, token_type_ids, labels, aligned_positions, num_items_in_batch
        )
        sides = sentences_apart(input_ids, attention_mask, sequence_ids, labels, aligned_positions)
        ranking = translation_ranking(*sentence_vectors(self.base_model, sides).chunk(2))  # (B,)
        loss = outputs["loss"] + ranking.sum() * _pair_weight(labels, num_items_in_batch)
        parts = torch.cat([outputs["loss_parts"], _with_counts(ranking)], dim=1)
        return WEAMPreTrainingOutput(loss=loss, loss_parts=parts)


class EncoderObjective(PreTrainedModel):
    """What trains an encoder without a prediction head."""

    accepts_loss_kwargs = True
    family: Family  # `Objective.model_class` says which

    def __init__(self, config: PretrainedConfig) -> None:
        """Build the encoder, under the name that the family's stock models have it."""
        super().__init__(config)
        setattr(self, self.base_model_prefix, self.family.new_encoder(config))
        self.post_init()


class WordAlignment(EncoderObjective):
    """Word-aligned BERT: aligned words get like vectors, and the source side stays where it was.

    Cao, Kitaev & Klein 2020, "Multilingual Alignment of Contextual Word Representations", arXiv 2002.03518. With f the
    encoder, f0 the encoder as training began, sentences encoded apart and unmasked, s the words of the source and t
    those of the target, each represented by its last token:

        loss = (sum over one-to-one links (s, t) of |f(s) - f(t)|^2 + sum over s of |f(s) - f0(s)|^2)
               / number of masked tokens

    The divisor only scales both sums alike. The source should be English, as the side that is kept in place.
    `freeze_reference` must be called once before training.
    """

    loss_names = ("alignment_distance", "drift")

    def __init__(self, config: PretrainedConfig) -> None:
        """Build the encoder; what it is to stay near comes with `freeze_reference`."""
        super().__init__(config)
        self.register_buffer("begins_word", torch.ones(config.vocab_size, dtype=torch.bool), persistent=False)

    def freeze_reference(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Keep the encoder as it is now for the regulariser, and learn from the tokenizer where words end."""
        self.reference = self.family.new_encoder(self.config)
        self.reference.load_state_dict(self.base_model.state_dict())
        self.reference.requires_grad_(False)
        self.begins_word.fill_(True)  # from_pretrained leaves it as memory was
        self.begins_word[: len(tokenizer)] = torch.tensor(word_beginnings(tokenizer))

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        sequence_ids: torch.Tensor,
        labels: torch.Tensor,
        aligned_positions: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> WEAMPreTrainingOutput:
        """Measure the distances of a batch, whose keys `DataCollatorForWordExchange` explains.

        `loss_parts` (B, 4): summed squared distance of aligned words, their number, summed squared drift, its words.
        """
        pairs = len(input_ids)
        sides = sentences_apart(input_ids, attention_mask, sequence_ids, labels, aligned_positions)
        ends = word_ends(sides, self.begins_word)  # (2B, L)
        hidden = self.base_model(sides.originals, attention_mask=sides.attention_mask).last_hidden_state  # (2B, L, H)
        with torch.no_grad():
            kept_in_place = self.reference.eval()(
                sides.originals[:pairs], attention_mask=sides.attention_mask[:pairs]
            ).last_hidden_state  # (B, L, H)

        linked = one_to_one(sides.aligned_positions) & ends[:pairs]  # (B, L)
        rows, i = linked.nonzero(as_tuple=True)  # (K,)
        j = sides.aligned_positions[rows, i]  # (K,)
        is_word = ends[pairs + rows, j]
        rows, i, j = rows[is_word], i[is_word], j[is_word]
        distances = _squared_distance(hidden[rows, i], hidden[pairs + rows, j])  # (K,)
        words, w = ends[:pairs].nonzero(as_tuple=True)  # (W,)
        drift = _squared_distance(hidden[words, w], kept_in_place[words, w])  # (W,)

        loss = (distances.sum() + drift.sum()) / items_of_step(labels, num_items_in_batch)
        parts = [*row_sums(distances, rows, pairs), *row_sums(drift, words, pairs)]
        return WEAMPreTrainingOutput(loss=loss, loss_parts=torch.stack(parts, dim=1))


class TranslationRanking(EncoderObjective):
    """Sentence contrastive, as LaBSE: among the targets of the batch each source must find its own, and conversely.

    Feng et al. 2022, "Language-agnostic BERT Sentence Embedding", arXiv 2007.01852: dual encoder with shared weights,
    additive margin, in-batch negatives from all processes; here with mean pooling over the tokens of a sentence.
    """

    loss_names = ("contrastive_loss",)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        sequence_ids: torch.Tensor,
        labels: torch.Tensor,
        aligned_positions: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> WEAMPreTrainingOutput:
        """Rank the translations of a batch, whose keys `DataCollatorForWordExchange` explains.

        `loss_parts` (B, 2): the ranking loss of each pair in nats, mean of both directions, and 1.
        """
        sides = sentences_apart(input_ids, attention_mask, sequence_ids, labels, aligned_positions)
        ranking = self.ranking_losses(sides)  # (B,)
        loss = ranking.sum() * _pair_weight(labels, num_items_in_batch)
        return WEAMPreTrainingOutput(loss=loss, loss_parts=_with_counts(ranking))

    def ranking_losses(self, sides: Sentences) -> torch.Tensor:
        """Return (B,) the loss of each pair."""
        return translation_ranking(*sentence_vectors(self.base_model, sides).chunk(2))


class SimCSE(TranslationRanking):
    """Unsupervised sentence contrastive: a sentence must find itself under another dropout; no translation is used.

    Gao et al. 2021, "SimCSE: Simple Contrastive Learning of Sentence Embeddings", arXiv 2104.08821. The other
    sentences of the same side of the batch are the negatives, so that none is a translation. Needs a config with
    dropout; mean pooling, as in the systems that it is compared with.
    """

    def ranking_losses(self, sides: Sentences) -> torch.Tensor:
        """Return (B,) the loss of each pair, mean over its two sentences."""
        first, second = (sentence_vectors(self.base_model, sides).chunk(2) for _ in range(2))
        losses = [contrastive_losses(*views, margin=0.0) for views in zip(first, second, strict=True)]
        return torch.stack(losses).mean(dim=0)


def translation_ranking(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return (B,) the losses of `contrastive_losses` with LaBSE's margin, mean of both directions."""
    directions = [contrastive_losses(source, target, MARGIN), contrastive_losses(target, source, MARGIN)]
    return torch.stack(directions).mean(dim=0)


def contrastive_losses(queries: torch.Tensor, candidates: torch.Tensor, margin: float) -> torch.Tensor:
    """Return (B,) -log softmax of each query's own candidate, from which the margin is taken.

    With cosine s(i, j), temperature t, margin m and the candidates j of all processes:
    -log[ e^((s(i,i) - m)/t) / (e^((s(i,i) - m)/t) + sum over j != i of e^(s(i,j)/t)) ].

    Args:
        queries: (B, H) unit vectors of this process.
        candidates: (B, H) unit vectors, row for row their own.
        margin: in cosine.
    """
    own = torch.arange(len(queries), device=queries.device)
    if in_parallel():
        own = own + torch.distributed.get_rank() * len(queries)
        candidates = torch.cat(distributed.all_gather(candidates))  # with gradients, to all processes
    with torch.autocast(queries.device.type, enabled=False):  # it would round them to steps of 1/256 near 1
        cosines = queries.float() @ candidates.float().T  # (B, B of all processes)
    margins = functional.one_hot(own, cosines.shape[1]) * margin
    return functional.cross_entropy((cosines - margins) / TEMPERATURE, own, reduction="none")


def _squared_distance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one.float() - other.float()).square().sum(dim=-1)


def _pair_weight(labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
    """Return what the loss of one pair counts.

    Over all processes the losses of a batch add up to their mean, times the batch's share of the step's masked tokens.
    """
    masked_and_pairs = torch.stack([(labels != IGNORED).sum(), torch.tensor(len(labels), device=labels.device)])
    if in_parallel():
        torch.distributed.all_reduce(masked_and_pairs)
    masked, pairs = masked_and_pairs
    return masked.clamp(min=1) / pairs / items_of_step(labels, num_items_in_batch)


def _with_counts(losses: torch.Tensor) -> torch.Tensor:
    """Return (B, 2) float32, detached: (B,) losses and ones."""
    losses = losses.detach().float()
    return torch.stack([losses, torch.ones_like(losses)], dim=1)
