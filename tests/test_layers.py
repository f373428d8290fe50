"""Imports go one way: a package imports itself and packages of lower levels; tests import no other test file."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conftest import ROOT

WEAM = ROOT / "weam"
GROUND = "the files of weam/ itself"
LEVELS = {GROUND: 0, "bitext": 1, "alignment": 2, "pretraining": 3, "transfer": 3, "cards": 4}


def imported_packages(paths: Iterable[Path]) -> set[str]:
    """Return the packages of `weam` that some files import, anywhere in them."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = node.module.split(".") if isinstance(node, ast.ImportFrom) and node.module else []
            if parts[:1] == ["weam"]:
                found.add(parts[1] if len(parts) > 1 and parts[1] in LEVELS else GROUND)
    return found


def test_every_package_has_a_level() -> None:
    assert {path.parent.name for path in WEAM.glob("*/__init__.py")} == set(LEVELS) - {GROUND}


@pytest.mark.parametrize("package", LEVELS)
def test_a_package_imports_only_itself_and_what_is_below_it(package: str) -> None:
    files = set(WEAM.glob("*.py")) - {WEAM / "__init__.py"} if package == GROUND else (WEAM / package).rglob("*.py")
    below = {name for name, level in LEVELS.items() if level < LEVELS[package]}
    assert imported_packages(files) <= below | {package}


def test_no_test_file_imports_another() -> None:
    lines = [line for path in (ROOT / "tests").rglob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line for line in lines if re.match(r"(from|import) tests\S*\.test_", line)] == []
