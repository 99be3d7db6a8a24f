"""A function applied to many items by several threads, with few items in memory."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")
CHUNK = 4  # items that a thread takes at once, as handing over costs a third of a small image


def count_cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_threads(
    function: Callable[[Item], Value],
    items: Iterable[Item],
    threads: int,
    *,
    chunk: int = CHUNK,
) -> Iterator[Value]:
    """The values of `function` in the order of `items`.

    At most 2 * `threads` chunks of items and values are in memory. Items are taken in the calling
    thread. Decoding, resizing and hashing release Python's lock.

    Args:
        function: called by several threads at once.
        items: may be an iterator; exhausted as values are taken.
        threads: number of threads.
        chunk: number of items that a thread takes at once.
    """
    iterator = iter(items)
    pending: deque[Future[list[Value]]] = deque()
    caller, pool = threading.get_ident(), ThreadPoolExecutor(threads)
    try:
        while True:
            while len(pending) < 2 * threads and (taken := list(islice(iterator, chunk))):
                pending.append(pool.submit(lambda taken=taken: list(map(function, taken))))
            if not pending:
                return
            yield from pending.popleft().result()
    finally:  # in a thread of the pool if the garbage collector closes the generator there
        pool.shutdown(wait=threading.get_ident() == caller, cancel_futures=True)
