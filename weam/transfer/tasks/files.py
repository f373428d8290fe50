"""Where a benchmark's examples come from: files that the user names, or the Hub.

Finds files and reads lines; what a line means is the tasks' business.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from datasets import Dataset, load_dataset

from weam.storage import numbered_json

SPLITS = ("train", "dev", "test")
NAMED = re.compile(r"([\w-]+)=(.+)")  # LANGUAGE=FILE
PLACES = ("{language}", "{context}", "{question}")  # in a name that stands for the files of every language
EVERY = ""
Example = TypeVar("Example")


@dataclass(frozen=True)
class DataFiles:
    """The local files of a benchmark; what no entry stands for is read from the Hub.

    An entry is `en=FILE`, a file of that language, or a file name with `{language}` in it: those of every language
    that has no entry of its own. MLQA's tests, which have two languages, fill `{context}` and `{question}`. Several
    entries for a language are read one after another.

    >>> DataFiles(test=["en=mine.jsonl", "test.{language}.jsonl"])._named("test", "de")
    [PosixPath('test.de.jsonl')]

    Attributes:
        train: what is trained on.
        dev: what selects.
        test: what is scored.
    """

    train: Sequence[str] = ()
    dev: Sequence[str] = ()
    test: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Read the entries once.

        Raises:
            ValueError: one has no language.
        """
        for split in SPLITS:
            self._entries(split)

    def languages(self, split: str, every: Sequence[str]) -> list[str]:
        """Return the languages that have entries; `every` is put in for `{language}`."""
        found = (every if language == EVERY else [language] for language, _ in self._entries(split))
        return list(dict.fromkeys(chain.from_iterable(found)))

    def find(self, split: str, language: str) -> list[Path]:
        """Return the files of a split in a language, none if they are to come from the Hub.

        Args:
            split: train, dev or test.
            language: as in the entries; `context-question` where a test has these two.

        Raises:
            FileNotFoundError: a file does not exist.
        """
        paths = self._named(split, language)
        for path in paths:
            if not path.is_file():
                raise FileNotFoundError(
                    f"there is no file {path}, which --{split}_file names for {language}: "
                    "mend the name, or choose other --languages"
                )
        return paths

    def _named(self, split: str, language: str) -> list[Path]:
        context, _, question = language.partition("-")
        entries = self._entries(split)
        own = [Path(name) for of, name in entries if of == language]
        shared = [name for of, name in entries if of == EVERY]
        for place, value in zip(PLACES, (language, context, question), strict=True):
            shared = [name.replace(place, value) for name in shared]
        return own or [Path(name) for name in shared]

    def _entries(self, split: str) -> list[tuple[str, str]]:
        """Return (language or EVERY, file name)."""
        found = []
        for entry in getattr(self, split):
            named = NAMED.fullmatch(entry)
            if not named and not any(place in entry for place in PLACES):
                raise ValueError(
                    f"--{split}_file {entry}: say which language the file is in, as in en={entry}, or write "
                    "{language} where the names of the files have it"
                )
            found.append((named[1], named[2]) if named else (EVERY, entry))
        return found


def read_files(paths: Iterable[Path], read: Callable[[Path], Iterable[Example]]) -> list[Example]:
    """Return the examples of several files, one file after another.

    Raises:
        ValueError: a file has none; names it.
    """
    examples = []
    for path in paths:
        found = list(read(path))
        if not found:
            raise ValueError(f"{path}: holds no examples; give a file that has some, or leave it out")
        examples += found
    return examples


def read_json_lines(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (`FILE:LINE`, record) of a file of JSON objects, one a line.

    Raises:
        ValueError: a line is no JSON object, or lacks a column; names file and line.
    """
    for place, record in numbered_json(path):
        if not isinstance(record, dict):
            raise ValueError(f"{place}: holds no JSON object; write one with {', '.join(columns)}")
        missing = [column for column in columns if column not in record]
        if missing:
            raise ValueError(f"{place}: lacks {', '.join(missing)}; it has {', '.join(sorted(record))}")
        yield place, record


def load_from_hub(source: str, split: str) -> Dataset:
    """Load one split of a Hub data set `NAME` or `NAME:CONFIG`.

    Raises:
        ValueError: it has no such configuration or split.
    """
    name, _, config = source.partition(":")
    try:
        return load_dataset(name, config or None, split=split)
    except ValueError as error:
        error.add_note(f"while the {split} split of {source} was read from the Hub; choose what that data set has")
        raise


def hub_rows(dataset: Dataset, origin: str, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (`DATA SET row N`, record), as `read_json_lines` does for a file.

    Raises:
        ValueError: a column is missing, or there are no rows.
    """
    missing = [column for column in columns if column not in dataset.column_names]
    if missing:
        raise ValueError(f"{origin} lacks {', '.join(missing)}; it has {', '.join(dataset.column_names)}")
    if not len(dataset):
        raise ValueError(f"{origin} holds no examples; choose a split that has some")
    for number, record in enumerate(dataset):
        yield f"{origin} row {number}", record
