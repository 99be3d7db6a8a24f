"""The moving average of the weights against hand-worked cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.training.ema import update_ema


@pytest.mark.parametrize(("step", "rate"), [(0, 1 / 10), (8, 9 / 18), (10_000, 0.9)])
def test_the_rate_rises_to_the_decay(step, rate):
    average = update_ema({"a": jnp.array([1.0])}, {"a": jnp.array([2.0])}, 0.9, step)
    np.testing.assert_allclose(average["a"], [rate * 1 + (1 - rate) * 2], rtol=1e-6)


def test_a_decay_of_zero_gives_the_weights():
    old, new = {"a": jnp.array([7.0, 8.0])}, {"a": jnp.array([0.1, 0.3])}
    np.testing.assert_array_equal(update_ema(old, new, 0.0, 5)["a"], new["a"])


def test_equal_weights_are_not_rounded():
    weights = {"a": jnp.asarray(np.random.default_rng(0).normal(size=1000), jnp.float32)}
    np.testing.assert_array_equal(update_ema(weights, weights, 0.9, 3)["a"], weights["a"])


def test_arrays_keep_their_dtypes_for_a_traced_step():
    old = {"layer": {"kernel": jnp.zeros((2, 2)), "bias": jnp.zeros(2, jnp.bfloat16)}}
    new = jax.tree.map(jnp.ones_like, old)
    average = jax.jit(update_ema)(old, new, 0.5, jnp.int32(100))
    assert average["layer"]["bias"].dtype == jnp.bfloat16
    np.testing.assert_array_equal(average["layer"]["kernel"], np.full((2, 2), 0.5))


def test_several_steps_agree_with_the_formula():
    average, expected = {"a": jnp.zeros(1)}, 0.0
    for step, weight in enumerate([1.0, 3.0, -2.0, 5.0]):
        average = update_ema(average, {"a": jnp.array([weight])}, 0.2, step)
        rate = min(0.2, (1 + step) / (10 + step))
        expected = rate * expected + (1 - rate) * weight
    np.testing.assert_allclose(average["a"], [expected], rtol=1e-6)
