"""One run of a program: its start, its output folder, resuming, settings, the end."""

import gc
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from pydantic_core import from_json
from transformers import TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from weam.checkpoint_files import naming
from weam.processor import use_free_cores, use_threads
from weam.storage import read_json, write_json


@dataclass(frozen=True)
class StateFile:
    """What of a checkpoint's `trainer_state.json` a continued training relies on."""

    global_step: Annotated[int, Field(ge=0)]
    epoch: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    max_steps: int = 0
    num_train_epochs: float = 0
    num_input_tokens_seen: int = 0
    total_flos: float = 0.0
    best_metric: float | None = None
    best_global_step: int | None = None
    best_model_checkpoint: str | None = None
    log_history: list[dict[str, float]] = field(default_factory=list)  # a gradient norm may be infinite
    stateful_callbacks: dict[str, Any] | None = None


@dataclass(frozen=True)
class ThreadsFile:
    """What of a run's settings a continued one takes over: with another number of threads sums come out differently."""

    threads: Annotated[int, Field(ge=1, le=4096)] | None = None


STARTED = time.monotonic()


def start_logging(is_main: bool = True) -> None:
    """Let the main process say what it does, and the others only what is wrong."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("weam").setLevel(logging.INFO if is_main else logging.WARNING)


def start_program(args: TrainingArguments) -> None:
    """Begin to log, and take the free cores where the processor computes."""
    start_logging(is_main=args.process_index == 0)
    if args.device.type == "cpu":
        use_free_cores()


def encoder_precision(args: TrainingArguments) -> torch.autocast:
    """Return the context in which a model outside a Trainer computes in the precision of the training."""
    return torch.autocast(args.device.type, torch.bfloat16, enabled=args.bf16)


def seconds_since_start() -> float:
    """Return for how long this program has been running."""
    return time.monotonic() - STARTED


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
    """Say whether a checkpoint was written to its end.

    Raises:
        ValueError: it was, but its state is no Trainer's.
    """
    path = checkpoint / TRAINER_STATE_NAME
    try:
        from_json(path.read_bytes())
    except (OSError, ValueError):  # cut off
        return False
    read_json(path, StateFile, f"remove {checkpoint}, and training goes on from the checkpoint before", finite=False)
    with naming(str(path)):
        TrainerState.load_from_json(str(path))
    return True


def find_checkpoint(output_dir: Path, resume_from_checkpoint: str | None) -> Path | None:
    """Resolve `--resume_from_checkpoint`: a folder, or "last" for the latest complete one of `output_dir`.

    "last" without any complete checkpoint is None: the training starts anew.

    Raises:
        FileNotFoundError: the named checkpoint does not exist or was interrupted while being written.
        ValueError: the state of a checkpoint is damaged.
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


def check_not_overwritten(names: Iterable[str | None], output_dir: Path) -> None:
    """Refuse `--overwrite_output_dir` where what a run begins with lies in the folder.

    Args:
        names: Hub names or folders that are read; None: nothing.
        output_dir: the folder.

    Raises:
        ValueError: one lies there, and says which.
    """
    for name in filter(None, names):
        if Path(name).resolve().is_relative_to(output_dir.resolve()):
            raise ValueError(
                f"{name} lies in {output_dir}, which --overwrite_output_dir clears; choose another --output_dir"
            )


def clear_output_dir(output_dir: Path, others: Sequence[str]) -> None:
    """Remove what a continued run would take for its own: checkpoints, and `others`, files or folders."""
    for path in [*output_dir.glob(f"{PREFIX_CHECKPOINT_DIR}-*"), *(output_dir / name for name in others)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def check_settings(key: dict[str, Any], path: Path, args: TrainingArguments) -> None:
    """See that a continued run is the one that was interrupted; a new one leaves its settings for that.

    On a processor a continued run computes with as many threads as the other did, unless the user chose a number.

    Args:
        key: all that may not change, by concern; JSON-serialisable.
        path: where a new run leaves it.
        args: of the training.

    Raises:
        ValueError: it was started with other settings, data or checkpoint, and says which; or the file is damaged.
    """
    if path.exists():
        before = read_json(path, dict[str, Any], "choose another --output_dir")
        changes = changed(before, json.loads(json.dumps(key)))
        if changes:
            raise ValueError(f"{path}: this run was started with {' and '.join(changes)}; choose another --output_dir")
        threads = read_json(path, ThreadsFile, "choose another --output_dir").threads
        if threads is not None and args.device.type == "cpu":
            use_threads(threads)
    elif args.process_index == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        threads = torch.get_num_threads() if args.device.type == "cpu" else None
        write_json({**key, "threads": threads}, path)


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
    the last to hold the group, which hangs now and then. So the Trainers go first, then the group. torch 2.6 does not
    give it to them at all, so they are given time before.
    """
    gc.collect()
    if torch.distributed.is_initialized():
        time.sleep(0.1)
        torch.distributed.destroy_process_group()
