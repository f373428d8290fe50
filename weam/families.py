"""The families of models whose pre-training WEAM continues: where the classes of each are.

What differs in their arithmetic stands in `modeling_weam.py`. Fine-tuning needs none of this: it takes any encoder that
the stock Auto classes know.
"""

from dataclasses import dataclass, field
from typing import Any

from transformers import (
    BertPreTrainedModel,
    DebertaV2PreTrainedModel,
    ModernBertPreTrainedModel,
    PretrainedConfig,
    PreTrainedModel,
    XLMRobertaPreTrainedModel,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from modeling_weam import (
    BertForWEAMPreTraining,
    DebertaV2ForWEAMPreTraining,
    ModernBertForWEAMPreTraining,
    WEAMBertModel,
    WEAMDebertaV2Model,
    WEAMModernBertModel,
    WEAMXLMRobertaModel,
    XLMRobertaForWEAMPreTraining,
)

EXAMPLES = (
    "google-bert/bert-base-multilingual-cased, FacebookAI/xlm-roberta-base, microsoft/mdeberta-v3-base or "
    "jhu-clsp/mmBERT-base"
)


@dataclass(frozen=True)
class Family:
    """The classes of a kind of model.

    Attributes:
        name: as in the names of its stock classes.
        pre_training: its class for WEAM.
        encoder: its encoder that aligns words.
        base: the stock class that all its models inherit from.
        head: the beginnings of names of weights, all of which only a trained prediction head has.
        encoder_options: what makes an encoder of the same weights as that of the pre-training class.
    """

    name: str
    pre_training: type[PreTrainedModel]
    encoder: type[PreTrainedModel]
    base: type[PreTrainedModel]
    head: tuple[str, ...]
    encoder_options: dict[str, Any] = field(default_factory=dict, hash=False)

    def new_encoder(self, config: PretrainedConfig) -> PreTrainedModel:
        """Draw an encoder, without the pooler that some families have."""
        return self.encoder(config, **self.encoder_options)


NO_POOLER = {"add_pooling_layer": False}
FAMILIES = {  # by `model_type`
    "bert": Family(
        "Bert", BertForWEAMPreTraining, WEAMBertModel, BertPreTrainedModel, ("cls.predictions.transform",), NO_POOLER
    ),
    "xlm-roberta": Family(
        "XLMRoberta",
        XLMRobertaForWEAMPreTraining,
        WEAMXLMRobertaModel,
        XLMRobertaPreTrainedModel,
        ("lm_head.dense",),
        NO_POOLER,
    ),
    "deberta-v2": Family(
        "DebertaV2",
        DebertaV2ForWEAMPreTraining,
        WEAMDebertaV2Model,
        DebertaV2PreTrainedModel,
        ("cls.predictions.transform",),
    ),
    "modernbert": Family(
        "ModernBert",
        ModernBertForWEAMPreTraining,
        WEAMModernBertModel,
        ModernBertPreTrainedModel,
        ("head.dense", "decoder"),  # that of a classifier has the former, too
    ),
}


def family_of(config: PretrainedConfig, name: str) -> Family:
    """Return the family of a checkpoint.

    Args:
        config: of the checkpoint.
        name: Hub name or folder, for the error.

    Raises:
        ValueError: its architecture has none; says why, and which have.
    """
    check_is_encoder(config, name)
    if config.model_type not in FAMILIES:
        raise ValueError(
            f"{name} is a {config.model_type!r} model; WEAM continues the pre-training of {', '.join(FAMILIES)}, such "
            f"as {EXAMPLES}"
        )
    return FAMILIES[config.model_type]


def check_is_encoder(config: PretrainedConfig, name: str) -> None:
    """Refuse what is no encoder that sees the words on both sides.

    Args:
        config: of the checkpoint.
        name: Hub name or folder, for the error.

    Raises:
        ValueError: it is a decoder, or an encoder with a decoder.
    """
    if config.is_encoder_decoder:
        kind = "an encoder-decoder"
    elif config.to_dict().get("is_decoder") or config.model_type not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        kind = "a decoder, or no masked language model"
    else:
        return
    raise ValueError(
        f"{name} ({config.model_type!r}) is {kind}; WEAM needs an encoder that sees the words on both sides, such as "
        f"{EXAMPLES}"
    )
