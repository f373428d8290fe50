"""Processes that have done nothing else, and what Linux says of their memory. Imports no torch, which takes some."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def in_a_fresh_process(function: Callable[..., T], *arguments: object) -> T:
    """Call a function in a process of its own, for the peak memory of a process only ever grows."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


class Peak(threading.Thread):
    """Remembers the largest of what it sees, a hundred times a second, until this process ends."""

    def __init__(self, look: Callable[[], float]) -> None:
        """Begin to look."""
        super().__init__(daemon=True)
        self.look, self.value = look, 0.0
        self.start()

    def run(self) -> None:
        """Look."""
        while True:
            self.value = max(self.value, self.look())
            time.sleep(0.01)


def process_status(field: str, process: str = "self") -> int:
    """Return a figure, in bytes, that Linux keeps of a process."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return 1024 * int(value)


def children_peak_megabytes() -> float:
    """Add up the peak memory, in MiB, of the children that live now.

    `getrusage` does not serve: Linux counts what the parent held when it started a child as the child's.
    """
    total = 0
    for process in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        try:
            total += process_status("VmHWM", process)
        except (FileNotFoundError, ProcessLookupError, ValueError):  # it has just ended, and holds nothing
            continue
    return total / 2**20
