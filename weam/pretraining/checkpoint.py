"""Checkpoints of pre-training: load a BERT to continue, save what the stock Auto classes load.

Says clearly what cannot be continued.
"""

from pathlib import Path
from typing import Any

from transformers import AutoConfig, BertConfig, BertModel, PreTrainedModel

from weam.checkpoint import LoadedModel, load_weights, read_config, weights_fingerprint
from weam.pretraining.objectives import OBJECTIVES, BertForSimCSE, Objective


def load_model(
    name: str,
    revision: str,
    weam: dict[str, Any],
    objective: Objective = OBJECTIVES["weam"],
    num_hidden_layers: int | None = None,
    from_scratch: bool = False,
) -> LoadedModel:
    """Load a BERT-architecture checkpoint, or draw a new model from its config.

    Whatever saves a WEAM model later saves a complete repository: `modeling_weam.py` and the map of Auto classes
    included. Baselines end as stock checkpoints (`save_as_stock`).

    Args:
        name: Hub name or folder.
        revision: branch, tag or commit.
        weam: settings to change in `config.weam`.
        objective: what is to be learnt.
        num_hidden_layers: keep so many, the lowest; None: all.
        from_scratch: only the config is read; weights are drawn from torch's global generator.

    Raises:
        ValueError: the architecture is not BERT's, it has not so many layers, no dropout where SimCSE needs it, or its
            weights are not those of a whole encoder.
    """
    config = read_config(name, revision, num_hidden_layers)
    if not isinstance(config, BertConfig):
        raise ValueError(
            f"{name} is a {config.model_type!r} model; WEAM continues BERT architectures (model_type 'bert'), such as "
            "google-bert/bert-base-multilingual-cased or intfloat/multilingual-e5-small"
        )
    dropout = config.hidden_dropout_prob or config.attention_probs_dropout_prob
    if objective.model_class is BertForSimCSE and not dropout:
        raise ValueError(
            f"{name} has no dropout, by which alone SimCSE tells its two views of a sentence apart; set "
            "hidden_dropout_prob in its config.json, to 0.1 for example"
        )
    config.weam = {**config.to_dict().get("weam", {}), **weam}
    config.__dict__.pop("auto_map", None)
    if from_scratch:
        model = objective.model_class(config)
        return LoadedModel(model, weights_fingerprint(model))
    return load_weights(objective.model_class, name, revision=revision, config=config)


def save_as_stock(folder: Path, stock_class: type[PreTrainedModel]) -> None:
    """Make a saved model a plain BERT checkpoint: no code, no settings of ours, nothing that only training needed.

    Args:
        folder: holds the model, as its training class saved it; it is written over.
        stock_class: of transformers, what it becomes.
    """
    config = AutoConfig.from_pretrained(folder)
    for name in ("auto_map", "weam"):
        config.__dict__.pop(name, None)
    no_pooler = {"add_pooling_layer": False} if stock_class is BertModel else {}  # it would be drawn at random
    stock_class.from_pretrained(folder, config=config, **no_pooler).save_pretrained(folder)
    (folder / "modeling_weam.py").unlink(missing_ok=True)
