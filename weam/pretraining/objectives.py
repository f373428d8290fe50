"""The systems that WEAM is compared with: batch -> losses, from the very batches that WEAM trains on.

Each model takes what `DataCollatorForWordExchange` makes and returns a `WEAMPreTrainingOutput`, as
`BertForWEAMPreTraining` does, so that one program trains all under the same data, order, steps, logging and resume.
Each is written once for all families of models: `Objective.model_class` joins it with the classes of one.
Most encode the two sentences of a pair apart; the batch tells which tokens belong to which, and what stood where a
token was masked. Every loss is divided by `num_items_in_batch`, the masked tokens of the optimiser step: a batch then
means the same however it is shared out, except for in-batch negatives, which a smaller batch has fewer of.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
from tokenizers.models import WordPiece
from torch.distributed import nn as distributed
from torch.nn import functional
from transformers import AutoModel, AutoModelForMaskedLM, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from modeling_weam import IGNORED, WEAMPreTrainingMixin, WEAMPreTrainingOutput, items_of_step
from weam.families import Family

TEMPERATURE = 0.05  # SimCSE's; LaBSE's scale of the cosine is of this order
MARGIN = 0.3  # LaBSE's
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
        parts = [*_row_sums(distances, rows, pairs), *_row_sums(drift, words, pairs)]
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


@dataclass(frozen=True)
class Objective:
    """What `run_pretraining.py --objective` trains and leaves behind.

    Attributes:
        kind: what it makes of a family's model; for `WEAMPreTrainingMixin` that is the published class.
        auto_class: the stock Auto class that a baseline is saved with; None: as WEAM, with its code.
    """

    kind: type[WEAMPreTrainingMixin] | type[EncoderObjective]
    auto_class: type[AutoModelForMaskedLM] | type[AutoModel] | None

    @property
    def predicts(self) -> bool:
        """Whether it has a prediction head."""
        return issubclass(self.kind, WEAMPreTrainingMixin)

    @property
    def encodes_apart(self) -> bool:
        """Whether it must be told which sentence of a pair each token is of."""
        return self.kind is not WEAMPreTrainingMixin

    def model_class(self, family: Family) -> type[PreTrainedModel]:
        """Return the model that is trained."""
        return _model_class(self.kind, family)


@cache
def _model_class(kind: type, family: Family) -> type[PreTrainedModel]:
    """Join an objective with the classes of a family, as `class BertForSimCSE(SimCSE, BertPreTrainedModel)` would."""
    if kind is WEAMPreTrainingMixin:
        return family.pre_training
    base = family.pre_training if issubclass(kind, WEAMPreTrainingMixin) else family.base
    return type(f"{family.name}For{kind.__name__}", (kind, base), {"family": family, "__module__": __name__})


OBJECTIVES = {
    "weam": Objective(WEAMPreTrainingMixin, None),
    "tlm": Objective(WEAMPreTrainingMixin, AutoModelForMaskedLM),  # with a cross-lingual weight of 0
    "mlm": Objective(MonolingualMLM, AutoModelForMaskedLM),
    "word-alignment": Objective(WordAlignment, AutoModel),
    "translation-ranking": Objective(TranslationRanking, AutoModel),
    "simcse": Objective(SimCSE, AutoModel),
    "weam-ranking": Objective(WEAMWithRanking, AutoModelForMaskedLM),
    "weam-apart": Objective(WEAMApart, AutoModelForMaskedLM),
}


def sentence_vectors(encoder: PreTrainedModel, sides: Sentences) -> torch.Tensor:
    """Return (2B, H) unit vectors: the mean over the tokens of each unmasked sentence, special ones included."""
    hidden = encoder(sides.originals, attention_mask=sides.attention_mask).last_hidden_state  # (2B, L, H)
    real = sides.attention_mask[..., None]
    sums = (hidden.float() * real).sum(dim=1)  # half precision would round, and overflow
    return functional.normalize(sums / real.sum(dim=1), dim=-1)


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
    if _in_parallel():
        own = own + torch.distributed.get_rank() * len(queries)
        candidates = torch.cat(distributed.all_gather(candidates))  # with gradients, to all processes
    with torch.autocast(queries.device.type, enabled=False):  # it would round them to steps of 1/256 near 1
        cosines = queries.float() @ candidates.float().T  # (B, B of all processes)
    margins = functional.one_hot(own, cosines.shape[1]) * margin
    return functional.cross_entropy((cosines - margins) / TEMPERATURE, own, reduction="none")


def one_to_one(aligned_positions: torch.Tensor) -> torch.Tensor:
    """Return (B, L) bool: which source pieces are linked to a target piece that is linked back to them.

    A batch has one link of each piece. Links that are symmetrised by intersection, the default, are all one to one.

    Args:
        aligned_positions: (2B, L), sources first; one link of each piece.
    """
    source, target = aligned_positions.chunk(2)
    back = target.gather(1, source.clamp(min=0))  # (B, L)
    return (source >= 0) & (back == torch.arange(source.shape[1], device=source.device))


def word_ends(sides: Sentences, begins_word: torch.Tensor) -> torch.Tensor:
    """Return (2B, L) bool: which pieces are the last of their words; special pieces are none.

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


def _squared_distance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one.float() - other.float()).square().sum(dim=-1)


def _in_parallel() -> bool:
    """Return whether other processes train on other rows of this batch; one may score held-out pairs by itself."""
    return torch.distributed.is_initialized() and torch.is_grad_enabled()


def _pair_weight(labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
    """Return what the loss of one pair counts.

    Over all processes the losses of a batch add up to their mean, times the batch's share of the step's masked tokens.
    """
    masked_and_pairs = torch.stack([(labels != IGNORED).sum(), torch.tensor(len(labels), device=labels.device)])
    if _in_parallel():
        torch.distributed.all_reduce(masked_and_pairs)
    masked, pairs = masked_and_pairs
    return masked.clamp(min=1) / pairs / items_of_step(labels, num_items_in_batch)


def _with_counts(losses: torch.Tensor) -> torch.Tensor:
    """Return (B, 2) float32, detached: (B,) losses and ones."""
    losses = losses.detach().float()
    return torch.stack([losses, torch.ones_like(losses)], dim=1)


def _row_sums(values: torch.Tensor, rows: torch.Tensor, batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum (K,) values by their rows: (B,) sums and (B,) counts, float32 and detached."""
    zeros = torch.zeros(batch_size, device=rows.device)
    values = values.detach().float()
    return zeros.index_add(0, rows, values), zeros.index_add(0, rows, torch.ones_like(values))
