"""Convolutions of few output channels by planes, and their gradients, equal XLA's."""

from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gv_jax.models.ops.convolution import conv_lax, convolve
from gv_jax.models.ops.narrow_conv import (
    MAX_FEATURES,
    conv_planes,
    planes_are_faster,
    planes_kernel_gradient,
)


def random(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def assert_close(value, expected):
    np.testing.assert_allclose(value, expected, atol=2e-5 * float(np.abs(expected).max()))


@given(
    n=st.integers(1, 3),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    half=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    ci=st.integers(1, 5),
    co=st.integers(1, MAX_FEATURES),
)
@settings(max_examples=15, deadline=None)
def test_outputs_and_kernel_gradient_equal_xla(n, size, half, ci, co):
    a, b = (2 * side + 1 for side in half)
    x, kernel = random(0, n, *size, ci), random(1, a, b, ci, co)

    @jax.jit
    def compute(x, kernel):
        y, vjp = jax.vjp(lambda kernel: conv_lax(x, kernel, 1, half), kernel)
        g = jax.numpy.sin(y)
        return (conv_planes(x, kernel), planes_kernel_gradient(x, g, (a, b))), (y, *vjp(g))

    for value, expected in zip(*compute(x, kernel), strict=True):
        assert_close(value, expected)


def test_convolve_and_all_gradients_equal_xla():
    x, kernel, bias = random(0, 1, 64, 65, 5), random(1, 3, 3, 5, 2), random(2, 2)
    g = random(3, 1, 64, 65, 2)

    @jax.jit
    def compute(x, kernel, bias):
        results = []
        for conv in (
            partial(convolve, strides=1, padding=1),
            lambda x, kernel, bias: conv_lax(x, kernel, 1, (1, 1)) + bias.reshape(1, 1, 1, -1),
        ):
            y, vjp = jax.vjp(conv, x, kernel, bias)
            results.append((y, *vjp(g)))
        return results

    assert planes_are_faster(x.shape, kernel.shape, 1, (1, 1))
    for value, expected in zip(*compute(x, kernel, bias), strict=True):
        assert_close(value, expected)


@pytest.mark.parametrize(
    ("shape", "kernel_shape", "strides", "padding", "expected"),
    [
        ((2, 64, 64, 16), (3, 3, 16, 2), 1, (1, 1), True),
        ((2, 64, 64, 16), (5, 3, 16, 4), 1, (2, 1), True),
        ((2, 64, 64, 16), (3, 3, 16, MAX_FEATURES + 1), 1, (1, 1), False),
        ((2, 64, 63, 16), (3, 3, 16, 2), 1, (1, 1), False),
        ((2, 64, 64, 16), (3, 3, 16, 2), 1, (0, 0), False),
        ((2, 64, 64, 16), (3, 3, 16, 2), 2, (1, 1), False),
        ((2, 64, 64, 16), (1, 1, 16, 2), 1, (0, 0), False),  # one matrix product
        ((2, 64, 64, 16), (3, 3, 8, 2), 1, (1, 1), False),  # in two groups
    ],
)
def test_choice(shape, kernel_shape, strides, padding, expected):
    assert planes_are_faster(shape, kernel_shape, strides, padding) == expected
