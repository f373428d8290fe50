"""What the steps of the study measured, kept where it outlives their folders: two files in `benchmarks/results`.

    study.json       all figures; of each step when and by which command it was finished, under which key, and its
                     results as its program wrote them
    study.parquet    a row for each test set of a step: the scores of its examples by the metric that systems are
                     compared by

With these a study goes on from a fresh clone: what was measured stays measured, and new systems can be set beside old
ones example by example.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.study.places import FINISHED_FILE, Place
from weam.results import RESULTS_FILE, Results, parse_results, read_results
from weam.scores import ExampleScores, predictions_file, read_scores

METRICS = {"xnli": "accuracy", "udpos": "accuracy", "panx": "f1", "xquad": "f1", "mlqa": "f1", "tatoeba": "accuracy"}
KEPT = ("seconds", "threads", "date")
SCHEMA = pa.schema(
    {
        "step": pa.string(),
        "test": pa.string(),  # benchmark.language
        "numerators": pa.list_(pa.float64()),
        "denominators": pa.list_(pa.float64()),
    }
)


def compared_metric(benchmark: str) -> str:
    """Return what systems are compared by on a benchmark.

    >>> compared_metric("mlqa-dev")
    'f1'
    """
    return METRICS[benchmark.removesuffix("-dev")]


@dataclass(frozen=True)
class Measured:
    """One finished step: its results, and the scores of its examples by `benchmark.language`."""

    results: Results
    examples: Mapping[str, ExampleScores] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """A hash of all figures: a step that is measured again with another outcome has another one."""
        figures = [(m.benchmark, m.language, m.metric, m.value, m.data_fingerprint) for m in self.results.measurements]
        return hashlib.sha256(json.dumps(figures).encode()).hexdigest()[:8]

    def ratio(self, benchmark: str, language: str) -> ExampleScores:
        """Return the scores of the examples of one test set."""
        return self.examples[f"{benchmark}.{language}"]


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


def measure(place: Place) -> Measured | None:
    """Read what a finished step left, the scores of its examples included; None if it left no results."""
    if not (place.folder / RESULTS_FILE).exists():
        return None
    results = read_results(place.folder / RESULTS_FILE)
    return Measured(results, example_scores(results, place.folder))


def example_scores(results: Results, folder: Path) -> dict[str, ExampleScores]:
    """Return the scores of the examples of each test set of a run, by `benchmark.language`."""
    found = {}
    for training in results.trainings:
        for m in results.measurements:
            path = predictions_file(folder, training.name, m.benchmark, m.language)
            if path.exists():
                found[f"{m.benchmark}.{m.language}"] = read_scores(path)[compared_metric(m.benchmark)]
    return found


def write_examples(measured: Mapping[str, Measured], path: Path) -> None:
    """Write the scores of the examples of all steps."""
    rows = [
        {"step": name, "test": test, "numerators": ratio.numerators, "denominators": ratio.denominators}
        for name, one in measured.items()
        for test, ratio in one.examples.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), unfinished, compression="zstd", compression_level=19)
    unfinished.replace(path)


def read_measured(results: Mapping[str, Any], path: Path) -> dict[str, Measured]:
    """Join the results of steps, as `study.json` has them, with the scores of their examples."""
    examples: dict[str, dict[str, ExampleScores]] = {}
    if path.exists():
        table = pq.read_table(path, schema=SCHEMA)
        for step, test, *scores in zip(*(table[name] for name in SCHEMA.names), strict=True):
            ratio = ExampleScores(*(column.values.to_numpy() for column in scores))
            examples.setdefault(step.as_py(), {})[test.as_py()] = ratio
    return {
        name: Measured(parse_results(record, f"{name} on record"), examples.get(name, {}))
        for name, record in results.items()
    }
