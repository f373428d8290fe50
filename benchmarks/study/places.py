"""Where each step of the study works, and what it builds on."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.study.plan import Settings, Step

FINISHED_FILE = "finished.json"
BACKBONES_FILE = "backbones.json"
BACKBONES = ("backbone", "wide")
RECORD_FILE = Path("benchmarks/results/study.json")
REFERENCE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Place:
    """Where a step writes, and what its references stand for."""

    folder: Path
    references: Mapping[str, Path]

    @property
    def is_finished(self) -> bool:
        """Whether the step came to its end."""
        return (self.folder / FINISHED_FILE).exists()

    @property
    def key(self) -> str:
        """The hash of what the step is."""
        return self.folder.name.rpartition("-")[2]

    def is_in(self, record: Mapping[str, Any], name: str) -> bool:
        """Whether a record of `collect` has the step of this name as it is now."""
        return bool(record.get("finished", {}).get(name, {}).get("key") == self.key)


def references(settings: Settings) -> list[str]:
    """Return the names in braces in the values of settings.

    >>> references({"train_file": ["en={text}/train.tsv"], "seeds": [1]})
    ['text']
    """
    texts = [text for value in settings.values() for text in _texts(value)]
    return list(dict.fromkeys(name for text in texts for name in REFERENCE.findall(text)))


def _texts(value: object) -> list[str]:
    return [str(part) for part in (value if isinstance(value, list) else [value])]


def places(steps: Sequence[Step], fixed: Mapping[str, Path], output_dir: Path) -> dict[str, Place]:
    """Give each step a folder; `fixed` are references to what is no step.

    Raises:
        ValueError: a step refers to one that is not before it.
    """
    found: dict[str, Place] = {}
    known: dict[str, Path] = dict(fixed)
    for step in steps:
        names = references(step.settings)
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(f"the step {step.name!r} builds on {missing}, which is not before it in the plan")
        used = {name: known[name] for name in names}
        built_on = {name: path.name for name, path in used.items() if name not in fixed}
        text = json.dumps([step.program, step.settings, built_on], sort_keys=True, ensure_ascii=False)
        key = hashlib.sha256(text.encode()).hexdigest()[:8]
        folder = output_dir / f"{re.sub('[^a-z0-9.]+', '-', step.name)}-{key}"
        found[step.name] = Place(folder, used)
        known[step.name] = folder
    return found


def needed(steps: Sequence[Step], names: Sequence[str]) -> list[Step]:
    """Return the named steps in the order of the names, each after those that it builds on.

    Raises:
        ValueError: there is no step of a name.
    """
    known = {step.name: step for step in steps}
    unknown = set(names) - set(known)
    if unknown:
        raise ValueError(f"the plan has no step {', '.join(sorted(unknown))}; --dry_run lists them")
    found: dict[str, Step] = {}

    def add(name: str) -> None:
        for other in references(known[name].settings):
            if other in known and other not in found:
                add(other)
        found[name] = known[name]

    for name in names:
        add(name)
    return list(found.values())


def read_record(path: Path) -> dict[str, Any]:
    """Read JSON; what does not exist yet is empty."""
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return record


def changed_backbones(now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Name the backbones whose fingerprints were others before; one that was not used before may be any.

    >>> changed_backbones({"backbone": "a", "wide": "b"}, {"backbone": "c"})
    ['backbone']
    """
    return [name for name, fingerprint in now.items() if before.get(name, fingerprint) != fingerprint]
