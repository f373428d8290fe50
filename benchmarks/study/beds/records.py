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


def check_encoder(record: Record) -> None:
    """See that an arm which begins with a given encoder begins with that of its seed's records that are kept.

    Raises:
        ValueError: it is another one, so that the arms of this seed could not be compared.
    """
    if record["pretraining"] is not None or record["base"] is not None:
        return
    kept = read_collected(record["bed"]).get((record["name"], record["seed"]))
    if kept is None:
        return
    encoder, of_seed = (begun["training"]["held_out"][0]["checkpoint_fingerprint"] for begun in (record, kept))
    if encoder != of_seed:
        path, seed = collected_file(record["bed"]), record["seed"]
        raise ValueError(f"the encoder is {encoder}, that of seed {seed} in {path} is {of_seed}: name new seeds")


def collect(bed: str, folder: Path) -> None:
    """Add the records in a folder to those that are kept; one of the same arm and seed takes the place of the old."""
    records = read_collected(bed)
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        records[record["name"], record["seed"]] = record
    if records:
        write_json([records[key] for key in sorted(records)], collected_file(bed))
