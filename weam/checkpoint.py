"""Checkpoints: load tokenizers and encoders with a stock head, add adapters, fingerprint weights.

Says clearly what cannot be used. It neither trains nor pushes.
"""

import hashlib
import logging
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import AutoModel, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from modeling_weam import drawn_encoder_weights
from weam.checkpoint_files import POSITIONS_PAST_PADDING, load_any_tokenizer, load_config, naming
from weam.families import FAMILIES, check_is_encoder

logger = logging.getLogger("weam")
WRAPPERS = re.compile(r"^(module\.|_orig_mod\.)+")  # what DataParallel and torch.compile put before names of weights
NAMES_SHOWN = 3
HEADS = tuple(name for family in FAMILIES.values() for name in family.head)
# What shares, or feeds, the matrix of the embeddings.
TIED_LAYERS = ("word_embeddings", "tok_embeddings", "decoder", "cls", "lm_head", "head")
# What adapters are put on unless layers are named: query and value, by the names that kinds of models have for them.
ATTENTION_LAYERS = (
    ("query", "value"),
    ("query_proj", "value_proj"),
    ("q_proj", "v_proj"),
    ("q_lin", "v_lin"),
    ("Wqkv",),
)
LAYER = re.compile(r"\blayers?\.[0-9]+\.")  # in names of weights


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters (Hu et al. 2022): rank, scale over rank, dropout and the linear layers that get them.

    Without layers, query and value of the attention get them, whatever they are called.
    """

    rank: int
    alpha: int
    dropout: float
    target_modules: tuple[str, ...]


def load_tokenizer(name: str, revision: str = "main") -> PreTrainedTokenizerBase:
    """Load a fast tokenizer that can mask.

    Raises:
        ValueError: there is no tokenizer, it is slow, or it has no mask token.
    """
    tokenizer = load_fast_tokenizer(name, revision)
    if tokenizer.mask_token is None:
        raise ValueError(
            f"the tokenizer of {name} has no mask token; masked pre-training needs one: give it a mask_token, like "
            "[MASK], in tokenizer_config.json"
        )
    return tokenizer


def load_fast_tokenizer(name: str, revision: str = "main") -> PreTrainedTokenizerBase:
    """Load a fast tokenizer that can pad.

    Raises:
        ValueError: there is none, it is slow, or it has no padding token.
    """
    try:
        tokenizer = load_any_tokenizer(name, revision)
    except (OSError, ValueError) as error:
        error.add_note(f"{name} has no tokenizer that can be loaded; add its files, or give --tokenizer_name")
        raise
    if len(tokenizer) <= len(tokenizer.all_special_tokens):  # what transformers makes of a folder without its files
        raise ValueError(f"{name} has no tokenizer: its vocabulary is empty; add its files, or give --tokenizer_name")
    if not tokenizer.is_fast:
        raise ValueError(
            f"{name} has a slow tokenizer ({type(tokenizer).__name__}); WEAM needs the positions that only fast ones "
            "give: convert it, its folder must hold a tokenizer.json"
        )
    if tokenizer.pad_token is None:
        raise ValueError(
            f"the tokenizer of {name} has no padding token; batches need one: give it a pad_token, like [PAD], in "
            "tokenizer_config.json"
        )
    return tokenizer


@dataclass(frozen=True)
class LoadedModel:
    """A model as training begins with it.

    Attributes:
        model: in float32.
        fingerprint: of the weights that the checkpoint gave; a head drawn at random does not count.
        drawn: names of the modules that the checkpoint did not have, such as the head.
        classes: what the checkpoint calls the classes of its head, in their order; transformers makes up LABEL_0 and so
            on where it does not say.
        is_cut: whether the checkpoint has more layers; its head, if any, was trained above the highest of them.
    """

    model: PreTrainedModel
    fingerprint: str
    drawn: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    is_cut: bool = False

    @property
    def lacks_trained_head(self) -> bool:
        """Whether the checkpoint had no head that predicts words from the layer that is now the highest."""
        return self.is_cut or any(name.startswith(HEADS) for name in self.drawn)


def weights_fingerprint(model: PreTrainedModel, drawn: Collection[str] = ()) -> str:
    """Return a hash of the weights of a model; those that are named in `drawn` do not count."""
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        if key not in drawn:
            data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)  # NumPy has no bfloat16
            digest.update(f"{key} {tuple(tensor.shape)}".encode() + data.numpy().tobytes())
    return digest.hexdigest()[:16]


def load_weights(kind: type[PreTrainedModel], name: str, **options: object) -> LoadedModel:
    """Load weights in float32, and see that the encoder is the checkpoint's: whole and finite.

    Args:
        kind: a model class or a stock Auto class.
        name: Hub name or folder.
        **options: of `from_pretrained`.

    Raises:
        ValueError: the weights cannot be read, some of the encoder would be drawn, or some are not finite.
    """
    # A checkpoint kept in half precision would otherwise be trained in it; the head of another task has another size.
    options |= {"dtype": torch.float32, "ignore_mismatched_sizes": True, "output_loading_info": True}
    with naming(name):
        model, report = kind.from_pretrained(name, **options)
        if any(map(WRAPPERS.match, report["unexpected_keys"])):
            logger.warning("%s was saved from inside DataParallel or torch.compile: names are read without that", name)
            model, report = kind.from_pretrained(name, key_mapping={WRAPPERS.pattern: ""}, **options)
    keep_own_names(model)
    _check_weights(model, report, name)
    drawn = {*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])}
    modules = tuple(sorted({key.rpartition(".")[0] for key in drawn}))
    is_cut = any(map(LAYER.search, report["unexpected_keys"]))
    return LoadedModel(model, weights_fingerprint(model, drawn), modules, is_cut=is_cut)


def keep_own_names(model: nn.Module) -> None:
    """Have a model saved under the names that its weights have in it, whatever they were called where they came from.

    transformers brings the old ones back on save, such as the `LayerNorm.gamma` of multilingual BERT. Its Trainer does
    not find them when a training goes on, and only warns.
    """
    model._weight_conversions = None  # type: ignore[assignment]


def _check_weights(model: PreTrainedModel, report: dict[str, Any], name: str) -> None:
    """Refuse an encoder that is drawn in part, by the loading report of transformers, and weights that are not finite.

    Raises:
        ValueError: names them.
    """
    drawn = drawn_encoder_weights(model, report)
    if drawn:
        unused = f" (not used: {some_of(report['unexpected_keys'])})" if report["unexpected_keys"] else ""
        raise ValueError(
            f"{name} has no weights for {some_of(drawn)} of the size in its config.json{unused}; they would be drawn "
            "at random: give a whole checkpoint with the config.json that it was saved with"
        )
    broken = [key for key, x in model.state_dict().items() if x.is_floating_point() and not x.isfinite().all()]
    if broken:
        raise ValueError(
            f"{name} has weights that are not finite: {some_of(broken)}; its training diverged, give an earlier one"
        )


def some_of(names: Collection[str]) -> str:
    """List names for an error, the first of many.

    >>> some_of({"e", "d", "c", "b", "a"})
    'a, b, c and 2 more'
    """
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(sorted(names)[:NAMES_SHOWN]) + more


def read_config(name: str, revision: str, num_hidden_layers: int | None = None) -> PretrainedConfig:
    """Read the config of a checkpoint, of which only the lowest layers may be wanted.

    Raises:
        ValueError: it is damaged, the installed transformers does not know the architecture, it is no encoder, or it
            has fewer layers than are wanted.
    """
    config = load_config(name, revision)
    check_is_encoder(config, name)
    if num_hidden_layers is not None:
        if not 1 <= num_hidden_layers <= config.num_hidden_layers:
            raise ValueError(
                f"--num_hidden_layers is {num_hidden_layers}, and {name} has {config.num_hidden_layers}; give 1 to that"
            )
        config.num_hidden_layers = num_hidden_layers
        if "layer_types" in config.to_dict():  # of ModernBERT, one for each layer
            config.layer_types = config.layer_types[:num_hidden_layers]
    return config


def load_with_head(
    auto_class: type[AutoModel],
    name: str,
    revision: str = "main",
    labels: Sequence[str] | None = None,
    num_hidden_layers: int | None = None,
) -> LoadedModel:
    """Load an encoder with a stock head; what the checkpoint lacks is drawn from torch's global generator.

    Once saved it loads with stock Auto classes: its config maps to no code.

    Args:
        auto_class: the stock Auto class of the head.
        name: Hub name or folder.
        revision: branch, tag or commit.
        labels: the names of the classes, None if the head has none.
        num_hidden_layers: keep so many, the lowest; None: all.

    Raises:
        ValueError: transformers has no such head for this kind of model, it has not so many layers, or its weights are
            not those of a whole encoder.
    """
    config = read_config(name, revision, num_hidden_layers)
    if type(config) not in auto_class._model_mapping:
        raise ValueError(
            f"{name} is a {config.model_type!r} model, for which transformers {transformers.__version__} has no "
            f"{auto_class.__name__}; choose another encoder, or another task"
        )
    config.__dict__.pop("auto_map", None)  # names a file that is not saved with a fine-tuned model
    classes = tuple(config.id2label[number] for number in sorted(config.id2label))
    if labels is not None:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: number for number, label in enumerate(labels)}
    loaded = load_weights(auto_class, name, revision=revision, config=config, trust_remote_code=False)
    return replace(loaded, classes=classes)


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a tokenizer whose tokens the model has no embeddings for.

    Raises:
        ValueError: the tokenizer has more tokens, or higher numbers of tokens, than the model.
    """
    tokens = max(len(tokenizer), *(number + 1 for number in tokenizer.get_vocab().values()))
    if tokens > model.config.vocab_size:
        raise ValueError(
            f"the tokenizer has {tokens} tokens, the model embeds {model.config.vocab_size}; "
            "give the checkpoint's own tokenizer"
        )


def longest_input(config: PretrainedConfig) -> int:
    """Return how many tokens a model has positions for; those of RoBERTa and its kin begin past that of padding.

    >>> from transformers import AutoConfig
    >>> longest_input(AutoConfig.for_model("xlm-roberta", max_position_embeddings=514))
    512
    """
    unused = config.pad_token_id + 1 if config.model_type in POSITIONS_PAST_PADDING else 0
    return config.max_position_embeddings - unused


def check_length(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
    """Refuse inputs that are longer than the model has positions for, or too short for two texts.

    Raises:
        ValueError: they may be longer, or have no room for a token of each text; names both ends.
    """
    least, most = tokenizer.num_special_tokens_to_add(pair=True) + 2, longest_input(model.config)
    if not least <= max_length <= most:
        raise ValueError(
            f"--max_length is {max_length}; give {least}, for a token of each text with the special ones, to {most}, "
            "the positions of the model"
        )


def add_adapters(model: PreTrainedModel, settings: LoraSettings, trained: Sequence[str] = ()) -> PeftModel:
    """Wrap the model so that only low-rank adapters are trained, and the modules named in `trained`.

    Raises:
        ValueError: a target shares its weights with the embeddings, so that merging would change the other copy's
            meaning, or is the name of no layer.
    """
    layers = [name for name, _ in model.named_modules()]
    targets = settings.target_modules or _attention_layers(layers)
    tied = [target for target in targets if any(part in TIED_LAYERS for part in target.split("."))]
    if tied:
        raise ValueError(
            f"adapters on {tied} would corrupt the model when merged: that matrix is tied to the embeddings; "
            "choose layers of the encoder, like query value"
        )
    unknown = [target for target in targets if not _has_layer(layers, target)]
    if unknown:
        raise ValueError(f"the model has no layers named {unknown} to adapt; give names like query value")
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(targets),
        modules_to_save=list(trained) or None,
    )
    return get_peft_model(model, config)


def _attention_layers(layers: Collection[str]) -> tuple[str, ...]:
    """Return the names of the query and value layers of a model, the names of whose layers are given."""
    for targets in ATTENTION_LAYERS:
        if all(_has_layer(layers, target) for target in targets):
            return targets
    raise ValueError(
        f"the model has no layers named like {ATTENTION_LAYERS}; say with --lora_target_modules which get adapters"
    )


def _has_layer(layers: Collection[str], target: str) -> bool:
    return any(f".{name}".endswith(f".{target}") for name in layers)


def merge_adapters(model: PreTrainedModel | PeftModel) -> PreTrainedModel:
    """Return the model with its adapters, if any, merged into its weights."""
    return model.merge_and_unload() if isinstance(model, PeftModel) else model
