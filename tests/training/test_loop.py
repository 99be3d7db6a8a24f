"""The parts of the loop by hand-worked cases."""

import os
import signal

import jax.numpy as jnp
import pytest

from gv_jax.errors import UserError
from gv_jax.training.loop import (
    PreemptionGuard,
    accumulate,
    averages,
    check_finite,
    is_multiple,
    iterate,
)


def test_train_threads_the_state_through_every_batch():
    states = list(iterate(0, lambda state, batch: (state + batch, {"seen": batch}), [1, 2, 3]))
    assert states == [(1, {"seen": 1}), (3, {"seen": 2}), (6, {"seen": 3})]


@pytest.mark.parametrize(
    ("step", "every", "answer"), [(4, 2, True), (5, 2, False), (5, 0, False), (1, 1, True)]
)
def test_due(step, every, answer):
    assert is_multiple(step, every) is answer


def test_means_divide_sums_once_so_that_a_short_batch_weighs_less():
    window = [
        {"loss": jnp.float32(4), "count": jnp.float32(4)},
        {"loss": jnp.float32(5), "count": jnp.float32(1)},
    ]
    assert averages(accumulate({}, window)) == {"loss": 9 / 5}  # the mean of the means would be 3


def test_infinite_loss_stops_with_advice():
    check_finite({"loss": 3.0, "count": 1.0}, 7, 0.1)
    with pytest.raises(UserError, match=r"step 7.*learning_rate.*0\.01.*clip_norm"):
        check_finite({"loss": float("nan"), "count": 1.0}, 7, 0.1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_only_noted_inside(number):
    before = signal.getsignal(number)
    with PreemptionGuard() as interruption:
        assert not interruption.requested
        os.kill(os.getpid(), number)
        assert interruption.requested
    assert signal.getsignal(number) is before
