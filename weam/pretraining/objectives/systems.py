"""The systems that WEAM is compared with: batch -> losses, from the very batches that WEAM trains on.

Each model takes what `DataCollatorForWordExchange` makes and returns a `WEAMPreTrainingOutput`, as
`BertForWEAMPreTraining` does, so that one program trains all under the same data, order, steps, logging and resume.
Each is written once for all families of models: `Objective.model_class` joins it with the classes of one.
Most encode the two sentences of a pair apart; the batch tells which tokens belong to which, and what stood where a
token was masked. Every loss is divided by `num_items_in_batch`, the masked tokens of the optimiser step, and what sets
the vectors of a batch against each other has those of the whole step: a batch means the same however it is shared out.
"""

from collections.abc import Callable
from os import PathLike
from typing import Any, NamedTuple

import torch
from torch.nn import functional
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from modeling_weam import IGNORED, WEAMPreTrainingMixin, WEAMPreTrainingOutput, items_of_step
from weam.families import Family
from weam.pretraining.objectives.sentences import (
    Sentences,
    encode_sentences,
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
    others: dict[str, Any] | None = None  # `Contrasting` explains it
    part: str | None = None  # `WEAMWithContrast` explains it

    def sides(self) -> Sentences:
        """Return the sentences, each by itself."""
        return sentences_apart(
            self.input_ids, self.attention_mask, self.sequence_ids, self.labels, self.aligned_positions
        )

    def items(self) -> torch.Tensor:
        """Return () the masked tokens of the optimiser step, at least 1."""
        return items_of_step(self.labels, self.num_items_in_batch)

    def share(self, count: int) -> torch.Tensor:
        """Return () what one of `count` losses counts, those of the other batches of the step included.

        Over all processes the losses add up to their mean, times their batches' share of the step's masked tokens.
        """
        masked = (self.labels != IGNORED).sum() if self.others is None else self.others["masked"]
        masked_and_count = torch.stack([masked, torch.tensor(count, device=masked.device)])
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
        **of_step: Any,  # noqa: ANN401
    ) -> WEAMPreTrainingOutput | list[torch.Tensor]:
        """Return the loss of a batch, whose keys `DataCollatorForWordExchange` explains, and its parts.

        `of_step` is what `outputs` takes beside the batch: nothing, but for `Contrasting`.

        Raises:
            ValueError: the batch does not say which sentence each token is of.
        """
        if sequence_ids is None:
            raise ValueError(
                f"{type(self).__name__} reads sequence_ids: give DataCollatorForWordExchange return_sequence_ids=True"
            )
        batch = (input_ids, attention_mask, sequence_ids, labels, aligned_positions, token_type_ids, num_items_in_batch)
        return self.outputs(Batch(*batch), **of_step)

    def outputs(self, batch: Batch) -> WEAMPreTrainingOutput | list[torch.Tensor]:
        """Return what `forward` does."""
        return WEAMPreTrainingOutput(*self.losses(batch))

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return () the loss, and (B, 2 * names) its parts, the sum and the number of each of `loss_names`."""
        raise NotImplementedError


class Vectors(NamedTuple):
    """What a batch sets against each other: K words or sentences, each seen from several sides.

    Attributes:
        values: (K, sides, H) float, such as a word and the one that it is linked to.
        rows: (K,) int64, the sentence pair that each is of.
    """

    values: torch.Tensor
    rows: torch.Tensor


class Contrasting(PairObjective):
    """What must tell a vector from all others of the optimiser step, of all processes and accumulated batches.

    Accumulated batches are encoded twice (GradCache: Gao et al. 2021, arXiv 2101.06983): all of them without gradients
    first, for their vectors; then each again, for its loss among the vectors of the others. Without dropout
    the gradients add up to those of one large batch. `WEAMTrainer` does so with every model that has `contrasts`.

    Attributes:
        comparisons: a loss for each kind of vectors, words or sentences: (N, H) float of each side -> (N,) in nats,
            each among the vectors of all processes.
    """

    contrasts = True
    comparisons: tuple[Callable[..., torch.Tensor], ...]

    def outputs(
        self, batch: Batch, only_vectors: bool = False, others: dict[str, Any] | None = None
    ) -> WEAMPreTrainingOutput | list[torch.Tensor]:
        """Return what `forward` does.

        Args:
            batch: to be encoded.
            only_vectors: return its vectors instead, (K, sides, H) of each kind.
            others: of the other batches of the step the "vectors", (N, sides, H) of each kind; "masked", () the masked
                tokens of the step, this batch's included. None: it is the whole step.
        """
        if only_vectors:
            return [vectors.values for vectors in self.vectors(batch)]
        return super().outputs(batch._replace(others=others))

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return () the sum of the mean losses of each kind of vectors, as they count in the step.

        And (B, 2 * kinds) of each kind the sum in nats and the number.
        """
        kinds = self.vectors(batch)
        others = [[]] * len(kinds) if batch.others is None else [[vectors] for vectors in batch.others["vectors"]]
        total, parts = torch.zeros((), device=batch.labels.device), list[torch.Tensor]()
        for compare, (own, rows), more in zip(self.comparisons, kinds, others, strict=True):
            losses = compare(*torch.cat([own, *more]).unbind(dim=1))  # (N,)
            own_losses = losses[: len(own)]
            # Its value is that of the own vectors; its gradient that of all losses, which these have a part in.
            loss = losses.sum() + (own_losses.sum() - losses.sum()).detach()
            total = total + loss * batch.share(len(losses))
            parts += row_sums(own_losses, rows, len(batch.labels))
        return total, torch.stack(parts, dim=1)

    def vectors(self, batch: Batch) -> list[Vectors]:
        """Encode what is set against each other, a list of each kind."""
        raise NotImplementedError


class WEAMObjective(PairObjective, WEAMPreTrainingMixin):  # type: ignore[misc]  # another forward
    """What has WEAM's prediction head and another loss, or one more."""

    _auto_class = None  # is saved as a stock model

    def weam_outputs(self, batch: Batch, **kwargs: Any) -> WEAMPreTrainingOutput:  # noqa: ANN401
        """Return what WEAM itself makes of a batch; `kwargs` are for the encoder."""
        ids, mask, _, labels, aligned_positions, segments, items, *_ = batch
        return WEAMPreTrainingMixin.forward(self, ids, mask, segments, labels, aligned_positions, items, **kwargs)


class WEAMWithContrast(Contrasting, WEAMObjective):  # type: ignore[misc]  # as WEAMObjective
    """WEAM and what sets vectors against each other: the loss is the sum of both.

    The contrast has no weights of its own, so what is saved is WEAM's class, with its code. `WEAMTrainer` goes forward
    and back through one part after the other, so that the graph of one alone is in memory.
    """

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that can be learnt; the last one reaches every weight, so after it processes exchange gradients.

        The contrast teaches an encoder alone: nothing while that is frozen, as in the warm-up of the head.
        """
        learns = any(parameter.requires_grad for parameter in self.base_model.parameters())
        return ("contrast", "weam") if learns else ("weam",)

    @property
    def contrasts(self) -> bool:  # type: ignore[override]  # of its siblings all do, always
        """Whether a batch needs the vectors of the others of its step: where the contrast is learnt."""
        return "contrast" in self.parts

    def outputs(
        self,
        batch: Batch,
        only_vectors: bool = False,
        others: dict[str, Any] | None = None,
        part: str | None = None,
    ) -> WEAMPreTrainingOutput | list[torch.Tensor]:
        """Return what `forward` does; `part`: the loss of one of `parts` alone, None: of both."""
        return super().outputs(batch._replace(part=part), only_vectors, others)

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Score the masked tokens and compare the vectors; (B, 4 + 2 * kinds) WEAM's parts, then the contrast's."""
        width = 4 + 2 * len(self.comparisons)
        loss, parts = (torch.zeros(size, device=batch.labels.device) for size in ((), (len(batch.labels), width)))
        if batch.part in (None, "weam"):
            weam = self.weam_outputs(batch)
            loss, parts[:, :4] = loss + weam["loss"], weam["loss_parts"]
        if batch.part in (None, "contrast"):
            contrast, parts[:, 4:] = super().losses(batch)
            loss = loss + contrast
        return loss, parts

    def save_pretrained(
        self,
        save_directory: str | PathLike[str],
        state_dict: dict[str, torch.Tensor] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Save as `BertForWEAMPreTraining`, or its sibling of the family, does; `state_dict`: other weights."""
        with torch.device("meta"):
            published = self.family.pre_training(self.config)
        published.save_pretrained(save_directory, state_dict=state_dict or self.state_dict(), **kwargs)


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
        hidden = encode_sentences(self.base_model, sides).last_hidden_state  # (2B, L, H)
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


def translations(hidden: torch.Tensor, sides: Sentences) -> Vectors:
    """Return (B, 2, H) unit vectors of the sentences of B pairs, from (2B, L, H) their last hidden states."""
    source, target = sentence_vectors(hidden, sides).chunk(2)
    return Vectors(torch.stack([source, target], dim=1), torch.arange(len(source), device=source.device))


def translation_ranking(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return (B,) the losses of `contrastive_losses` with LaBSE's margin, mean of both directions."""
    directions = [contrastive_losses(source, target, MARGIN), contrastive_losses(target, source, MARGIN)]
    return torch.stack(directions).mean(dim=0)


class RanksTranslations(Contrasting):
    """What ranks the translations of a step; `translation_ranking` has the formula."""

    comparisons: tuple[Callable[..., torch.Tensor], ...] = (translation_ranking,)

    def vectors(self, batch: Batch) -> list[Vectors]:
        """Encode the sentences, each by itself."""
        sides = batch.sides()
        return [translations(encode_sentences(self.base_model, sides).last_hidden_state, sides)]


class TranslationRanking(RanksTranslations, EncoderObjective):
    """Sentence contrastive, as LaBSE: among the targets of the step each source must find its own, and conversely.

    Feng et al. 2022, "Language-agnostic BERT Sentence Embedding", arXiv 2007.01852: dual encoder with shared weights,
    additive margin, in-batch negatives from all processes; here with mean pooling over the tokens of a sentence.
    """

    loss_names = ("contrastive_loss",)


class WEAMWithRanking(RanksTranslations, WEAMWithContrast):  # type: ignore[misc]  # as WEAMObjective
    """WEAM and translation ranking together: loss = WEAM's + the mean ranking loss of the pairs."""

    loss_names = (*WEAMPreTrainingMixin.loss_names, *TranslationRanking.loss_names)


def finding_itself(
    source: torch.Tensor, target: torch.Tensor, source_again: torch.Tensor, target_again: torch.Tensor
) -> torch.Tensor:
    """Return (B,) the losses of `contrastive_losses` of each sentence under another dropout, mean of both sides."""
    pairs = ((source, source_again), (target, target_again))
    return torch.stack([contrastive_losses(*views, margin=0.0) for views in pairs]).mean(dim=0)


class SimCSE(TranslationRanking):
    """Unsupervised sentence contrastive: a sentence must find itself under another dropout; no translation is used.

    Gao et al. 2021, "SimCSE: Simple Contrastive Learning of Sentence Embeddings", arXiv 2104.08821. The other
    sentences of the same side of the batch are the negatives, so that none is a translation. Needs a config with
    dropout; mean pooling, as in the systems that it is compared with.
    """

    comparisons = (finding_itself,)

    def vectors(self, batch: Batch) -> list[Vectors]:
        """Encode the sentences twice: (B, 4, H) unit vectors, source and target, and both again."""
        (first,), (second,) = super().vectors(batch), super().vectors(batch)
        return [first._replace(values=torch.cat([first.values, second.values], dim=1))]


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
