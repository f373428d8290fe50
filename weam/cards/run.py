"""A run as a card shows it: what was measured of one model, beside the same of another one where there is that.

What a pre-training and an evaluation say differently is in `encoder.py` and `evaluation.py`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

from huggingface_hub import EvalResult, EvalResultEntry

from weam.markdown import listed
from weam.results import Comparison, Measurement, Results, compared_settings, differing

NOT_SHOWN = {  # settings that name files, which the command has, or change no figure
    *("model_name_or_path", "model_revision", "tokenizer_name", "config_name", "compare_with", "data_dir"),
    *("train_file", "dev_file", "test_file", "intermediate_task", "gold_alignments", "alignments"),
    *("overwrite_output_dir", "languages", "dataset_revision", "alignments_unit"),
}


@dataclass(frozen=True)
class CardRun(ABC):
    """One run, and the run of another checkpoint that it is shown beside.

    Attributes:
        results: of the run.
        baseline: of the other one.
        hub_task: what the Hub calls the use of the model.
        tags: of the model on the Hub.
        title: the run as a heading names it.
    """

    results: Results
    baseline: Results | None = None

    tags: ClassVar[tuple[str, ...]]
    is_pretraining: ClassVar = False

    @property
    @abstractmethod
    def hub_task(self) -> str:
        """What the Hub calls the use of the model."""

    @property
    @abstractmethod
    def title(self) -> str:
        """The run as a heading names it."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """What a baseline must have been measured on, too."""

    @abstractmethod
    def introduction(self, others: Sequence["CardRun"]) -> str:
        """Say what the model is, and its languages; `others` are further runs of it."""

    @abstractmethod
    def snippet(self, repository: str) -> str:
        """Show how the model is loaded from the Hub."""

    @abstractmethod
    def remarks(self) -> str:
        """Say what else one must know to load it."""

    @abstractmethod
    def figures(self) -> str:
        """Lay out what was measured, under a heading."""

    @abstractmethod
    def data(self) -> Iterator[str]:
        """List what went in, with numbers, fingerprints and licences."""

    @abstractmethod
    def data_sets(self) -> list[str]:
        """Return the Hub data sets that the run read."""

    @abstractmethod
    def eval_results(self) -> list[EvalResult]:
        """Return what the Hub is to show: one result for each language and metric, as it was measured."""

    def leaderboard_entries(self) -> list[EvalResultEntry]:
        """Return what leaderboards of benchmarks on the Hub may show; nothing of runs that are on none."""
        return []

    @abstractmethod
    def limits(self, others: Sequence["CardRun"]) -> Iterator[str]:
        """Say what the figures do not tell."""

    @property
    def benchmark(self) -> str:
        """Its name in results."""
        return self.results.measurements[0].benchmark

    @property
    def is_trained(self) -> bool:
        """Whether the run trained anything."""
        return any(measurement.steps for measurement in self.results.measurements)

    @property
    def seeds(self) -> list[int]:
        """The seeds of its trainings."""
        return list(dict.fromkeys(measurement.seed for measurement in self.results.measurements))

    @property
    def checkpoint(self) -> str:
        """The model that the run began with, as people should see it."""
        return shown_name(self.results.measurements[0].checkpoint)

    @property
    def baseline_name(self) -> str | None:
        """The checkpoint that the run is shown beside."""
        if self.baseline is not None:
            return shown_name(self.baseline.measurements[0].checkpoint)
        return shown_name(self.results.comparisons[0].checkpoint) if self.results.comparisons else None

    @property
    def baseline_measurements(self) -> list[Measurement]:
        """The figures of that checkpoint; none where only the differences are known."""
        return self.baseline.measurements if self.baseline is not None else []

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

    @property
    def examples(self) -> list[dict[str, Any]]:
        """The records of its data that count examples; others report on them."""
        return [row for row in self.results.data if "fingerprint" in row]

    @property
    def commands(self) -> list[str]:
        """What was typed for the run and its baseline."""
        return [run.command for run in (self.results, self.baseline) if run is not None]

    @property
    def versions(self) -> str:
        """The versions of python and the libraries."""
        return listed([f"{name} {number}" for name, number in self.results.versions.items()])

    def recipe(self) -> Iterator[str]:
        """Give the settings that count, by concern, and the course of the training."""
        for concern, values in self.results.settings.items():
            shown = shown_settings(values)
            if shown:
                yield f"{concern}: {shown}"
        if self.is_trained:
            yield self.course()

    def course(self) -> str:
        """Say how long the trainings were."""
        trainings = self.results.trainings
        steps = sorted({training.steps for training in trainings})
        many = f"{len(trainings)} trainings" if len(trainings) > 1 else "one training"
        counts = " to ".join(f"{count:,}" for count in dict.fromkeys((steps[0], steps[-1])))
        tokens = f"{sum(training.tokens for training in trainings):,} tokens (padding not counted)"
        hours = f"{sum(training.seconds for training in trainings) / 3600:.2f} hours"
        return f"{many}, seed {' and '.join(map(str, self.seeds))}: {counts} steps, {tokens}, {hours}"


def hub_name(checkpoint: str) -> str | None:
    """Return the name if it is one on the Hub; the Hub takes no folder as a base model."""
    return checkpoint if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", checkpoint) and not Path(checkpoint).exists() else None


def shown_name(checkpoint: str) -> str:
    """Return the name on the Hub, or the last part of a folder: where that lay is nobody's business."""
    return hub_name(checkpoint) or Path(checkpoint).name


def shown_settings(values: Mapping[str, Any]) -> str:
    """Write the settings of a concern that are set.

    >>> shown_settings({"seed": 1, "languages": ["de"], "bf16": False, "names": ["a", "b"]})
    'seed 1, names a b'
    """
    if values.get("alignments"):  # then no aligner of ours was used
        values = {"links": "from a file", "unit": values["alignments_unit"]}
    adapted = values.get("use_lora", False)
    return listed(
        [
            f"{name} {' '.join(map(str, value)) if isinstance(value, list) else value}"
            for name, value in values.items()
            if name not in NOT_SHOWN and value not in (None, [], False) and (adapted or not name.startswith("lora_"))
        ]
    )


def check_alike(run: CardRun, baseline: CardRun) -> None:
    """See that two runs differ in nothing but the checkpoint.

    Raises:
        ValueError: they differ in settings or examples; names them.
    """
    compared = {
        "settings": [compared_settings(side.results) for side in (run, baseline)],
        "examples": [_compared_examples(side) for side in (run, baseline)],
    }
    for kind, (wanted, found) in compared.items():
        names = differing(wanted, found)
        if names:
            differences = "; ".join(f"{name}: {found.get(name)}, not {wanted.get(name)}" for name in names)
            raise ValueError(
                f"the baseline {baseline.checkpoint} was measured with other {kind} ({differences}); measure both "
                "alike, unlike figures are not shown side by side"
            )


def _compared_examples(run: CardRun) -> dict[str, str]:
    """Return the fingerprints of all that was trained, selected and tested on."""
    read = {f"{row['split']} {row['language']}": row["fingerprint"] for row in run.examples}
    return {**read, **{_test_set(m): m.data_fingerprint for m in run.results.measurements}}


def _test_set(measurement: Measurement) -> str:
    gold = " gold" if measurement.metric == "alignment_error_rate" else ""
    return f"{measurement.benchmark} {measurement.language}{gold}"
