"""Stage 2: sentence pairs -> alignment links.

Trains a statistical aligner on the pairs themselves, in both directions, and aligns with it. It does not tokenize: a
token is what the caller says it is, normally a token id. It does not cache (`links.py` does).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
import weakref
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self, TextIO, cast

from pydantic import Field
from tqdm.auto import tqdm

from weam.alignment import direction
from weam.alignment.direction import CANNOT_LOAD, CANNOT_SAVE
from weam.alignment.symmetrization import HEURISTICS, Links, check_choice, symmetrize
from weam.storage import CHECKED, read_json

Token = int | str
SentencePair = tuple[Sequence[Token], Sequence[Token]]  # (source tokens, target tokens)

ALIGNERS = ("fast_align", "eflomal")
DIRECTIONS = ("forward", "reverse")
MAX_TOKENS = 1024  # thot's limit for one side of a pair
PAIRS_AT_ONCE = 1000
DESCRIPTION_FILE = "aligner.json"
NOT_INSTALLED = (
    "sil-thot, the library of fast_align and eflomal, is not installed (it has no wheel for Linux on ARM): "
    "give --alignments en-de=FILE with links from another aligner, or take --aligner encoder, which needs no library"
)
FAILURES = {
    CANNOT_SAVE: "the model could not be written; free disk space, or set TMPDIR to a larger disk",
    CANNOT_LOAD: "the model could not be read, its files are damaged; train the aligner again",
}


@dataclass(frozen=True)
class Description:
    """What `aligner.json` says of a saved aligner: what trained it, and the sizes of its files in bytes."""

    __pydantic_config__ = CHECKED

    aligner: Literal["fast_align", "eflomal"]
    seed: int
    thot: Annotated[str, Field(alias="sil-thot")]
    files: dict[str, int]


def aligner_version() -> str:
    """Return the version of the aligner library, for cache keys.

    Raises:
        ModuleNotFoundError: it is not installed, for it has no wheel for this platform.
    """
    try:
        return version("sil-thot")
    except PackageNotFoundError as error:
        raise ModuleNotFoundError(NOT_INSTALLED) from error


def shard(count: int, index: int, total: int) -> range:
    """Return the rows of one of `total` contiguous parts; all parts in order are the whole.

    >>> [list(shard(5, index, 2)) for index in range(2)]
    [[0, 1], [2, 3, 4]]
    """
    if not 0 <= index < total:
        raise ValueError(f"there is no shard {index} of {total}; shards count from 0 to {total - 1}")
    return range(count * index // total, count * (index + 1) // total)


class WordAligner:
    """A trained aligner: two models on disk, one for each direction.

    Each direction works in a process of its own, with one thread: thot's calls hold Python's lock, and with several
    threads its sums, and with them a few links, depend on their number. So the links do not depend on the cores.
    """

    def __init__(self, folder: Path) -> None:
        """Use `train` or `load` instead."""
        self.folder = folder

    @classmethod
    def train(
        cls, pairs: Iterable[SentencePair], aligner: str = "fast_align", seed: int = 0, progress: bool = True
    ) -> Self:
        """Train both directions at once.

        Args:
            pairs: read once, in order; never held in this process as a whole.
            aligner: one of `ALIGNERS`. "fast_align" is the model of Dyer et al. (2013) as their program trains it;
                "eflomal" that of Östling and Tiedemann (2016), slower and better.
            seed: of Eflomal's sampling; the same seed gives the same links.
            progress: whether to show a bar of the training rounds for each direction.

        Pairs with an empty side or with more than 1,024 tokens on one are not learnt from.

        Raises:
            OSError: a model could not be saved (disk full), or a direction's process died (out of memory).
            ModuleNotFoundError: the library is not installed.
        """
        check_choice(aligner, ALIGNERS, "aligner")
        if not 0 <= seed < 2**32:
            raise ValueError(f"seed {seed} is outside 0 to 2**32 - 1")
        trained_by = {"aligner": aligner, "seed": seed, "sil-thot": aligner_version()}
        folder = Path(tempfile.mkdtemp(prefix="weam-aligner-"))
        trained = cls(folder)
        weakref.finalize(trained, shutil.rmtree, folder, ignore_errors=True)
        with _direction_processes("train", folder, aligner, str(seed)) as processes:
            for batch in _batches(pairs):
                for process in processes:
                    process.send(batch)
            for process in processes:
                process.send(None)
            _follow_training(processes, progress)
        _write_description(folder, trained_by)
        return trained

    def align(self, pairs: Iterable[SentencePair], heuristic: str, progress: bool = True) -> Iterator[Links]:
        """Align pairs, seen in training or not; the n-th links belong to the n-th pair, whatever is in it.

        A pair with an empty side or with more than 1,024 tokens on one gets no links: `[]`.

        Args:
            pairs: sentence pairs.
            heuristic: one of `HEURISTICS`; "intersect" is the most precise.
            progress: whether to show a bar.

        Raises:
            OSError: a model cannot be read, or a direction's process died.
            ValueError: files of the aligner have gone or changed; names the folder.
        """
        check_choice(heuristic, HEURISTICS, "symmetrisation heuristic")
        directions = self.align_directions(pairs, progress)
        return (symmetrize(forward, reverse, heuristic) for forward, reverse in directions)

    def align_directions(self, pairs: Iterable[SentencePair], progress: bool = True) -> Iterator[tuple[Links, Links]]:
        """Yield the links of both directions, both as (source, target), for each pair; as `align` otherwise."""
        total = len(pairs) if isinstance(pairs, Sized) else None
        bar = tqdm(desc="aligning", unit=" pairs", total=total, disable=not progress)
        with bar, _direction_processes("align", self.folder, _saved_aligner(self.folder)) as processes:
            for batch in _batches(pairs):
                for process in processes:
                    process.send(batch)
                forward, reverse = (process.receive() for process in processes)
                for sources_of_targets, targets_of_sources in zip(forward, reverse, strict=True):
                    yield _forward_links(sources_of_targets), _reverse_links(targets_of_sources)
                bar.update(len(batch))

    def save(self, folder: str | Path) -> None:
        """Save the aligner as a new folder: whole or not at all.

        The models hold the vocabulary and its statistics, not the sentences.

        Raises:
            OSError: the folder exists or cannot be written.
        """
        folder = Path(folder)
        if folder.exists():
            raise FileExistsError(f"{folder} exists; remove it or save the aligner under another name")
        unfinished = folder.with_name(f"{folder.name}.unfinished-{uuid.uuid4().hex[:8]}")
        unfinished.mkdir(parents=True)
        try:
            for file in self.folder.iterdir():
                shutil.copyfile(file, unfinished / file.name)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Load a saved aligner; its links are those of the aligner that was saved.

        Raises:
            FileNotFoundError: the folder holds no aligner.
            ValueError: files of it are missing or damaged; names the folder.
            ModuleNotFoundError: the library is not installed.
        """
        folder = Path(folder)
        aligner_version()
        _saved_aligner(folder)
        return cls(folder)


def _write_description(folder: Path, settings: dict[str, Any]) -> None:
    """Note what trained the models in a folder and how large their files are."""
    sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    text = json.dumps({**settings, "files": sizes}, indent=1)
    (folder / DESCRIPTION_FILE).write_text(text, encoding="utf-8")


def _read_description(folder: Path) -> Description:
    """Read what `_write_description` noted."""
    path = folder / DESCRIPTION_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no aligner ({DESCRIPTION_FILE} is missing); give one that was saved")
    return read_json(path, Description, "train the aligner again")


def _saved_aligner(folder: Path) -> str:
    """Return the name of the aligner in a folder, after a look at its files: thot loads cut-off ones, or crashes."""
    description = _read_description(folder)
    for name, size in description.files.items():
        found = (folder / name).stat().st_size if (folder / name).exists() else 0
        if found != size:
            raise ValueError(f"{folder} is damaged: {name} has {found} bytes, not {size}; train the aligner again")
    return description.aligner


def token_symbol(token: Token) -> str:
    """Spell a token so that no character of it can mean something to the aligner or to a saved model.

    >>> token_symbol(1234), token_symbol("NULL"), token_symbol("")
    ('1234', 's4e554c4c', 's')
    """
    if isinstance(token, str):
        return "s" + token.encode("utf-8", "surrogatepass").hex()
    return str(int(token))


def _batches(pairs: Iterable[SentencePair]) -> Iterator[list[tuple[str, str]]]:
    """Yield pairs as two strings of symbols; both empty where a pair cannot be aligned."""
    pairs = iter(pairs)
    while batch := list(islice(pairs, PAIRS_AT_ONCE)):
        yield [_request(source, target) for source, target in batch]


def _request(source: Sequence[Token], target: Sequence[Token]) -> tuple[str, str]:
    """Spell both sides of a pair."""
    shorter, longer = sorted((len(source), len(target)))
    if shorter == 0 or longer > MAX_TOKENS:
        return "", ""
    return " ".join(map(token_symbol, source)), " ".join(map(token_symbol, target))


def _forward_links(sources_of_targets: list[int]) -> Links:
    """Turn thot's list, 1 + source position for each target token or 0, into links."""
    return sorted((source - 1, j) for j, source in enumerate(sources_of_targets) if source)


def _reverse_links(targets_of_sources: list[int]) -> Links:
    """Turn the list of the reverse model, 1 + target position for each source token or 0, into links."""
    return [(i, target - 1) for i, target in enumerate(targets_of_sources) if target]


def _follow_training(processes: "tuple[_DirectionProcess, ...]", progress: bool) -> None:
    """Show the rounds of both directions until their models are saved."""
    rounds = [process.receive_count() for process in processes]
    with ExitStack() as stack:
        bars = [
            stack.enter_context(tqdm(desc=f"training {direction}", unit=" rounds", total=total, disable=not progress))
            for direction, total in zip(DIRECTIONS, rounds, strict=True)
        ]
        for number in range(max(rounds)):
            for process, bar, total in zip(processes, bars, rounds, strict=True):
                if number < total:
                    process.receive_count()
                    bar.update()
    for process in processes:
        process.receive_count()  # 1 model is saved


class _DirectionProcess:
    """One direction's model in a process of its own; a message is one line of JSON.

    It runs `direction.py`. `multiprocessing` would import the caller's main program once more, torch included, and
    cannot where that is a notebook or has no `__main__` guard.
    """

    def __init__(self, task: str, prefix: Path, *settings: str) -> None:
        self.place = f"{task} {prefix}"
        self.process = subprocess.Popen(
            # -P, else Python would look for every library among the files of this folder first.
            [sys.executable, "-P", direction.__file__, task, str(prefix), *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.requests = cast(TextIO, self.process.stdin)
        self.answers = cast(TextIO, self.process.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()  # it has answered everything, or nobody waits for the answer
        self.process.wait()
        self.answers.close()
        with suppress(BrokenPipeError):
            self.requests.close()

    def send(self, message: object) -> None:
        """Send pairs, or None after the last."""
        try:
            self.requests.write(json.dumps(message) + "\n")
            self.requests.flush()
        except BrokenPipeError as error:
            raise self._failure() from error

    def receive(self) -> list[list[int]]:
        """Wait for thot's list of each pair of a batch."""
        return json.loads(self._receive_line())

    def receive_count(self) -> int:
        """Wait for a number that tells of progress."""
        return json.loads(self._receive_line())

    def _receive_line(self) -> str:
        """Wait for an answer."""
        line = self.answers.readline()
        if not line:
            raise self._failure()
        return line

    def _failure(self) -> OSError:
        """Say why the process ended."""
        code = self.process.wait()
        reason = FAILURES.get(code, f"exit code {code}; out of memory, if no message stands above: give fewer pairs")
        return OSError(f"the aligner could not {self.place}: {reason}")


@contextmanager
def _direction_processes(task: str, folder: Path, *settings: str) -> Iterator[tuple[_DirectionProcess, ...]]:
    """Run both directions at once; neither outlives the block."""
    with ExitStack() as stack:
        yield tuple(
            stack.enter_context(_DirectionProcess(task, folder / direction, *settings)) for direction in DIRECTIONS
        )
