"""Pooling and its gradients equal those of XLA and of PyTorch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gv_jax.models.ops import pooling
from tests.models.ops.torch_functional import assert_equal_to_torch, nchw, nhwc, torch_functional


def random(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@partial(jax.jit, static_argnums=(0, 1))
def compare(function, reference, x):
    """Outputs of both functions, then their gradients for the same random gradient."""
    (y, vjp), (expected, expected_vjp) = (jax.vjp(one, x) for one in (function, reference))
    g = random(1, *y.shape)
    return y, expected, vjp(g)[0], expected_vjp(g)[0]


@pytest.mark.parametrize(
    ("size", "strides", "padding"), [(2, 2, 0), (3, 2, 1), (2, 1, 0), (3, 3, 0), (3, 1, 1)]
)
@pytest.mark.parametrize("ties", [False, True])
def test_max_pool_and_gradient_equal_xla_also_for_equal_values(size, strides, padding, ties):
    x = random(0, 2, 9, 8, 3)
    x = jnp.round(x) if ties else x

    def max_pool_xla(x):
        edges = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
        return lax.reduce_window(
            x, -jnp.inf, lax.max, (1, size, size, 1), (1, strides, strides, 1), edges
        )

    def max_pool(x):
        return pooling.max_pool(x, size, strides, padding)

    y, expected, gradient, expected_gradient = compare(max_pool, max_pool_xla, x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-5)


def test_min_value_fuses_a_relu():
    x = random(0, 2, 6, 4, 3) - 1.0
    y, expected, gradient, expected_gradient = compare(
        lambda x: pooling.max_pool(x, 2, min_value=0),
        lambda x: pooling.max_pool(jnp.maximum(x, 0), 2),
        x,
    )
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(gradient, expected_gradient)


@pytest.mark.parametrize(("h", "w"), [(9, 8), (6, 7), (3, 3), (2, 5)])
def test_max_pool_that_rounds_up_equals_torch(h, w):
    assert_equal_to_torch(
        lambda x: pooling.max_pool(x, 3, 2, ceil=True),
        lambda x: nhwc(torch_functional().max_pool2d(nchw(x), 3, 2, ceil_mode=True)),
        random(0, 2, h, w, 3),
    )


def test_means_by_hand():
    x = jnp.arange(16, dtype=jnp.float32).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(pooling.avg_pool(x, 2)[0, :, :, 0], [[2.5, 4.5], [10.5, 12.5]])
    np.testing.assert_array_equal(pooling.global_pool(x), [[7.5]])


def test_avg_pool_with_padding_and_adaptive_pool_equal_torch():
    x = random(0, 2, 9, 5, 3)
    assert_equal_to_torch(
        lambda x: pooling.avg_pool(x, 3, 1, padding=1),
        lambda x: nhwc(torch_functional().avg_pool2d(nchw(x), 3, 1, 1)),
        x,
    )
    assert_equal_to_torch(
        lambda x: pooling.adaptive_pool(x, 7),
        lambda x: nhwc(torch_functional().adaptive_avg_pool2d(nchw(x), 7)),
        x,
    )
