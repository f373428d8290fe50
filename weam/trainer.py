"""What the stock Trainer needs for any training: batches of like length, dropout by step, an exact resume."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from peft import PeftModel
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME

from data_collator_weam import hash_uniform
from weam.storage import whole_column

SEED_LIMIT = 2**32
ORDER, DROPOUT = range(2)  # what is drawn
BATCHES_SORTED_TOGETHER = 50


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


def _seed(*keys: int) -> int:
    return int(hash_uniform(*keys) * SEED_LIMIT)


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
