"""Stage 1: parallel text -> sentence pairs, checked and cut into tokens.

Reads TSV, JSONL, two Moses files or a Hub data set, drops what cannot be used and says how much and why. It does not
align (`weam/alignment/`) and does not truncate (`weam/pretraining/features.py`).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features, List, Value
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerBase

from weam.processor import batches, in_order
from weam.storage import (
    CACHE_DIR,
    CHECKED,
    cached_folder,
    file_fingerprint,
    numbered_json,
    numbered_lines,
    parallel_lines,
    read_json,
    tokenizer_fingerprint,
    write_arrow,
)

MAX_TOKENS = 200  # per side
TOKENIZED_AT_ONCE = 1000  # lines
MAX_LENGTH_RATIO = 9  # longer side to shorter side, in tokens
FEATURES = Features(
    {
        "id": Value("int64"),
        "row": Value("int64"),  # line of the language pair's input, from 0, all files counted through
        "source": Value("string"),
        "target": Value("string"),
        "source_ids": List(Value("int32")),
        "target_ids": List(Value("int32")),
    }
)
MISSING, DUPLICATE = "with an empty side", "duplicate"
TOO_LONG, UNEQUAL = f"over {MAX_TOKENS} tokens", f"over {MAX_LENGTH_RATIO} times longer on one side"
BLANKS = " \t\r\n"  # what ends a word for word aligners; other spaces of Unicode are part of one
MARKUP = "with text that reads as a special token"


class Row(NamedTuple):
    """One line of parallel text."""

    source: str
    target: str


@dataclass(frozen=True)
class BitextFile:
    """Parallel text in one file, or in two with one side each (Moses)."""

    languages: tuple[str, str]
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class BitextReport:
    """What became of the lines of one language pair."""

    __pydantic_config__ = CHECKED

    language_pair: str
    read: int
    kept: int
    dropped: dict[str, int]

    def __str__(self) -> str:
        """Say it in one line.

        >>> print(BitextReport("en-de", 10, 8, {"duplicate": 2}))
        en-de: 8 of 10 sentence pairs kept; dropped: 2 duplicate
        """
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in self.dropped.items()) or "none"
        return f"{self.language_pair}: {self.kept:,} of {self.read:,} sentence pairs kept; dropped: {dropped}"


@dataclass(frozen=True)
class Bitext:
    """The sentence pairs of one language pair, on disk, with the key that determines them."""

    languages: tuple[str, str]
    pairs: Dataset  # columns as in FEATURES
    report: BitextReport
    key: dict[str, Any]
    special_tokens: int = 3  # that the tokenizer adds to a pair

    @property
    def language_pair(self) -> str:
        """Source and target, `en-de`."""
        return "-".join(self.languages)


def parse_language_pair(text: str) -> tuple[str, str]:
    """Split a language pair.

    >>> parse_language_pair("en-zh")
    ('en', 'zh')
    """
    languages = text.split("-")
    if len(languages) != 2 or not all(languages):
        raise ValueError(f"{text!r} is not a language pair; write it like en-de")
    return languages[0], languages[1]


def parse_bitext_file(text: str) -> BitextFile:
    """Parse `en-de=FILE` or, for two Moses files, `en-de=ENGLISH_FILE,GERMAN_FILE`.

    Raises:
        ValueError: the text is neither, or the two files have pairs in each line.
        FileNotFoundError: a file is not there.
    """
    languages, separator, names = text.partition("=")
    paths = tuple(Path(name) for name in names.split(","))
    if not separator or not names or len(paths) > 2:
        raise ValueError(f"{text!r} names no bitext; write en-de=FILE, or en-de=SOURCE,TARGET for two Moses files")
    if len(paths) == 2 and paths[0].name.removesuffix(".gz").endswith((".tsv", ".jsonl", ".json")):
        raise ValueError(
            f"{text!r} names two files of pairs as if each had one side; write {languages}={paths[0]} "
            f"{languages}={paths[1]}"
        )
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist (from {text!r})")
    return BitextFile(parse_language_pair(languages), paths)


def read_bitext_file(file: BitextFile) -> Iterator[Row]:
    """Yield every line of a bitext, empty sides included, so that line numbers stay true.

    Raises:
        ValueError: the file breaks its format; names file and line.
    """
    if len(file.paths) == 2:
        return _read_moses(*file.paths)
    name = file.paths[0].name.removesuffix(".gz")
    if name.endswith((".jsonl", ".json")):
        return _read_jsonl(file.paths[0], file.languages)
    return _read_tsv(file.paths[0])


def _read_tsv(path: Path) -> Iterator[Row]:
    for place, line in numbered_lines(path):
        columns = line.split("\t") if line.strip(BLANKS) else ["", ""]  # a blank line is a pair without sides
        if len(columns) != 2:
            raise ValueError(
                f"{place}: {len(columns)} tab-separated columns instead of 2; "
                "keep source and target and remove other columns and stray tabs"
            )
        yield Row(columns[0].strip(BLANKS), columns[1].strip(BLANKS))


def _read_moses(source: Path, target: Path) -> Iterator[Row]:
    for _, source_line, target_line in parallel_lines(source, target):
        yield Row(source_line.strip(BLANKS), target_line.strip(BLANKS))


def _read_jsonl(path: Path, languages: tuple[str, str]) -> Iterator[Row]:
    for place, record in numbered_json(path):
        yield _translation(record, languages, place)


def _translation(record: object, languages: tuple[str, str], place: str) -> Row:
    """Take both sides from `{"translation": {"en": ..., "de": ...}}`."""
    translation = record.get("translation") if isinstance(record, dict) else None
    if not isinstance(translation, dict):
        translation = {}
    missing = [language for language in languages if not isinstance(translation.get(language), str)]
    if missing:
        raise ValueError(
            f"{place}: no text under translation/{missing[0]}; "
            f'write {{"translation": {{"{languages[0]}": "...", "{languages[1]}": "..."}}}}'
        )
    sides = [translation[language].strip(BLANKS) for language in languages]
    for language, side in zip(languages, sides, strict=True):
        try:
            side.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{place}: the {language} side is no Unicode text ({error}); repair its escapes"
            ) from error
    return Row(*sides)


def read_hub_bitext(dataset: Dataset, languages: tuple[str, str], name: str) -> Iterator[Row]:
    """Yield the rows of a Hub data set with a `translation` column, such as `Helsinki-NLP/opus-100`."""
    for number, record in enumerate(dataset, start=1):
        yield _translation(record, languages, f"{name}, row {number}")


def check_pairs(
    rows: Iterable[Row], languages: tuple[str, str], tokenizer: PreTrainedTokenizerBase, dropped: Counter[str]
) -> Iterator[pa.Table]:
    """Yield the usable pairs cut into tokens, with the columns of `FEATURES`; count the others in `dropped` by reason.

    All cores work; the pairs are the same, in the same order, whatever their number.
    """

    def cut(lines: list[tuple[int, Row]]) -> tuple[pa.Table, Counter[str]]:
        return cut_lines(lines, languages, tokenizer)

    seen = SeenIds()
    for table, reasons in in_order(cut, batches(enumerate(rows))):
        new = seen.add(table["id"].to_numpy())
        dropped.update(reasons)
        if not new.all():
            dropped[DUPLICATE] += int((~new).sum())
        yield table.filter(pa.array(new))


def cut_lines(
    lines: list[tuple[int, Row]], languages: tuple[str, str], tokenizer: PreTrainedTokenizerBase
) -> tuple[pa.Table, Counter[str]]:
    """Cut numbered lines into tokens; return those that can be used, duplicates among them, and why others cannot."""
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    # Text that looks like markup, "[SEP]", is text and must not become a special token; some vocabularies make one of
    # it all the same. The tokenizer sets all three anew whenever it is called.
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True
    backend.no_truncation()
    backend.no_padding()
    pairs, reasons = [], Counter[str]()
    for start in range(0, len(lines), TOKENIZED_AT_ONCE):
        batch = lines[start : start + TOKENIZED_AT_ONCE]
        encoded = backend.encode_batch_fast([side for _, row in batch for side in row], add_special_tokens=False)
        tokens = [encoding.ids for encoding in encoded]
        for (number, row), source_ids, target_ids in zip(batch, tokens[::2], tokens[1::2], strict=True):
            reason = _unusable(source_ids, target_ids)
            if reason is None and not special.isdisjoint(source_ids + target_ids):
                reason = MARKUP
            if reason is None:
                pairs.append((pair_id(languages, *row), number, *row, source_ids, target_ids))
            else:
                reasons[reason] += 1
    columns = zip(*pairs, strict=True) if pairs else [()] * len(FEATURES)
    return pa.Table.from_pydict(dict(zip(FEATURES, columns, strict=True)), schema=FEATURES.arrow_schema), reasons


class SeenIds:
    """A set of int64 that only grows, in eight bytes each: sorted runs, each at least twice as long as the next."""

    def __init__(self) -> None:
        self.runs: list[np.ndarray] = []

    def add(self, ids: np.ndarray) -> np.ndarray:
        """Add ids, (N,) int64; return (N,) bool, True for those that were neither there nor earlier in the array.

        >>> seen = SeenIds()
        >>> seen.add(np.array([3, 1, 3])).tolist(), seen.add(np.array([2, 1])).tolist()
        ([True, True, False], [True, False])
        """
        unique, places = np.unique(ids, return_index=True)
        new = np.ones(len(unique), dtype=bool)
        for run in self.runs:
            found = np.searchsorted(run, unique).clip(max=len(run) - 1)
            new &= run[found] != unique
        if new.any():
            self.runs.append(unique[new])
        while len(self.runs) > 1 and len(self.runs[-2]) < 2 * len(self.runs[-1]):
            self.runs.append(np.sort(np.concatenate([self.runs.pop(), self.runs.pop()]), kind="stable"))
        first = np.zeros(len(ids), dtype=bool)
        first[places[new]] = True
        return first


def _unusable(source_ids: list[int], target_ids: list[int]) -> str | None:
    shorter, longer = sorted((len(source_ids), len(target_ids)))
    if shorter == 0:
        return MISSING
    if longer > MAX_TOKENS:
        return TOO_LONG
    return UNEQUAL if longer / shorter > MAX_LENGTH_RATIO else None


def pair_id(languages: tuple[str, str], source: str, target: str) -> int:
    """Return a 63-bit id that depends on the text alone: stable over files, orders and runs."""
    text = json.dumps([*languages, source, target]).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def cache_bitext(
    rows: Iterable[Row],
    languages: tuple[str, str],
    tokenizer: PreTrainedTokenizerBase,
    cache_dir: Path,
    origin: list[str],
) -> Bitext:
    """Check `rows`, cut them into tokens and keep the result on disk.

    Args:
        rows: all lines of one language pair.
        languages: source and target.
        tokenizer: a fast tokenizer.
        cache_dir: where the result is kept.
        origin: fingerprints of what `rows` were read from, part of the cache key.

    Raises:
        ValueError: no pair is left; says what was dropped and why.
    """
    key = {
        "stage": "bitext 1",
        "languages": languages,
        "origin": origin,
        "tokenizer": tokenizer_fingerprint(tokenizer),
        "limits": [MAX_TOKENS, MAX_LENGTH_RATIO],
    }

    def build(folder: Path) -> None:
        dropped: Counter[str] = Counter()
        pairs = check_pairs(rows, languages, tokenizer, dropped)
        kept = write_pairs(pairs, folder / "pairs.arrow", f"reading {'-'.join(languages)}")
        report = BitextReport("-".join(languages), kept + dropped.total(), kept, dict(dropped))
        if not kept:
            raise ValueError(f"no sentence pair is left. {report}")
        (folder / "report.json").write_text(json.dumps(asdict(report)), encoding="utf-8")

    folder = cached_folder(cache_dir, f"bitext-{'-'.join(languages)}", key, build)
    report = read_json(folder / "report.json", BitextReport, f"remove {folder}, and the text is read again")
    pairs = Dataset.from_file(str(folder / "pairs.arrow"))
    return Bitext(languages, pairs, report, key, tokenizer.num_special_tokens_to_add(pair=True))


def write_pairs(tables: Iterable[pa.Table], path: Path, progress: str) -> int:
    """Write tables of pairs as they come, whatever their number; return how many pairs there were."""
    written = tqdm(desc=progress, unit=" pairs")

    def counted() -> Iterator[pa.Table]:
        for table in tables:
            written.update(len(table))
            yield table

    with written:
        write_arrow(counted(), path, FEATURES)
    return written.n


def load_bitext(
    files: str | Sequence[str], tokenizer: PreTrainedTokenizerBase, cache_dir: str | Path = CACHE_DIR
) -> Bitext:
    """Read the parallel text of one language pair, check it and cut it into subword tokens; once, then from the cache.

    Args:
        files: `en-de=FILE` (tab-separated or JSON lines, gzipped or not) or `en-de=ENGLISH,GERMAN` (Moses); several are
            joined in their order.
        tokenizer: a fast tokenizer, that of the encoder to train.
        cache_dir: where the result is kept.

    Returns:
        The sentence pairs; `report` says how many lines were left out, and why.

    Raises:
        ValueError: the files are of several language pairs, one breaks its format (names file and line), or no pair is
            left.
        FileNotFoundError: a file is not there.
    """
    parsed = [parse_bitext_file(text) for text in ([files] if isinstance(files, str) else files)]
    language_pairs = sorted({"-".join(file.languages) for file in parsed})
    if len(language_pairs) != 1:
        raise ValueError(f"the files have the language pairs {' and '.join(language_pairs)}; read each by itself")
    return load_bitext_files(parsed, tokenizer, Path(cache_dir))


def load_bitext_files(files: list[BitextFile], tokenizer: PreTrainedTokenizerBase, cache_dir: Path) -> Bitext:
    """Read the files of one language pair, in order, as one bitext."""
    rows = (row for file in files for row in read_bitext_file(file))
    origin = [" and ".join(f"{path.suffixes} {file_fingerprint(path)}" for path in file.paths) for file in files]
    return cache_bitext(rows, files[0].languages, tokenizer, cache_dir, origin)
