"""Stage 5: what the stock Trainer needs to train WEAM.

Callbacks, guards around the output directory, and the head warm-up. The loop, the optimiser, logging, checkpoints and
everything distributed are the Trainer's and accelerate's.
"""

import gc
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from datasets import Dataset
from peft import PeftModel
from torch import nn
from torch.utils.data import Sampler
from transformers import (
    BertForMaskedLM,
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from data_collator_weam import DataCollatorForWordExchange, hash_uniform
from modeling_weam import WEAMPreTrainingOutput
from weam.columns import whole_column
from weam.results import write_json

SEED_LIMIT = 2**32
ORDER, DROPOUT = range(2)  # what is drawn
BATCHES_SORTED_TOGETHER = 50


@dataclass(frozen=True)
class HeadWarmup:
    """Steps and learning rate of the stage in which only the prediction head is trained."""

    steps: int
    learning_rate: float


class LengthGroups(Sampler[int]):
    """Orders examples so that those of a batch are of like length, as transformers' `LengthGroupedSampler` does.

    But in arrays, for ten million examples in seconds, and as a function of seed and epoch: the stock one draws from a
    generator that is in another state after an interruption.
    """

    def __init__(self, lengths: np.ndarray, batch_size: int, seed: int) -> None:
        """Group so many examples of these lengths, (N,) int, in a batch."""
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of that epoch, counted from 0; the Trainer calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Draw an order, and sort each 50 batches of it by length."""
        count = len(self.lengths)
        batches = max(1, min(count // (4 * self.batch_size), BATCHES_SORTED_TOGETHER))
        group = batches * self.batch_size
        generator = torch.Generator().manual_seed(_seed(self.seed, ORDER, self.epoch))
        kind = torch.int32 if count < 2**31 else torch.int64  # every process holds as many as there are examples
        drawn = torch.randperm(count, generator=generator, dtype=kind).numpy()
        longest = int(self.lengths[drawn].argmax())  # comes first: what is too large fails at once
        its_group = longest - longest % group
        # Two groups change heads; where both are the first, the second entry leaves its head as it is.
        exchanged = {0: drawn[longest], its_group: self._sorted(drawn[:group])[0]}
        for start in range(0, count, group):
            rows = self._sorted(drawn[start : start + group])
            rows[0] = exchanged.get(start, rows[0])
            yield from rows.tolist()

    def _sorted(self, rows: np.ndarray) -> np.ndarray:
        """Sort rows by length, the longest first."""
        return rows[np.argsort(-self.lengths[rows], kind="stable")]


class LengthGroupingTrainer(Trainer):
    """The stock Trainer, but batches of like length are the same for any number of processes, and begin at once.

    The stock one groups by the batch of one process, and looks each length up in the Arrow table by itself: about a
    millisecond an example, in every epoch.
    """

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        args, column = self.args, self.args.length_column_name
        if args.train_sampling_strategy != "group_by_length" or column not in dataset.column_names:
            return super()._get_train_sampler(train_dataset)
        batch_size = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        seed = args.seed if args.data_seed is None else args.data_seed
        return LengthGroups(whole_column(dataset, column), batch_size, seed)


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


class StepSeed(TrainerCallback):
    """Makes dropout a function of seed, step and process, as the masks are of seed, epoch and example.

    How many numbers were drawn before a step depends on whether loader workers were started or kept, so the state of
    the generator alone does not survive an interruption.
    """

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Seed torch's generators."""
        torch.manual_seed(_seed(args.seed, DROPOUT, state.global_step, args.process_index))


def _epoch(state: TrainerState) -> int:
    return int((state.epoch or 0) + 1e-6)


def _seed(*keys: int) -> int:
    return int(hash_uniform(*keys) * SEED_LIMIT)


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


def run_training(trainer: Trainer, checkpoint: Path | None) -> None:
    """Train, or go on from a checkpoint; one with all steps is only loaded, for the Trainer would take one more.

    Raises:
        ValueError: adapters are to be trained under FSDP or DeepSpeed, which would save them unmerged.
    """
    in_shards = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    if in_shards and isinstance(trainer.model, PeftModel):
        raise ValueError("--use_lora is for plain data parallelism: FSDP and DeepSpeed would save adapters unmerged")
    if checkpoint is None:
        trainer.train()
        return
    state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    if in_shards or not 0 < trainer.args.max_steps <= state.global_step:
        trainer.train(resume_from_checkpoint=str(checkpoint))
        return
    trainer.state = state
    trainer._load_from_checkpoint(str(checkpoint))
    if trainer.args.load_best_model_at_end and state.best_model_checkpoint is not None:
        trainer._load_best_model()


def last_complete_checkpoint(output_dir: Path) -> Path | None:
    """Return the latest checkpoint that was written to its end, None if there is none.

    The Trainer writes `trainer_state.json` last; a checkpoint without it was interrupted and is passed over.
    """
    steps = {
        int(folder.name.removeprefix(f"{PREFIX_CHECKPOINT_DIR}-")): folder
        for folder in output_dir.glob(f"{PREFIX_CHECKPOINT_DIR}-*")
        if re.fullmatch(f"{PREFIX_CHECKPOINT_DIR}-[0-9]+", folder.name) and _is_complete(folder)
    }
    return steps[max(steps)] if steps else None


def _is_complete(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return False
    return True


def find_checkpoint(output_dir: Path, resume_from_checkpoint: str | None) -> Path | None:
    """Resolve `--resume_from_checkpoint`: a folder, or "last" for the latest complete one of `output_dir`.

    "last" without any complete checkpoint is None: the training starts anew.

    Raises:
        FileNotFoundError: the named checkpoint does not exist or was interrupted while being written.
    """
    if resume_from_checkpoint is None:
        return None
    if resume_from_checkpoint == "last":
        return last_complete_checkpoint(output_dir)
    checkpoint = Path(resume_from_checkpoint)
    if not _is_complete(checkpoint):
        raise FileNotFoundError(f"{checkpoint} is no complete checkpoint; name another, or write last for the latest")
    return checkpoint


def check_output_dir(output_dir: Path, resuming: bool, overwrite: bool) -> None:
    """Refuse to write into a folder that holds something, unless told to.

    Raises:
        FileExistsError: the folder is not empty and neither `resuming` nor `overwrite` is set.
    """
    if resuming or overwrite or not output_dir.exists() or not any(os.scandir(output_dir)):
        return
    raise FileExistsError(
        f"{output_dir} is not empty; continue it with --resume_from_checkpoint last, choose another --output_dir, "
        "or write into it with --overwrite_output_dir"
    )


def clear_output_dir(output_dir: Path, others: Sequence[str]) -> None:
    """Remove what a continued run would take for its own: checkpoints, and `others`, files or folders."""
    for path in [*output_dir.glob(f"{PREFIX_CHECKPOINT_DIR}-*"), *(output_dir / name for name in others)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def check_settings(key: dict[str, Any], path: Path, is_main: bool) -> None:
    """See that a continued run is the one that was interrupted; a new one leaves its settings for that.

    Args:
        key: all that may not change, by concern; JSON-serialisable.
        path: where a new run leaves it.
        is_main: whether this process writes.

    Raises:
        ValueError: it was started with other settings, data or checkpoint; says which.
    """
    if path.exists():
        changes = changed(json.loads(path.read_text(encoding="utf-8")), json.loads(json.dumps(key)))
        if changes:
            raise ValueError(f"{path}: this run was started with {' and '.join(changes)}; choose another --output_dir")
    elif is_main:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(key, path)


def changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Name what differs.

    >>> changed({"checkpoint": "a1", "training": {"seed": 1}}, {"checkpoint": "b2", "training": {"seed": 2}})
    ['another checkpoint', 'another training (seed 1, now 2)']
    """
    changes = []
    for concern, value in now.items():
        old, details = before.get(concern), ""
        if isinstance(old, dict) and isinstance(value, dict):
            names = [name for name in value if value[name] != old.get(name)]
            details = ", ".join(f"{name} {old.get(name)}, now {value[name]}" for name in names)
        if old != value:
            changes.append(f"another {concern}" + (f" ({details})" if details else ""))
    return changes


def leave_process_group() -> None:
    """End this process's part of a run of several processes; the last thing that a program does.

    Gloo's threads take the interpreter's lock to let go of their last tensors. torch gives it to them while it destroys
    a process group, but not at exit, which aborts now and then, nor when the reducer of `DistributedDataParallel` is
    the last to hold the group, which hangs now and then. So the Trainers go first, then the group.
    """
    gc.collect()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
