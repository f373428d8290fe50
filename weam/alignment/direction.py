"""The program of one direction's process; the only file that imports the aligner library.

`aligner.py` starts it and talks to it. It imports nothing of ours, so that a process holds no more than the aligner.
"""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from thot.alignment import EflomalAlignmentModel, FastAlignModel

FAST_ALIGN_ROUNDS = 4  # the original's fifth and last round only aligns, with what four have taught
PROBE_SIZE = 2**20  # bytes
CANNOT_SAVE, CANNOT_LOAD = 70, 71  # exit codes of a direction's process
TRAINING_TEXT = (".src", ".trg", ".srctrgc")  # thot saves it with a model; aligning does not need it


def _new_model(aligner: str, seed: int) -> "FastAlignModel | EflomalAlignmentModel":
    """Make an untrained model; the library is imported only where a direction begins, for not every platform has it."""
    from thot.alignment import EflomalAlignmentModel, FastAlignModel

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
    rounds = cast("EflomalAlignmentModel", model).scheduled_iterations if aligner == "eflomal" else FAST_ALIGN_ROUNDS
    _answer(rounds)
    for number in range(rounds):
        model.train()
        _answer(number + 1)
    model.end_training()
    _save(model, prefix)
    _answer(1)


def _save(model: "FastAlignModel | EflomalAlignmentModel", prefix: Path) -> None:
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


if __name__ == "__main__":
    _run_direction(*sys.argv[1:])
