"""The gradient of a strided convolution from convolutions of stride 1 equals XLA's."""

import jax
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gv_jax.models.ops.convolution import conv_lax
from gv_jax.models.ops.strided_gradient import split_input_gradient, split_is_faster


@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    strides=st.integers(2, 3),
    size=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
@example(rows=1, columns=1, strides=3, size=(0, 1), padding=(1, 2))  # outputs miss a row
@example(rows=1, columns=1, strides=3, size=(0, 0), padding=(0, 3))
@settings(max_examples=20, deadline=None)
def test_gradient_equals_xla(rows, columns, strides, size, padding):
    a, b = (strides + extra for extra in size)
    h, w = rows * strides, columns * strides
    assume(h + 2 * padding[0] >= a and w + 2 * padding[1] >= b)
    x = jax.random.normal(jax.random.key(0), (2, h, w, 3))
    kernel = jax.random.normal(jax.random.key(1), (a, b, 3, 4))

    @jax.jit
    def compute(x, kernel):
        # of padded images: XLA's CPU backend aborts for some gradients of padded convolutions
        edges = ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0))
        y, vjp = jax.vjp(lambda x: conv_lax(jax.numpy.pad(x, edges), kernel, strides, (0, 0)), x)
        g = jax.numpy.sin(y)
        return split_input_gradient(kernel, g, x.shape, strides, padding), *vjp(g)

    value, expected = compute(x, kernel)
    np.testing.assert_allclose(value, expected, atol=2e-5 * float(np.abs(expected).max()))


@pytest.mark.parametrize(
    ("shape", "kernel_shape", "strides", "expected"),
    [
        ((2, 8, 8, 64), (3, 3, 64, 128), 2, True),
        ((2, 8, 8, 7), (3, 3, 7, 128), 2, False),
        ((2, 8, 8, 64), (3, 3, 64, 7), 2, False),
        ((2, 9, 8, 64), (3, 3, 64, 64), 2, False),
        ((2, 8, 8, 64), (3, 3, 64, 64), 1, False),
        ((2, 9, 9, 64), (1, 3, 64, 64), 3, False),
        ((2, 8, 8, 128), (3, 3, 64, 64), 2, False),  # in two groups
    ],
)
def test_choice(shape, kernel_shape, strides, expected):
    assert split_is_faster(shape, kernel_shape, strides) == expected
