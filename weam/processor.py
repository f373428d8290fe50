"""What the processor offers a program: matrix products in bfloat16, its cores, and work shared out over them.

What comes out of shared work, and in which order, does not depend on how many processes there are. They are forks, as
those of `datasets.map(num_proc=...)`: the function may be a closure, and data sets that are mapped from disk are not
copied. Where the system cannot fork safely, this process does all.
"""

import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from multiprocessing import get_context
from typing import Any, TypeVar

import psutil
import torch
from tqdm.auto import tqdm

logger = logging.getLogger("weam")
Item = TypeVar("Item")
Result = TypeVar("Result")
AT_ONCE = 500  # lines, or pairs, that a process takes: with more of them memory grows, not speed

_function: Callable[[Any], Any]  # of a worker process

LAUNCHED = {"ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID"}  # one is set by `accelerate launch`, one by `torchrun`


def has_bfloat16() -> bool:
    """Say whether the processor multiplies matrices of bfloat16 faster than those of float32: AVX512-BF16 or AMX."""
    return torch.cpu._is_avx512_bf16_supported()  # processors with AMX have both


def encoder_dtype(device: str) -> torch.dtype:
    """Return what to load an encoder in that is only read: bfloat16 on a processor that has it, else float32."""
    return torch.bfloat16 if device == "cpu" and has_bfloat16() else torch.float32


def use_free_cores() -> None:
    """Compute with all physical cores that nobody else keeps busy, shared out over the processes of this machine.

    A number of threads that the user chose stays (`OMP_NUM_THREADS`, `--num_cpu_threads_per_process` of accelerate).
    Busy cores are left alone: threads wait for each other at every step, so one that has to wait for its core holds up
    all.
    """
    if not threads_are_chosen():
        processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        torch.set_num_threads(max(1, physical_cores() // processes) if processes > 1 else free_cores())
    logger.info("computing with %d threads; OMP_NUM_THREADS sets another number", torch.get_num_threads())


def use_threads(threads: int) -> None:
    """Compute with so many threads, as a run that goes on here began, unless the user chose a number."""
    if not threads_are_chosen() and threads != torch.get_num_threads():
        torch.set_num_threads(threads)
        logger.info("computing with %d threads, as this run began; OMP_NUM_THREADS sets another number", threads)


def free_cores() -> int:
    """Look for half a second how many physical cores other programs leave free; return that number, at least 1."""
    busy = psutil.cpu_percent(interval=0.5, percpu=True)  # of each hardware thread
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(busy))
    taken = round(sum(share for core, share in enumerate(busy) if core in allowed) / 100)
    return max(1, physical_cores() - taken)


def workers() -> int:
    """Return how many processes may work at once: as many as the user chose threads, or one on each core."""
    chosen = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(chosen)) if chosen.isdigit() and threads_are_chosen() else physical_cores()


def physical_cores() -> int:
    """Return how many cores this process may use; two hardware threads of one are one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, psutil.cpu_count(logical=False) or allowed)


def threads_are_chosen() -> bool:
    """Say whether the user set the number of threads.

    Launchers set OMP_NUM_THREADS to 1 themselves where the user did not; what they were started with tells.
    """
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads != "1" or LAUNCHED.isdisjoint(os.environ):
        return threads is not None
    try:
        launcher = psutil.Process(os.getppid())
        words = [word.replace("-", "_") for word in launcher.cmdline()]
        return "OMP_NUM_THREADS" in launcher.environ() or any("num_cpu_threads_per_process" in word for word in words)
    except psutil.Error:  # it belongs to another user
        return True


# Work shared out over processes


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield what a function makes of each item, in their order; a few results wait at a time, whatever their number.

    One item alone is worked on here: to start processes would take longer.
    """
    items = iter(items)
    first, count = list(islice(items, 2)), workers()
    if len(first) < 2 or count == 1 or sys.platform != "linux":
        yield from map(function, chain(first, items))
        return
    waiting: deque[Future[Result]] = deque()
    pool = ProcessPoolExecutor(count, get_context("fork"), _begin, (function,))
    unset = "TOKENIZERS_PARALLELISM" not in os.environ
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")  # else tokenizers warn of every fork
    try:
        for item in chain(first, items):
            waiting.append(pool.submit(_call, item))
            if len(waiting) > 2 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        if unset:
            del os.environ["TOKENIZERS_PARALLELISM"]


def _begin(function: Callable[[Any], Any]) -> None:
    global _function
    _function = function
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # there are as many processes as cores


def _call(item: Any) -> Any:  # noqa: ANN401
    return _function(item)


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield items as lists that `in_order` may take, the last one shorter."""
    items = iter(items)
    while batch := list(islice(items, AT_ONCE)):
        yield batch


def ranges(count: int) -> list[range]:
    """Cut so many rows into ranges that `in_order` may take."""
    return [range(start, min(start + AT_ONCE, count)) for start in range(0, count, AT_ONCE)]


def with_progress(results: Iterable[Result], count: int, text: str) -> Iterator[Result]:
    """Yield what became of `ranges(count)`, and show how many rows are done."""
    with tqdm(total=count, desc=text, unit=" pairs") as progress:
        for rows, result in zip(ranges(count), results, strict=True):
            yield result
            progress.update(len(rows))
