"""The systems that WEAM is compared with: batch -> losses, from the very batches that WEAM trains on.

Each model takes what `DataCollatorForWordExchange` makes and returns a `WEAMPreTrainingOutput`, as
`BertForWEAMPreTraining` does, so that one program trains all under the same data, order, steps, logging and resume.
Each is written once for all families of models: `Objective.model_class` joins it with the classes of one.
Most encode the two sentences of a pair apart; the batch tells which tokens belong to which, and what stood where a
token was masked. Every loss is divided by `num_items_in_batch`, the masked tokens of the optimiser step: a batch then
means the same however it is shared out, except for in-batch negatives, which a smaller batch has fewer of.
"""

from typing import Any, NamedTuple

import torch
from torch.nn import functional
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from modeling_weam import IGNORED, WEAMPreTrainingMixin, WEAMPreTrainingOutput, items_of_step
from weam.families import Family
from weam.pretraining.objectives.sentences import (
    Sentences,
    gather,
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


class Batch(NamedTuple):
    """What `DataCollatorForWordExchange` makes of B pairs, which explains it, and what their loss is divided by."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    sequence_ids: torch.Tensor
    labels: torch.Tensor
    aligned_positions: torch.Tensor
    token_type_ids: torch.Tensor | None
    num_items_in_batch: torch.Tensor | int | None

    def sides(self) -> Sentences:
        """Return the sentences, each by itself."""
        return sentences_apart(
            self.input_ids, self.attention_mask, self.sequence_ids, self.labels, self.aligned_positions
        )

    def items(self) -> torch.Tensor:
        """Return () the masked tokens of the optimiser step, at least 1."""
        return items_of_step(self.labels, self.num_items_in_batch)

    def share(self, count: int) -> torch.Tensor:
        """Return () what one of `count` losses counts.

        Over all processes the losses of a batch add up to their mean, times its share of the step's masked tokens.
        """
        masked_and_count = torch.stack([(self.labels != IGNORED).sum(), torch.tensor(count, device=self.labels.device)])
        if in_parallel():
            torch.distributed.all_reduce(masked_and_count)
        masked, total = masked_and_count
        return masked.clamp(min=1) / total.clamp(min=1) / self.items()


class PairObjective(PreTrainedModel):
    """What learns from batches of sentence pairs."""

    family: Family  # `Objective.model_class` says which
    accepts_loss_kwargs = True  # the Trainer passes num_items_in_batch

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        labels: torch.Tensor,
        aligned_positions: torch.Tensor,
        sequence_ids: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> WEAMPreTrainingOutput:
        """Return the loss of a batch, whose keys `DataCollatorForWordExchange` explains, and its parts.

        Raises:
            ValueError: the batch does not say which sentence each token is of.
        """
        if sequence_ids is None:
            raise ValueError(
                f"{type(self).__name__} reads sequence_ids: give DataCollatorForWordExchange return_sequence_ids=True"
            )
        batch = (input_ids, attention_mask, sequence_ids, labels, aligned_positions, token_type_ids, num_items_in_batch)
        return WEAMPreTrainingOutput(*self.losses(Batch(*batch)))

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return () the loss, and (B, 2 * names) its parts, the sum and the number of each of `loss_names`."""
        raise NotImplementedError


class WEAMObjective(PairObjective, WEAMPreTrainingMixin):  # type: ignore[misc]  # another forward
    """What has WEAM's prediction head and another loss, or one more."""

    _auto_class = None  # is saved as a stock model

    def weam_outputs(self, batch: Batch, **kwargs: Any) -> WEAMPreTrainingOutput:  # noqa: ANN401
        """Return what WEAM itself makes of a batch; `kwargs` are for the encoder."""
        ids, mask, _, labels, aligned_positions, segments, items = batch
        return WEAMPreTrainingMixin.forward(self, ids, mask, segments, labels, aligned_positions, items, **kwargs)


class MonolingualMLM(WEAMObjective):
    """Masked language modelling of the same text with the same masks, but each sentence sees itself only.

    The control: what it gains comes from more text of that kind, not from translation. Devlin et al. 2019.
    """

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Score the masked tokens of each sentence."""
        sides = batch.sides()
        outputs = WEAMPreTrainingMixin.forward(
            self,
            sides.input_ids,
            sides.attention_mask,
            labels=sides.labels,
            num_items_in_batch=batch.num_items_in_batch,
        )
        return outputs["loss"], outputs["loss_parts"].view(2, -1, 4).sum(dim=0)  # (B, 4)


class WEAMApart(WEAMObjective):
    """WEAM with the two sentences of a pair encoded apart.

    A masked word then cannot look at its translation: the exchange is the only way across. Not in the paper.
    """

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Score the masked tokens of each sentence, and exchange those of the two."""
        sides = batch.sides()
        outputs, matrix = self.encode(sides.input_ids, sides.attention_mask)
        hidden = outputs.last_hidden_state  # (2B, L, H)
        other_rows = torch.arange(len(hidden), device=hidden.device).roll(len(batch.labels))  # source <-> target
        total, l_m, l_c = self.word_losses(
            hidden, matrix, sides.labels, sides.originals, sides.aligned_positions, other_rows
        )
        return total / batch.items(), torch.cat([l_m, l_c], dim=1).view(2, -1, 4).sum(dim=0)  # (B, 4)


class WEAMWithRanking(WEAMObjective):
    """WEAM and translation ranking together: loss = WEAM's + the mean ranking loss of the pairs."""

    loss_names = (*WEAMPreTrainingMixin.loss_names, "contrastive_loss")

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Score the masked tokens and rank the translations; (B, 6) those of WEAM, then of `TranslationRanking`."""
        outputs = self.weam_outputs(batch)
        ranking = translation_ranking(*sentence_vectors(self.base_model, batch.sides()).chunk(2))  # (B,)
        loss = outputs["loss"] + ranking.sum() * batch.share(len(ranking))
        return loss, torch.cat([outputs["loss_parts"], _with_counts(ranking)], dim=1)


class EncoderObjective(PairObjective):
    """What trains an encoder without a prediction head."""

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

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Measure distances; (B, 4) summed squared distance of aligned words, their number, and so for the drift."""
        pairs, sides = len(batch.labels), batch.sides()
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

        parts = [*row_sums(distances, rows, pairs), *row_sums(drift, words, pairs)]
        return (distances.sum() + drift.sum()) / batch.items(), torch.stack(parts, dim=1)


class TranslationRanking(EncoderObjective):
    """Sentence contrastive, as LaBSE: among the targets of the batch each source must find its own, and conversely.

    Feng et al. 2022, "Language-agnostic BERT Sentence Embedding", arXiv 2007.01852: dual encoder with shared weights,
    additive margin, in-batch negatives from all processes; here with mean pooling over the tokens of a sentence.
    """

    loss_names = ("contrastive_loss",)

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Rank the translations; (B, 2) the loss of each pair in nats, mean of both directions, and 1."""
        ranking = self.ranking_losses(batch.sides())  # (B,)
        return ranking.sum() * batch.share(len(ranking)), _with_counts(ranking)

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
    candidates, own = gather(candidates)
    with torch.autocast(queries.device.type, enabled=False):  # it would round them to steps of 1/256 near 1
        cosines = queries.float() @ candidates.float().T  # (B, B of all processes)
    margins = functional.one_hot(own, cosines.shape[1]) * margin
    return functional.cross_entropy((cosines - margins) / TEMPERATURE, own, reduction="none")


def _squared_distance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one.float() - other.float()).square().sum(dim=-1)


def _with_counts(losses: torch.Tensor) -> torch.Tensor:
    """Return (B, 2) float32, detached: (B,) losses and ones."""
    losses = losses.detach().float()
    return torch.stack([losses, torch.ones_like(losses)], dim=1)
