"""What every stage keeps on disk: cached folders that are whole or absent, lines, checked JSON, columns of data sets.

It does not know what is in a folder or a file; the caller names everything that determines it.
"""

import gzip
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features
from datasets.arrow_writer import ArrowWriter
from huggingface_hub.constants import HF_HOME
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json
from transformers import PreTrainedTokenizerBase

KEY_FILE = "key.json"
CACHE_DIR = Path(HF_HOME) / "weam"
READ_AT_ONCE = 1000  # rows
ROWS_OF_A_BATCH = 10_000  # of an Arrow file: who opens it keeps some kilobytes for each record batch
CHECKED = ConfigDict(extra="forbid", allow_inf_nan=False)  # a dataclass whose files are checked has it
Saved = TypeVar("Saved")

_adapter = cache(TypeAdapter)  # takes milliseconds to make


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
        try:
            os.replace(unfinished, folder)
        except OSError:
            if not folder.exists():  # else another process was faster
                raise
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
    return _settings_fingerprint(tokenizer.backend_tokenizer.to_str())


@lru_cache(maxsize=1)  # every part of a benchmark asks for the same, which takes tenths of a second
def _settings_fingerprint(description: str) -> str:
    settings = {key: value for key, value in json.loads(description).items() if key not in ("padding", "truncation")}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def read_lines(path: Path) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 file, gzipped or not, split at `\n` only.

    Raises:
        ValueError: bytes that are not UTF-8, or a damaged gzip file; names file and line.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                yield text.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}:{number}: {error}; convert the file to UTF-8") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: cannot be read after line {number}: {error}; give a whole gzip file") from error


def numbered_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (`FILE:LINE`, line) of a file; errors are those of `read_lines`."""
    for number, line in enumerate(read_lines(path), start=1):
        yield f"{path}:{number}", line


def parallel_lines(first: Path, second: Path) -> Iterator[tuple[int, str, str]]:
    """Yield (line number, line of the first file, line of the second) of two files that belong together.

    Raises:
        ValueError: one has more lines than the other; names both, and the line.
    """
    for number, (line, other) in enumerate(zip_longest(read_lines(first), read_lines(second)), start=1):
        if line is None or other is None:
            shorter, longer = (first, second) if line is None else (second, first)
            raise ValueError(
                f"{shorter} ends after line {number - 1}, {longer} goes on at line {number}; give two files with as "
                "many lines, line n of one belonging to line n of the other"
            )
        yield number, line, other


def numbered_json(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (`FILE:LINE`, what stands there) of a file of JSON lines.

    Raises:
        ValueError: a line is not JSON; names file and line.
    """
    for place, line in numbered_lines(path):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:  # long numbers and deep nesting, too
            raise ValueError(f"{place}: is not JSON ({error}); write one object a line") from error
        yield place, record


def write_json(record: Mapping[str, Any] | Sequence[Any], path: Path) -> None:
    """Write JSON that people can read too, whole or not at all."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)


def read_json(path: Path, kind: type[Saved], remedy: str, finite: bool = True) -> Saved:
    """Read a JSON file that must be, as a whole, what a type says; nothing is converted.

    Args:
        path: the file, UTF-8.
        kind: a dataclass with `__pydantic_config__`, or any other type that pydantic knows.
        remedy: what the user should do about another content.
        finite: whether numbers must be, also where the type leaves open what stands there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON, or other than the type says; names the file, the place in it and the remedy.
    """
    return parse_json(path.read_bytes(), kind, str(path), remedy, finite)


def parse_json(text: str | bytes, kind: type[Saved], origin: str, remedy: str, finite: bool = True) -> Saved:
    """Read JSON as `read_json` does; `origin` is what errors name."""
    try:
        record = _adapter(cast(Hashable, kind)).validate_json(text, strict=True)
        if finite:
            json.dumps(from_json(text), allow_nan=False)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        fault = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{origin} is damaged ({f'{place}: ' if place else ''}{fault}); {remedy}") from error
    except ValueError as error:
        raise ValueError(f"{origin} is damaged ({error}); {remedy}") from error
    return record


def write_arrow(tables: Iterable[pa.Table], path: Path, features: Features) -> None:
    """Write tables as they come, however small, as one memory-mapped file of a data set."""
    with ArrowWriter(path=str(path), features=features) as writer:
        for batch in _joined(tables):
            writer.write_table(batch, writer_batch_size=max(1, len(batch)))
        writer.finalize()


def _joined(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join tables until they have enough rows for a record batch."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= ROWS_OF_A_BATCH:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def read_rows(dataset: Dataset, *columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the values of some columns, row after row, in the order of the arguments.

    >>> list(read_rows(Dataset.from_dict({"id": [5, 6], "ids": [[1, 2], []]}), "ids", "id"))
    [([1, 2], 5), ([], 6)]
    """
    for table in dataset.select_columns(list(columns)).with_format("arrow").iter(READ_AT_ONCE):
        yield from zip(*(table[name].to_pylist() for name in columns), strict=True)


def whole_column(dataset: Dataset, name: str) -> np.ndarray:
    """Return a column of numbers, (rows,); `datasets` itself gathers row by row where rows have been selected."""
    values = dataset.data.column(name).to_numpy()
    rows = dataset._indices
    return values if rows is None else values[rows.column(0).to_numpy()]
