"""Every kind of JSON file that is read back: a sound one, and who reads it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers import AutoModel, BertForMaskedLM, TrainerState, TrainingArguments

from tests.conftest import small_config, small_tokenizer
from tests.support import results as made_up
from weam.alignment.aligner import DESCRIPTION_FILE, WordAligner
from weam.bitext.reading import BitextReport
from weam.cards.card import write_model_card
from weam.checkpoint import load_fast_tokenizer, load_with_head
from weam.pretraining.checkpoint import load_model
from weam.pretraining.held_out import read_held_out
from weam.results import Comparison, read_results
from weam.runs import check_settings, find_checkpoint
from weam.scores import read_scores
from weam.storage import read_json
from weam.transfer.zero_shot import JobResult, read_job_result

SETTINGS = {"checkpoint": "a1", "task": {"max_length": 128}, "training": {"learning_rate": 2e-05, "seeds": [1, 2]}}
TRACE = "trace"


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: of the file.
        record: what a sound one holds, as JSON has it.
        read: reads the file at a path as a program does.
        beside: writes into the folder what must lie beside the file.
    """

    name: str
    record: Any
    read: Callable[[Path], object]
    beside: Callable[[Path], object] = lambda folder: None


def write_checkpoint(folder: Path) -> None:
    """Write a small checkpoint, with code of its own that leaves a trace if it is run."""
    model = BertForMaskedLM(small_config())
    for parameter in model.parameters():
        parameter.data.fill_(0.5)  # no weight that is drawn comes out so
    model.save_pretrained(folder, max_shard_size="20KB")
    small_tokenizer().save_pretrained(folder)
    (folder / "theirs.py").write_text(f"open({str(folder / TRACE)!r}, 'w')\n", encoding="utf-8")


def checkpoint_kind(name: str, folder: Path, read: Callable[[Path], object]) -> Kind:
    """Return the kind of a file of the checkpoint in a folder."""
    record = json.loads((folder / name).read_text(encoding="utf-8"))
    return Kind(name, record, read, lambda beside: shutil.copytree(folder, beside, dirs_exist_ok=True))


def load_both(path: Path) -> tuple[object, ...]:
    """Load a checkpoint as pre-training and as an evaluation do."""
    folder = str(path.parent)
    return load_model(folder, "main", {}), load_with_head(AutoModel, folder)


def state() -> dict[str, Any]:
    """Return what the Trainer writes."""
    return asdict(TrainerState(epoch=0.5, global_step=10, max_steps=20, log_history=[{"loss": 1.5, "step": 10}]))


def kinds(folder: Path) -> dict[str, Kind]:
    """Return every kind by its name; a checkpoint is written into the folder."""
    write_checkpoint(folder)
    compared = Comparison(0.1, 0.0, 0.2, "xnli", "de", "accuracy", "/abs/other")
    evaluation, pretraining = asdict(made_up.evaluation()), asdict(made_up.pretraining())
    evaluation["comparisons"] = [asdict(compared)]
    outcome = JobResult(made_up.evaluation().trainings[0], 0.75, made_up.evaluation().measurements)
    lines = {"prediction": [1, "two"], "scores": {"accuracy": [1.0, 1.0]}}
    found = [
        checkpoint_kind("config.json", folder, load_both),
        checkpoint_kind("model.safetensors.index.json", folder, load_both),
        checkpoint_kind("tokenizer.json", folder, lambda path: load_fast_tokenizer(str(path.parent))),
        checkpoint_kind("tokenizer_config.json", folder, lambda path: load_fast_tokenizer(str(path.parent))),
        Kind("results.json", evaluation, read_results),
        Kind("settings.json", {**SETTINGS, "threads": 1}, check_those),
        Kind("held_out_before.json", [asdict(made_up.SCORES)], lambda path: read_held_out(path, ["en-de"])),
        Kind("finished.json", asdict(outcome), read_job_result),
        Kind("trainer_state.json", state(), lambda path: find_checkpoint(path.parent, str(path.parent))),
        Kind(DESCRIPTION_FILE, {"aligner": "fast_align", "seed": 1, "sil-thot": "3", "files": {}}, load_aligner),
        Kind("report.json", asdict(BitextReport("en-de", 2, 1, {"duplicate": 1})), read_report),
        Kind("xnli.de.jsonl", lines, read_scores),
    ]
    cards = {"card": evaluation, "encoder card": pretraining}
    return {kind.name: kind for kind in found} | {
        name: Kind("results.json", record, lambda path: write_model_card(path.parent)) for name, record in cards.items()
    }


def check_those(path: Path) -> None:
    """See that a run with `SETTINGS` may go on from the file of another."""
    check_settings(SETTINGS, path, TrainingArguments(str(path.parent), use_cpu=True))


def load_aligner(path: Path) -> object:
    """Load the aligner that a file describes."""
    return WordAligner.load(path.parent)


def read_report(path: Path) -> object:
    """Read the report of a cached bitext."""
    return read_json(path, BitextReport, "remove it")
