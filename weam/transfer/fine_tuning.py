"""Stage 6: one fine-tuning: a checkpoint and a task's examples -> a trained model and its scores on test sets.

Which fine-tunings there are, and what becomes of their scores, `weam/transfer/zero_shot.py` says.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from datasets import Dataset, concatenate_datasets
from torch.utils.data import SequentialSampler
from transformers import EvalPrediction, PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainingArguments, set_seed

from weam.checkpoint import (
    LoraSettings,
    add_adapters,
    check_length,
    check_vocabulary,
    load_fast_tokenizer,
    load_with_head,
    merge_adapters,
)
from weam.results import Measurement
from weam.runs import last_complete_checkpoint
from weam.scores import Scored
from weam.trainer import RepeatableTrainer, run_training
from weam.transfer.arguments import CheckpointArguments
from weam.transfer.tasks.task import EncodedExamples, Task

MODEL_FOLDER = "model"
MADE_UP_CLASS = re.compile(r"label_\d+")


@dataclass(frozen=True)
class BaseCheckpoint:
    """The checkpoint that every fine-tuning of a run begins with.

    Attributes:
        name: Hub name or folder.
        revision: branch, tag or commit.
        tokenizer: its fast tokenizer.
        fingerprint: of its weights that are used.
        drawn: modules that it lacks, such as the head.
        classes: of its head, as it calls them.
        lora: adapters to train instead of all weights.
        num_hidden_layers: layers to keep, the lowest; None: all.
    """

    name: str
    revision: str
    tokenizer: PreTrainedTokenizerBase
    fingerprint: str
    drawn: tuple[str, ...]
    classes: tuple[str, ...]
    lora: LoraSettings | None
    num_hidden_layers: int | None


def load_base(task: Task, args: CheckpointArguments) -> BaseCheckpoint:
    """Load the checkpoint once, to see that it is whole and to take its fingerprint."""
    name, revision = args.model_name_or_path, args.model_revision
    tokenizer = load_fast_tokenizer(args.tokenizer_name or name, revision)
    headed = load_with_head(task.auto_class, name, revision, task.labels, args.num_hidden_layers)
    check_vocabulary(headed.model, tokenizer)
    check_length(headed.model, tokenizer, task.max_length)
    if args.use_lora:
        add_adapters(headed.model, args.lora)  # refuses impossible layers
    lora = args.lora if args.use_lora else None
    loaded = (headed.fingerprint, headed.drawn, headed.classes)
    return BaseCheckpoint(name, revision, tokenizer, *loaded, lora, args.num_hidden_layers)


def check_head(task: Task, base: BaseCheckpoint) -> None:
    """See that the checkpoint can be tested as it is.

    Raises:
        ValueError: it has no head for the task, or one whose classes stand in another order or are others.
    """
    if base.drawn:
        raise ValueError(f"{base.name} has no trained head for {task.benchmark}: it lacks {', '.join(base.drawn)}")
    names = [name.casefold() for name in base.classes]
    if task.labels is None:
        return
    if len(names) != len(task.labels):
        raise ValueError(f"the head of {base.name} has {len(names)} classes, {task.benchmark} has {len(task.labels)}")
    if all(MADE_UP_CLASS.fullmatch(name) for name in names):
        return
    if names != [label.casefold() for label in task.labels]:
        raise ValueError(
            f"the classes of {base.name} are {', '.join(base.classes)}, those of {task.benchmark} "
            f"{', '.join(task.labels)}: bring the rows of its head and id2label in its config.json into this order"
        )


class FineTuner(RepeatableTrainer):
    """`RepeatableTrainer`, but evaluation rows keep their order, by which their scores find their examples.

    The stock one shuffles them where training batches are grouped by length.
    """

    def _get_eval_sampler(self, eval_dataset: Dataset) -> SequentialSampler | None:
        return SequentialSampler(eval_dataset) if self.args.world_size <= 1 else None


class DevScorer:
    """The Trainer's `compute_metrics`: the selecting metric for each language, and its mean.

    Attributes:
        rows: what the Trainer is to evaluate on.
    """

    def __init__(self, task: Task, parts: dict[str, EncodedExamples]) -> None:
        """Join the examples of each language."""
        self.task, self.parts = task, parts
        self.rows, self.places = by_length(concatenate_datasets([part.rows for part in parts.values()]))

    def __call__(self, prediction: EvalPrediction) -> dict[str, float]:
        """Score the outputs on `self.rows`."""
        outputs = restored(prediction.predictions, self.places)
        metric, values, start = self.task.metric, {}, 0
        for language, part in self.parts.items():
            slices = tuple(output[start : start + len(part.rows)] for output in outputs)
            scored = self.task.score(slices, part.rows, part.examples, language)
            values[f"{language}_{metric}"] = scored.metrics[metric].value
            start += len(part.rows)
        return {**values, metric: float(np.mean(list(values.values())))}


def fine_tune(
    task: Task,
    base: BaseCheckpoint,
    checkpoint: str,
    examples: tuple[Dataset | None, dict[str, EncodedExamples]],
    args: TrainingArguments,
) -> Trainer:
    """Train a checkpoint on a task and return the Trainer with the selected model; every process calls this.

    Goes on from the latest checkpoint in `args.output_dir`, if there is one, and saves the model in its folder `model`.

    Args:
        task: what is learnt.
        base: where tokenizer, adapters and the names of fresh modules come from.
        checkpoint: what to begin with: the base, or what an intermediate task made of it.
        examples: rows to train on (None: nothing is trained), and dev examples by language (none: nor selected).
        args: of this one training.
    """
    train, dev = examples
    set_seed(args.seed)  # draws the head
    revision = base.revision if checkpoint == base.name else "main"
    loaded = load_with_head(task.auto_class, checkpoint, revision, task.labels, base.num_hidden_layers)
    model = task.prepare_model(loaded.model)
    if base.lora is not None:
        model = add_adapters(model, base.lora, sorted({*base.drawn, *head_modules(model)}))
    scorer = DevScorer(task, dev) if dev else None
    trainer = FineTuner(
        model=model,
        args=args,
        data_collator=task.collator(base.tokenizer),
        train_dataset=train,
        eval_dataset=scorer.rows if scorer else None,
        processing_class=base.tokenizer,
        compute_metrics=scorer,
        compute_loss_func=task.loss,
    )
    if train is not None:
        run_training(trainer, last_complete_checkpoint(Path(args.output_dir)))
        trainer.model = merge_adapters(trainer.model)
        trainer.save_model(str(Path(args.output_dir) / MODEL_FOLDER))
        trainer.accelerator.wait_for_everyone()  # all processes may load it next
    return trainer


def head_modules(model: PreTrainedModel) -> list[str]:
    """Return the names of the parts of a model that are not its encoder and have weights."""
    parts = dict(model.named_children())
    return [name for name in parts if name != model.base_model_prefix and any(True for _ in parts[name].parameters())]


def stage_arguments(args: TrainingArguments, task: Task, folder: Path, seed: int, selects: bool) -> TrainingArguments:
    """Return the arguments of one training, in a folder of its own. It does not push, so it needs no token."""
    selection = {"eval_strategy": args.eval_strategy, "load_best_model_at_end": args.load_best_model_at_end}
    return replace(
        args,
        output_dir=str(folder),
        seed=seed,
        push_to_hub=False,
        hub_token=None,
        resume_from_checkpoint=None,
        metric_for_best_model=task.metric,
        greater_is_better=True,
        **(selection if selects else {"eval_strategy": "no", "load_best_model_at_end": False}),
    )


def predict(trainer: Trainer, task: Task, test: EncodedExamples, language: str) -> Scored:
    """Score the model of a Trainer on test examples."""
    rows, places = by_length(test.rows.remove_columns("labels"))
    outputs = trainer.predict(rows).predictions
    return task.score(restored(outputs, places), test.rows, test.examples, language)


def to_measurements(
    scored: Scored, task: Task, language: str, origin: tuple[int, int, str, str, str]
) -> list[Measurement]:
    """Return a measurement for each metric; `origin` are its last five fields, from the seed on."""
    return [
        Measurement(task.benchmark, language, name, ratio.value, ratio.count, *origin)
        for name, ratio in scored.metrics.items()
    ]


def by_length(rows: Dataset) -> tuple[Dataset, np.ndarray]:
    """Sort rows, longest first, so that batches need little padding; return them and where each row went."""
    order = np.argsort(-np.asarray(rows["length"]), kind="stable")
    return rows.select(order), np.argsort(order)


def restored(outputs: np.ndarray | tuple[np.ndarray, ...], places: np.ndarray) -> tuple[np.ndarray, ...]:
    """Undo `by_length` for each array of a model's outputs."""
    return tuple(array[places] for array in (outputs if isinstance(outputs, tuple) else (outputs,)))
