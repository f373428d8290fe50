"""What a card is written from: runs of one model, each beside a run of another one with the same settings, or none.

Refuses to put unlike figures side by side.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from weam.results import Comparison, Measurement, Results, compared_settings, differing
from weam.transfer.tasks.benchmarks import BENCHMARKS
from weam.transfer.tasks.task import Benchmark

PRETRAINING = "run_pretraining"


@dataclass(frozen=True)
class Evidence:
    """One run, and the run of another checkpoint that it is shown beside."""

    results: Results
    baseline: Results | None = None

    @property
    def benchmark(self) -> str:
        """Its name in results."""
        return self.results.measurements[0].benchmark

    @property
    def facts(self) -> type[Benchmark]:
        """What is known of the benchmark."""
        return BENCHMARKS[self.benchmark]

    @property
    def setting(self) -> str:
        """Zero-shot and so on; empty for pre-training."""
        return self.results.settings.get("transfer", {}).get("setting", "")

    @property
    def title(self) -> str:
        """The run as a heading names it."""
        if self.results.program == PRETRAINING:
            return "Pre-training"
        return f"{self.facts.title}, {self.setting}" if self.is_trained else self.facts.title

    @property
    def is_trained(self) -> bool:
        """Whether the run trained anything."""
        return self.setting != "test-only" and any(m.steps for m in self.results.measurements)

    @property
    def seeds(self) -> list[int]:
        """The seeds of its trainings."""
        return list(dict.fromkeys(measurement.seed for measurement in self.results.measurements))

    @property
    def examples(self) -> list[dict[str, Any]]:
        """The records of the data of an evaluation that count examples; others report on them."""
        return [row for row in self.results.data if "fingerprint" in row]

    @property
    def trained_on(self) -> list[str]:
        """The languages of its training examples."""
        return [row["language"] for row in self.examples if row["split"] == "train"]

    @property
    def reads_files(self) -> bool:
        """Whether the examples of an evaluation came from files and not from the Hub."""
        transfer = self.results.settings["transfer"]
        return any(transfer[name] for name in ("data_dir", "train_file", "dev_file", "test_file"))

    @property
    def checkpoint(self) -> str:
        """The model that the run began with, as people should see it."""
        return shown_name(self.results.measurements[0].checkpoint)

    @property
    def other(self) -> str | None:
        """The checkpoint that the run is shown beside."""
        if self.baseline is not None:
            return shown_name(self.baseline.measurements[0].checkpoint)
        return shown_name(self.results.comparisons[0].checkpoint) if self.results.comparisons else None

    @property
    def comparisons(self) -> list[Comparison]:
        """The comparisons with that checkpoint."""
        if self.baseline is None:
            return self.results.comparisons
        name = self.baseline.measurements[0].checkpoint
        return [comparison for comparison in self.results.comparisons if comparison.checkpoint == name]

    @property
    def languages(self) -> list[str]:
        """The languages of its tests, or of its bitext, in alphabetical order."""
        return sorted(set(chain.from_iterable(m.language.split("-") for m in self.results.measurements)))


def hub_name(checkpoint: str) -> str | None:
    """Return the name if it is one on the Hub; the Hub takes no folder as a base model."""
    return checkpoint if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", checkpoint) and not Path(checkpoint).exists() else None


def shown_name(checkpoint: str) -> str:
    """Return the name on the Hub, or the last part of a folder: where that lay is nobody's business."""
    return hub_name(checkpoint) or Path(checkpoint).name


def gather(results: Sequence[Results], baselines: Sequence[Results] = ()) -> list[Evidence]:
    """Put each run of a model beside its baseline, pre-training first.

    Raises:
        ValueError: the runs are not those of one model, or a baseline was measured in another way than all of them.
    """
    runs = [Evidence(run) for run in sorted(results, key=lambda run: run.program != PRETRAINING)]
    check_one_model(runs)
    left = [Evidence(baseline) for baseline in baselines]
    gathered = []
    for run in runs:
        matching = [other for other in left if _kind(other) == _kind(run)]
        if len(matching) > 1:
            raise ValueError(f"there are {len(matching)} baselines for {' '.join(_kind(run))}; give one")
        for other in matching:
            left.remove(other)
            check_alike(run, other)
        gathered.append(Evidence(run.results, matching[0].results if matching else None))
    if left:
        raise ValueError(
            f"the baseline {' '.join(_kind(left[0]))} of {left[0].checkpoint} has nothing to stand beside; the results "
            f"are {', '.join(' '.join(_kind(run)) for run in runs)}"
        )
    return gathered


def _kind(run: Evidence) -> tuple[str, ...]:
    return tuple(filter(None, (run.results.program, run.benchmark, run.setting)))


def check_one_model(runs: Sequence[Evidence]) -> None:
    """See that the runs are one evaluation, or one pre-training and evaluations of what came of it.

    Raises:
        ValueError: they are not.
    """
    empty = [run.results.command for run in runs if not run.results.measurements]
    if empty:
        raise ValueError(f"nothing was measured by {empty[0]}")
    pretrainings = [run for run in runs if run.results.program == PRETRAINING]
    evaluations = [run for run in runs if run.results.program != PRETRAINING]
    if len(pretrainings) > 1 or (not pretrainings and len(evaluations) != 1):
        raise ValueError(
            f"there are {len(pretrainings)} pre-trainings and {len(evaluations)} evaluations; a card is written from "
            "one evaluation, or from one pre-training and evaluations of the encoder that came of it"
        )
    names = {run.results.measurements[0].checkpoint for run in evaluations}
    if len(names) > 1:
        raise ValueError(f"these are evaluations of several checkpoints: {', '.join(sorted(names))}; give those of one")
    if pretrainings and pretrainings[0].results.measurements[0].checkpoint in names:
        raise ValueError(
            f"{names.pop()} is what the pre-training began with, not what came of it; give its evaluation as a baseline"
        )


def check_alike(ours: Evidence, theirs: Evidence) -> None:
    """See that two runs differ in nothing but the checkpoint.

    Raises:
        ValueError: they differ in settings or examples; names them.
    """
    remedy = "measure both alike, unlike figures are not shown side by side"
    for kind, of in (("settings", lambda run: compared_settings(run.results)), ("examples", _compared_examples)):
        mine, its = of(ours), of(theirs)
        names = differing(mine, its)
        if names:
            differences = "; ".join(f"{name}: {its.get(name)}, not {mine.get(name)}" for name in names)
            raise ValueError(
                f"the baseline {theirs.checkpoint} was measured with other {kind} ({differences}); {remedy}"
            )


def _compared_examples(run: Evidence) -> dict[str, str]:
    """Return the fingerprints of all that was trained, selected and tested on."""
    read = {f"{row['split']} {row['language']}": row["fingerprint"] for row in run.examples}
    return {**read, **{_test_set(m): m.data_fingerprint for m in run.results.measurements}}


def _test_set(measurement: Measurement) -> str:
    gold = " gold" if measurement.metric == "alignment_error_rate" else ""
    return f"{measurement.benchmark} {measurement.language}{gold}"
