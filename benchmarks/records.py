"""The command line of a program that measures, and the JSON record that it leaves.

Like `processes.py` it imports no torch until a record is written: its memory would count as that of an aligner.
"""

import json
import os
import platform
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FIGURES = ROOT / "docs" / "figures"

Record = dict[str, Any]


def measuring_parser(program: str, purpose: str, record: str) -> ArgumentParser:
    """Return a parser with the options of all: where the research data is and where the record goes.

    Args:
        program: how it is called.
        purpose: its docstring, of which the first line is shown.
        record: name of the record, unless --output says otherwise.
    """
    parser = ArgumentParser(prog=program, description=purpose.splitlines()[0])
    parser.add_argument("--data_dir", type=Path, default=Path("../shared/data"), help="The research data.")
    parser.add_argument("--output", type=Path, default=RESULTS / f"{record}.json", help="The record.")
    return parser


def read(name: str) -> Record:
    """Return a record."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def provenance(program: str) -> Record:
    """Return what makes figures reproducible: when and by which command they were made, on what."""
    from weam.results import versions  # loads torch

    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": " ".join([program, *sys.argv[1:]]),
        "versions": versions(),
        "machine": {"system": platform.system(), "architecture": platform.machine(), "cores": os.cpu_count()},
        "load_average": os.getloadavg(),  # over 1, 5 and 15 minutes, after the measurements
    }


def described(program: str, rows: Iterable[Any], **figures: object) -> Record:
    """Return rows, which are dataclasses, and other figures with their provenance."""
    return {**provenance(program), **figures, "rows": [asdict(row) for row in rows]}


def write_part(part: Record, name: str, path: Path) -> None:
    """Write what one program measured into a record that it shares with others; their parts stay."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    write({**known, name: part}, path)


def write(record: Record, path: Path) -> None:
    """Write a record, whole or not at all."""
    from weam.storage import write_json  # loads torch

    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(record, path)
