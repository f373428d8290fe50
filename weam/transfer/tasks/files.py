"""Where a benchmark's examples come from: files that the user names, a folder of them, or the Hub.

Finds files and reads lines; what a line means is the tasks' business.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from datasets import Dataset, load_dataset

from weam.storage import numbered_json

SPLITS = ("train", "dev", "test")
Example = TypeVar("Example")


@dataclass(frozen=True)
class DataFiles:
    """What the user said about local files.

    Attributes:
        data_dir: a folder with the benchmarks, in the layout that each task names; None: the Hub.
        named: (split, language) -> files that the user named; they go before both.
    """

    data_dir: Path | None = None
    named: Mapping[tuple[str, str], list[Path]] = field(default_factory=dict)

    def find(self, split: str, language: str, patterns: tuple[str, ...]) -> list[Path] | None:
        """Return the files of a split in a language, None if they are to come from the Hub.

        Args:
            split: train, dev or test.
            language: as in the file names; `context-question` where a pattern has these two.
            patterns: names below `data_dir`, the first that exists counts; `.gz` may be missing.

        Raises:
            FileNotFoundError: a named file does not exist, or the folder has none for this language; names those
                languages that it has.
        """
        named = self.named.get((split, language))
        if named is not None:
            for path in named:
                if not path.is_file():
                    raise FileNotFoundError(f"there is no file {path}, which --{split}_file names for {language}")
            return named
        if self.data_dir is None:
            return None
        for pattern in patterns:
            for name in (_filled(pattern, language), _filled(pattern, language).removesuffix(".gz")):
                if (self.data_dir / name).is_file():
                    return [self.data_dir / name]
        looked_for = " or ".join(_filled(pattern, language) for pattern in patterns)
        has = sorted(set().union(*(self._languages(pattern) for pattern in patterns)))
        raise FileNotFoundError(
            f"{self.data_dir} has no {split} examples for {language}: looked for {looked_for}; it has "
            f"{', '.join(has) or 'no language'}. Choose other --languages, or give --{split}_file {language}=FILE"
        )

    def _languages(self, pattern: str) -> set[str]:
        """List the languages for which the pattern has a file."""
        folder, _, name = pattern.removesuffix(".gz").rpartition("/")
        parts = re.split(r"\{\w+\}", name)
        wanted = re.compile("([^.-]+)".join(map(re.escape, parts)) + r"(\.gz)?")
        matches = [
            wanted.fullmatch(path.name) for path in (self.data_dir or Path()).glob(f"{folder}/*" if folder else "*")
        ]
        return {"-".join(match.groups()[: len(parts) - 1]) for match in matches if match}


def _filled(pattern: str, language: str) -> str:
    context, _, question = language.partition("-")
    return pattern.format(language=language, context=context, question=question)


def parse_named_files(split: str, entries: list[str]) -> dict[tuple[str, str], list[Path]]:
    """Read `--train_file en=FILE en=OTHER de=FILE`; several files of one language are read one after another.

    >>> parse_named_files("dev", ["de=dev.de.jsonl"])
    {('dev', 'de'): [PosixPath('dev.de.jsonl')]}

    Raises:
        ValueError: an entry has no language.
    """
    named: dict[tuple[str, str], list[Path]] = {}
    for entry in entries:
        language, equals, path = entry.partition("=")
        if not (language and equals and path):
            raise ValueError(f"--{split}_file {entry}: say which language the file is in, as in en={entry}")
        named.setdefault((split, language), []).append(Path(path))
    return named


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
