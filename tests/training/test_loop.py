"""The parts of the training loop by hand-worked cases."""

import os
import signal

import jax.numpy as jnp
import pytest

from gv_jax.errors import UserError
from gv_jax.training.loop import (
    PreemptionGuard,
    accumulate_sums,
    averages,
    check_finite,
    is_multiple,
    iterate,
)


def test_iterate_passes_the_state_from_batch_to_batch():
    states = list(iterate(0, lambda state, batch: (state + batch, {"batch": batch}), [1, 2, 3]))
    assert states == [(1, {"batch": 1}), (3, {"batch": 2}), (6, {"batch": 3})]


@pytest.mark.parametrize(
    ("step", "every", "expected"), [(4, 2, True), (5, 2, False), (5, 0, False), (1, 1, True)]
)
def test_is_multiple(step, every, expected):
    assert is_multiple(step, every) is expected


def test_averages_weight_every_sample_equally():
    steps = [
        {"loss": jnp.float32(4), "count": jnp.float32(4)},
        {"loss": jnp.float32(5), "count": jnp.float32(1)},
    ]
    sums = accumulate_sums({}, steps)
    assert averages(sums) == {"loss": 9 / 5}  # the mean of the means is 3


def test_a_loss_that_is_not_finite_is_refused():
    check_finite({"loss": 3.0, "count": 1.0}, 7, 0.1)
    with pytest.raises(UserError, match=r"step 7 .*learning_rate.*0\.01.*clip_norm"):
        check_finite({"loss": float("nan"), "count": 1.0}, 7, 0.1)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_recorded_inside_the_guard(signum):
    handler = signal.getsignal(signum)
    with PreemptionGuard() as guard:
        assert not guard.requested
        os.kill(os.getpid(), signum)
        assert guard.requested
    assert signal.getsignal(signum) is handler
