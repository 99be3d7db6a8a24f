import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from gv_jax.data.formats.silence import silence_warnings


def test_warnings_are_ignored_inside_and_seen_outside():
    with silence_warnings():
        warnings.warn("inside", stacklevel=1)
    with pytest.warns(UserWarning, match="outside"):
        warnings.warn("outside", stacklevel=1)


def test_overlapping_threads_leave_the_filters_unchanged():
    before, first_left = warnings.filters[:], threading.Event()
    both_inside = threading.Barrier(2, timeout=10)

    def leave_first():
        with silence_warnings():
            both_inside.wait()
        first_left.set()

    def leave_last():
        with silence_warnings():
            both_inside.wait()
            assert first_left.wait(timeout=10)
            warnings.warn("still inside", stacklevel=1)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(leave_first), pool.submit(leave_last)]:
            future.result()
    assert warnings.filters == before


def test_errors_restore_the_filters():
    before = warnings.filters[:]
    with pytest.raises(ValueError, match="inside"), silence_warnings():
        raise ValueError("inside")
    assert warnings.filters == before
