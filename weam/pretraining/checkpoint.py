"""Checkpoints of pre-training: load a model to continue, save what the stock Auto classes load.

Says clearly what cannot be continued.
"""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_NAME, AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel

from weam.checkpoint import LoadedModel, load_weights, read_config, weights_fingerprint
from weam.families import family_of
from weam.pretraining.objectives import OBJECTIVES, Objective
from weam.pretraining.objectives.systems import SimCSE
from weam.storage import write_json


def load_model(
    name: str,
    revision: str,
    weam: dict[str, Any],
    objective: Objective = OBJECTIVES["weam"],
    num_hidden_layers: int | None = None,
    from_scratch: bool = False,
) -> LoadedModel:
    """Load a checkpoint of any family in `weam/families.py`, or draw a new model from its config.

    Whatever saves a WEAM model later, with word contrast or without, saves a complete repository: `modeling_weam.py`
    and the map of Auto classes included. What both are compared with ends as a stock checkpoint (`save_as_stock`).

    Args:
        name: Hub name or folder.
        revision: branch, tag or commit.
        weam: settings to change in `config.weam`.
        objective: what is to be learnt.
        num_hidden_layers: keep so many, the lowest; None: all.
        from_scratch: only the config is read; weights are drawn from torch's global generator.

    Raises:
        ValueError: the architecture has no family, it has not so many layers, no dropout where SimCSE needs it, or its
            weights are not those of a whole encoder.
    """
    config = read_config(name, revision, num_hidden_layers)
    model_class = objective.model_class(family_of(config, name))
    if issubclass(model_class, SimCSE) and not _has_dropout(config):
        raise ValueError(
            f"{name} has no dropout, by which alone SimCSE tells its two views of a sentence apart; set that of the "
            "encoder in its config.json, such as hidden_dropout_prob, to 0.1 for example"
        )
    before = config.to_dict().get("weam", {})
    kept = {key: value for key, value in before.items() if not key.startswith("align_")}  # untrue after training
    config.weam = {**kept, **weam}
    config.__dict__.pop("auto_map", None)
    if from_scratch:
        model = model_class(config)
        return LoadedModel(model, weights_fingerprint(model))
    return load_weights(model_class, name, revision=revision, config=config)


def load_pretraining_model(name: str, objective: str = "weam-contrastive", revision: str = "main") -> PreTrainedModel:
    """Load an encoder to train with WEAM and what is learnt beside it.

    To be trained by `WEAMTrainer`; unless WEAM is alone, the collator must have `return_sequence_ids=True`. What is
    saved then is what `BertForWEAMPreTraining` saves, or its sibling of the encoder's family; those train WEAM alone.

    Args:
        name: Hub name or folder.
        objective: "weam-contrastive", the default of `run_pretraining.py`; "weam-ranking", that of `recipes/best.yaml`;
            "weam-contrastive-ranking"; or "weam" alone.
        revision: branch, tag or commit.

    Raises:
        ValueError: the objective is none of these, the architecture has no family, or its weights are not those of a
            whole encoder.
    """
    offered = [known for known, system in OBJECTIVES.items() if system.auto_class is None]
    if objective not in offered:
        raise ValueError(
            f"objective is {objective!r}; choose one of {offered}, others are trained by run_pretraining.py"
        )
    return load_model(name, revision, {}, OBJECTIVES[objective]).model


def average_with_start(folder: Path, start: LoadedModel, share: float) -> None:
    """Average a saved model with what its training began with: (1 - share) * trained + share * start.

    Weights halfway between two such models often keep what the training brought and lose less of what was there
    (Wortsman et al. 2022, arXiv 2109.01903). What the start had to draw at random stays as it was trained.

    Args:
        folder: holds the model, of the class of `start`; it is written over.
        start: the checkpoint that the training began with.
        share: of the start, from 0 to 1.
    """
    trained = type(start.model).from_pretrained(folder)
    before = dict(start.model.named_parameters())
    with torch.no_grad():
        for name, weight in trained.named_parameters():
            if name in before and name.rpartition(".")[0] not in start.drawn:
                weight.lerp_(before[name], share)
    trained.save_pretrained(folder)


def _has_dropout(config: PretrainedConfig) -> bool:
    settings = config.to_dict().items()
    return any(value for name, value in settings if "dropout" in name and "classifier" not in name)


def write_settings(settings: dict[str, Any], folder: Path) -> None:
    """Write `config.weam` of a saved model."""
    path = folder / CONFIG_NAME
    write_json({**json.loads(path.read_text(encoding="utf-8")), "weam": settings}, path)


def save_as_stock(folder: Path, auto_class: Any) -> None:  # noqa: ANN401
    """Make a saved model a plain checkpoint: no code, no settings of training, nothing that only training needed.

    Args:
        folder: holds the model, as its training class saved it; it is written over.
        auto_class: `AutoModel`, or a stock Auto class of models with a head: what it becomes.
    """
    config = AutoConfig.from_pretrained(folder)
    for name in ("auto_map", "weam"):
        config.__dict__.pop(name, None)
    # a pooler would be drawn at random
    options = family_of(config, str(folder)).encoder_options if auto_class is AutoModel else {}
    auto_class.from_pretrained(folder, config=config, **options).save_pretrained(folder)
    (folder / "modeling_weam.py").unlink(missing_ok=True)
