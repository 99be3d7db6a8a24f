"""Durations of the parts of a run, and advice when memory runs out."""

import jax
import pytest

from gv_jax.errors import UserError
from gv_jax.training.timer import Timer, explain_oom


def test_the_total_is_the_sum_of_the_parts():
    timer = Timer()
    timer.lap("one")
    timer.lap("two")
    timer.laps["one"] = 60.001234
    timing = timer.timing()
    assert set(timing) == {"one", "two", "total_s", "peak_memory_mb"}
    assert timing["one"] == 60.0
    assert timing["total_s"] == pytest.approx(60 + timing["two"])
    assert timing["peak_memory_mb"] > 10


def test_a_fork_has_the_parts_so_far():
    timer = Timer()
    timer.lap("one")
    fork = timer.fork()
    fork.lap("two")
    assert set(fork.laps) == {"one", "two"}
    assert set(timer.laps) == {"one"}


@pytest.mark.parametrize(
    "error", [MemoryError(), jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")]
)
def test_the_advice_halves_the_batch_size(error):
    with pytest.raises(UserError, match=r"48.*config\.train\.batch_size=24"), explain_oom(48):
        raise error


def test_other_errors_are_not_changed():
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"), explain_oom(48):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")
