"""Workarounds for XLA:CPU return what the plain operations return, and their gradients."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.models.ops.xla_cpu import (
    broadcast_channels,
    materialize,
    scale_each,
    sum_each,
    sum_pixels,
)


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


@pytest.mark.parametrize("shape", [(3, 5, 4, 2), (1, 1, 1, 7), (2, 9, 1, 1)])
def test_sum_each_and_its_transpose(shape):
    n, _, _, c = shape
    x, g = (jax.random.normal(jax.random.key(i), shape) for i in range(2))
    exact_x, exact_g = (np.asarray(v, np.float64) for v in (x, g))
    np.testing.assert_allclose(sum_each(x), exact_x.sum((1, 2)), rtol=1e-5, atol=1e-6)
    gates = jnp.arange(1.0, n * c + 1).reshape(n, c)
    y, vjp = jax.vjp(scale_each, x, gates)
    exact_gates = np.asarray(gates, np.float64).reshape(n, 1, 1, c)
    np.testing.assert_allclose(y, exact_x * exact_gates, rtol=1e-6)
    np.testing.assert_allclose(vjp(g)[0], exact_g * exact_gates, rtol=1e-6)
    expected = (exact_x * exact_g).sum((1, 2))
    np.testing.assert_allclose(vjp(g)[1], expected, rtol=1e-5, atol=1e-5)


def test_materialize_is_the_identity():
    values = [0.0, -0.0, 1.2e-38, -2.5, 3e38, np.inf, -np.inf]
    x = jnp.asarray(values)
    y = np.asarray(jax.jit(materialize)(x))
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(np.signbit(y), np.signbit(values))
    (gradient,) = jax.vjp(materialize, x)[1](jnp.arange(7.0))
    np.testing.assert_array_equal(gradient, np.arange(7.0))


def test_values_are_computed_once_for_two_consumers():
    def compute(x, store):
        y = store(x * 2 + 1)
        return y[:-1] * y[1:], jnp.flip(y.T, 0)

    x = jax.ShapeDtypeStruct((300, 200), jnp.float32)
    lowered = jax.jit(partial(compute, store=materialize)).lower(x)
    text = lowered.compile({"xla_cpu_experimental_ynn_fusion_type": ""}).as_text()
    assert text.count(" clamp(") == 1
    assert text.count(" divide(") == 1
