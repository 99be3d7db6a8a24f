"""Timing and advice."""

import jax
import pytest

from gv_jax.errors import UserError
from gv_jax.training.timer import Timer, explain_oom


def test_clock_adds_up():
    clock = Timer()
    clock.lap("one")
    clock.lap("two")
    clock.laps["one"] = 60.0  # of an earlier start
    timing = clock.timing()
    assert set(timing) == {"one", "two", "total_s", "peak_memory_mb"}
    assert timing["total_s"] == pytest.approx(60 + timing["two"])
    assert timing["peak_memory_mb"] > 10


@pytest.mark.parametrize(
    "error", [MemoryError(), jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")]
)
def test_memory_advice_halves_the_batch(error):
    with (
        pytest.raises(UserError, match=r"batches of 48: try --config\.train\.batch_size=24"),
        explain_oom(48),
    ):
        raise error


def test_other_errors_pass():
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"), explain_oom(48):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")
