import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.training.ema import update_ema


def test_starts_fast_and_slows_down_to_the_decay():
    old, new = {"a": jnp.array([1.0])}, {"a": jnp.array([2.0])}
    np.testing.assert_allclose(
        update_ema(old, new, 0.9, 0)["a"], [0.1 * 1 + 0.9 * 2], rtol=1e-6
    )  # 1/10
    np.testing.assert_allclose(
        update_ema(old, new, 0.9, 8)["a"], [0.5 * 1 + 0.5 * 2], rtol=1e-6
    )  # 9/18
    np.testing.assert_allclose(
        update_ema(old, new, 0.9, 10_000)["a"], [0.9 * 1 + 0.1 * 2], rtol=1e-6
    )


def test_a_decay_of_zero_is_the_weights():
    new = {"a": jnp.array([0.1, 0.3])}
    np.testing.assert_array_equal(
        update_ema({"a": jnp.array([7.0, 8.0])}, new, 0.0, 5)["a"], new["a"]
    )


def test_averages_trees_in_their_own_types_for_a_traced_step():
    old = {"layer": {"kernel": jnp.zeros((2, 2)), "bias": jnp.zeros(2, jnp.bfloat16)}}
    new = jax.tree.map(jnp.ones_like, old)
    average = jax.jit(update_ema)(old, new, 0.5, jnp.int32(100))
    assert average["layer"]["bias"].dtype == jnp.bfloat16
    np.testing.assert_array_equal(average["layer"]["kernel"], np.full((2, 2), 0.5))


def test_follows_a_hand_worked_run():
    average = {"a": jnp.zeros(1)}
    expected = 0.0
    for step, weight in enumerate([1.0, 3.0, -2.0, 5.0]):
        average = update_ema(average, {"a": jnp.array([weight])}, 0.2, step)
        rate = min(0.2, (1 + step) / (10 + step))
        expected = rate * expected + (1 - rate) * weight
    np.testing.assert_allclose(average["a"], [expected], rtol=1e-6)
