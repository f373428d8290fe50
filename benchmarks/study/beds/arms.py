"""Train one arm of a bed: `run_pretraining.py` from a pre-trained encoder, on the bed's bitext and the arm's links.

The program itself runs, in a child of this process, so that a hundred short trainings do not import torch a hundred
times. A run that was interrupted is begun again; it takes a minute.
"""

import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertForMaskedLM, BertModel

import run_pretraining
from benchmarks.study.beds.plan import ALIGNERS, HELD_OUT_SHARE, Alignment, Arm, FineTuning, Plan
from benchmarks.study.beds.score import score_task, task_arguments
from benchmarks.study.data import write_lines
from weam import runs
from weam.checkpoint import load_weights
from weam.pretraining.checkpoint import average_with_start
from weam.processor import has_bfloat16
from weam.storage import read_lines
from weam.transfer.fine_tuning import MODEL_FOLDER


@dataclass(frozen=True)
class Bed:
    """Where the files of a bed are."""

    name: str
    folder: Path

    @property
    def data(self) -> Path:
        """Texts and test sets."""
        return self.folder / "data"

    @property
    def texts(self) -> list[Path]:
        """The monolingual texts, English first."""
        return sorted((self.data / "text").glob("*.txt"), key=lambda path: (path.stem != "en", path.stem))

    @property
    def tokenizer(self) -> Path:
        """The tokenizer of all its encoders."""
        return self.folder / "tokenizer"

    @property
    def records(self) -> Path:
        """What was measured, a file for each arm and seed."""
        return self.folder / "records"

    def backbone(self, seed: int) -> Path:
        """The encoder of a pre-training seed."""
        return self.folder / f"seed-{seed}" / "backbone"

    def arm(self, seed: int, name: str) -> Path:
        """What an arm leaves."""
        return self.folder / f"seed-{seed}" / slug(name)


def slug(name: str) -> str:
    """Return a name as a folder.

    >>> slug("WEAM, target, links shuffled")
    'weam-target-links-shuffled'
    """
    words = "".join(letter if letter.isalnum() else " " for letter in name.lower()).split()
    return "-".join(words)


def arm_arguments(arm: Arm, plan: Alignment, bed: Bed, seed: int) -> list[str]:
    """Return the command line of an arm."""
    bitext = {path.stem: path for path in sorted((bed.data / arm.bitext).glob("*.tsv"))}
    links = {pair: bed.data / "links" / f"{arm.links}.{pair}.txt" for pair in bitext}
    if arm.pairs:
        bitext, links = (
            {pair: cut(files[pair], most) for pair, most in arm.pairs.items()} for files in (bitext, links)
        )
    settings: dict[str, Any] = {
        "model_name_or_path": bed.arm(seed, arm.base) if arm.base else bed.backbone(seed),
        "output_dir": bed.arm(seed, arm.name),
        "train_file": [f"{pair}={path}" for pair, path in bitext.items()],
        "cache_dir": bed.folder / "cache",
        "max_steps": plan.steps,
        "per_device_train_batch_size": plan.batch_size,
        "learning_rate": plan.learning_rate,
        "warmup_steps": plan.warmup_steps,
        "validation_fraction": HELD_OUT_SHARE,
        "max_eval_pairs": plan.held_out_pairs,
        "pad_to_multiple_of": 8,
        "seed": seed,
        "bf16": "yes" if has_bfloat16() else "no",  # in the record, where "auto" would not say which
        "use_cpu": "yes",
        "save_strategy": "no",
        "logging_steps": 50,
        "report_to": "none",
        "disable_tqdm": "yes",
        "overwrite_output_dir": "yes",
        **arm.settings,
    }
    if arm.links in ALIGNERS:
        settings["aligner"] = arm.links
    else:
        files = [f"{pair}={path}" for pair, path in links.items()]
        settings |= {"alignments": files, "alignments_unit": plan.links_unit}
    return [word for name, value in settings.items() for word in (f"--{name}", *map(str, np.atleast_1d(value)))]


def cut(path: Path, most: int | None) -> Path:
    """Write the first lines of a file beside it, unless all are asked for; they stand in random order there."""
    if most is None:
        return path
    first = path.with_suffix(f".first-{most}")
    if not first.exists():
        unfinished = Path(f"{first}.{os.getpid()}")  # other processes may read the file meanwhile
        write_lines(unfinished, islice(read_lines(path), most))
        unfinished.replace(first)
    return first


def train_arm(arm: Arm, plan: Plan, bed: Bed, seed: int) -> Path:
    """Train an arm unless it is trained; return the folder of its encoder."""
    folder = bed.arm(seed, arm.name)
    if arm.taught is not None:
        if not (folder / "model.safetensors").exists():
            teach(arm.taught, plan.fine_tuning_of(arm.taught), bed, seed, folder)
        return folder
    if arm.start_share:
        if not folder.exists():
            average(arm, plan, bed, seed, folder)
        return folder
    if not arm.settings:
        return bed.backbone(seed)
    if not (folder / "results.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        run_in_child(run_pretraining.main, ["run_pretraining.py", *arm_arguments(arm, plan.alignment, bed, seed)])
    return folder


def average(arm: Arm, plan: Plan, bed: Bed, seed: int, folder: Path) -> None:
    """Average the encoder of an arm with what it began with, as `--start_share` does after a training."""
    base = plan.named(str(arm.base))
    start = bed.arm(seed, base.base) if base.base else bed.backbone(seed)
    new = folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(train_arm(base, plan, bed, seed), new, ignore=shutil.ignore_patterns("tasks", "results.json"))
    average_with_start(new, load_weights(AutoModelForMaskedLM, str(start)), arm.start_share)
    new.rename(folder)


def teach(task: str, plan: FineTuning, bed: Bed, seed: int, folder: Path) -> None:
    """Fine-tune an encoder in English and save it with the prediction head that it had before, so that it can go on."""
    args = task_arguments(plan, seed, folder / "taught")
    score_task(task, bed.backbone(seed), bed.data, args)
    model = BertForMaskedLM.from_pretrained(bed.backbone(seed))
    taught = BertModel.from_pretrained(folder / "taught" / MODEL_FOLDER, add_pooling_layer=False)
    model.bert.load_state_dict(taught.state_dict())
    AutoTokenizer.from_pretrained(str(bed.tokenizer)).save_pretrained(str(folder))
    model.save_pretrained(folder)


def run_in_child(program: Callable[[], None], argv: Sequence[str] = ()) -> None:
    """Run a program with these arguments in a child process, whose memory is free again when it ends.

    Raises:
        RuntimeError: it failed; its own message stands above.
    """
    child = multiprocessing.get_context("fork").Process(target=_run, args=(program, list(argv)))
    child.start()
    child.join()
    if child.exitcode != 0:
        raise RuntimeError(f"{' '.join(argv) or program} ended with exit code {child.exitcode}")


def _run(program: Callable[[], None], argv: list[str]) -> None:
    sys.argv = argv or sys.argv
    runs.STARTED = time.monotonic()  # counted from here, not from the parent's start
    program()
