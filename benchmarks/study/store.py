"""What the steps of the study measured, kept where it outlives their folders: `benchmarks/results`.

    study.json           all figures; `finished` says of each step under which key, by which command and when
    study/<step>.json    the results of a step, as its program wrote them
    study/<step>.npz     of an evaluation the score of each test example, by the metric that systems are compared by

With these a study goes on from a fresh clone: what was measured stays measured, and new systems can be set beside old
ones example by example.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.study.places import FINISHED_FILE, Place
from weam.results import RESULTS_FILE, Results, read_results
from weam.scores import Ratio, predictions_file, read_scores
from weam.storage import write_json

METRICS = {"xnli": "accuracy", "udpos": "accuracy", "panx": "f1", "xquad": "f1", "mlqa": "f1", "tatoeba": "accuracy"}
KEPT = ("seconds", "threads", "date")


def compared_metric(benchmark: str) -> str:
    """Return what systems are compared by on a benchmark.

    >>> compared_metric("mlqa-dev")
    'f1'
    """
    return METRICS[benchmark.removesuffix("-dev")]


def results_file(folder: Path, step: str) -> Path:
    """Return where the results of a step are kept.

    >>> results_file(Path("study"), "mbert 2 layers/udpos/seed 1").name
    'mbert-2-layers---udpos---seed-1.json'
    """
    return folder / f"{step.replace('/', ' - ').replace(' ', '-')}.json"


@dataclass(frozen=True)
class Measured:
    """One finished step: its results, and where the scores of its examples are kept."""

    results: Results
    scores_file: Path

    @property
    def fingerprint(self) -> str:
        """A hash of all figures: a step that is measured again with another outcome has another one."""
        figures = [(m.benchmark, m.language, m.metric, m.value, m.data_fingerprint) for m in self.results.measurements]
        return hashlib.sha256(json.dumps(figures).encode()).hexdigest()[:8]

    @property
    def has_scores(self) -> bool:
        """Whether it can be compared example by example."""
        return self.scores_file.exists()

    def ratio(self, benchmark: str, language: str) -> Ratio:
        """Return the scores of the examples of one test set."""
        with np.load(self.scores_file) as scores:
            numerators, denominators = scores[f"{benchmark}.{language}"]
        return Ratio(numerators, denominators)


def finished_steps(found: Mapping[str, Place], record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is known of every finished step, in the order of the plan: the last that is here or on record."""
    finished = {}
    for name, place in found.items():
        known = [record["finished"][name]] if place.is_in(record, name) else []
        if place.is_finished:
            left = json.loads((place.folder / FINISHED_FILE).read_text(encoding="utf-8"))
            command = {"key": place.key, "command": as_typed(left["command"])}
            known.append({**command, **{key: left[key] for key in KEPT}})
        if known:
            finished[name] = max(known, key=lambda step: str(step["date"]))
    return finished


def as_typed(command: str) -> str:
    """Leave out where this machine keeps its Python.

    >>> as_typed("/opt/venv/bin/python3.11 -m accelerate.commands.launch run_xnli.py --seeds 1")
    'accelerate launch run_xnli.py --seeds 1'
    >>> as_typed("/opt/venv/bin/python -m benchmarks.study.data xquad")
    'python -m benchmarks.study.data xquad'
    """
    return re.sub(r"^\S*python\S* ", "python ", command).replace(
        "python -m accelerate.commands.launch", "accelerate launch"
    )


def keep(name: str, place: Place, folder: Path) -> None:
    """Copy the results of a finished step that has some, and the scores of its examples."""
    if not (place.folder / RESULTS_FILE).exists():
        return
    results, path = read_results(place.folder / RESULTS_FILE), results_file(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(asdict(results), path)
    scores = example_scores(results, place.folder)
    if scores:
        np.savez_compressed(path.with_suffix(".npz"), **scores)  # type: ignore[arg-type]


def example_scores(results: Results, folder: Path) -> dict[str, np.ndarray]:
    """Return for each test set of a run, `benchmark.language`, numerators and denominators of its examples: (2, N)."""
    found = {}
    for training in results.trainings:
        for m in results.measurements:
            path = predictions_file(folder, training.name, m.benchmark, m.language)
            if path.exists():
                ratio = read_scores(path)[compared_metric(m.benchmark)]
                found[f"{m.benchmark}.{m.language}"] = np.stack([ratio.numerators, ratio.denominators])
    return found


def read_measured(finished: Iterable[str], folder: Path) -> dict[str, Measured]:
    """Read the kept results of every finished step that has some."""
    paths = {name: results_file(folder, name) for name in finished}
    return {
        name: Measured(read_results(path), path.with_suffix(".npz")) for name, path in paths.items() if path.exists()
    }
