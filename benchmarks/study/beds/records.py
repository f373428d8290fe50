"""What was measured of a bed: a file for each arm and seed while arms run, one list in the repository afterwards.

Processes that share the arms of a bed never write to one file; `collect` brings theirs together.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.records import RESULTS
from weam.storage import write_json

Record = dict[str, Any]


def collected_file(bed: str) -> Path:
    """Return where the records of a bed are kept."""
    return RESULTS / "beds" / f"{bed}.json"


def read_collected(bed: str) -> dict[tuple[str, int], Record]:
    """Return the records that are kept, by arm and seed."""
    path = collected_file(bed)
    records = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return {(record["name"], record["seed"]): record for record in records}


def collect(bed: str, folder: Path) -> None:
    """Add the records in a folder to those that are kept; one of the same arm and seed takes the place of the old."""
    records = read_collected(bed)
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        records[record["name"], record["seed"]] = record
    if records:
        write_json([records[key] for key in sorted(records)], collected_file(bed))
