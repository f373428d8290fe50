"""Masked language models that learn to exchange words between languages: batch -> losses.

This is the file that is published with every checkpoint, so it imports torch and transformers only. Read it from top
to bottom: the encoder that aligns words (`WordAlignmentMixin`), the pre-training (`WEAMPreTrainingMixin`), both for
each family of models (BERT, XLM-R, DeBERTa, ModernBERT), and the cross-entropy over a large vocabulary.
It does not mask, align a corpus or train: `data_collator_weam.py` makes its batches, the stock `Trainer` trains it.

Method: Yang et al. 2021, "Bilingual Alignment Pre-Training for Zero-Shot Cross-Lingual Transfer", arXiv 2106.01732.
State-dict keys and `model_type` are those of the family's stock masked language model: every stock Auto class loads a
checkpoint without this file.
"""

import math
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from os import PathLike
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    BertPreTrainedModel,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    DebertaV2Model,
    DebertaV2PreTrainedModel,
    ModernBertConfig,
    ModernBertForMaskedLM,
    ModernBertModel,
    ModernBertPreTrainedModel,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
    XLMRobertaModel,
    XLMRobertaPreTrainedModel,
)
from transformers.models.bert.modeling_bert import BertOnlyMLMHead
from transformers.models.deberta_v2.modeling_deberta_v2 import LegacyDebertaV2OnlyMLMHead
from transformers.models.modernbert.modeling_modernbert import ModernBertPredictionHead
from transformers.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaLMHead
from transformers.utils import ModelOutput

EXCHANGES = ("representation", "target")
IGNORED = -100  # a label that is not scored
LOGITS_AT_ONCE = 2**25  # 128 MiB in float32
GRADIENT_ROWS = 4_096  # of the head, added to at once: more memory takes a processor longer to get than to fill
SCORED_STEP = 32  # numbers of scored vectors are multiples of it: few shapes occur, of which oneDNN keeps a kernel each
WEAM_DEFAULTS: dict[str, Any] = {
    "exchange": "representation",
    "cross_lingual_weight": 1.0,
    "align_layer": None,  # what `align_words` reads
    "align_statistics": None,  # base64 of (2, H) little-endian float32: mean and deviation at that layer
}

WordLink = tuple[int, int]  # (source position, target position), from 0
Sentence = str | Sequence[str]

ALIGNMENT_METHODS = ("dual-softmax", "argmax")
ALIGNMENT_SYMMETRIZATIONS = ("intersect", "grow-diag")
ALIGNMENT_UNITS = ("word", "subword")
LONE_SPACES = ("\u2581", "\u0120")  # as SentencePiece and as byte-level BPE write them
SHARPNESS = 10.0  # of the softmax over cosines; 6 to 20 make little difference
DISTANCE_WEIGHT = 0.1  # what the farthest pair of positions loses, in units of cosine; 0.05 to 0.2 do as well
Z_SHARPNESS = 2.0  # of the softmax over similarities that have mean 0 and deviation 1
Z_DISTANCE_WEIGHT = 0.5
PROBABILITY_EXPONENT = 0.2  # makes products of two softmaxes agree with the share of right links
CHUNK_CHARACTERS = 2**18  # of text whose vectors are held at once
SENTENCES_AT_ONCE = 64  # whose vectors at all layers are held at once, for statistics


def weam_settings(config: PretrainedConfig) -> dict[str, Any]:
    """Return `config.weam` completed with the defaults.

    Raises:
        ValueError: a setting is unknown or has an impossible value.
    """
    given = config.to_dict().get("weam", {})
    if not isinstance(given, dict):
        raise ValueError(f"config.weam is {given!r}; give a mapping with settings of {sorted(WEAM_DEFAULTS)}")
    unknown = sorted(map(str, set(given) - set(WEAM_DEFAULTS)))
    if unknown:
        raise ValueError(f"config.weam has unknown settings {unknown}; known are {sorted(WEAM_DEFAULTS)}")
    settings = {**WEAM_DEFAULTS, **given}
    weight, layer = settings["cross_lingual_weight"], settings["align_layer"]
    if settings["exchange"] not in EXCHANGES:
        raise ValueError(f"config.weam['exchange'] is {settings['exchange']!r}; choose one of {EXCHANGES}")
    if type(weight) not in (int, float) or not 0 <= weight < math.inf:
        raise ValueError(f"config.weam['cross_lingual_weight'] is {weight!r}; it weighs a loss, give 0 or more")
    if layer is not None and (type(layer) is not int or layer < 1):
        raise ValueError(
            f"config.weam['align_layer'] is {layer!r}; give the number of a layer, counted from 1, or null"
        )
    return settings


@dataclass
class WEAMPreTrainingOutput(ModelOutput):
    """What a model for WEAM pre-training returns for a batch of B rows of length L over V tokens.

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


def drawn_encoder_weights(model: PreTrainedModel, report: dict[str, Any]) -> tuple[str, ...]:
    """Name the weights of a model's encoder that its checkpoint lacked; the pooler, which few checkpoints have, aside.

    Args:
        model: as `from_pretrained` returned it.
        report: the loading report that came with it (`output_loading_info=True`).
    """
    prefix, encoder = f"{model.base_model_prefix}.", model.base_model.state_dict()
    drawn = {*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])}
    return tuple(sorted(x for x in drawn if x.removeprefix(prefix) in encoder and "pooler." not in x))


class CheckpointMixin(PreTrainedModel):
    """Loads as the stock class does, but notes what was drawn at random; saves a complete repository.

    `save_pretrained` leaves this file beside the weights, and in config.json the map of its classes, so that a model
    that was built in Python loads elsewhere as one that a program saved. Subclasses whose `_auto_class` is None are
    saved as stock models.
    """

    auto_map: dict[str, str]  # Auto class -> class of this file
    _auto_class: str | None  # transformers copies this file where it is set

    @classmethod
    def from_pretrained(cls, *args: Any, output_loading_info: bool = False, **kwargs: Any) -> Any:  # noqa: ANN401
        """Load as the stock class does; `drawn_weights` of the encoder names the weights that the checkpoint lacked."""
        model, report = super().from_pretrained(*args, output_loading_info=True, **kwargs)  # type: ignore[misc]
        model.base_model.drawn_weights = drawn_encoder_weights(model, report)
        return (model, report) if output_loading_info else model

    def _initialize_weights(self, module: nn.Module, *_: bool) -> None:
        """Draw what of a module the checkpoint lacked, as the stock class does.

        transformers takes a class with `_auto_class` for code from elsewhere and passes over its modules that have no
        weights of their own, such as the head of ModernBERT: their parts would stay undrawn, or get another deviation.
        """
        super()._initialize_weights(module)

    def save_pretrained(self, save_directory: str | PathLike[str], **kwargs: Any) -> None:  # noqa: ANN401
        """Save as the stock class does, which explains the arguments; see above for what is added."""
        if self._auto_class is not None:
            self.config.auto_map = dict(self.auto_map)
        super().save_pretrained(save_directory, **kwargs)


@dataclass(frozen=True)
class AlignmentOptions:
    """How `align_words` reads the encoder and chooses links.

    Attributes:
        layer: 1 (first) to `num_hidden_layers` (last); None: the layer noted in the checkpoint, else the default.
        method: "dual-softmax", or "argmax" for the links of SimAlign's method of that name (Jalili Sabet et al. 2020):
            mutual argmax of the cosines, whose scores are those cosines.
        symmetrization: "intersect" links tokens that choose each other; "grow-diag" adds neighbours of such links that
            one side chose (Koehn et al. 2005), for more recall.
        threshold: links with a lower score are left out; 0 keeps all, more is more precise.
        unit: what is linked: "word", or "subword" for the tokens of the running text, special tokens not counted.
        batch_tokens: how many tokens are encoded at once, padding included; so few suit the caches of a processor, a
            GPU is faster with more.
    """

    layer: int | None = None
    method: str = "dual-softmax"
    symmetrization: str = "intersect"
    threshold: float = 0.0
    unit: str = "word"
    batch_tokens: int = 1024

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        choices = {
            "method": ALIGNMENT_METHODS,
            "symmetrization": ALIGNMENT_SYMMETRIZATIONS,
            "unit": ALIGNMENT_UNITS,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(allowed)}")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold is {self.threshold}; it bounds a probability, give 0 to 1")
        if self.batch_tokens < 1:
            raise ValueError(f"batch_tokens is {self.batch_tokens}; give 1 or more")


class WordAlignmentMixin(CheckpointMixin):
    """A stock encoder, number for number, that can also align the words of two sentences.

    Each sentence is encoded by itself. With s the cosines of the two sentences' tokens at one layer, less
    0.1 * |i/n - j/m| for the distance of their positions, token i and token j are linked where each is the other's
    best by

        q(i, j) = softmax_j(10 s)[i, j] * softmax_i(10 s)[i, j]

    (cf. Dou and Neubig 2021, arXiv 2101.08231), and two words where any of their tokens are. q^0.2 is the probability
    of a link: the exponent was fitted to hand-made links. Before the cosine each dimension is standardised with the
    mean and deviation in the checkpoint (`fit_alignment`); without them the similarities of each sentence pair are
    standardised, which is a little worse. Tokens that spell a lone space are left out.

    Attributes:
        drawn_weights: names of weights that the checkpoint lacked, so that they are random.
    """

    _auto_class: str | None = "AutoModel"
    drawn_weights: tuple[str, ...] = ()

    @property
    def longest_input(self) -> int:
        """How many tokens the encoder has positions for."""
        return self.config.max_position_embeddings

    def align_words(
        self,
        tokenizer: PreTrainedTokenizerBase,
        source: Sequence[Sentence],
        target: Sequence[Sentence],
        return_scores: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> list[list[WordLink]] | tuple[list[list[WordLink]], list[list[float]]]:
        """Link the words of each sentence to those of its translation.

        Args:
            tokenizer: the checkpoint's fast tokenizer.
            source: sentences, as words separated by spaces or as lists of words.
            target: their translations, as many.
            return_scores: whether to return the probability of each link, too.
            **options: `layer`, `method`, `symmetrization`, `threshold`, `unit`, `batch_tokens` of `AlignmentOptions`.

        Returns:
            Per pair the sorted links (source word, target word), both counted from 0; with `return_scores` also, per
            pair, the probability of each of its links, 0 to 1.

        Raises:
            ValueError: a sentence instead of a list of them, unequal numbers of sentences, an impossible option, or a
                checkpoint that lacked weights of the encoder.
        """
        if isinstance(source, str) or isinstance(target, str):
            raise ValueError("source or target is one sentence; give lists of sentences, such as [source], [target]")
        if len(source) != len(target):
            raise ValueError(f"{len(source)} source sentences but {len(target)} target sentences; give pairs")
        aligned = list(self.align_corpus(tokenizer, zip(source, target, strict=True), **options))
        links = [list(scores) for scores in aligned]
        return (links, [list(scores.values()) for scores in aligned]) if return_scores else links

    def align_corpus(
        self,
        tokenizer: PreTrainedTokenizerBase,
        pairs: Iterable[tuple[Sentence, Sentence]],
        **options: Any,  # noqa: ANN401
    ) -> Iterator[dict[WordLink, float]]:
        """Yield the links of one sentence pair after the other, each with its probability, sorted.

        As `align_words`, for text of any length: the pairs are read in chunks, and neither text nor vectors are kept.
        A sentence longer than the model is encoded in windows that overlap by half.
        """
        chosen = AlignmentOptions(**options)
        layer = self.align_layer(chosen.layer)
        for (links,) in self.align_at_layers(tokenizer, pairs, {layer: self.alignment_statistics(layer)}, chosen):
            yield links

    def align_at_layers(
        self,
        tokenizer: PreTrainedTokenizerBase,
        pairs: Iterable[tuple[Sentence, Sentence]],
        layers: Mapping[int, torch.Tensor | None],
        options: AlignmentOptions,
    ) -> Iterator[list[dict[WordLink, float]]]:
        """Yield the links of one sentence pair after the other at each of these layers; the text is encoded once.

        Args:
            tokenizer: the checkpoint's fast tokenizer.
            pairs: as in `align_corpus`.
            layers: their numbers, and the statistics of each, as `layer_statistics` has them, or None.
            options: its `layer` is not read.

        Raises:
            ValueError: a checkpoint that lacked weights of the encoder.
        """
        if self.drawn_weights:
            raise ValueError(
                f"the checkpoint lacked {len(self.drawn_weights)} weights of the encoder, {self.drawn_weights[0]} for "
                "one, which were drawn at random: load a whole checkpoint"
            )
        for chunk in _chunks_of_pairs(pairs, CHUNK_CHARACTERS // len(layers)):
            sentences = dict.fromkeys(sentence for pair in chunk for sentence in pair)  # each is encoded once
            encoded = self._encode_tokens(tokenizer, list(sentences), list(layers), options)
            tokens = dict(zip(sentences, encoded, strict=True))
            for source, target in chunk:
                by_layer = zip(tokens[source], tokens[target], layers.values(), strict=True)
                yield [_link(one, other, statistics, options) for one, other, statistics in by_layer]

    def align_layer(self, layer: int | None = None) -> int:
        """Return the layer that `align_words` reads: the given one, the checkpoint's, or seven twelfths of the way up.

        Raises:
            ValueError: the encoder has no such layer.
        """
        last = self.config.num_hidden_layers
        noted = weam_settings(self.config)["align_layer"]
        default = max(1, round(last * 7 / 12)) if noted is None else noted
        chosen = default if layer is None else layer
        if not 1 <= chosen <= last:
            raise ValueError(f"layer {chosen} does not exist; choose 1 to {last}")
        return chosen

    def alignment_statistics(self, layer: int) -> torch.Tensor | None:
        """Return (2, H) float32, mean and deviation of each dimension at a layer; None: the checkpoint has none.

        Raises:
            ValueError: the checkpoint has others than `fit_alignment` writes.
        """
        settings = weam_settings(self.config)
        if settings["align_statistics"] is None or settings["align_layer"] != layer:
            return None
        data = b64decode(settings["align_statistics"])
        if len(data) != 8 * self.config.hidden_size:
            raise ValueError(
                f"config.weam['align_statistics'] holds {len(data)} bytes, two vectors of {self.config.hidden_size} "
                "float32 have another number: call fit_alignment again"
            )
        return torch.frombuffer(bytearray(data), dtype=torch.float32).view(2, self.config.hidden_size)

    def fit_alignment(
        self, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[Sentence], layer: int | None = None
    ) -> None:
        """Note in `config.weam` the layer to read, and mean and deviation of each of its dimensions over all tokens.

        To be called once the weights are final; whatever saves the model saves them. A few hundred sentences of all
        languages suffice.

        Args:
            tokenizer: the checkpoint's fast tokenizer.
            sentences: of the languages to be aligned, as `align_words` takes them.
            layer: as in `align_words`.

        Raises:
            ValueError: the encoder has no such layer, or the sentences have fewer than two tokens.
        """
        layer = self.align_layer(layer)
        self.note_statistics(layer, self.layer_statistics(tokenizer, sentences, [layer])[layer])

    def note_statistics(self, layer: int, statistics: torch.Tensor) -> None:
        """Note in `config.weam` the layer to read and its (2, H) statistics, as `layer_statistics` has them."""
        text = b64encode(statistics.numpy().tobytes()).decode("ascii")
        given = self.config.to_dict().get("weam", {})
        self.config.weam = {**given, "align_layer": layer, "align_statistics": text}

    def layer_statistics(
        self, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[Sentence], layers: Sequence[int]
    ) -> dict[int, torch.Tensor]:
        """Return for each of these layers (2, H) float32: mean and deviation of each dimension over all tokens.

        Raises:
            ValueError: the sentences have fewer than two tokens.
        """
        count, sums = 0, torch.zeros(len(layers), 2, self.config.hidden_size, dtype=torch.float64)  # of values, squares
        for start in range(0, len(sentences), SENTENCES_AT_ONCE):
            part = sentences[start : start + SENTENCES_AT_ONCE]
            for by_layer in self._encode_tokens(tokenizer, part, layers, AlignmentOptions()):
                vectors = torch.stack([tokens.vectors for tokens in by_layer]).double()  # (layers, tokens, H)
                sums += torch.stack([vectors.sum(dim=1), vectors.square().sum(dim=1)], dim=1)
                count += vectors.shape[1]
        if count < 2:
            raise ValueError("the sentences have fewer than two tokens; give a few hundred sentences")
        mean = sums[:, 0] / count
        deviation = ((sums[:, 1] - count * mean.square()) / (count - 1)).clamp(min=0).sqrt()
        return dict(zip(layers, torch.stack([mean, deviation.clamp(min=1e-6)], dim=1).float(), strict=True))

    @torch.no_grad()  # else the activations of all sentences would be kept
    def _encode_tokens(
        self,
        tokenizer: PreTrainedTokenizerBase,
        sentences: Sequence[Sentence],
        layers: Sequence[int],
        options: AlignmentOptions,
    ) -> "list[list[_Tokens]]":
        """Encode each sentence by itself, those of like length together; return for each its tokens at each layer."""
        longest = min(self.longest_input, tokenizer.model_max_length)
        windows = _cut_windows(tokenizer, sentences, options, longest)
        parts: list[torch.Tensor] = [torch.empty(0)] * len(windows)
        for rows in _batches_by_length([len(window.input_ids) for window in windows], options.batch_tokens):
            inputs = tokenizer.pad(
                {"input_ids": [windows[row].input_ids for row in rows]},
                padding_side="right",  # positions of a window count from the left
                padding="max_length",
                max_length=min(_rounded_up(len(windows[rows[0]].input_ids)), longest),
                return_attention_mask=True,
                return_tensors="pt",
            )
            states = self._states_at(layers, **inputs.to(self.device)).float().cpu()  # (layers, B, L, H)
            for row, state in zip(rows, states.unbind(dim=1), strict=True):
                parts[row] = state[:, windows[row].positions]
        vectors: list[list[torch.Tensor]] = [[] for _ in sentences]
        units: list[list[int]] = [[] for _ in sentences]
        for window, part in zip(windows, parts, strict=True):
            vectors[window.sentence].append(part)
            units[window.sentence] += window.units
        nothing = torch.empty(len(layers), 0, self.config.hidden_size)  # of an empty sentence
        return [
            [_Tokens(of_layer, numbers) for of_layer in (torch.cat(own, dim=1) if own else nothing)]
            for own, numbers in zip(vectors, units, strict=True)
        ]

    def _states_at(self, layers: Sequence[int], **inputs: torch.Tensor) -> torch.Tensor:
        """Return (layers, B, L, H), the outputs of layers without dropout; those above the last of them do not run."""
        stack, _ = layer_stack(self)
        states: dict[int, torch.Tensor] = {}

        def keep(layer: int, _: nn.Module, __: tuple, output: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
            states[layer] = output if isinstance(output, torch.Tensor) else output[0]
            if layer == max(layers):
                raise _LastLayerReached

        hooks = [stack[layer - 1].register_forward_hook(partial(keep, layer)) for layer in layers]
        was_training = self.training
        try:
            with suppress(_LastLayerReached):
                self.eval()(**inputs)
        finally:
            for hook in hooks:
                hook.remove()
            self.train(was_training)
        return torch.stack([states[layer] for layer in layers])


def layer_stack(encoder: PreTrainedModel) -> tuple[nn.ModuleList, nn.Module]:
    """Return the layers of an encoder, the lowest first, and the module that holds them."""
    return next(
        (child, module)
        for module in encoder.modules()
        for child in module.children()
        if isinstance(child, nn.ModuleList) and len(child) == encoder.config.num_hidden_layers
    )


class _LastLayerReached(Exception):  # noqa: N818  # no error: it ends a forward pass that has gone far enough
    """The last layer that is read has run."""


@dataclass(frozen=True)
class _Window:
    """A part of a sentence that is encoded at once.

    Attributes:
        sentence: number of its sentence.
        input_ids: special tokens included.
        positions: of the tokens that are read here, and not in a neighbouring window.
        units: for each of these the number of its word, or of itself.
    """

    sentence: int
    input_ids: list[int]
    positions: list[int]
    units: list[int]


@dataclass(frozen=True)
class _Tokens:
    """The encoded tokens of a sentence: (tokens, H) vectors, and the number of the word, or token, each is part of."""

    vectors: torch.Tensor
    units: list[int]


def _chunks_of_pairs(pairs: Iterable[tuple[Sentence, Sentence]], size: int) -> Iterator[list[tuple[Any, Any]]]:
    """Group pairs so that a chunk has about `size` characters; lists of words become tuples, to be told apart."""
    chunk, characters = [], 0
    for pair in pairs:
        source, target = (side if isinstance(side, str) else tuple(side) for side in pair)
        chunk.append((source, target))
        characters += 1 + sum(map(len, source)) + sum(map(len, target))
        if characters >= size:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _cut_windows(
    tokenizer: PreTrainedTokenizerBase, sentences: Sequence[Sentence], options: AlignmentOptions, longest: int
) -> list[_Window]:
    """Tokenize sentences; one that is longer than the model is cut into windows that overlap by half."""
    if not sentences:
        return []
    by_word = options.unit == "word"
    overlap = (longest - tokenizer.num_special_tokens_to_add()) // 2
    encoded = tokenizer(
        [spaced_words(sentence) for sentence in sentences] if by_word else list(sentences),
        is_split_into_words=by_word,
        split_special_tokens=True,
        truncation=True,
        max_length=longest,
        stride=overlap,
        return_overflowing_tokens=True,
    )
    ignored = _lone_spaces(tokenizer) if options.method == "dual-softmax" else set()
    of_rows = [-1, *encoded["overflow_to_sample_mapping"], -1]
    windows, read = [], 0
    for row, (before, sentence, after) in enumerate(zip(of_rows, of_rows[1:], of_rows[2:], strict=False)):
        ids, words = encoded["input_ids"][row], encoded.word_ids(row)
        skipped = 0 if before != sentence else overlap // 2  # of an overlap each window has the half nearer its middle
        left = 0 if after != sentence else overlap - overlap // 2
        positions = [position for position, word in enumerate(words) if word is not None]
        positions = positions[skipped : len(positions) - left]
        read = 0 if before != sentence else read
        units = {p: words[p] if by_word else read + number for number, p in enumerate(positions)}
        read += len(positions)
        kept = [position for position in positions if ids[position] not in ignored]
        windows.append(_Window(sentence, ids, kept, [units[position] for position in kept]))
    return windows


def spaced_words(sentence: Sentence) -> list[str]:
    """Return words with the spaces of running text, which byte-level BPE and its kin take for a part of the words.

    >>> spaced_words("the cat"), spaced_words(["the", "cat"])
    (['the', ' cat'], ['the', ' cat'])
    """
    words = sentence.split() if isinstance(sentence, str) else list(sentence)
    return words[:1] + [f" {word}" if word else word for word in words[1:]]


def _lone_spaces(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Return the tokens that spell a space and nothing else, if the vocabulary has any."""
    return set(tokenizer.convert_tokens_to_ids(list(LONE_SPACES))) - {tokenizer.unk_token_id}


def _batches_by_length(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Yield the numbers of rows, the longest first; a padded batch has at most `batch_tokens` tokens, or one row.

    Batches have 1, 2, 4, ... rows and lengths are rounded up: few shapes occur, of which oneDNN keeps a kernel each.

    >>> list(_batches_by_length([2, 17, 3, 1, 1, 1, 1, 1], 48))
    [[1, 2], [0, 3, 4, 5], [6, 7]]
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    while start < len(order):
        rows = max(1, min(batch_tokens // _rounded_up(lengths[order[start]]), len(order) - start))
        rows = 2 ** (rows.bit_length() - 1)
        yield order[start : start + rows]
        start += rows


def _rounded_up(length: int) -> int:
    """Return a length as batches have it: up to 16 itself, then one of eight for each doubling.

    >>> [_rounded_up(length) for length in (5, 16, 17, 33, 100)]
    [5, 16, 18, 36, 104]
    """
    step = 2 ** max(0, (length - 1).bit_length() - 4)
    return -(-length // step) * step


def _link(
    source: _Tokens, target: _Tokens, statistics: torch.Tensor | None, options: AlignmentOptions
) -> dict[WordLink, float]:
    """Choose links between tokens and turn them into links between what the tokens are part of."""
    if not source.units or not target.units:
        return {}
    if options.method == "argmax":
        choice = scores = _cosines(source, target, None)
    else:
        choice = _log_probabilities(source, target, statistics)
        scores = choice.exp()
    forward, reverse = choice.argmax(dim=1).tolist(), choice.argmax(dim=0).tolist()
    chosen = {(i, j) for i, j in enumerate(forward)}, {(i, j) for j, i in enumerate(reverse)}
    both = chosen[0] & chosen[1]
    links = _grow_diagonally(both, chosen[0] | chosen[1]) if options.symmetrization == "grow-diag" else both
    found: dict[WordLink, float] = {}
    for i, j in links:
        score, link = scores[i, j].item(), (source.units[i], target.units[j])
        if score >= options.threshold:
            found[link] = max(score, found.get(link, 0.0))
    return dict(sorted(found.items()))


def _cosines(source: _Tokens, target: _Tokens, statistics: torch.Tensor | None) -> torch.Tensor:
    """Return (source tokens, target tokens) cosines, of standardised vectors where there are statistics."""
    sides = [source.vectors, target.vectors]
    if statistics is not None:
        mean, deviation = statistics
        sides = [(vectors - mean) / deviation for vectors in sides]
    first, second = (functional.normalize(vectors, dim=-1) for vectors in sides)
    with torch.autocast(first.device.type, enabled=False):  # in half precision near links would change places
        return first @ second.T


def _log_probabilities(source: _Tokens, target: _Tokens, statistics: torch.Tensor | None) -> torch.Tensor:
    """Return (source tokens, target tokens) logarithms of the probability that two tokens are linked."""
    similarity = _cosines(source, target, statistics)
    sharpness, weight = SHARPNESS, DISTANCE_WEIGHT
    if statistics is None:
        spread = similarity.std(correction=0).clamp(min=1e-6)
        similarity, sharpness, weight = (similarity - similarity.mean()) / spread, Z_SHARPNESS, Z_DISTANCE_WEIGHT
    rows, columns = (torch.arange(size) / size for size in similarity.shape)
    logits = sharpness * (similarity - weight * (rows[:, None] - columns).abs())
    return (logits.log_softmax(dim=0) + logits.log_softmax(dim=1)) * PROBABILITY_EXPONENT


def _grow_diagonally(links: set[WordLink], candidates: set[WordLink]) -> set[WordLink]:
    """Add candidates next to a link that give a token its first link, until there is none.

    >>> sorted(_grow_diagonally({(0, 0)}, {(0, 0), (0, 1), (1, 1), (3, 2)}))
    [(0, 0), (0, 1), (1, 1)]
    """
    links, waiting, grown = set(links), sorted(candidates - links), True
    sources, targets = {i for i, _ in links}, {j for _, j in links}
    while grown:
        grown = False
        for i, j in waiting:
            touches = any((i + down, j + right) in links for down in (-1, 0, 1) for right in (-1, 0, 1))
            if touches and (i, j) not in links and (i not in sources or j not in targets):
                links.add((i, j))
                sources.add(i)
                targets.add(j)
                grown = True
    return links


class WEAMPreTrainingMixin(CheckpointMixin):
    """A masked language model whose one prediction head scores every masked token twice.

    With x the sentence pair before masking, h the encoder's output, i a masked position and j = aligned(i):

        multilingual   L_m = sum over masked i            -log p(x_i | h_i)
        cross-lingual  L_c = sum over masked, aligned i   -log p(x_i | h_j)    exchange "representation"
                                                          -log p(x_j | h_i)    exchange "target"
        loss = (L_m + cross_lingual_weight * L_c) / number of masked tokens

    `config.weam` holds `exchange`, "representation" unless given, and `cross_lingual_weight`, 0 of which is translation
    language modelling (TLM).
    Only masked positions pass through the head: no (B, L, V) tensor exists while labels are given.

    A family of models adds what differs: `__init__` and `transform`.
    """

    _auto_class: str | None = "AutoModelForPreTraining"
    accepts_loss_kwargs = True  # the Trainer passes num_items_in_batch, and the loss below divides by it
    loss_names: tuple[str, ...] = ("multilingual_loss", "cross_lingual_loss")  # what `loss_parts` sums and counts
    weam: dict[str, Any]

    @property
    def has_segments(self) -> bool:
        """Whether the encoder tells the sentences of a pair apart by `token_type_ids`."""
        return self.config.type_vocab_size > 1

    def transform(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (N, H) hidden states as the decoder, the last layer of the head, takes them."""
        raise NotImplementedError

    def position_settings(self, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what the encoder must be told of positions when it is given embeddings for these (B, L) tokens."""
        return {}

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        aligned_positions: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        inputs_embeds: torch.Tensor | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401  # WEAMPreTrainingOutput, or a tuple of tensors on request
        """Score the masked tokens of a batch.

        Args:
            input_ids: (B, L) int64, pairs joined by the tokenizer, like `[CLS] source [SEP] target [SEP]`, with some
                tokens replaced.
            attention_mask: (B, L) int64, 1 for tokens, 0 for padding.
            token_type_ids: (B, L) int64, 0 source, 1 target; not read where the model has no segments.
            labels: (B, L) int64, the original token where it was masked, else -100. None: return logits instead.
            aligned_positions: (B, L) int64, the position in the same row of one aligned token of the other language,
                -1 where there is none. None: no token is aligned (monolingual text).
            num_items_in_batch: masked tokens of the whole optimiser step, over accumulated batches and processes.
                None: those of this batch.
            inputs_embeds: (B, L, H) float, given in place of `input_ids`.
            return_dict: False returns a tuple of what is not None; None: as the config says.
            **kwargs: handed to the encoder (`position_ids`, `output_hidden_states`, ...).

        Raises:
            ValueError: the exchange "target" is to be scored without `input_ids`, which hold the aligned tokens.
        """
        shares_matrix = labels is not None and inputs_embeds is None
        outputs, matrix = self.encode(
            input_ids, attention_mask, token_type_ids, shares_matrix, inputs_embeds=inputs_embeds, **kwargs
        )
        hidden = outputs.last_hidden_state  # (B, L, H)
        extras = {"hidden_states": outputs.hidden_states, "attentions": outputs.attentions}
        if labels is None:
            logits = self.get_output_embeddings()(self.transform(hidden))
            return self._as_asked(WEAMPreTrainingOutput(logits=logits, **extras), return_dict)

        originals, aligned_positions = self._exchanged(labels, input_ids, aligned_positions)
        own_rows = torch.arange(len(labels), device=labels.device)
        total, l_m, l_c = self.word_losses(hidden, matrix, labels, originals, aligned_positions, own_rows)
        loss = total / items_of_step(labels, num_items_in_batch)  # (L_m + cross_lingual_weight * L_c) / masked tokens
        parts = torch.cat([l_m, l_c], dim=1)
        return self._as_asked(WEAMPreTrainingOutput(loss=loss, loss_parts=parts, **extras), return_dict)

    def encode(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        shares_matrix: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> tuple[ModelOutput, torch.Tensor]:
        """Encode a batch; arguments as in `forward`.

        Returns:
            The encoder's outputs, and the (V, H) matrix of the head. Where that is the table of the embeddings too,
            and `shares_matrix`, both gradients share one (V, H) tensor: `word_losses` must read what is returned.
        """
        table, matrix = self.get_input_embeddings(), self.get_output_embeddings().weight
        # Hooks, such as that of --neftune_noise_alpha, run only where the table itself is called.
        is_plain = type(table) is nn.Embedding and not table._forward_hooks
        is_shared = is_plain and table.weight is matrix and matrix.requires_grad
        if shares_matrix and is_shared and input_ids is not None and torch.is_grad_enabled():
            kwargs = {**self.position_settings(input_ids), **kwargs}
            kwargs["inputs_embeds"], matrix = _look_up(matrix, input_ids, table.padding_idx)
            input_ids = None
        if self.has_segments:
            kwargs["token_type_ids"] = token_type_ids
        return self.base_model(input_ids=input_ids, attention_mask=attention_mask, return_dict=True, **kwargs), matrix

    def _exchanged(
        self, labels: torch.Tensor, input_ids: torch.Tensor | None, aligned_positions: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (B, L) the tokens before masking, and (B, L) the aligned positions that count."""
        if aligned_positions is None or (self.training and self.weam["cross_lingual_weight"] == 0):
            aligned_positions = torch.full_like(labels, -1)  # TLM need not pay for a zero
        elif input_ids is None and self.weam["exchange"] == "target":
            raise ValueError("the exchange 'target' needs input_ids, which hold the aligned tokens; give no embeddings")
        return labels if input_ids is None else labels.where(labels != IGNORED, input_ids), aligned_positions

    def _as_asked(
        self, output: WEAMPreTrainingOutput, return_dict: bool | None
    ) -> WEAMPreTrainingOutput | tuple[torch.Tensor, ...]:
        return output if (self.config.return_dict if return_dict is None else return_dict) else output.to_tuple()

    def word_losses(
        self,
        hidden: torch.Tensor,
        matrix: torch.Tensor,
        labels: torch.Tensor,
        originals: torch.Tensor,
        aligned_positions: torch.Tensor,
        aligned_rows: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Score each masked token from its own hidden state, and the exchange with its aligned one.

        A hidden state that predicts several tokens passes through the head once.

        Args:
            hidden: (B, L, H), the output of the encoder.
            matrix: (V, H) of the head, as `encode` returned it.
            labels: (B, L) int64, as in `forward`.
            originals: (B, L) int64, the tokens before masking.
            aligned_positions: (B, L) int64, as in `forward`.
            aligned_rows: (B,) int64, the row that the aligned positions of each row are in.

        Returns:
            () L_m + cross_lingual_weight * L_c, the one with a gradient; (B, 2) float32 L_m and (B, 2) float32 L_c:
            of each row the sum, and the number of predictions.
        """
        width = labels.shape[1]
        rows, i = (labels != IGNORED).nonzero(as_tuple=True)  # (M,), (M,) the masked tokens x_i
        places, targets = rows * width + i, labels[rows, i]  # x_i from h_i; a place is one of the (B * L, H) states
        linked = aligned_positions[rows, i] >= 0  # (M,), K of them
        j, rows_of_j = aligned_positions[rows, i][linked], aligned_rows[rows[linked]]  # (K,), (K,)
        if self.weam["exchange"] == "representation":  # x_i from h_j
            exchanged_places, exchanged_targets = rows_of_j * width + j, targets[linked]
        else:  # x_j from h_i
            exchanged_places, exchanged_targets = places[linked], originals[rows_of_j, j]
        targets = torch.cat([targets, exchanged_targets])  # (M + K,)
        weights = torch.ones_like(targets, dtype=torch.float32)
        weights[len(rows) :] = self.weam["cross_lingual_weight"]
        total, losses = self._cross_entropies(hidden, matrix, torch.cat([places, exchanged_places]), targets, weights)
        own_losses, exchanged_losses = losses.tensor_split([len(rows)])
        return (
            total,
            _sums_and_counts(own_losses, rows, len(labels)),
            _sums_and_counts(exchanged_losses, rows[linked], len(labels)),
        )

    def _cross_entropies(
        self,
        hidden: torch.Tensor,
        matrix: torch.Tensor,
        places: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Score (N,) targets from the places in `hidden.flatten(0, 1)` that predict them.

        Returns:
            () the weighted sum of the losses, and (N,) each loss in nats, which has no gradient.
        """
        places, vector_of_target = places.unique(return_inverse=True)  # (R,), (N,)
        places = functional.pad(places, (0, -len(places) % SCORED_STEP))  # those added predict nothing
        vectors = self.transform(hidden.flatten(0, 1)[places])  # (R, H)
        bias = self.get_output_embeddings().bias
        bias = matrix.new_zeros(len(matrix)) if bias is None else bias
        return _chunked_cross_entropy(vectors, matrix, bias, vector_of_target, targets, weights)


def _auto_map(family: str) -> dict[str, str]:
    return {
        "AutoModelForPreTraining": f"modeling_weam.{family}ForWEAMPreTraining",
        "AutoModel": f"modeling_weam.WEAM{family}Model",
    }


class WEAMBertModel(WordAlignmentMixin, BertModel):
    """The stock BERT encoder, number for number, that can also align the words of two sentences."""

    auto_map = _auto_map("Bert")


class BertForWEAMPreTraining(WEAMPreTrainingMixin, BertForMaskedLM):
    """BERT, its head tied to the embeddings; `WEAMPreTrainingMixin` says what it learns."""

    auto_map = _auto_map("Bert")

    def __init__(self, config: BertConfig) -> None:
        """Build the stock masked language model around a `WEAMBertModel`; `config.weam` is checked here."""
        BertPreTrainedModel.__init__(self, config)  # BertForMaskedLM's own would build a plain encoder
        self.weam = weam_settings(config)
        self.bert = WEAMBertModel(config, add_pooling_layer=False)
        self.cls = BertOnlyMLMHead(config)
        self.post_init()

    def transform(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (N, H) hidden states as the decoder takes them."""
        return self.cls.predictions.transform(hidden)


class WEAMXLMRobertaModel(WordAlignmentMixin, XLMRobertaModel):
    """The stock XLM-R encoder, number for number, that can also align the words of two sentences."""

    auto_map = _auto_map("XLMRoberta")

    @property
    def longest_input(self) -> int:
        """How many tokens the encoder has positions for; the first ones are not used."""
        return self.config.max_position_embeddings - self.config.pad_token_id - 1


class XLMRobertaForWEAMPreTraining(WEAMPreTrainingMixin, XLMRobertaForMaskedLM):
    """XLM-R, its head tied to the embeddings; `WEAMPreTrainingMixin` says what it learns."""

    auto_map = _auto_map("XLMRoberta")

    def __init__(self, config: XLMRobertaConfig) -> None:
        """Build the stock masked language model around a `WEAMXLMRobertaModel`; `config.weam` is checked here."""
        XLMRobertaPreTrainedModel.__init__(self, config)  # XLMRobertaForMaskedLM's own would build a plain encoder
        self.weam = weam_settings(config)
        self.lm_head = XLMRobertaLMHead(config)
        self.roberta = WEAMXLMRobertaModel(config, add_pooling_layer=False)
        self.post_init()

    def transform(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (N, H) hidden states as the decoder takes them."""
        return self.lm_head.layer_norm(functional.gelu(self.lm_head.dense(hidden)))

    def position_settings(self, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the positions of (B, L) tokens as the stock class counts them: past that of padding, where that is."""
        is_token = (input_ids != self.config.pad_token_id).long()
        return {"position_ids": is_token.cumsum(dim=1) * is_token + self.config.pad_token_id}


class WEAMDebertaV2Model(WordAlignmentMixin, DebertaV2Model):
    """The stock DeBERTa encoder (v2, v3), number for number, that can also align the words of two sentences."""

    auto_map = _auto_map("DebertaV2")


class DebertaV2ForWEAMPreTraining(WEAMPreTrainingMixin, DebertaV2ForMaskedLM):
    """DeBERTa (v2, v3), its head tied to the embeddings; `WEAMPreTrainingMixin` says what it learns."""

    auto_map = _auto_map("DebertaV2")

    def __init__(self, config: DebertaV2Config) -> None:
        """Build the stock masked language model around a `WEAMDebertaV2Model`; `config.weam` is checked here.

        Raises:
            ValueError: `config.legacy` is false: that head is without a matrix of its own.
        """
        if not config.legacy:
            raise ValueError("config.legacy is false, a head that is not trained here; set it to true")
        DebertaV2PreTrainedModel.__init__(self, config)  # DebertaV2ForMaskedLM's own would build a plain encoder
        self.weam, self.legacy = weam_settings(config), True
        self.deberta = WEAMDebertaV2Model(config)
        self.cls = LegacyDebertaV2OnlyMLMHead(config)
        self.post_init()

    def transform(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (N, H) hidden states as the decoder takes them."""
        return self.cls.predictions.transform(hidden)


class WEAMModernBertModel(WordAlignmentMixin, ModernBertModel):
    """The stock ModernBERT encoder, number for number, that can also align the words of two sentences."""

    auto_map = _auto_map("ModernBert")


class ModernBertForWEAMPreTraining(WEAMPreTrainingMixin, ModernBertForMaskedLM):
    """ModernBERT, its decoder with or without bias; `WEAMPreTrainingMixin` says what it learns."""

    auto_map = _auto_map("ModernBert")
    has_segments = False

    def __init__(self, config: ModernBertConfig) -> None:
        """Build the stock masked language model around a `WEAMModernBertModel`; `config.weam` is checked here."""
        ModernBertPreTrainedModel.__init__(self, config)  # ModernBertForMaskedLM's own would build a plain encoder
        self.weam = weam_settings(config)
        self.model = WEAMModernBertModel(config)
        self.head = ModernBertPredictionHead(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size, bias=config.decoder_bias)
        self.post_init()

    def transform(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (N, H) hidden states as the decoder takes them."""
        return self.head(hidden)


def items_of_step(labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
    """Return () what the loss of a batch is divided by: the masked tokens of its optimiser step, at least 1."""
    items = (labels != IGNORED).sum() if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
    return items.clamp(min=1)  # a small step may have no masked token and has a loss all the same


def _sums_and_counts(losses: torch.Tensor, rows: torch.Tensor, batch_size: int) -> torch.Tensor:
    """Return (B, 2) the sum and the number of (N,) losses by their rows (N,)."""
    zeros = torch.zeros(batch_size, device=rows.device)
    sums_and_counts = zeros.index_add(0, rows, losses), zeros.index_add(0, rows, torch.ones_like(losses))
    return torch.stack(sums_and_counts, dim=1)


@torch.compiler.disable  # its backward pass adds in place
def _look_up(matrix: torch.Tensor, rows: torch.Tensor, padding: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    return _LookUp.apply(matrix, rows, padding)


class _LookUp(torch.autograd.Function):
    """Rows of a matrix, and the matrix itself for another use, with one gradient for both.

    Autograd would make the gradient of the rows as large as the matrix, nearly all of it zeros, and then add it to that
    of the other use. Here the gradients of the rows are added to where they belong.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        matrix: torch.Tensor,
        rows: torch.Tensor,
        padding: int | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (B, L, H) rows of a (V, H) matrix, and the matrix.

        Args:
            ctx: keeps the numbers of the rows.
            matrix: (V, H) float.
            rows: (B, L) int64.
            padding: the row that learns nothing by being looked up, if there is one.
        """
        ctx.save_for_backward(rows)
        ctx.padding = padding
        return functional.embedding(rows, matrix), matrix.view_as(matrix)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,  # noqa: ANN401
        of_vectors: torch.Tensor,
        of_matrix: torch.Tensor,
    ) -> tuple[torch.Tensor, None, None]:
        """Add those of the vectors, (B, L, H), to the rows of the gradient (V, H) of the other use, in place."""
        (rows,) = ctx.saved_tensors
        if ctx.padding is not None:
            of_vectors = of_vectors.masked_fill((rows == ctx.padding)[..., None], 0.0)
        return _add_in_one_order(of_matrix, rows.flatten(), of_vectors.flatten(0, 1)), None, None


def _add_in_one_order(sums: torch.Tensor, places: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Add (K, ...) values to places (K,) of (N, ...) sums, in place; a place may occur often.

    On a processor with several threads only `index_add_` gives the same sums every time, on CUDA only `index_put_`.
    """
    if sums.device.type == "cpu":
        return sums.index_add_(0, places, values)
    return sums.index_put_((places,), values, accumulate=True)


@torch.compiler.disable  # how often its loop runs depends on how many tokens are masked
def _chunked_cross_entropy(*arguments: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if not torch.is_grad_enabled():  # else the forward pass would form gradients that nobody asks for
        arguments = tuple(argument.detach() for argument in arguments)
    return _ChunkedCrossEntropy.apply(*arguments)


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Cross-entropies of target tokens under a linear head, without the logits of all vectors at once.

    The gradient of a chunk of logits is known when its losses are, so it is used there and then (as in Hsu et al. 2024,
    arXiv 2410.10989). What stays until the backward pass has the size of the head's gradients.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # torch gives its class no public name
        vectors: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        vector_of_target: torch.Tensor,
        targets: torch.Tensor,
        target_weights: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Score N targets, each from one of R vectors of size H, over V tokens.

        Args:
            ctx: keeps the gradients.
            vectors: (R, H) float.
            weight: (V, H) float, of the head.
            bias: (V,) float, of the head.
            vector_of_target: (N,) int64, which vector predicts each target.
            targets: (N,) int64, the tokens.
            target_weights: (N,) float32, what each loss counts in the sum.

        Returns:
            () the weighted sum of the losses, and (N,) each loss in nats, which has no gradient.
        """
        device, parameters = vectors.device.type, (vectors, weight, bias)
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
        precise = torch.promote_types(dtype, torch.float32)
        target_weights = target_weights.to(precise)
        losses = torch.zeros_like(target_weights)
        new = torch.empty_like if len(vectors) else torch.zeros_like  # the first chunk writes, the others add
        gradients = [
            new(values, dtype=precise) if needed else None
            for values, needed in zip(parameters, ctx.needs_input_grad, strict=False)
        ]
        with torch.autocast(device, enabled=False):
            inputs, matrix, offsets = (values.to(dtype) for values in parameters)
            for start, end, own in _chunks(vector_of_target, len(vectors), max(1, LOGITS_AT_ONCE // len(weight))):
                rows = vector_of_target[own] - start
                cells = rows * len(weight) + targets[own]  # of the chunk's logits, one row after the other
                scores = torch.addmm(offsets, inputs[start:end], matrix.T).to(precise).log_softmax(dim=1)  # (C, V)
                losses[own] = -scores.flatten()[cells]
                if any(ctx.needs_input_grad):
                    counts = scores.new_zeros(end - start).index_add_(0, rows, target_weights[own])  # (C,)
                    _add_in_one_order(scores.exp_().mul_(counts[:, None]).view(-1), cells, -target_weights[own])
                    _add_gradients(gradients, scores.to(dtype), (inputs, matrix), slice(start, end))
                del scores  # else it would stay until those of the next chunk are complete
        ctx.mark_non_differentiable(losses)
        ctx.save_for_backward(
            *(g if g is None else g.to(values.dtype) for g, values in zip(gradients, parameters, strict=True))
        )
        return (losses * target_weights).sum(), losses  # a product of matrices would be in half precision

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,  # noqa: ANN401
        scale: torch.Tensor,
        _: torch.Tensor,
    ) -> tuple[torch.Tensor | None, ...]:
        """Scale the gradients that the forward pass left; in place, for they are large and not needed again."""
        return *(None if gradient is None else gradient.mul_(scale) for gradient in ctx.saved_tensors), None, None, None


def _chunks(vector_of_target: torch.Tensor, vectors: int, size: int) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Cut R vectors into chunks: the first, the one after the last, and which of the N targets (C,) are theirs."""
    order = vector_of_target.argsort()
    starts = list(range(0, vectors, size))
    edges = torch.searchsorted(vector_of_target[order], torch.tensor(starts[1:], device=order.device)).tolist()
    for start, own in zip(starts, order.tensor_split(edges), strict=False):
        yield start, min(start + size, vectors), own


def _add_gradients(
    gradients: list[torch.Tensor | None],
    scores: torch.Tensor,
    inputs_and_matrix: tuple[torch.Tensor, torch.Tensor],
    chunk: slice,
) -> None:
    """Add to those of vectors, weight and bias what a chunk of logits' gradients, (C, V), give; the first writes."""
    (of_vectors, of_weight, of_bias), (inputs, matrix) = gradients, inputs_and_matrix
    is_first = chunk.start == 0
    add = torch.Tensor.copy_ if is_first else torch.Tensor.add_  # `+=` would copy a slice onto itself
    if of_vectors is not None:
        of_vectors[chunk] = scores @ matrix
    if of_weight is not None and of_weight.dtype == scores.dtype:
        of_weight.addmm_(scores.T, inputs[chunk], beta=0 if is_first else 1)  # without a second (V, H) tensor
    elif of_weight is not None:
        for start in range(0, len(of_weight), GRADIENT_ROWS):
            rows = slice(start, start + GRADIENT_ROWS)
            add(of_weight[rows], scores[:, rows].T @ inputs[chunk])
    if of_bias is not None:
        add(of_bias, scores.sum(dim=0))
