"""Files that are read back, changed in any way: an error names file, fault and remedy; no code is run, nothing drawn.

50 examples for each kind of file, the same in every run; HYPOTHESIS_PROFILE=nightly draws 500 new ones.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, BertForMaskedLM, TrainerState, TrainingArguments

from tests.conftest import small_config, small_tokenizer
from tests.support import results as made_up
from weam.alignment.aligner import DESCRIPTION_FILE, Description, WordAligner
from weam.bitext.reading import BitextReport
from weam.cards.card import write_model_card
from weam.cards.reading import BitextSettings, Choices, DataRow, ModelSettings
from weam.checkpoint import LoadedModel, load_fast_tokenizer, load_with_head
from weam.checkpoint_files import ShardIndex, TokenizerConfigFile
from weam.pretraining.checkpoint import load_model
from weam.pretraining.held_out import HeldOutScores, read_held_out
from weam.results import Comparison, Measurement, Results, Training, read_results
from weam.runs import StateFile, check_settings, find_checkpoint
from weam.scores import read_scores
from weam.storage import read_json
from weam.transfer.zero_shot import JobResult, read_job_result

NAMES = (
    *("config.json", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json", "results.json"),
    *("settings.json", "held_out_before.json", "finished.json", "trainer_state.json", "aligner.json", "report.json"),
    *("xnli.de.jsonl", "card", "encoder card"),
)
every_kind = pytest.mark.parametrize("name", NAMES)
REMEDIES = (
    "give",
    "remove",
    "choose",
    "train",
    "measure",
    "evaluate",
    "convert",
    "copy or download",
    "name another",
    "are written",
)
SPECIAL = [
    0,
    -1,
    1,
    2,
    10**9,
    10**30,
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    True,
    None,
    "",
    "2",
    "bert",
    [],
    {},
    [[]],
]
leaves = st.sampled_from(SPECIAL) | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


# Every kind of file: a sound one, and who reads it

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


# Changed in any way


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kind]:
    return kinds(tmp_path_factory.mktemp("checkpoint"))


def places(record: Any, above: tuple = ()) -> list[tuple]:
    """Return the way to every part of a record, the whole first."""
    inner = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    return [above, *(place for key, part in inner for place in places(part, (*above, key)))]


def changed(record: Any, place: tuple, change: Callable[[Any, Any], None], value: Any) -> Any:
    """Return a copy of a record in which the part at a place was changed in what holds it."""
    copy = json.loads(json.dumps([record]))
    holder, key = copy, 0
    for step in place:
        holder, key = holder[key], step
    change(holder, key) if value is None else holder.__setitem__(key, value[0])
    return copy[0] if copy else None


@st.composite
def contents(draw: st.DrawFn, record: Any) -> bytes:
    """Draw what a file may hold: a sound record with one part replaced, removed or added, or anything at all."""
    kind = draw(st.sampled_from(("part", "part", "part", "removed", "added", "value", "bytes", "cut", "encoding")))
    text = json.dumps(record)
    if kind == "bytes":
        return draw(st.binary(max_size=60))
    if kind == "cut":
        return text.encode()[: draw(st.integers(0, len(text) - 1))]
    if kind == "encoding":
        return text.encode(draw(st.sampled_from(("utf-16", "utf-32", "utf-8-sig"))))
    if kind == "value":
        return json.dumps(draw(values)).encode()
    place = draw(st.sampled_from(places(record)))
    if kind == "removed" and place:
        return json.dumps(changed(record, place, lambda holder, key: holder.__delitem__(key), None)).encode()
    if kind == "added":
        place = (*place, draw(st.sampled_from(("auto_map", "weam", "num_labels", "dtype", "x"))))
        holders = [known for known in places(record) if known == place[:-1] and isinstance(part(record, known), dict)]
        place = place if holders else ()
    return json.dumps(changed(record, place, lambda holder, key: None, [draw(values)])).encode()


def part(record: Any, place: tuple) -> Any:
    """Return the part of a record at a place."""
    for step in place:
        record = record[step]
    return record


@dataclass(frozen=True)
class Answer:
    """What came of reading a file: an error, or what was read."""

    error: Exception | None
    result: object


def read(kind: Kind, content: bytes, folder: Path) -> Answer:
    """Read a file with this content."""
    folder.mkdir(exist_ok=True)
    kind.beside(folder)
    path = folder / kind.name
    path.write_bytes(content)
    try:
        return Answer(None, kind.read(path))
    except Exception as error:
        return Answer(error, None)


def check(kind: Kind, answer: Answer, folder: Path) -> None:
    """Hold an answer against the law."""
    assert not (folder / TRACE).exists(), "code of the checkpoint was run"
    if answer.error is not None:
        text = "\n".join([str(answer.error), *getattr(answer.error, "__notes__", [])])
        assert type(answer.error) in (ValueError, FileNotFoundError), text
        assert str(folder) in text, text
        assert any(remedy in text for remedy in REMEDIES), text
    for loaded in answer.result if isinstance(answer.result, tuple) else ():
        check_nothing_drawn(loaded)


def check_nothing_drawn(loaded: LoadedModel) -> None:
    """See that every weight of an encoder is the checkpoint's, whose are all 0.5; it has no pooler."""
    for name, tensor in loaded.model.base_model.state_dict().items():
        if "pooler." not in name and tensor.is_floating_point():
            assert torch.equal(tensor, torch.full_like(tensor, 0.5)), name


@every_kind
def test_a_sound_file_is_read(name, found, tmp_path):
    kind = found[name]
    assert read(kind, json.dumps(kind.record).encode(), tmp_path).error is None


def with_rows(kind: Kind, name: str, **changes: Any) -> dict[str, Any]:
    """Return the record of a kind with the first row of one of its lists changed."""
    first, *others = kind.record[name]
    return {**kind.record, name: [{**first, **changes}, *others]}


KNOWN_FAULTS = [
    ("tokenizer_config.json", lambda kind: {**kind.record, "pad_token": None}, "has no padding token"),
    ("settings.json", lambda kind: [], "Input should be an object"),
    ("settings.json", lambda kind: {**kind.record, "checkpoint": "b2"}, "was started with another checkpoint"),
    ("settings.json", lambda kind: {**kind.record, "threads": 0}, "threads: Input should be greater"),
    (
        "trainer_state.json",
        lambda kind: {**kind.record, "global_step": "10"},
        "global_step: Input should be a valid int",
    ),
    ("trainer_state.json", lambda kind: {**kind.record, "global_step": -1}, "global_step: Input should be greater"),
    ("trainer_state.json", lambda kind: {**kind.record, "epoch": -1.0}, "epoch: Input should be greater"),
    ("trainer_state.json", lambda kind: {**kind.record, "epoch": float("inf")}, "epoch: Input should be a finite"),
    ("trainer_state.json", lambda kind: {**kind.record, "from a later version": 1}, "cannot be loaded (TypeError"),
    ("held_out_before.json", lambda kind: [{**kind.record[0], "pairs": "200"}], "0.pairs: Input should be a valid int"),
    ("held_out_before.json", lambda kind: [{**kind.record[0], "language_pair": "en-fr"}], "of en-fr, not of en-de"),
    ("finished.json", lambda kind: {**kind.record, "selection": "best"}, "selection: Input should be a valid number"),
    ("aligner.json", lambda kind: {**kind.record, "aligner": "giza"}, "aligner: Input should be 'fast_align' or"),
    ("aligner.json", lambda kind: {**kind.record, "files": {"forward": 1}}, "forward has 0 bytes, not 1"),
    ("report.json", lambda kind: {**kind.record, "kept": 1.5}, "kept: Input should be a valid integer"),
    ("xnli.de.jsonl", lambda kind: {**kind.record, "scores": {"accuracy": [1.0]}}, "scores.accuracy.1: Field required"),
    ("card", lambda kind: {**kind.record, "program": "run_glue"}, "is of the program 'run_glue'; cards"),
    ("card", lambda kind: with_rows(kind, "measurements", benchmark="glue"), "has figures of glue; give results"),
    ("card", lambda kind: {**kind.record, "trainings": []}, "has no trainings"),
    ("card", lambda kind: {**kind.record, "measurements": []}, "has no measurements"),
    ("card", lambda kind: {**kind.record, "settings": {"x": {}}}, "settings.transfer: Field required"),
    ("card", lambda kind: with_rows(kind, "data", count=None), "the examples of train en have no count"),
    ("encoder card", lambda kind: {**kind.record, "data": [{}]}, "data.0.language_pair: Field required"),
    (
        "encoder card",
        lambda kind: {
            **kind.record,
            "measurements": [m for m in kind.record["measurements"] if m["metric"] != "retrieval_target_to_source"],
        },
        "the held-out scores of en-de lack retrieval_target_to_source",
    ),
    (
        "encoder card",
        lambda kind: {**kind.record, "settings": {**kind.record["settings"], "model": objective(kind, "glove")}},
        "there is no objective 'glove'; known are",
    ),
]


PARTS = [  # kind of file, what a part of it is read as, and where the part is
    ("results.json", Results, ()),
    ("results.json", Training, ("trainings", 0)),
    ("results.json", Measurement, ("measurements", 0)),
    ("results.json", Comparison, ("comparisons", 0)),
    ("held_out_before.json", HeldOutScores, (0,)),
    ("finished.json", JobResult, ()),
    ("trainer_state.json", StateFile, ()),
    ("aligner.json", Description, ()),
    ("report.json", BitextReport, ()),
    ("card", Choices, ("settings", "transfer")),
    ("card", DataRow, ("data", 0)),
    ("encoder card", ModelSettings, ("settings", "model")),
    ("encoder card", BitextSettings, ("settings", "bitext")),
    ("encoder card", BitextReport, ("data", 0)),
    ("tokenizer_config.json", TokenizerConfigFile, ()),
    ("model.safetensors.index.json", ShardIndex, ()),
]
OPEN = {"trainer_state.json", "card", "encoder card", "tokenizer_config.json"}  # hold more than is read of them
SPELLED = {"thot": "sil-thot"}
every_part = pytest.mark.parametrize(
    ("name", "dataclass", "place"), PARTS, ids=[f"{name}-{part.__name__}" for name, part, _ in PARTS]
)


def error_of(kind: Kind, place: tuple, entry: str, value: Any, folder: Path) -> str:
    """Return what is said of a record in which an entry of a part is another."""
    record = json.loads(json.dumps(kind.record))
    part(record, place)[entry] = value
    error = read(kind, json.dumps(record).encode(), folder).error
    assert isinstance(error, ValueError), f"{entry} was read"
    return str(error)


@every_part
def test_an_entry_of_another_type_is_refused_by_its_place(name, dataclass, place, found, tmp_path):
    for setting in fields(dataclass):
        entry = SPELLED.get(setting.name, setting.name)
        where = ".".join(map(str, (*place, entry)))
        assert f" is damaged ({where}" in error_of(found[name], place, entry, [[None]], tmp_path / setting.name)


@pytest.mark.parametrize(
    ("name", "place"),
    [("xnli.de.jsonl", ()), *((name, place) for name, _, place in PARTS if name not in OPEN)],
)
def test_an_entry_that_there_is_not_is_refused(name, place, found, tmp_path):
    assert "unheard of: Unexpected" in error_of(found[name], place, "unheard of", 1, tmp_path / "file")


def objective(kind: Kind, name: str) -> dict[str, Any]:
    """Return the settings of the model with another objective."""
    return {**kind.record["settings"]["model"], "objective": name}


@pytest.mark.parametrize(("name", "change", "fault"), KNOWN_FAULTS, ids=[fault for *_, fault in KNOWN_FAULTS])
def test_a_known_fault_is_refused_by_file_and_remedy(name, change, fault, found, tmp_path):
    kind = found[name]
    answer = read(kind, json.dumps(change(kind)).encode(), tmp_path)
    check(kind, answer, tmp_path)
    assert answer.error is not None and fault in str(answer.error)


def test_an_infinite_gradient_norm_does_not_stop_a_continued_training(found, tmp_path):
    kind = found["trainer_state.json"]
    log = [{"loss": 1.5, "grad_norm": float("inf"), "step": 10}]
    assert read(kind, json.dumps({**kind.record, "log_history": log}).encode(), tmp_path).error is None


def test_predictions_with_other_metrics_on_a_line_are_refused(found, tmp_path):
    kind = found["xnli.de.jsonl"]
    lines = [kind.record, {**kind.record, "scores": {"f1": [1.0, 1.0]}}]
    answer = read(kind, "\n".join(map(json.dumps, lines)).encode(), tmp_path)
    assert "other metrics on one than on the first" in str(answer.error)


@every_kind
@given(data=st.data())
def test_a_file_with_any_content_is_read_or_refused_by_file_fault_and_remedy(name, found, data):
    kind = found[name]
    content = data.draw(contents(kind.record))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.input", lambda *_: pytest.fail("the user was asked whether to run code"))
        check(kind, read(kind, content, Path(folder)), Path(folder))
