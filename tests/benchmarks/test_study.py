"""The study: where steps write, in what order they run, and that both plans ask for what the programs understand."""

import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from filelock import FileLock
from transformers import HfArgumentParser, TrainingArguments

from benchmarks.study import __main__ as study
from benchmarks.study import plan as study_plan
from benchmarks.study.__main__ import command, describe, main, run_all
from benchmarks.study.places import Place, needed, places, references
from benchmarks.study.plan import LOW_RESOURCE, QUESTIONS, SCALES, Step, plan
from run_mlqa import BENCHMARKS
from run_xtreme_r import TASKS
from weam.alignment.arguments import AlignmentArguments
from weam.arguments import with_new_values
from weam.bitext.arguments import BitextArguments
from weam.pretraining.arguments import ModelArguments, OutputArguments, PreTrainingArguments
from weam.transfer.arguments import TransferArguments
from weam.transfer.jobs import choose_languages
from weam.transfer.tasks.tatoeba import Tatoeba
from weam.transfer.tasks.text_pairs import XNLI

FIXED = {name: Path(name) for name in ("backbone", "wide", "data", "cache")}
TEXT = Step("text", "benchmarks.study.data", {"data_dir": "{data}", "part": "bitext"}, 1.0)
WEAM = Step("weam", "run_pretraining.py", {"train_file": ["en-de={text}/en-de.tsv"], "num_train_epochs": 1}, 5.0)
TEST = Step("weam/xnli zero-shot", "run_xnli.py", {"model_name_or_path": "{weam}", "seeds": [1, 2]}, 10.0)
CHAIN = [TEXT, WEAM, TEST]

PROGRAM = '''"""Stands in for the programs: notes that it started, reads what others wrote, writes."""

import argparse
import os
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--reads", nargs="*", type=Path, default=[])
parser.add_argument("--fails_with")
parser.add_argument("--meets")
parser.add_argument("--output_dir", type=Path)
arguments = parser.parse_args()
runs = arguments.output_dir.parent
with (runs / "started.txt").open("a") as file:
    file.write(arguments.output_dir.name.rpartition("-")[0] + "\\n")
for folder in arguments.reads:
    assert (folder / "threads.txt").exists(), folder
if arguments.meets:  # the other one must be running too
    deadline = time.monotonic() + 20
    while arguments.meets not in (runs / "started.txt").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
checkpoint = arguments.output_dir / "runs" / "checkpoint-1"
checkpoint.mkdir(parents=True, exist_ok=True)
(checkpoint / "optimizer.pt").touch()
if arguments.fails_with:
    sys.exit(arguments.fails_with)
(arguments.output_dir / "threads.txt").write_text(os.environ["OMP_NUM_THREADS"])
'''


def step(name: str, *reads: str, **settings: object) -> Step:
    """Return a step of the program above."""
    return Step(name, "made_up_program", {"reads": [f"{{{other}}}" for other in reads], **settings}, 30.0)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the steps; the program can be found."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "made_up_program.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    return tmp_path / "runs"


def run(steps: Sequence[Step], runs: Path, workers: int = 1) -> list[str]:
    """Run steps, return what failed."""
    return run_all(steps, places(steps, {}, runs), workers, "")


def started(runs: Path) -> list[str]:
    return (runs / "started.txt").read_text().splitlines()


def finished(steps: Sequence[Step], runs: Path) -> list[str]:
    return [name for name, place in places(steps, {}, runs).items() if place.is_finished]


# References


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (
            {"train_file": ["en-de={text}/a.tsv", "en-fr={text}/b.tsv"], "model_name_or_path": "{weam}"},
            ["text", "weam"],
        ),
        ({"model_name_or_path": "{backbone/nli zero-shot/seed 1}"}, ["backbone/nli zero-shot/seed 1"]),
        ({"seeds": [1, 2], "task": "udpos", "num_hidden_layers": None}, []),
        ({}, []),
    ],
)
def test_references_are_what_values_have_in_braces_each_once(settings: dict, names: list[str]) -> None:
    assert references(settings) == names


# Places


def test_a_folder_is_the_name_and_a_key_that_stays_what_it_was() -> None:
    """Another way to compute keys would lose what was measured."""
    steps = [Step("text", "benchmarks.study.data", {"data_dir": "{data}"}), Step("one step", "run.py", {"a": 1})]
    steps.append(Step("weam/xnli zero-shot", "run_xnli.py", {"train_file": ["en={text}/train.tsv"]}))
    found = places(steps, FIXED, Path("runs"))
    assert {name: str(place.folder) for name, place in found.items()} == {
        "text": "runs/text-ce92f31e",
        "one step": "runs/one-step-cf870fa1",
        "weam/xnli zero-shot": "runs/weam-xnli-zero-shot-a527be75",
    }


def test_a_place_knows_the_folders_that_its_references_stand_for() -> None:
    found = places(CHAIN, FIXED, Path("runs"))
    assert found["text"].references == {"data": Path("data")}
    assert found["weam"].references == {"text": found["text"].folder}


@pytest.mark.parametrize(
    "other",
    [
        replace(WEAM, program="run_other.py"),
        replace(WEAM, settings={**WEAM.settings, "num_train_epochs": 2}),
        replace(WEAM, settings={**WEAM.settings, "bf16": "yes"}),
        replace(WEAM, settings={"train_file": WEAM.settings["train_file"]}),
        replace(WEAM, settings={**WEAM.settings, "train_file": ["en-de={text}/en-fr.tsv"]}),
    ],
    ids=["program", "value", "one more", "one less", "in a list"],
)
def test_another_setting_is_another_key_for_the_step_and_for_all_that_build_on_it(other: Step) -> None:
    before, after = places(CHAIN, FIXED, Path("runs")), places([TEXT, other, TEST], FIXED, Path("runs"))
    assert [before[one.name].folder == after[one.name].folder for one in CHAIN] == [True, False, False]


def test_what_makes_no_difference_to_the_result_is_not_in_the_key() -> None:
    """Settings in another order, a better estimate, data in another folder."""
    other = Step("weam", WEAM.program, dict(reversed(WEAM.settings.items())), 7.0)
    elsewhere = {name: Path("else") / name for name in FIXED}
    before, after = places(CHAIN, FIXED, Path("runs")), places([TEXT, other, TEST], elsewhere, Path("runs"))
    assert [place.folder for place in after.values()] == [place.folder for place in before.values()]


@pytest.mark.parametrize("steps", [[WEAM], [WEAM, TEXT], [replace(WEAM, name="text")]], ids=["none", "later", "itself"])
def test_a_step_that_builds_on_none_before_it_is_refused(steps: list[Step]) -> None:
    with pytest.raises(ValueError, match=r"builds on \['text'\], which is not before it in the plan"):
        places(steps, FIXED, Path("runs"))


# What is asked for


def test_a_step_is_run_after_what_it_builds_on() -> None:
    alone = Step("alone", "run.py", {})
    steps = [alone, *CHAIN]
    assert needed(steps, ["weam"]) == [TEXT, WEAM]
    assert needed(steps, ["weam/xnli zero-shot", "alone", "weam"]) == [*CHAIN, alone]
    assert needed(steps, [one.name for one in steps]) == steps


def test_a_step_that_the_plan_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="the plan has no step mlm, tlm; --dry_run lists them"):
        needed(CHAIN, ["tlm", "weam", "mlm"])


# Command lines


def test_a_program_is_launched_with_its_settings() -> None:
    settings = {"train_file": ["en-de={text}/a.tsv", "en-fr={text}/b c.tsv"], "seed": 1, "rate": 2e-5, "bf16": "yes"}
    place = Place(Path("runs/weam-1"), {"text": Path("runs/text-2")})
    assert command(Step("weam", "run_pretraining.py", settings), place, 2, "--num_processes 1") == [
        *(sys.executable, "-m", "accelerate.commands.launch", "--num_cpu_threads_per_process=2"),
        *("--num_processes", "1", "run_pretraining.py"),
        *("--train_file", "en-de=runs/text-2/a.tsv", "en-fr=runs/text-2/b c.tsv"),
        *("--seed", "1", "--rate", "2e-05", "--bf16", "yes", "--output_dir", "runs/weam-1"),
    ]


def test_a_module_is_run_as_such() -> None:
    place = Place(Path("runs/text-2"), {"data": Path("data")})
    expected = [sys.executable, "-m", "benchmarks.study.data", "--data_dir", "data", "--part", "bitext"]
    assert command(TEXT, place, 2, "--num_processes 1") == [*expected, "--output_dir", "runs/text-2"]


def test_none_and_an_empty_list_are_the_default() -> None:
    settings = {"num_hidden_layers": None, "languages": [], "seed": 0}
    line = command(Step("a", "module", settings), Place(Path("a"), {}), 1, "")
    assert line[3:] == ["--seed", "0", "--output_dir", "a"]


def test_a_training_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    (tmp_path / "begun").mkdir()
    resumes = [
        command(Step("a", program, {}), Place(tmp_path / folder, {}), 1, "")[-2:]
        == ["--resume_from_checkpoint", "last"]
        for program, folder in (("run.py", "new"), ("run.py", "begun"), ("module", "begun"))
    ]
    assert resumes == [False, True, False]


# Runs


def test_steps_run_after_what_they_build_on(runs: Path) -> None:
    steps = [step("a"), step("b", "a"), step("c"), step("d", "b", "c")]
    assert run(steps, runs) == []
    assert started(runs) == ["a", "b", "c", "d"]
    assert finished(steps, runs) == ["a", "b", "c", "d"]


def test_finished_steps_are_not_run_again(runs: Path) -> None:
    run([step("a"), step("b", "a")], runs)
    assert run([step("a"), step("b", "a"), step("c", "a")], runs) == []
    assert started(runs) == ["a", "b", "c"]


def test_a_changed_step_is_run_with_all_that_build_on_it(runs: Path) -> None:
    run([step("a"), step("b"), step("c", "b")], runs)
    run([step("a"), step("b", "a"), step("c", "b")], runs)
    assert started(runs) == ["a", "b", "c", "b", "c"]


def test_what_needs_a_step_that_failed_is_not_run_and_all_else_is(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [step("a", fails_with="out of memory"), step("b", "a"), step("c", "b"), step("d")]
    assert run(steps, runs) == ["a", "b", "c"]
    assert started(runs) == ["a", "d"] and finished(steps, runs) == ["d"]
    log = places(steps, {}, runs)["a"].folder.with_name(places(steps, {}, runs)["a"].folder.name + ".log")
    assert f"a ended with 1; {log} has what it said" in capsys.readouterr().out
    assert log.read_text() == "out of memory\n"


def test_a_step_that_failed_is_run_again_another_time(runs: Path) -> None:
    steps = [step("a", fails_with="out of memory"), step("b", "a")]
    assert run(steps, runs) == run(steps, runs) == ["a", "b"]
    assert started(runs) == ["a", "a"]


def test_a_step_that_writes_nothing_has_failed(runs: Path) -> None:
    assert run([Step("a", "this", {})], runs) == ["a"]  # the module `this` prints a poem


def test_names_with_a_point_have_logs_of_their_own(runs: Path) -> None:
    steps = [step("mask 0.15", fails_with="one"), step("mask 0.45", fails_with="two")]
    run(steps, runs)
    assert sorted(path.read_text() for path in runs.glob("*.log")) == ["one\n", "two\n"]


def test_a_finished_step_leaves_what_was_run_and_how_long_it_took(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    steps = [step("a"), step("b", "a")]
    run(steps, runs, workers=2)
    place = places(steps, {}, runs)["b"]
    record = json.loads((place.folder / "finished.json").read_text())
    assert 0 < record.pop("seconds") < 20
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record.pop("date"))
    assert record == {
        "step": {"name": "b", "program": "made_up_program", "settings": {"reads": ["{a}"]}, "minutes": 30.0}
        | {"encoder": None},
        "command": shlex.join(command(steps[1], place, 3, "")),
        "threads": 3,
    }


def test_checkpoints_stay_until_a_step_is_finished(runs: Path) -> None:
    steps = [step("a"), step("b", fails_with="out of memory")]
    run(steps, runs)
    left = {name: list(place.folder.rglob("checkpoint-*")) for name, place in places(steps, {}, runs).items()}
    assert [len(found) for found in left.values()] == [0, 1]


def test_workers_share_the_cores(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    run([step("a")], runs, workers=2)
    (written,) = runs.glob("a-*/threads.txt")
    assert written.read_text() == "4"


def test_two_workers_run_two_steps_at_a_time(runs: Path) -> None:
    steps = [step("a", meets="b"), step("b", meets="a"), step("c", "a", "b")]
    assert run(steps, runs, workers=2) == []
    assert sorted(started(runs)[:2]) == ["a", "b"] and started(runs)[2:] == ["c"]


# The whole program


def test_the_plan_is_described_with_what_is_left(tmp_path: Path) -> None:
    found = places(CHAIN, FIXED, tmp_path)
    found["text"].folder.mkdir()
    (found["text"].folder / "finished.json").write_text("{}")
    assert describe(CHAIN, found, CHAIN[:2]).splitlines() == [
        "  done  text",
        "   5.0  weam",
        "  done  weam/xnli zero-shot",
        "0.1 hours of one core are left (estimated), 3 steps in all",
    ]


def typed(monkeypatch: pytest.MonkeyPatch, steps: list[Step], runs: Path, *words: str) -> None:
    """Run the program with a plan of these steps."""
    monkeypatch.setattr(study, "plan", lambda scale, questions: steps)
    record = ["--record", str(runs.parent / "study.json")]
    monkeypatch.setattr(sys, "argv", ["study", "--output_dir", str(runs), *record, *words])
    main()


def put_on_record(steps: Sequence[Step], runs: Path, *names: str, **more: object) -> None:
    """Leave the record of another machine that measured some of the steps."""
    found = places(steps, {}, runs)
    finished = {name: {"key": found[name].key} for name in names}
    (runs.parent / "study.json").write_text(json.dumps({"finished": finished, **more}))


def test_a_dry_run_runs_nothing(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, [step("a"), step("b", "a")], runs, "--dry_run")
    assert capsys.readouterr().out.splitlines() == [
        "  30.0  a",
        "  30.0  b",
        "1.0 hours of one core are left (estimated), 2 steps in all",
    ]
    assert not runs.exists()


def test_only_named_steps_are_run_with_what_they_need(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, [step("a"), step("b"), step("c", "b")], runs, "--only", "c")
    assert started(runs) == ["b", "c"]


def test_what_is_on_record_is_repeated_only_where_something_new_builds_on_it(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [
        step("text"),
        step("weam", "text"),
        step("weam/xnli", "weam"),
        step("tlm", "text"),
        step("tlm/xnli", "tlm"),
    ]
    put_on_record(steps, runs, "text", "weam", "weam/xnli", "tlm")
    typed(monkeypatch, steps, runs)
    assert started(runs) == ["text", "tlm", "tlm-xnli"]
    assert capsys.readouterr().out.splitlines()[:6] == [
        "  30.0  text",
        "  done  weam",
        "  done  weam/xnli",
        "  30.0  tlm",
        "  30.0  tlm/xnli",
        "1.5 hours of one core are left (estimated), 5 steps in all",
    ]


def test_what_is_named_is_measured_again(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_record([step("a"), step("b")], runs, "a", "b")
    typed(monkeypatch, [step("a"), step("b")], runs, "--only", "b")
    assert started(runs) == ["b"]


def test_a_record_of_other_settings_counts_for_nothing(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_record([step("a"), step("b")], runs, "a", "b")
    typed(monkeypatch, [step("a", meets=None), step("b")], runs)
    assert started(runs) == ["a"]


def test_the_program_ends_with_the_names_of_what_failed(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="^failed: a, b$"):
        typed(monkeypatch, [step("a", fails_with="no"), step("b", "a")], runs)


def test_another_backbone_needs_another_folder(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that does not use it may run; the weights decide, not where they lie."""
    uses, does_not = step("a"), step("b")
    uses.settings["meets"] = "{backbone}"
    monkeypatch.setattr(study, "run_all", lambda *arguments: [])
    for name, weights in (("one", b"1"), ("same", b"1"), ("other", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(weights)
    for name in ("one", "same"):
        typed(monkeypatch, [uses], runs, "--backbone", str(tmp_path / name))
    typed(monkeypatch, [does_not], runs, "--backbone", str(tmp_path / "other"))
    with pytest.raises(ValueError, match=r"began with other weights than those of .*other.*another --output_dir"):
        typed(monkeypatch, [uses], runs, "--backbone", str(tmp_path / "other"))
    typed(monkeypatch, [uses], tmp_path / "new runs", "--backbone", str(tmp_path / "other"))


def test_two_studies_do_not_run_in_one_folder(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.mkdir()
    with FileLock(runs / "study.lock"), pytest.raises(SystemExit, match=f"another study runs in {runs}.*--output_dir"):
        typed(monkeypatch, [step("a")], runs)
    assert finished([step("a")], runs) == []
    typed(monkeypatch, [step("a")], runs)
    assert finished([step("a")], runs) == ["a"]


def test_another_backbone_needs_another_record(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uses = step("a")
    uses.settings["meets"] = "{backbone}"
    monkeypatch.setattr(study, "run_all", lambda *arguments: [])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.safetensors").write_bytes(b"2")
    put_on_record([], runs, backbones={"backbone": "f" * 16})
    with pytest.raises(
        ValueError, match=r"study\.json began with other weights than those of .*other.*another --record"
    ):
        typed(monkeypatch, [uses], runs, "--backbone", str(tmp_path / "other"))


@pytest.mark.parametrize("question", list(QUESTIONS))
def test_a_question_can_be_asked_alone(
    question: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["study", "--dry_run", "--output_dir", str(tmp_path), "--questions", question])
    main()
    listed = {line[8:] for line in capsys.readouterr().out.splitlines()}
    assert {one.name for one in plan(SCALES["small"], [question])} <= listed


# Both plans

CONCERNS = {
    "run_pretraining.py": (
        *(ModelArguments, BitextArguments, AlignmentArguments, OutputArguments),
        PreTrainingArguments,
    ),
    **{f"{name}.py": import_module(name).CONCERNS for name in ("run_xnli", "run_xtreme_r", "run_mlqa")},
}
READ_BY_TRAINING = {  # all that is named as training text; what nobody names is the benchmark's own training set
    "run_pretraining.py": r"en-\w\w=(\{data\}/bitext/en-\w\w\.[\w-]+\.tsv\.gz"
    r"|(\{text en-\w\w 1 to \d+\}|\{unpaired\})/en-\w\w\.tsv)",
    "run_xnli.py": r"\w\w=\{xnli-dev\}/train\.\w\w\.jsonl",
    "run_mlqa.py": r"\w\w=\{xquad\}/train\.\w\w\.json"
    r"|en=\{data\}/squad/squad(-v1\.1-dev\.minus-xquad|shifts\.new_wiki)\.en\.json\.gz",
    "run_xtreme_r.py": r"en=\{wikiann\}/train\.en\.jsonl",
}


@pytest.fixture(scope="module", params=list(SCALES))
def steps(request: pytest.FixtureRequest) -> list[Step]:
    return plan(SCALES[request.param], list(QUESTIONS))


def words_after_program(one: Step, found: dict[str, Place]) -> list[str]:
    line = command(one, found[one.name], 1, "")
    return line[line.index(one.program) + 1 :]


def test_names_and_folders_are_unique_and_references_resolve(steps: list[Step]) -> None:
    found = places(steps, FIXED, Path("runs"))
    assert len(found) == len(steps) == len({place.folder for place in found.values()})


def test_the_programs_understand_every_setting(steps: list[Step]) -> None:
    found = places(steps, FIXED, Path("runs"))
    parsers = {program: HfArgumentParser(concerns) for program, concerns in CONCERNS.items()}
    for one in steps:
        if one.program in parsers:
            words = with_new_values(words_after_program(one, found))  # the record keeps what 0.1 called it
            given = vars(parsers[one.program].parse_args(words))
            for concern in CONCERNS[one.program]:
                if not issubclass(concern, TrainingArguments):  # that one would look for a GPU
                    concern(**{name: given[name] for name in concern.__dataclass_fields__})


def test_the_modules_understand_every_setting(steps: list[Step], monkeypatch: pytest.MonkeyPatch) -> None:
    found = places(steps, FIXED, Path("runs"))
    for one in steps:
        if one.program not in CONCERNS:
            monkeypatch.setattr(sys, "argv", [one.program, *words_after_program(one, found)])
            import_module(one.program).parse_arguments()


def test_no_test_set_is_trained_on_and_dev_sets_only_where_it_is_said(steps: list[Step]) -> None:
    for one in steps:
        for text in one.settings.get("train_file", []):
            assert re.fullmatch(READ_BY_TRAINING[one.program], text), (one.name, text)


def test_nothing_is_trained_on_that_selects_or_tests(steps: list[Step]) -> None:
    for one in steps:
        trained, selected, tested = (set(one.settings.get(f"{split}_file", [])) for split in ("train", "dev", "test"))
        assert not trained & selected and not trained & tested and not selected & tested, one.name


def test_what_is_trained_on_and_what_selects_are_two_parts_of_one_set(steps: list[Step]) -> None:
    """But for XQuAD from English questions: those of another set select there."""
    for one in steps:
        trained, selected = (one.settings.get(f"{split}_file", []) for split in ("train", "dev"))
        if trained and selected:
            expected = [text.replace("/train.", "/dev.") for text in trained]
            if "/xquad zero-shot/" in one.name:
                expected = ["en={data}/squad/tydiqa-goldp-train.en.json.gz"]
            assert selected == expected, one.name


def test_a_step_that_several_questions_ask_for_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = {"one": lambda scale: [step("a"), step("b")], "other": lambda scale: [step("c"), step("a")]}
    monkeypatch.setattr(study_plan, "QUESTIONS", questions)
    assert plan(SCALES["small"], ["one", "other"]) == [step("a"), step("b"), step("c")]


def test_a_step_of_several_seeds_is_one_step_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_plan, "QUESTIONS", {"one": lambda scale: [step("a/udpos", seeds=[1, 2])]})
    assert plan(SCALES["small"], ["one"]) == [
        Step("a/udpos/seed 1", "made_up_program", {"reads": [], "seeds": [1]}, 15.0),
        Step("a/udpos/seed 2", "made_up_program", {"reads": [], "seeds": [2]}, 15.0),
    ]


def test_encoders_with_all_layers_are_the_systems_deeper_and_with_a_longer_head_warm_up() -> None:
    settings = {step.name: step.settings for step in plan(SCALES["small"], ("all-layers", "systems"))}
    for system in ("weam", "tlm", "mlm", "word-alignment", "weam-representation"):
        warmer = {} if system == "word-alignment" else {"head_warmup_steps": 1000}  # which predicts no words
        deeper = {**settings[f"{system}, 6 layers"], "num_hidden_layers": 12, **warmer}
        assert settings[f"{system}, 12 layers"] == deeper
        assert settings[f"{system}, 12 layers, 60,000 pairs"] == {**deeper, "max_train_pairs": 20_000}


def test_every_low_resource_language_has_the_ends_of_the_ratios() -> None:
    names = {scale: [step.name for step in plan(SCALES[scale], ("ratios",))] for scale in ("small", "full")}
    mixtures = {
        scale: {low: {name for name in known if name.startswith(low) and "/" not in name} for low in LOW_RESOURCE}
        for scale, known in names.items()
    }
    ends = ("1 to 1, alpha 1", "1 to 64, alpha 1", "1 to 64, alpha 0")
    for low in ("en-hi", "en-tr"):
        assert mixtures["small"][low] == {f"{low} {end}, 6 layers" for end in ends}
    assert [len(mixtures[scale][low]) for low in LOW_RESOURCE for scale in ("small", "full")] == [13, 13, 3, 13, 3, 13]


def test_unpaired_text_is_learnt_from_as_pairs_are() -> None:
    settings = {step.name: step.settings for step in plan(SCALES["small"], ("all-layers",))}
    files = [f"{pair}={{unpaired}}/{pair}.tsv" for pair in ("en-de", "en-es", "en-zh")]
    assert settings["tlm, unpaired, 12 layers"] == {**settings["tlm, 12 layers"], "train_file": files}


def test_the_deep_placebo_is_weam_with_other_links() -> None:
    settings = {step.name: step.settings for step in plan(SCALES["small"], ("all-layers", "ablations"))}
    links = {name: settings["weam, shuffled links, 6 layers"][name] for name in ("alignments", "alignments_unit")}
    assert settings["weam, shuffled links, 12 layers"] == {**settings["weam, 12 layers"], **links}


def test_every_encoder_with_all_layers_is_tested_on_names() -> None:
    steps = plan(SCALES["small"], ("all-layers", "beyond"))
    deep = [step.name for step in steps if step.program == "run_pretraining.py" and step.name.endswith("12 layers")]
    assert len(deep) == 7
    assert {f"{name}/panx/seed 3" for name in deep} < {step.name for step in steps}


AFTER = ", after English NLI/"


def test_what_goes_on_from_english_nli_began_with_the_same_seed() -> None:
    """So that each system's trainings are equal but for the encoder."""
    steps = {step.name: step.settings for step in plan(SCALES["small"], ("all-layers",)) if AFTER in step.name}
    assert len(steps) == 21
    for name, settings in steps.items():
        encoder, seed = name.partition(AFTER)[0], name.rpartition(" ")[2]
        assert settings["model_name_or_path"] == "{" + f"{encoder}/nli zero-shot/seed {seed}" + "}"
        assert settings["seeds"] == [int(seed)]


def test_two_steps_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = {"one": lambda scale: [step("a", seed=1)], "other": lambda scale: [step("a", seed=2)]}
    monkeypatch.setattr(study_plan, "QUESTIONS", questions)
    with pytest.raises(ValueError, match="the plan has two steps called 'a'"):
        plan(SCALES["small"], ["one", "other"])


def test_what_the_plans_read_is_there(steps: list[Step], research_data: Path) -> None:
    values = [value for one in steps for value in one.settings.values()]
    texts = {text for value in values for text in (value if isinstance(value, list) else [value])}
    names = {text.rpartition("=")[2] for text in texts if "{data}" in str(text)}
    assert len(names) > len(study_plan.PAIRS)
    assert [name for name in names if not Path(name.replace("{data}", str(research_data))).exists()] == []


def test_every_test_set_is_there(steps: list[Step], research_data: Path) -> None:
    found = places(steps, {**FIXED, "data": research_data}, Path("runs"))
    for one in (one for one in steps if one.program in CONCERNS and one.program != "run_pretraining.py"):
        words = words_after_program(one, found)
        files = (
            HfArgumentParser(TransferArguments)
            .parse_args_into_dataclasses(words, return_remaining_strings=True)[0]
            .files
        )
        assert all(files.find("test", test) for test in languages_tested(one)), one.name


def languages_tested(one: Step) -> list[str]:
    """Return the languages that a step is tested on; a file alone is not enough: the program must know them."""
    languages, benchmark = one.settings["languages"], one.settings.get("benchmark") or one.settings.get("task", "xnli")
    if benchmark == Tatoeba.benchmark:
        return choose_languages(Tatoeba, languages)
    return {"xnli": XNLI, **TASKS, **BENCHMARKS}[benchmark]().tests(languages)


def test_a_test_reads_the_research_data_where_it_names_no_files_of_its_own() -> None:
    settings = {"data_dir": "{data}", "task": "udpos", "dev_file": ["en={text}/dev.conllu"]}
    place = Place(Path("runs/a-1"), {"data": Path("data"), "text": Path("runs/text-2")})
    line = command(Step("a/udpos", "run_xtreme_r.py", settings), place, 1, "")
    assert line[line.index("run_xtreme_r.py") + 1 : -2] == [
        *("--train_file", "data/xtreme_r/udpos/lines.{language}.train.conllu.gz"),
        *("--dev_file", "en=runs/text-2/dev.conllu"),
        *("--test_file", "data/xtreme_r/udpos/pud.{language}.conllu.gz"),
        *("--task", "udpos"),
    ]
