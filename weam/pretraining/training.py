"""Stage 5: what the stock Trainer needs to train WEAM.

Callbacks and the head warm-up. The loop, the optimiser, logging, checkpoints and
everything distributed are the Trainer's and accelerate's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import numpy as np
import torch
from datasets import Dataset
from torch import nn
from transformers import (
    BertForMaskedLM,
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import WEAMPreTrainingOutput
from weam.trainer import LengthGroupingTrainer, StepSeed


@dataclass(frozen=True)
class HeadWarmup:
    """Steps and learning rate of the stage in which only the prediction head is trained."""

    steps: int
    learning_rate: float


class EpochSignal(TrainerCallback):
    """Tells the collator which epoch it is."""

    def __init__(self, collator: DataCollatorForWordExchange) -> None:
        """Remember the collator to tell."""
        self.collator = collator

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Pass the epoch on, counted from 0."""
        self.collator.set_epoch(_epoch(state))


def _epoch(state: TrainerState) -> int:
    return int((state.epoch or 0) + 1e-6)


class LossParts(TrainerCallback):
    """Adds the mean of each part of the loss since the last log to the Trainer's logs.

    The model does not know of it: a forward hook collects the sums and counts of each batch.
    """

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        """Hook on to the model, whose `loss_parts` have these names."""
        self.names = names
        self.sums = torch.zeros(2 * len(names), dtype=torch.float64)
        self.hook = model.register_forward_hook(self._collect)

    def _collect(self, model: nn.Module, args: tuple[object, ...], output: WEAMPreTrainingOutput) -> None:
        if model.training and output.loss_parts is not None:
            parts = output.loss_parts.sum(dim=0)  # (2 * names,)
            precision = torch.float32 if parts.device.type == "mps" else torch.float64  # all that Apple's GPUs have
            self.sums = self.sums.to(parts.device, precision) + parts  # stays there: reading it would stop a GPU

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: object,
    ) -> None:
        """Write the means, over all processes, into the log that is being written."""
        if logs is None or "loss" not in logs:  # an evaluation or the summary at the end
            return
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(self.sums)
        means = mean_losses(self.sums.tolist(), self.names)
        logs.update(means)
        state.log_history[-1].update(means)
        self.sums.zero_()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Leave the model as it was."""
        self.hook.remove()


def mean_losses(sums: Sequence[float], names: Sequence[str]) -> dict[str, float]:
    """Turn the sums and counts of a model's `loss_parts` into means; a part that nothing was counted of has none.

    >>> mean_losses([6.0, 3.0, 2.0, 1.0], ["multilingual_loss", "cross_lingual_loss"])
    {'multilingual_loss': 2.0, 'cross_lingual_loss': 2.0}
    >>> mean_losses([6.0, 3.0, 0.0, 0.0], ["multilingual_loss", "cross_lingual_loss"])
    {'multilingual_loss': 2.0}
    """
    parts = zip(names, sums[::2], sums[1::2], strict=True)
    return {name: total / count for name, total, count in parts if count}


def evaluation_losses(prediction: EvalPrediction, names: Sequence[str]) -> dict[str, float]:
    """Compute the Trainer's evaluation metrics from (N, 2 * names) loss parts: exact means over all held-out pairs."""
    return mean_losses(np.asarray(prediction.predictions, dtype=np.float64).sum(axis=0).tolist(), names)


def make_trainer(
    model: nn.Module,
    args: TrainingArguments,
    collator: DataCollatorForWordExchange,
    train_dataset: Dataset,
    eval_dataset: dict[str, Dataset] | None = None,
) -> Trainer:
    """Return the stock Trainer with our callbacks.

    They come ahead of the trackers, so that TensorBoard and others receive the loss parts too. The Trainer does not
    push: it would leave the model's code out and write its own card (`weam/cards/card.py` pushes the finished folder),
    and it saves its arguments, in which a token must not stand.
    """
    names = cast(Sequence[str], model.loss_names)
    trainer = LengthGroupingTrainer(
        model=model,
        args=replace(args, push_to_hub=False, hub_token=None),
        data_collator=collator,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        processing_class=collator.tokenizer,
        compute_metrics=partial(evaluation_losses, names=names),
    )
    trainer.callback_handler.callbacks[:0] = [EpochSignal(collator), StepSeed(), LossParts(model, names)]
    return trainer


def warm_up_head(
    model: BertForMaskedLM,
    args: TrainingArguments,
    collator: DataCollatorForWordExchange,
    train_dataset: Dataset,
    settings: HeadWarmup,
) -> None:
    """Train the prediction head alone for some steps, the encoder frozen.

    A head drawn at random would send large, meaningless gradients into a trained encoder.
    """
    if settings.steps == 0:
        return
    warmup_args = replace(
        args,
        max_steps=settings.steps,
        learning_rate=settings.learning_rate,
        warmup_steps=0,  # the training's may be longer than all of this
        eval_strategy="no",
        save_strategy="no",
        load_best_model_at_end=False,
        report_to="none",
        run_name="head warm-up",
    )
    model.bert.requires_grad_(False)
    make_trainer(model, warmup_args, collator, train_dataset).train()
    model.bert.requires_grad_(True)
