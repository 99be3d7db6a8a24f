"""Silences warnings in all threads that decode images."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_lock = threading.Lock()
_filters = ExitStack()
_num_inside = 0


@contextmanager
def silence_warnings() -> Iterator[None]:
    """Ignores warnings while any thread is inside, and restores the filters after the last one.

    `warnings.catch_warnings` alone restores the filters of one thread while others still run.
    """
    global _num_inside
    with _lock:
        if not _num_inside:
            _filters.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _num_inside += 1
    try:
        yield
    finally:
        with _lock:
            _num_inside -= 1
            if not _num_inside:
                _filters.close()
