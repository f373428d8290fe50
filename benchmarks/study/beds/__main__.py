"""Make and measure a bed.

    python -m benchmarks.study.beds clone --data_dir ../shared/data --output_dir outputs/beds/clone [--seeds 1 2 3]

Writes the texts, pre-trains a BERT for each seed, trains every arm from it and scores it; what is finished is not done
again, and what was interrupted goes on. `--stage` does one of them alone. Several processes may work on the arms of one
bed: each takes those that no other has taken. Each arm leaves a record in OUTPUT_DIR/records, and
`benchmarks.study.beds.report` collects them.
"""

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from transformers import AutoTokenizer

from benchmarks.study.beds import clone, distant, real
from benchmarks.study.beds.arms import Bed, run_in_child, slug, train_arm
from benchmarks.study.beds.plan import BEDS, OTHER_DOMAIN, Arm
from benchmarks.study.beds.pretrain import pretrain, write_tokenizer
from benchmarks.study.beds.records import Record, check_encoder, read_collected
from benchmarks.study.beds.score import TASKS, UNTRAINED, score_task, task_arguments
from weam.results import RESULTS_FILE, read_results
from weam.storage import write_json

WRITERS = {"clone": clone.write_bed, "real": real.write_bed, "real-3-layers": real.write_bed}
STAGES = ("data", "pretrain", "arms")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study.beds", description=__doc__.splitlines()[0])
    parser.add_argument("bed", choices=list(BEDS))
    parser.add_argument("--data_dir", type=Path, default=Path("../shared/data"), help="The research data.")
    parser.add_argument("--output_dir", type=Path, help="Default: outputs/beds/BED")
    parser.add_argument("--encoder", type=Path, help="Of the distant bed: the checkpoint that it begins with.")
    parser.add_argument("--stage", choices=STAGES, help="One stage alone.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="Of the pre-training.")
    parser.add_argument("--arms", nargs="+", default=[], help="Arms by name; all unless given.")
    parser.add_argument("--tasks", nargs="+", default=["udpos"], choices=[*TASKS, OTHER_DOMAIN])
    return parser.parse_args()


def main() -> None:
    """Do what is not yet done."""
    arguments = parse_arguments()
    plan, bed = BEDS[arguments.bed], Bed(arguments.bed, arguments.output_dir or Path("outputs/beds") / arguments.bed)
    if plan.pretraining is None and arguments.encoder is None:
        raise SystemExit(f"the encoder of the {bed.name} bed is given: name it with --encoder")
    if arguments.stage in (None, "data") and not bed.tokenizer.exists():
        write_data(bed, arguments.data_dir, arguments.encoder)
    for seed in arguments.seeds if arguments.stage in (None, "pretrain") else ():
        if not (bed.backbone(seed) / "model.safetensors").exists():
            make_encoder(bed, seed, arguments.encoder)
    if arguments.stage in (None, "arms"):
        for arm in plan.all_arms:
            for seed in arguments.seeds:
                if not arguments.arms or arm.name in arguments.arms:
                    run_in_child(partial(measure, arm, bed, seed, arguments.tasks))


def write_data(bed: Bed, data_dir: Path, encoder: Path | None) -> None:
    """Write the texts and test sets of a bed, and its tokenizer last."""
    pretraining = BEDS[bed.name].pretraining
    if pretraining is None:
        tokenizer = AutoTokenizer.from_pretrained(str(encoder))
        distant.write_bed(data_dir, bed.data, tokenizer)
        tokenizer.save_pretrained(str(bed.tokenizer))
    else:
        WRITERS[bed.name](data_dir, bed.data)
        write_tokenizer(bed.texts, pretraining, bed.tokenizer)


def make_encoder(bed: Bed, seed: int, encoder: Path | None) -> None:
    """Pre-train an encoder, or put the given one in its place."""
    pretraining = BEDS[bed.name].pretraining
    if pretraining is not None:
        pretrain(pretraining, bed.texts, bed.tokenizer, seed, bed.backbone(seed))
    elif encoder is not None:
        bed.backbone(seed).parent.mkdir(parents=True, exist_ok=True)
        bed.backbone(seed).symlink_to(encoder.resolve())


def measure(arm: Arm, bed: Bed, seed: int, tasks: list[str]) -> None:
    """Train and score an arm, as far as that is not done and no other process does it; write after every step."""
    path = bed.records / f"{slug(arm.name)}.seed-{seed}.json"
    with claimed(bed.arm(seed, arm.name).with_suffix(".lock")) as free:
        if path.exists():
            record = json.loads(path.read_text(encoding="utf-8"))
        else:
            record = read_collected(bed.name).get((arm.name, seed)) or new_record(arm, bed, seed)
        missing = [task for task in ("as it is", *tasks) if task not in record["scores"]]
        if not free or not missing:
            return
        plan = BEDS[bed.name]
        checkpoint = train_arm(arm, plan, bed, seed)
        if arm.settings:
            record["training"] = course(checkpoint)
            check_encoder(record)
        for task in missing:
            started = time.monotonic()
            scratch = bed.arm(seed, arm.name) / "tasks"
            if task in UNTRAINED:
                record["scores"] |= {task: UNTRAINED[task](checkpoint, bed.data)}
            else:
                args = task_arguments(plan.fine_tuning_of(task), seed, scratch / task)
                record["scores"] |= {task: score_task(task, checkpoint, bed.data, args)}
                record["fine_tuning"] |= {task: asdict(plan.fine_tuning_of(task))}
            record["seconds"] |= {task: round(time.monotonic() - started, 1)}
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(record, path)
            shutil.rmtree(scratch, ignore_errors=True)  # a fine-tuned encoder is as large as the checkpoint
            print(arm.name, seed, task, summary(record["scores"][task]), flush=True)


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Take an arm for this process; yield whether no other has it. What a killed process had taken is free again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def new_record(arm: Arm, bed: Bed, seed: int) -> Record:
    """Return the record of an arm of which nothing is measured yet."""
    plan = BEDS[bed.name]
    return {
        "bed": bed.name,
        "seed": seed,
        **asdict(arm),
        "pretraining": plan.pretraining and asdict(plan.pretraining),
        "alignment": asdict(plan.alignment),
        "fine_tuning": {},
        "training": None,
        "scores": {},
        "seconds": {},
    }


def course(folder: Path) -> dict[str, Any]:
    """Return what a training says of itself: seconds, tokens, its log, and held-out scores before and after."""
    results = read_results(folder / RESULTS_FILE)
    training = results.trainings[0]
    return {
        "versions": results.versions,
        "command": results.command,
        "training": asdict(training),
        "held_out": [asdict(measurement) for measurement in results.measurements],
    }


def summary(scores: dict[str, Any]) -> str:
    """Return the figures of a task in short."""
    parts = scores if "retrieval" in scores else {"": scores}
    return json.dumps({k: {n: round(v, 1) for n, v in p.items() if isinstance(v, float)} for k, p in parts.items()})


if __name__ == "__main__":
    main()
