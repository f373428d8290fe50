"""The Trainer of this project: transformers' own, made repeatable after interruptions and with several processes.

`WEAMTrainer` is for pre-training, `RepeatableTrainer` for any other training. The loop, the optimiser, logging,
checkpoints and everything distributed are those of transformers and accelerate. Before it a new prediction head may be
warmed up.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from datasets import Dataset
from peft import PeftModel, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, load_model
from torch import nn
from torch.utils.data import Sampler
from transformers import (
    EvalPrediction,
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINER_STATE_NAME
from transformers.utils import ADAPTER_SAFE_WEIGHTS_NAME, SAFE_WEIGHTS_NAME

from data_collator_weam import DataCollatorForWordExchange, hash_uniform
from modeling_weam import IGNORED, layer_stack
from weam.checkpoint import keep_own_names, some_of
from weam.storage import whole_column

SEED_LIMIT = 2**32
ORDER, DROPOUT = range(2)  # what is drawn
BATCHES_SORTED_TOGETHER = 50


class LengthGroups(Sampler[int]):
    """Orders examples so that those of a batch are of like length, as transformers' `LengthGroupedSampler` does.

    But in arrays, for ten million examples in seconds, and as a function of seed and epoch: the stock one draws from a
    generator that is in another state after an interruption.

    The epoch is asked for: a Trainer of several processes that goes on within an epoch has no way to a `set_epoch`.
    """

    def __init__(self, lengths: np.ndarray, batch_size: int, seed: int, epoch: Callable[[], int]) -> None:
        """Group so many examples of these lengths, (N,) int, in a batch; `epoch` says which one it is, from 0."""
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Draw an order, and sort each 50 batches of it by length."""
        count = len(self.lengths)
        batches = max(1, min(count // (4 * self.batch_size), BATCHES_SORTED_TOGETHER))
        group = batches * self.batch_size
        generator = torch.Generator().manual_seed(_seed(self.seed, ORDER, self.epoch()))
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


def epoch_of(state: TrainerState) -> int:
    """Return the epoch that a training is in, counted from 0."""
    return int((state.epoch or 0) + 1e-6)


class EpochSignal(TrainerCallback):
    """Tells the collator which epoch it is."""

    def __init__(self, collator: DataCollatorForWordExchange) -> None:
        """Remember the collator to tell."""
        self.collator = collator

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Pass the epoch on."""
        self.collator.set_epoch(epoch_of(state))


class RepeatableTrainer(Trainer):
    """transformers' Trainer, but what it draws is a function of seed, epoch and step.

    Dropout begins anew with every step. Batches of like length (`train_sampling_strategy="group_by_length"`) are the
    same for any number of processes, but for the last one of an epoch, which accelerate fills up so that all processes
    have as much. They begin at once: the stock Trainer groups by the batch of one process, and looks each length up in
    the Arrow table by itself, about a millisecond an example, in every epoch.
    """

    def __init__(self, *args: Any, callbacks: Sequence[TrainerCallback] | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        """Take what `transformers.Trainer` takes."""
        super().__init__(*args, callbacks=[StepSeed(), *(callbacks or [])], **kwargs)
        keep_own_names(self.model)

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        """Return the order of the examples. The Trainer has no public method for that."""
        dataset = self.train_dataset if train_dataset is None else train_dataset
        args, column = self.args, self.args.length_column_name
        if args.train_sampling_strategy != "group_by_length" or column not in dataset.column_names:
            return super()._get_train_sampler(train_dataset)
        batch_size = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        seed = args.seed if args.data_seed is None else args.data_seed
        return LengthGroups(whole_column(dataset, column), batch_size, seed, lambda: epoch_of(self.state))


class WEAMTrainer(RepeatableTrainer):
    """transformers' Trainer for `BertForWEAMPreTraining`, and for the systems that it is compared with.

    Beside what `RepeatableTrainer` does,

    - it tells the collator which epoch begins, so that every epoch has masks of its own;
    - every log has the parts of the loss, `multilingual_loss` and `cross_lingual_loss`: means in nats per token over
      all tokens and processes since the last log;
    - an evaluation returns the means of these parts over all held-out pairs, under the same masks every time; that of a
      contrast depends on the batch, whose words or sentences it tells apart;
    - a model that sets the vectors of a batch against each other gets those of all batches that a step accumulates;
    - of a loss that is the sum of two parts, such as the default objective's, one graph at a time is in memory.

    All else, such as trackers, callbacks and pushing, is as in `transformers.Trainer`.
    """

    def __init__(
        self,
        model: nn.Module,
        args: TrainingArguments,
        data_collator: DataCollatorForWordExchange,
        train_dataset: Dataset | None = None,
        eval_dataset: Dataset | dict[str, Dataset] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Prepare a training.

        Args:
            model: has `loss_names` and returns `loss_parts`, (B, 2 * names) sums and counts.
            args: of the training; `remove_unused_columns` is switched off in a copy, for the collator reads columns
                that `forward` does not.
            data_collator: makes the batches. Its tokenizer is saved with the model.
            train_dataset: features, as `weam.build_features` returns them.
            eval_dataset: held-out features, or a dictionary with those of each language pair.
            **kwargs: what else `transformers.Trainer` takes.
        """
        self.loss_names = tuple(cast(Sequence[str], model.loss_names))
        self.loss_sums = torch.zeros(2 * len(self.loss_names), dtype=torch.float64)  # since the last log
        self.batches: list[dict[str, Any]] = []  # of the optimiser step
        kwargs = {"processing_class": data_collator.tokenizer, "compute_metrics": self.evaluation_losses, **kwargs}
        super().__init__(
            model=model,
            args=replace(args, remove_unused_columns=False) if args.remove_unused_columns else args,
            data_collator=data_collator,
            train_dataset=train_dataset,
            eval_dataset=_with_fixed_masks(eval_dataset),
            callbacks=[EpochSignal(data_collator), *(kwargs.pop("callbacks", None) or [])],
            **kwargs,
        )
        self.contrasts = getattr(model, "contrasts", False) and self.args.n_gpu < 2  # DataParallel would cut vectors up
        # DeepSpeed takes each backward pass for a batch.
        parts = () if self.is_deepspeed_enabled else getattr(model, "parts", ())
        self.in_turn: list[dict[str, str]] = [{"part": part} for part in parts] or [{}]

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list, torch.Tensor | int | None]:
        """Draw the batches of an optimiser step, as the stock Trainer does, and remember them."""
        self.batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        return self.batches, items

    def training_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Learn from a batch, as the stock Trainer does, from one part of the loss after the other.

        `Contrasting` says what a batch needs of the others of its step.
        """
        if self.contrasts and len(self.batches) > 1:
            if inputs is self.batches[0]:
                self.vectors = self.encode_batches(model)
                self.masked = torch.stack([(batch["labels"] != IGNORED).sum() for batch in self.batches]).sum()
            others = [own for batch, own in zip(self.batches, self.vectors, strict=True) if batch is not inputs]
            vectors = [torch.cat(kind) for kind in zip(*others, strict=True)]
            inputs = {**inputs, "others": {"vectors": vectors, "masked": self.masked}}
        *earlier, last = self.in_turn
        loss = torch.zeros((), device=self.args.device)
        for part in earlier:
            with self.accelerator.no_sync(model):  # processes exchange the gradients of all parts at once
                loss += super().training_step(model, {**inputs, **part}, num_items_in_batch)
        return loss + super().training_step(model, {**inputs, **last}, num_items_in_batch)

    @torch.no_grad()
    def encode_batches(self, model: nn.Module) -> list[list[torch.Tensor]]:
        """Return the vectors of each batch of the step, (K, sides, H) of each kind."""
        model.train()
        with self.compute_loss_context_manager():
            return [model(**self._prepare_inputs(batch), only_vectors=True) for batch in self.batches]

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """Return the loss of a batch, as the stock Trainer does, and add its parts up for the next log."""
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if model.training:
            parts = outputs["loss_parts"].sum(dim=0)  # (2 * names,)
            precision = torch.float32 if parts.device.type == "mps" else torch.float64  # all that Apple's GPUs have
            self.loss_sums = self.loss_sums.to(parts.device, precision) + parts  # stays there: to read it stops a GPU
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, with the mean of each part of the loss beside the loss itself."""
        if "loss" in logs:  # not an evaluation, nor the summary at the end
            sums = self.accelerator.reduce(self.loss_sums, reduction="sum")
            logs.update(mean_losses(sums.tolist(), self.loss_names))
            self.loss_sums.zero_()
        super().log(logs, start_time)

    def evaluation_losses(self, prediction: EvalPrediction) -> dict[str, float]:
        """Return the exact means over all held-out pairs from (N, 2 * names) loss parts."""
        sums = np.asarray(prediction.predictions, dtype=np.float64).sum(axis=0)
        return mean_losses(sums.tolist(), self.loss_names)


def _with_fixed_masks(dataset: Dataset | dict[str, Dataset] | None) -> Dataset | dict[str, Dataset] | None:
    """Give held-out features the masks of epoch 0, whichever epoch it is, unless they name one."""
    if isinstance(dataset, dict):
        return {name: _with_fixed_masks(part) for name, part in dataset.items()}
    if dataset is None or "epoch" in dataset.column_names:
        return dataset
    return dataset.add_column("epoch", [0] * len(dataset))


def mean_losses(sums: Sequence[float], names: Sequence[str]) -> dict[str, float]:
    """Turn the sums and counts of a model's `loss_parts` into means; a part that nothing was counted of has none.

    >>> mean_losses([6.0, 3.0, 2.0, 1.0], ["multilingual_loss", "cross_lingual_loss"])
    {'multilingual_loss': 2.0, 'cross_lingual_loss': 2.0}
    >>> mean_losses([6.0, 3.0, 0.0, 0.0], ["multilingual_loss", "cross_lingual_loss"])
    {'multilingual_loss': 2.0}
    """
    parts = zip(names, sums[::2], sums[1::2], strict=True)
    return {name: total / count for name, total, count in parts if count}


def _seed(*keys: int) -> int:
    return int(hash_uniform(*keys) * SEED_LIMIT)


def warm_up_head(
    model: PreTrainedModel,
    args: TrainingArguments,
    data_collator: DataCollatorForWordExchange,
    train_dataset: Dataset,
    steps: int,
    learning_rate: float = 1e-3,
) -> None:
    """Train the prediction head alone for some steps, the encoder frozen.

    A head drawn at random would send large, meaningless gradients into a trained encoder.

    Args:
        model: has a prediction head.
        args: of the training that follows; here nothing is evaluated, saved or reported.
        data_collator: makes the batches.
        train_dataset: features, as `weam.build_features` returns them.
        steps: how many; 0 leaves the head as it is.
        learning_rate: at the first step; then as `args.lr_scheduler_type` says.
    """
    if steps == 0:
        return
    warmup_args = replace(
        args,
        max_steps=steps,
        learning_rate=learning_rate,
        warmup_steps=0,  # the training's may be longer than all of this
        eval_strategy="no",
        eval_on_start=False,
        save_strategy="no",
        load_best_model_at_end=False,
        report_to="none",
        run_name="head warm-up",
    )
    trained = [parameter for parameter in model.base_model.parameters() if parameter.requires_grad]
    model.base_model.requires_grad_(False)
    try:
        WEAMTrainer(model, warmup_args, data_collator, train_dataset).train()
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def freeze_layers(model: PreTrainedModel, layers: int) -> None:
    """Keep the embeddings and the lowest layers as they are, and with tied embeddings the matrix of the head.

    AlignFreeze: Bakos et al. 2025, arXiv 2502.12959.

    Raises:
        ValueError: no layer would be left to train.
    """
    encoder, count = model.base_model, model.config.num_hidden_layers
    if layers >= count:
        raise ValueError(f"--freeze_layers is {layers}, and the encoder has {count}; give fewer")
    stack, owner = layer_stack(encoder)
    # What a DeBERTa has beside its layers, such as the embeddings of relative positions, all of them read.
    shared = [] if owner is encoder else [child for child in owner.children() if child is not stack]
    for part in (encoder.embeddings, *shared, *stack[:layers]):
        part.requires_grad_(False)


def run_training(trainer: Trainer, checkpoint: Path | None) -> None:
    """Train, or go on from a checkpoint; one with all steps is only loaded, for the Trainer would take one more.

    Raises:
        ValueError: adapters are to be trained under FSDP or DeepSpeed, which would save them unmerged; or the weights
            of the checkpoint are not those of the model.
    """
    in_shards = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    if in_shards and isinstance(trainer.model, PeftModel):
        raise ValueError("--use_lora is for plain data parallelism: FSDP and DeepSpeed would save adapters unmerged")
    if checkpoint is None:
        trainer.train()
        return
    state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    is_finished = 0 < trainer.args.max_steps <= state.global_step
    if not in_shards:  # else their engine checks the names
        best = state.best_model_checkpoint if is_finished and trainer.args.load_best_model_at_end else None
        load_weights(trainer.model, Path(best or checkpoint))
    if in_shards or not is_finished:
        trainer.train(resume_from_checkpoint=str(checkpoint))
    else:
        trainer.state = state


def load_weights(model: nn.Module, checkpoint: Path) -> None:
    """Load the weights of a checkpoint of the Trainer into a model, or its adapters where it has some.

    The stock Trainer would go on with weights that it drew where the checkpoint has others, and only warn.

    Raises:
        ValueError: the weights of the checkpoint have other names or sizes than the model's, or cannot be read.
    """
    remedy = f"remove {checkpoint}, and training goes on from the checkpoint before"
    try:
        if isinstance(model, PeftModel):
            found = set_peft_model_state_dict(model, load_file(checkpoint / ADAPTER_SAFE_WEIGHTS_NAME))
            trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
            lacking, unused = trained & set(found.missing_keys), set(found.unexpected_keys)
        else:
            lacking, unused = map(set, load_model(model, checkpoint / SAFE_WEIGHTS_NAME, strict=False))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ValueError(f"{checkpoint} has no weights that fit ({error}); {remedy}") from error
    faults = [f"lacks {some_of(lacking)}"] if lacking else []
    faults += [f"has {some_of(unused)}, which the model has not"] if unused else []
    if faults:
        raise ValueError(f"{checkpoint} {' and '.join(faults)}; {remedy}")
