"""Stage 2: sentence pairs -> alignment links, and the files that links are kept in.

Trains a statistical aligner on the pairs themselves, in both directions, aligns with it and symmetrises; reads and
writes Pharaoh lines, and reads alignments made by hand. It does not tokenize: a token is what the caller says it is,
normally a piece id. It does not cache.
"""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
import weakref
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice, product, zip_longest
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO, cast

from thot.alignment import EflomalAlignmentModel, FastAlignModel
from tqdm.auto import tqdm

Token = int | str
SentencePair = tuple[Sequence[Token], Sequence[Token]]  # (source tokens, target tokens)
Links = list[tuple[int, int]]  # (source position, target position), from 0, sorted

ALIGNERS = ("fast_align", "eflomal")
HEURISTICS = ("intersect", "union", "grow-diag", "grow-diag-final", "grow-diag-final-and")
DIRECTIONS = ("forward", "reverse")
FAST_ALIGN_ROUNDS = 4  # the original's fifth and last round only aligns, with what four have taught
MAX_TOKENS = 1024  # thot's limit for one side of a pair
PAIRS_AT_ONCE = 1000
DESCRIPTION_FILE = "aligner.json"
PHARAOH_LINK = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
GOLD_LINK = re.compile(r"([0-9]{1,9})([-p])([0-9]{1,9})")
PROBE_SIZE = 2**20  # bytes
CANNOT_SAVE, CANNOT_LOAD = 70, 71  # exit codes of a direction's process
FAILURES = {
    CANNOT_SAVE: "the model could not be written; free disk space, or set TMPDIR to a larger disk",
    CANNOT_LOAD: "the model could not be read, its files are damaged; train the aligner again",
}
TRAINING_TEXT = (".src", ".trg", ".srctrgc")  # thot saves it with a model; aligning does not need it


def aligner_version() -> str:
    """Return the version of the aligner library, for cache keys."""
    return version("sil-thot")


def shard(count: int, index: int, total: int) -> range:
    """Return the rows of one of `total` contiguous parts; all parts in order are the whole.

    >>> [list(shard(5, index, 2)) for index in range(2)]
    [[0, 1], [2, 3, 4]]
    """
    if not 0 <= index < total:
        raise ValueError(f"there is no shard {index} of {total}; shards count from 0 to {total - 1}")
    return range(count * index // total, count * (index + 1) // total)


# Symmetrisation: two directions -> one set of links


def symmetrize(forward: Links, reverse: Links, heuristic: str) -> Links:
    """Join the links of both directions, both given as (source, target), as the program `atools` does.

    The grow heuristics are those of Koehn et al. (2005), "Edinburgh System Description for the 2005 IWSLT Speech
    Translation Evaluation".

    Args:
        forward: links in which each target token has one source token at most.
        reverse: links in which each source token has one target token at most.
        heuristic: one of `HEURISTICS`.

    >>> forward, reverse = [(0, 0), (0, 1), (3, 2)], [(0, 0), (1, 1), (2, 3)]
    >>> symmetrize(forward, reverse, "intersect")
    [(0, 0)]
    >>> symmetrize(forward, reverse, "grow-diag")  # 0-1 touches 0-0, then 1-1 touches both
    [(0, 0), (0, 1), (1, 1)]
    >>> symmetrize(forward, reverse, "grow-diag-final")  # takes in links that touch none
    [(0, 0), (0, 1), (1, 1), (2, 3), (3, 2)]
    """
    _check_choice(heuristic, HEURISTICS, "symmetrisation heuristic")
    both, either = set(forward) & set(reverse), set(forward) | set(reverse)
    if heuristic == "intersect":
        return sorted(both)
    if heuristic == "union":
        return sorted(either)
    links = _LinkSet(both)
    _grow_diagonally(links, either)
    if heuristic != "grow-diag":
        _add_unaligned(links, sorted(forward), both_sides=heuristic.endswith("-and"))
        _add_unaligned(links, sorted(reverse), both_sides=heuristic.endswith("-and"))
    return sorted(links.links)


class _LinkSet:
    """Links, with the tokens that have one."""

    def __init__(self, links: Iterable[tuple[int, int]]) -> None:
        self.links: set[tuple[int, int]] = set()
        self.sources: set[int] = set()
        self.targets: set[int] = set()
        for link in links:
            self.add(link)

    def add(self, link: tuple[int, int]) -> None:
        """Add a link."""
        self.links.add(link)
        self.sources.add(link[0])
        self.targets.add(link[1])

    def unaligned_sides(self, link: tuple[int, int]) -> int:
        """Count the tokens of a link, 0 to 2, that have no link yet."""
        return (link[0] not in self.sources) + (link[1] not in self.targets)

    def touches(self, link: tuple[int, int]) -> bool:
        """Say whether one of the eight neighbours is linked."""
        rows, columns = range(link[0] - 1, link[0] + 2), range(link[1] - 1, link[1] + 2)
        return any(neighbour in self.links for neighbour in product(rows, columns) if neighbour != link)


def _grow_diagonally(links: _LinkSet, candidates: set[tuple[int, int]]) -> None:
    """Add neighbours of links that give an unaligned token its first link, until there is none."""
    waiting = sorted(candidates - links.links)
    grown = True
    while grown:
        refused = []
        for link in waiting:
            if links.unaligned_sides(link) and links.touches(link):
                links.add(link)
            else:
                refused.append(link)
        grown = len(refused) < len(waiting)
        waiting = refused


def _add_unaligned(links: _LinkSet, candidates: Links, both_sides: bool) -> None:
    """Add links, in order, that give an unaligned token its first link; both tokens, where `both_sides` asks for it."""
    needed = 2 if both_sides else 1
    for link in candidates:
        if links.unaligned_sides(link) >= needed:
            links.add(link)


def word_links(links: Links, source_words: Sequence[int], target_words: Sequence[int]) -> Links:
    """Turn links between pieces into links between words: two words are linked if any of their pieces are.

    Args:
        links: between pieces.
        source_words: for each source piece the number of its word.
        target_words: for each target piece the number of its word.

    >>> word_links([(0, 0), (1, 0), (2, 2)], [0, 0, 1], [0, 1, 1])
    [(0, 0), (1, 1)]
    """
    return sorted({(source_words[i], target_words[j]) for i, j in links})


def piece_links(links: Links, source_words: Sequence[int], target_words: Sequence[int]) -> Links:
    """Turn links between words into links between all pieces of the one and all pieces of the other.

    Args:
        links: between words.
        source_words: for each source piece the number of its word.
        target_words: for each target piece the number of its word.

    >>> piece_links([(0, 0), (1, 1)], [0, 0, 1], [0, 1, 1])
    [(0, 0), (1, 0), (2, 1), (2, 2)]
    """
    source_pieces, target_pieces = _pieces_of_words(source_words), _pieces_of_words(target_words)
    pieces = {pair for i, j in links for pair in product(source_pieces.get(i, ()), target_pieces.get(j, ()))}
    return sorted(pieces)


def _pieces_of_words(words: Sequence[int]) -> dict[int, list[int]]:
    """Gather the pieces of each word."""
    pieces: dict[int, list[int]] = {}
    for piece, word in enumerate(words):
        pieces.setdefault(word, []).append(piece)
    return pieces


# The aligner


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
        """
        _check_choice(aligner, ALIGNERS, "aligner")
        if not 0 <= seed < 2**32:
            raise ValueError(f"seed {seed} is outside 0 to 2**32 - 1")
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
        _write_description(folder, {"aligner": aligner, "seed": seed, "sil-thot": aligner_version()})
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
        _check_choice(heuristic, HEURISTICS, "symmetrisation heuristic")
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
        """
        folder = Path(folder)
        _saved_aligner(folder)
        return cls(folder)


def _check_choice(value: str, allowed: Sequence[str], noun: str) -> None:
    """Refuse a name that is not among the allowed ones."""
    if value not in allowed:
        raise ValueError(f"{value!r} is no {noun}; choose one of {', '.join(allowed)}")


def _write_description(folder: Path, settings: dict[str, Any]) -> None:
    """Note what trained the models in a folder and how large their files are."""
    sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    text = json.dumps({**settings, "files": sizes}, indent=1)
    (folder / DESCRIPTION_FILE).write_text(text, encoding="utf-8")


def _read_description(folder: Path) -> dict[str, Any]:
    """Read what `_write_description` noted."""
    path = folder / DESCRIPTION_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no aligner ({DESCRIPTION_FILE} is missing); give one that was saved")
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged ({error}); train the aligner again") from error
    if not isinstance(description, dict) or description.get("aligner") not in ALIGNERS or "files" not in description:
        raise ValueError(f"{path} describes no aligner of this version; train the aligner again")
    return description


def _saved_aligner(folder: Path) -> str:
    """Return the name of the aligner in a folder, after a look at its files: thot loads cut-off ones, or crashes."""
    description = _read_description(folder)
    for name, size in description["files"].items():
        found = (folder / name).stat().st_size if (folder / name).exists() else 0
        if found != size:
            raise ValueError(f"{folder} is damaged: {name} has {found} bytes, not {size}; train the aligner again")
    return description["aligner"]


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

    This file is also the program it runs. `multiprocessing` would import the caller's main program once more, torch
    included, and cannot where that is a notebook or has no `__main__` guard.
    """

    def __init__(self, task: str, prefix: Path, *settings: str) -> None:
        self.place = f"{task} {prefix}"
        self.process = subprocess.Popen(
            # -P, else Python would look for every library among the files of this folder first.
            [sys.executable, "-P", __file__, task, str(prefix), *settings],
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


# What runs in a direction's process


def _new_model(aligner: str, seed: int) -> FastAlignModel | EflomalAlignmentModel:
    """Make an untrained model."""
    if aligner == "eflomal":
        eflomal = EflomalAlignmentModel()
        eflomal.seed = seed
        eflomal.deterministic = True
        return eflomal
    fast_align = FastAlignModel()
    fast_align.variational_bayes = True
    return fast_align


def _batches_sent(reverse: bool) -> Iterator[tuple[list[list[str]], list[list[str]]]]:
    """Yield the symbols of a batch's first and second sides as the parent sends them."""
    for line in sys.stdin:
        batch = json.loads(line)
        if batch is None:
            return
        sides = [[side.split() for side in column] for column in zip(*batch, strict=True)]
        yield (sides[1], sides[0]) if reverse else (sides[0], sides[1])
    sys.exit()  # the parent ended without a last message: do not train for nobody


def _answer(message: object) -> None:
    """Send an answer to the parent."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _train(prefix: Path, aligner: str, seed: int) -> None:
    """Train on the pairs that the parent sends, tell it of each round, and save."""
    model = _new_model(aligner, seed)
    for first, second in _batches_sent(reverse=prefix.name == "reverse"):
        for first_symbols, second_symbols in zip(first, second, strict=True):
            if first_symbols:
                model.add_sentence_pair(first_symbols, second_symbols, 1)
    model.start_training()
    rounds = model.scheduled_iterations if isinstance(model, EflomalAlignmentModel) else FAST_ALIGN_ROUNDS
    _answer(rounds)
    for number in range(rounds):
        model.train()
        _answer(number + 1)
    model.end_training()
    _save(model, prefix)
    _answer(1)


def _save(model: FastAlignModel | EflomalAlignmentModel, prefix: Path) -> None:
    """Save a model without its training text, or end this process."""
    if not model.print(str(prefix)):
        sys.exit(CANNOT_SAVE)
    try:
        # thot may answer True on a full disk, with files cut off. Then this does not fit either.
        with tempfile.TemporaryFile(dir=prefix.parent) as probe:
            probe.write(bytes(PROBE_SIZE))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError:
        sys.exit(CANNOT_SAVE)
    for suffix in TRAINING_TEXT:
        prefix.with_name(prefix.name + suffix).write_bytes(b"")


def _align(prefix: Path, aligner: str) -> None:
    """Answer each batch of pairs with its alignments."""
    model = _new_model(aligner, seed=0)  # the seed comes with the model
    if not model.load(str(prefix)):
        sys.exit(CANNOT_LOAD)
    for first, second in _batches_sent(reverse=prefix.name == "reverse"):
        _answer([matrix.to_list() for _, matrix in model.get_best_alignments(first, second)])


def _run_direction(task: str, prefix: str, aligner: str, *seed: str) -> None:
    """Do what `_DirectionProcess` started this process for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C as well, and ends this process
    if task == "train":
        _train(Path(prefix), aligner, *map(int, seed))
    else:
        _align(Path(prefix), aligner)


# Pharaoh lines


def format_pharaoh(links: Links) -> str:
    """Write links as one line.

    >>> format_pharaoh([(0, 0), (1, 2)])
    '0-0 1-2'
    """
    return " ".join(f"{i}-{j}" for i, j in links)


def parse_pharaoh(line: str) -> Links:
    """Read one line of links, in any order.

    >>> parse_pharaoh("1-2 0-0")
    [(0, 0), (1, 2)]

    Raises:
        ValueError: a link is malformed.
    """
    links = set()
    for text in line.split():
        match = PHARAOH_LINK.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a link; write SOURCE-TARGET positions counted from 0, like 0-0 1-2")
        links.add((int(match[1]), int(match[2])))
    return sorted(links)


def read_pharaoh(path: str | Path, lengths: Iterable[tuple[int, int]] | None = None) -> Iterator[Links]:
    r"""Yield the links of each line of a Pharaoh file, gzipped or not, split at `\n` only.

    Args:
        path: one line for each sentence pair, empty where it has no links.
        lengths: source length and target length of each sentence pair, to check the links by.

    Raises:
        ValueError: a malformed link, one outside its sentence pair, or another number of lines than pairs; names file
            and line.
    """
    for number, (line, size) in enumerate(_lines_with_lengths(Path(path), lengths), start=1):
        try:
            links = parse_pharaoh(line)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from error
        if size is not None:
            _check_inside(links, size, f"{path}:{number}")
        yield links


def _lines_with_lengths(
    path: Path, lengths: Iterable[tuple[int, int]] | None
) -> Iterator[tuple[str, tuple[int, int] | None]]:
    """Yield each line with the lengths of its sentence pair, where they are known."""
    if lengths is None:
        yield from ((line, None) for line in _read_lines(path))
        return
    for number, (line, size) in enumerate(zip_longest(_read_lines(path), lengths), start=1):
        if line is None or size is None:
            found = f"{path} ends after line {number - 1}" if line is None else f"{path}:{number} is one line too many"
            raise ValueError(f"{found}; a Pharaoh file has one line, perhaps empty, for each sentence pair")
        yield line, size


def _check_inside(links: Iterable[tuple[int, int]], size: tuple[int, int], place: str, first: int = 0) -> None:
    """Refuse links outside a sentence pair; `first` is what the file calls the first token."""
    for i, j in links:
        if not (0 <= i < size[0] and 0 <= j < size[1]):
            raise ValueError(
                f"{place}: link {i + first}-{j + first} is outside its sentence pair of {size[0]} and {size[1]} tokens"
                f"; links are source-target and count from {first}"
            )


def _read_lines(path: Path) -> Iterator[str]:
    r"""Yield lines split at `\n` only; `bitext.py` has more to say but imports what a direction should not load."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield line.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise ValueError(f"{path}:{number}: {error}; convert the file to UTF-8") from error


# Alignments made by hand


@dataclass(frozen=True)
class GoldSentence:
    """A sentence pair aligned by hand; links are (source position, target position), from 0."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    sure: frozenset[tuple[int, int]]
    possible: frozenset[tuple[int, int]]  # the sure ones included


def read_gold(prefix: str | Path) -> list[GoldSentence]:
    """Read `PREFIX.src-tgt`, lines `source words ||| target words`, and their links in `PREFIX.gold`.

    There `i-j` is a sure and `ipj` a possible link, and both count from 1.

    Raises:
        ValueError: a malformed line or link, a link outside its sentence pair, or unequal numbers of lines; names file
            and line.
    """
    sentences, gold = Path(f"{prefix}.src-tgt"), Path(f"{prefix}.gold")
    read = []
    lines = zip_longest(_read_lines(sentences), _read_lines(gold))
    for number, (words, links) in enumerate(lines, start=1):
        if words is None or links is None:
            shorter, longer = (sentences, gold) if words is None else (gold, sentences)
            raise ValueError(
                f"{shorter} ends after line {number - 1}, {longer} goes on at line {number}; line n of one file "
                "belongs to line n of the other"
            )
        source, target = _gold_words(words, f"{sentences}:{number}")
        sure, possible = _gold_links(links, f"{gold}:{number}")
        _check_inside(sorted(possible), (len(source), len(target)), f"{gold}:{number}", first=1)
        read.append(GoldSentence(source, target, sure, possible))
    return read


def _gold_words(line: str, place: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split `source words ||| target words`."""
    sides = line.split(" ||| ")
    if len(sides) != 2:
        raise ValueError(f"{place}: {len(sides)} sides instead of 2; write SOURCE WORDS ||| TARGET WORDS")
    return tuple(sides[0].split()), tuple(sides[1].split())


def _gold_links(line: str, place: str) -> tuple[frozenset[tuple[int, int]], frozenset[tuple[int, int]]]:
    """Read sure and possible links, counted from 1, as links counted from 0."""
    sure, possible = set(), set()
    for text in line.split():
        match = GOLD_LINK.fullmatch(text)
        if match is None:
            raise ValueError(f"{place}: {text!r} is not a link; write i-j for a sure, ipj for a possible one, from 1")
        link = (int(match[1]) - 1, int(match[3]) - 1)
        possible.add(link)
        if match[2] == "-":
            sure.add(link)
    return frozenset(sure), frozenset(possible)


if __name__ == "__main__":
    _run_direction(*sys.argv[1:])
