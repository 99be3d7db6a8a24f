"""Workarounds for XLA:CPU return what the plain operations return, and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.models.ops.xla_cpu import broadcast_channels, materialize, sum_pixels


@pytest.mark.parametrize("shape", [(3, 5, 4, 2), (1, 1, 1, 7), (2, 9, 1, 1)])
def test_sum_pixels_and_its_transpose(shape):
    x, g = (jax.random.normal(jax.random.key(i), shape) for i in range(2))
    np.testing.assert_allclose(
        sum_pixels(x), np.asarray(x, np.float64).sum((0, 1, 2)), rtol=1e-5, atol=1e-6
    )
    v = jnp.arange(shape[-1], dtype=jnp.float32)
    y, vjp = jax.vjp(broadcast_channels, v, x)
    np.testing.assert_array_equal(y, np.broadcast_to(v, shape))
    np.testing.assert_allclose(
        vjp(g)[0], np.asarray(g, np.float64).sum((0, 1, 2)), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(vjp(g)[1], np.zeros(shape))


def test_materialize_is_the_identity():
    x = jax.random.normal(jax.random.key(0), (7,))
    np.testing.assert_array_equal(jax.jit(materialize)(x), x)
