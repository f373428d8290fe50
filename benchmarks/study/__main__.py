"""Run the study: every system under the same conditions, one command after another.

    python -m benchmarks.study --dry_run                 # the plan and what it costs
    python -m benchmarks.study --workers 2               # what is left of about a day on two cores
    python -m benchmarks.study --questions beyond        # a part of it, with what that builds on
    python -m benchmarks.study --plan full --launch_args="--num_processes 1"   # with a GPU: all layers, all pairs
    python -m benchmarks.study.collect                   # what was measured -> benchmarks/results, docs/study/

Each step writes into a folder whose name ends in a key, a hash of its program, its settings and the steps that it
builds on: what was measured once under some settings is never measured again, and a changed setting never reads an old
result. What `benchmarks.study.collect` has put on record counts as measured too, so that a study goes on from a fresh
clone: of old steps it repeats only the trainings that new ones build on. `--only` measures what it names again.
Another backbone needs another `--output_dir` and another `--record`.
A step that was killed goes on from its last checkpoint. In a folder one study runs at a time.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from transformers.utils import SAFE_WEIGHTS_NAME

from benchmarks.study.places import (
    BACKBONES,
    BACKBONES_FILE,
    FINISHED_FILE,
    RECORD_FILE,
    REFERENCE,
    Place,
    _texts,
    changed_backbones,
    needed,
    places,
    read_record,
    references,
)
from benchmarks.study.plan import BENCHMARK_FILES, PROGRAMS, QUESTIONS, SCALES, Settings, Step, plan
from weam.storage import file_fingerprint, write_json

LOCK_FILE = "study.lock"


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study", description=__doc__.splitlines()[0])
    parser.add_argument("--plan", choices=list(SCALES), default="small", help="How large.")
    parser.add_argument("--questions", nargs="+", choices=list(QUESTIONS), default=list(QUESTIONS), help="In order.")
    parser.add_argument("--only", nargs="+", default=[], help="Steps with these names alone, and what they need.")
    parser.add_argument("--dry_run", action="store_true", help="Print the plan and its cost, and run nothing.")
    parser.add_argument("--workers", type=int, default=1, help="Steps at a time; they share the cores.")
    parser.add_argument("--launch_args", default="", help="More for `accelerate launch`.")
    parser.add_argument("--backbone", type=Path, default=Path("models/backbone"), help="What is trained.")
    parser.add_argument("--wide", type=Path, default=Path("models/backbone-wide"), help="With tokens of all languages.")
    parser.add_argument("--data_dir", type=Path, default=Path("../shared/data"), help="The research data.")
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/study"), help="A folder for each step.")
    parser.add_argument("--cache_dir", type=Path, default=Path("outputs/cache"), help="Prepared bitext.")
    parser.add_argument(
        "--record", type=Path, default=RECORD_FILE, help="What was measured already, here or elsewhere."
    )
    return parser.parse_args(argv)


def note_backbones(steps: Sequence[Step], fixed: Mapping[str, Path], output_dir: Path, record: Path) -> None:
    """Note which weights the steps of a folder begin with: no key holds them.

    Raises:
        ValueError: earlier steps, or those on record, began with others.
    """
    used = {name for step in steps for name in references(step.settings) if name in BACKBONES}
    now = {name: file_fingerprint(fixed[name] / SAFE_WEIGHTS_NAME) for name in sorted(used)}
    noted = output_dir / BACKBONES_FILE
    before = read_record(noted)
    for option, place, known in (
        ("output_dir", output_dir, before),
        ("record", record, read_record(record).get("backbones", {})),
    ):
        for name in changed_backbones(now, known):
            raise ValueError(
                f"the steps in {place} began with other weights than those of {fixed[name]}, which --{name} names; "
                f"give another --{option}"
            )
    output_dir.mkdir(parents=True, exist_ok=True)
    write_json({**before, **now}, noted)


def command(step: Step, place: Place, threads: int, launch_args: str) -> list[str]:
    """Return the command line of a step; one that was interrupted goes on."""
    if step.program.endswith(".py"):
        launcher = ["accelerate.commands.launch", f"--num_cpu_threads_per_process={threads}", *shlex.split(launch_args)]
        line = [sys.executable, "-m", *launcher, step.program]
        resumes = ["--resume_from_checkpoint", "last"] if place.folder.exists() else []
    else:
        line, resumes = [sys.executable, "-m", step.program], []
    for name, value in {**with_files(step), "output_dir": str(place.folder)}.items():
        if value is not None and value != []:
            line += [f"--{name}", *(_filled(text, place.references) for text in _texts(value))]
    return line + resumes


def with_files(step: Step) -> Settings:
    """Return the settings of a step, with the files that the programs are to read in place of the data's folder."""
    if step.program not in set(PROGRAMS.values()):
        return step.settings
    settings = {name: value for name, value in step.settings.items() if name != "data_dir"}
    benchmark = settings.get("benchmark") or settings.get("task") or "xnli"
    return {**BENCHMARK_FILES[benchmark], **settings}


def _filled(text: str, paths: Mapping[str, Path]) -> str:
    return REFERENCE.sub(lambda match: str(paths.get(match[1], match[0])), text)  # others are the programs' own


def run_step(step: Step, place: Place, line: list[str], threads: int) -> float:
    """Run one command, its output in a `.log` beside its folder; return its seconds.

    Once it is finished its checkpoints go: they are there to resume, and three times as large as a model.

    Raises:
        RuntimeError: it failed.
    """
    log = place.folder.with_name(f"{place.folder.name}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        code = subprocess.run(line, stdout=file, stderr=subprocess.STDOUT, env=environment, check=False).returncode
    if code:
        raise RuntimeError(f"{step.name} ended with {code}; {log} has what it said")
    seconds = time.monotonic() - started
    date = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"step": asdict(step), "command": shlex.join(line), "seconds": seconds, "threads": threads, "date": date}
    write_json(record, place.folder / FINISHED_FILE)
    for checkpoint in list(place.folder.rglob("checkpoint-*")):
        shutil.rmtree(checkpoint)
    return seconds


def run_all(steps: Sequence[Step], found: Mapping[str, Place], workers: int, launch_args: str) -> list[str]:
    """Run what is not finished, as soon as what it builds on is; return what failed, and what needed that."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    waiting = [step for step in steps if not found[step.name].is_finished]
    failed: list[str] = []
    running: dict[Future[float], Step] = {}
    with ThreadPoolExecutor(workers) as pool:
        while waiting or running:
            for step in list(waiting):
                needs = [name for name in references(step.settings) if name in found]
                if any(name in failed for name in needs):
                    waiting.remove(step)
                    failed.append(step.name)
                elif len(running) < workers and all(found[name].is_finished for name in needs):
                    waiting.remove(step)
                    place = found[step.name]
                    line = command(step, place, threads, launch_args)
                    running[pool.submit(run_step, step, place, line, threads)] = step
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                step = running.pop(future)
                error = future.exception()
                if error is not None:
                    failed.append(step.name)
                print(f"{datetime.now():%H:%M} {error or f'{step.name}: {future.result():.0f} s'}", flush=True)
    return failed


def unmeasured(steps: Sequence[Step], found: Mapping[str, Place], record: Mapping[str, Any]) -> list[Step]:
    """Return the steps that are neither finished here nor on record, and what they build on."""
    names = [step.name for step in steps if not found[step.name].is_finished]
    return needed(steps, [name for name in names if not found[name].is_in(record, name)])


def describe(steps: Sequence[Step], found: Mapping[str, Place], to_run: Sequence[Step]) -> str:
    """Lay out the plan: what is done, and what the rest costs."""
    lines, left = [], 0.0
    for step in steps:
        done = step not in to_run or found[step.name].is_finished
        left += 0 if done else step.minutes
        lines.append(f"{'done' if done else f'{step.minutes:5.1f}':>6}  {step.name}")
    return "\n".join([*lines, f"{left / 60:.1f} hours of one core are left (estimated), {len(steps)} steps in all"])


def main() -> None:
    """Plan, and run."""
    arguments = parse_arguments()
    scale = SCALES[arguments.plan]
    names = arguments.only or [step.name for step in plan(scale, arguments.questions)]
    steps = needed(plan(scale, list(QUESTIONS)), names)
    fixed = {
        "backbone": arguments.backbone,
        "wide": arguments.wide,
        "data": arguments.data_dir,
        "cache": arguments.cache_dir,
    }
    found = places(steps, fixed, arguments.output_dir)
    to_run = steps if arguments.only else unmeasured(steps, found, read_record(arguments.record))
    print(describe(steps, found, to_run), flush=True)
    if arguments.dry_run:
        return
    note_backbones(to_run, fixed, arguments.output_dir, arguments.record)
    try:
        with FileLock(arguments.output_dir / LOCK_FILE, timeout=0):
            failed = run_all(to_run, found, arguments.workers, arguments.launch_args)
    except Timeout:
        sys.exit(
            f"another study runs in {arguments.output_dir}, and would train what this one trains: wait for its end, or "
            "give another --output_dir; --workers runs several steps at a time"
        )
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
