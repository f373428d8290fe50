"""Cached folders that are whole or absent: what every stage before training stands on.

It does not know what is in a folder; the caller names everything that determines it.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

KEY_FILE = "key.json"


def cached_folder(cache_dir: Path, name: str, key: dict[str, Any], build: Callable[[Path], None]) -> Path:
    """Return the folder that `build` fills for `key`, building it only where it is not there yet.

    The folder is filled under another name and renamed when complete, so a crash, a full disk or a second process
    leaves no half-written one behind.

    Args:
        cache_dir: where cached folders live; made if absent.
        name: what the folder holds, the start of its name.
        key: everything that determines the content, JSON-serialisable.
        build: fills the empty folder that it is given.

    Raises:
        OSError: the folder could not be written (disk full, no permission); nothing is left behind.
    """
    text = json.dumps(key, sort_keys=True, ensure_ascii=False, indent=1)
    folder = cache_dir / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if folder.exists():
        return folder
    cache_dir.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f"{folder.name}.unfinished-", dir=cache_dir))
    try:
        build(unfinished)
        (unfinished / KEY_FILE).write_text(text, encoding="utf-8")
        unfinished.chmod(cache_dir.stat().st_mode & 0o777)  # a temporary folder is its owner's alone
        if not folder.exists():  # else another process was faster
            os.replace(unfinished, folder)
    except OSError as error:
        error.add_note(f"while caching {name} in {cache_dir}; free space there or choose another --cache_dir")
        raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def file_fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a hash of all that determines how a fast tokenizer cuts text."""
    description = json.loads(tokenizer.backend_tokenizer.to_str())
    settings = {key: value for key, value in description.items() if key not in ("padding", "truncation")}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
