"""Convolutions of few input channels by groups of pixels equal XLA's."""

from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gv_jax.models.ops.convolution import conv_lax, convolve
from gv_jax.models.ops.grouped_pixels import GROUP_SIZES, conv_grouped, grouping_is_faster


def random(seed, *shape, dtype="float32"):
    return jax.random.normal(jax.random.key(seed), shape).astype(dtype)


def assert_close(value, expected, tolerance=2e-5):
    value, expected = (np.asarray(array, np.float32) for array in (value, expected))
    np.testing.assert_allclose(value, expected, atol=tolerance * float(np.abs(expected).max()))


@given(
    n=st.integers(1, 3),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel_size=st.tuples(st.integers(1, 4), st.integers(1, 6)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    ci=st.sampled_from(sorted(GROUP_SIZES)),
    co=st.integers(1, 5),
    dtype=st.sampled_from(["float32", "bfloat16"]),
)
@settings(max_examples=25, deadline=None)
def test_outputs_equal_xla(n, size, kernel_size, padding, ci, co, dtype):
    padding = tuple(
        max(zeros, -(-(taps - side) // 2))
        for zeros, taps, side in zip(padding, kernel_size, size, strict=True)
    )
    x, kernel = random(0, n, *size, ci, dtype=dtype), random(1, *kernel_size, ci, co, dtype=dtype)
    value = jax.jit(partial(conv_grouped, padding=padding))(x, kernel)
    expected = jax.jit(partial(conv_lax, strides=1, padding=padding))(x, kernel)
    assert value.dtype == expected.dtype
    assert_close(value, expected, 2e-5 if dtype == "float32" else 1e-2)


@pytest.mark.parametrize("ci", GROUP_SIZES)
def test_convolve_and_all_gradients_equal_xla(ci):
    x, kernel, bias = random(0, 2, 33, 35, ci), random(1, 3, 3, ci, 6), random(2, 6)
    g = random(3, 2, 33, 35, 6)

    @jax.jit
    def compute(x, kernel, bias):
        results = []
        for conv in (
            lambda x, kernel, bias: convolve(x, kernel, bias, 1, 1),
            lambda x, kernel, bias: conv_lax(x, kernel, 1, (1, 1)) + bias.reshape(1, 1, 1, -1),
        ):
            y, vjp = jax.vjp(conv, x, kernel, bias)
            results.append((y, *vjp(g)))
        return results

    assert grouping_is_faster(x.shape, kernel.shape, 1, (1, 1))
    for value, expected in zip(*compute(x, kernel, bias), strict=True):
        assert_close(value, expected)


@pytest.mark.parametrize(
    ("shape", "kernel_shape", "strides", "padding", "expected"),
    [
        ((2, 64, 64, 3), (3, 3, 3, 16), 1, (1, 1), True),
        ((2, 64, 64, 1), (5, 5, 1, 16), 1, (0, 0), True),
        ((2, 64, 64, 3), (3, 3, 3, 16), 2, (1, 1), False),
        ((2, 64, 64, 3), (7, 1, 3, 16), 1, (3, 0), False),  # no neighbors in a row
        ((2, 31, 33, 3), (3, 3, 3, 16), 1, (1, 1), False),
        ((2, 64, 64, 8), (3, 3, 8, 16), 1, (1, 1), False),
        ((2, 64, 64, 4), (3, 3, 1, 4), 1, (1, 1), False),  # depthwise
    ],
)
def test_only_measured_shapes_are_chosen(shape, kernel_shape, strides, padding, expected):
    assert grouping_is_faster(shape, kernel_shape, strides, padding) == expected
