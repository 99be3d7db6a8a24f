"""SiLU by the hyperbolic tangent equals JAX's, with its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.models.ops.silu import silu, silu_by_tanh

VALUES = np.concatenate([np.linspace(-100, 100, 401), [0, 1e-6, -1e-6, 1e4, -1e4]])


@pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float32, 1e-6), (jnp.bfloat16, 1e-2)])
@pytest.mark.parametrize("function", [silu, silu_by_tanh])
def test_values_and_gradients(function, dtype, tolerance):
    x = jnp.asarray(VALUES, dtype)
    y, vjp = jax.vjp(function, x)
    (gradient,) = vjp(jnp.full_like(x, 3))
    wide = np.asarray(x, np.float64)
    logistic = np.where(wide > -700, 1 / (1 + np.exp(-np.maximum(wide, -700))), 0)
    assert y.dtype == gradient.dtype == dtype
    scale = np.maximum(np.abs(wide), 1)
    assert np.all(np.abs(np.asarray(y, np.float64) - wide * logistic) <= tolerance * scale)
    expected = 3 * logistic * (1 + wide * (1 - logistic))
    assert np.all(np.abs(np.asarray(gradient, np.float64) - expected) <= 3 * tolerance * scale)


def test_gradient_keeps_only_the_input():
    shape = jax.ShapeDtypeStruct((4, 5), jnp.float32)
    _, vjp = jax.eval_shape(lambda x: jax.vjp(silu_by_tanh, x), shape)
    assert [leaf.shape for leaf in jax.tree.leaves(vjp)] == [(4, 5)]
