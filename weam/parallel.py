"""Work shared out over processes; what comes out, and in which order, does not depend on how many there are.

The processes are forks, as those of `datasets.map(num_proc=...)`: the function may be a closure, and data sets that are
mapped from disk are not copied. Where the system cannot fork safely, this process does all.
"""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from multiprocessing import get_context
from typing import Any, TypeVar

from tqdm.auto import tqdm

from weam.processor import workers

Item = TypeVar("Item")
Result = TypeVar("Result")
AT_ONCE = 500  # lines, or pairs, that a process takes: with more of them memory grows, not speed

_function: Callable[[Any], Any]  # of a worker process


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
