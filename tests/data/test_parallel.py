"""A function applied by several threads: values in order, few items in memory."""

import threading
import time

import pytest

from gv_jax.data.parallel import count_cores, map_in_threads


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("chunk", [1, 4])
def test_values_are_in_order_and_few_items_are_taken_ahead(threads, chunk):
    taken = []

    def items():
        for number in range(50):
            taken.append(number)
            yield number

    def square(number):
        time.sleep(0.001 * (number % 3))
        return number**2

    for index, value in enumerate(map_in_threads(square, items(), threads, chunk=chunk)):
        assert value == index**2
        assert len(taken) <= index + 1 + 2 * threads * chunk
    assert index == 49
    assert not any("ThreadPoolExecutor" in thread.name for thread in threading.enumerate())


def test_an_error_is_raised_in_its_place_and_ends_the_threads():
    before = threading.active_count()
    values = map_in_threads(lambda number: 6 // (3 - number), range(1000), 2, chunk=1)
    assert [next(values) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(values)
    assert threading.active_count() == before
    assert list(map_in_threads(abs, [], 2)) == []
    assert count_cores() >= 1


def test_one_of_its_threads_can_close_it():
    suspended, closed, errors = threading.Event(), threading.Event(), []

    def close_second(number):
        if number == 1:
            suspended.wait(10)
            try:
                values.close()
            except RuntimeError as error:
                errors.append(error)
            closed.set()
        return number

    values = map_in_threads(close_second, range(9), 1, chunk=1)
    assert next(values) == 0
    suspended.set()
    assert closed.wait(10)
    assert errors == []
