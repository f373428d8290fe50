"""Checkpoints in and out: load a BERT to continue, add adapters, save what the stock Auto classes load.

Says clearly what cannot be continued. It neither trains nor pushes.
"""

from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoTokenizer, BertConfig, PreTrainedTokenizerBase

from modeling_weam import BertForWEAMPreTraining

AUTO_MAP = {
    "AutoModelForPreTraining": "modeling_weam.BertForWEAMPreTraining",
    "AutoModel": "modeling_weam.WEAMModel",
}
TIED_LAYERS = ("word_embeddings", "decoder", "cls")  # share, or feed, the matrix of the embeddings


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters (Hu et al. 2022): rank, scale over rank, dropout and the linear layers that get them."""

    rank: int
    alpha: int
    dropout: float
    target_modules: tuple[str, ...]


def load_tokenizer(name: str, revision: str = "main") -> PreTrainedTokenizerBase:
    """Load a fast tokenizer that can mask.

    Raises:
        ValueError: the tokenizer is slow, or has no mask piece.
    """
    tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    if not tokenizer.is_fast:
        raise ValueError(
            f"{name} has a slow tokenizer ({type(tokenizer).__name__}); WEAM needs the positions that only fast ones "
            "give: convert it, its folder must hold a tokenizer.json"
        )
    if tokenizer.mask_token is None:
        raise ValueError(f"the tokenizer of {name} has no mask piece; masked pre-training needs one, like [MASK]")
    return tokenizer


def load_model(name: str, revision: str, weam: dict[str, Any], from_scratch: bool = False) -> BertForWEAMPreTraining:
    """Load a BERT-architecture checkpoint, or draw a new model from its config.

    Whatever saves the model later saves a complete repository: `modeling_weam.py` and the map of Auto classes included.

    Args:
        name: Hub name or folder.
        revision: branch, tag or commit.
        weam: settings to change in `config.weam`.
        from_scratch: only the config is read; weights are drawn from torch's global generator.

    Raises:
        ValueError: the architecture is not BERT's.
    """
    config = AutoConfig.from_pretrained(name, revision=revision)
    if not isinstance(config, BertConfig):
        raise ValueError(
            f"{name} is a {config.model_type!r} model; WEAM continues BERT architectures (model_type 'bert'), such as "
            "google-bert/bert-base-multilingual-cased or intfloat/multilingual-e5-small"
        )
    config.weam = {**config.to_dict().get("weam", {}), **weam}
    config.auto_map = dict(AUTO_MAP)
    BertForWEAMPreTraining.register_for_auto_class("AutoModelForPreTraining")
    if from_scratch:
        return BertForWEAMPreTraining(config)
    # A checkpoint kept in half precision would otherwise be trained in it.
    return BertForWEAMPreTraining.from_pretrained(name, revision=revision, config=config, dtype=torch.float32)


def check_vocabulary(model: BertForWEAMPreTraining, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a tokenizer whose pieces the model has no embeddings for.

    Raises:
        ValueError: the tokenizer has more pieces than the model.
    """
    if len(tokenizer) > model.config.vocab_size:
        raise ValueError(
            f"the tokenizer has {len(tokenizer)} pieces, the model embeds {model.config.vocab_size}; "
            "give the checkpoint's own tokenizer"
        )


def add_adapters(model: BertForWEAMPreTraining, settings: LoraSettings) -> PeftModel:
    """Wrap the model so that only low-rank adapters are trained.

    Raises:
        ValueError: a target shares its weights with the embeddings, so that merging would change the other copy's
            meaning, or is the name of no layer.
    """
    tied = [target for target in settings.target_modules if any(part in TIED_LAYERS for part in target.split("."))]
    if tied:
        raise ValueError(
            f"adapters on {tied} would corrupt the model when merged: that matrix is tied to the embeddings; "
            "choose layers of the encoder, like query value"
        )
    layers = [name for name, _ in model.named_modules()]
    unknown = [x for x in settings.target_modules if not any(f".{name}".endswith(f".{x}") for name in layers)]
    if unknown:
        raise ValueError(f"the model has no layers named {unknown} to adapt; give names like query value")
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.target_modules),
    )
    return get_peft_model(model, config)


def merge_adapters(model: BertForWEAMPreTraining | PeftModel) -> BertForWEAMPreTraining:
    """Return the model with its adapters, if any, merged into its weights."""
    return model.merge_and_unload() if isinstance(model, PeftModel) else model
