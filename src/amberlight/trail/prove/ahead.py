"""Reading ahead: work on the next few items in threads, results in the items' order, never more than a few at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """The result for each item, in order, and in its place what the work raised.

    Args:
        work: Called in threads.
        items: Taken in the caller's thread, at most twice `workers` ahead of the results.
        workers: How many threads; with one there are none, and nothing is read ahead.
    """
    if workers <= 1:
        yield from map(work, items)
        return
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="trail-prove")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Also where the caller stops early: nothing goes on behind its back.
        pool.shutdown(cancel_futures=True)
