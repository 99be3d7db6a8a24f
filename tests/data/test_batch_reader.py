"""Batches read ahead: the same for any number of threads, few at a time, no threads left."""

import threading
import time

import numpy as np
import pytest

from gv_jax.data.batch_reader import BatchReader
from gv_jax.data.sampling import batch_indices
from gv_jax.errors import UserError


def read_square(key):
    time.sleep(0.002 * (key % 3))  # batches are finished out of order
    return key**2


def has_threads():
    return any("grain-prefetch" in thread.name for thread in threading.enumerate())


def assert_threads_end():
    deadline = time.monotonic() + 5
    while has_threads():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("threads", [0, 1, 4])
@pytest.mark.parametrize("steps", [range(0), range(9), range(5, 9)])
def test_batches_are_in_order_for_any_number_of_threads_and_from_any_step(threads, steps):
    reader = BatchReader(read_square, threads, prefetch=3)
    assert list(reader.stream(steps)) == [step**2 for step in steps]
    assert_threads_end()


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_a_selected_reader_reads_the_rows_of_a_step(threads):
    rows = np.arange(20) * 3
    reader = BatchReader(lambda indices: rows[indices], threads, prefetch=2)
    by_step = reader.select(lambda step: batch_indices(7, step, 20, 6))
    expected = [rows[batch_indices(7, step, 20, 6)] for step in range(8)]
    np.testing.assert_array_equal(list(by_step.stream(range(8))), expected)
    np.testing.assert_array_equal(by_step(3), expected[3])


@pytest.mark.parametrize(("threads", "prefetch"), [(1, 1), (2, 5), (4, 2)])
def test_no_more_batches_are_read_ahead_than_the_bound(threads, prefetch):
    started = []

    def read(key):
        started.append(key)
        return key

    stream = BatchReader(read, threads, prefetch).stream(range(100))
    for taken in range(1, 8):
        next(stream)
        time.sleep(0.01)
        assert len(started) <= taken + prefetch
    stream.close()
    assert len(started) <= 7 + prefetch


def test_threads_end_when_the_stream_is_closed_early():
    stream = BatchReader(read_square, 4, prefetch=8).stream(range(1000))
    assert next(stream) == 0
    assert has_threads()
    stream.close()
    assert_threads_end()


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_an_error_is_raised_where_its_batch_would_have_been(threads):
    def read(key):
        if key == 3:
            raise UserError("cat/3.png is damaged")
        return key

    stream = BatchReader(read, threads, prefetch=8).stream(range(10))
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(UserError) as caught:
        next(stream)
    assert str(caught.value) == "cat/3.png is damaged"
    assert_threads_end()
