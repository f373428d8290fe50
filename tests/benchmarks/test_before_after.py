"""The encoder before and after: every command is one that its program understands, and its data are there."""

from argparse import Namespace
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.before_after import command_of, steps
from benchmarks.study.plan import Step
from weam.arguments import parse_settings
from weam.pretraining.arguments import parse_arguments

STEPS = {step.name: step for step in steps()}


def words_of(step: Step, data: Path) -> list[str]:
    """Return what follows the program on the command line of a step."""
    line = command_of(step, Namespace(data_dir=data, runs=Path("runs"), backbone=Path("backbone")))
    return line[line.index(step.program) + 1 :]


@pytest.mark.parametrize("name", STEPS)
def test_the_program_understands_the_command(name: str) -> None:
    step = STEPS[name]
    words = words_of(step, Path("data"))
    if step.program == "run_pretraining.py":
        parse_arguments(words)
    else:
        concerns = import_module(step.program.removesuffix(".py")).CONCERNS
        parse_settings(concerns, "", words)


def test_a_test_after_alignment_is_that_before_and_compared_with_it() -> None:
    before, after = (STEPS[f"udpos-{when}"].settings for when in ("before", "after"))
    differs = {"model_name_or_path": "{runs}/evidence", "compare_with": "{runs}/udpos-before/results.json"}
    assert after == {**before, **differs}


def test_all_files_are_there(research_data: Path) -> None:
    words = [word.rpartition("=")[2] for step in STEPS.values() for word in words_of(step, research_data)]
    files = [word for word in words if word.startswith(str(research_data)) and word.endswith(".gz") and "{" not in word]
    assert len(files) > 10 and [file for file in files if not Path(file).is_file()] == []
