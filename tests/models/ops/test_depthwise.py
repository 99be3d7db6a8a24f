"""Depthwise convolutions and their gradients against XLA's own."""

import jax
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gv_jax.models.ops.convolution import conv_lax
from gv_jax.models.ops.depthwise import depthwise_conv


def assert_equal_to_lax(shape, size, strides, padding, dtype=np.float32):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(dtype)
    kernel = rng.normal(size=(size, size, 1, shape[-1])).astype(dtype)
    y, vjp = jax.vjp(lambda x, kernel: depthwise_conv(x, kernel, strides, padding), x, kernel)
    reference, reference_vjp = jax.vjp(
        lambda x, kernel: conv_lax(x, kernel, strides, (padding, padding)), x, kernel
    )
    g = rng.normal(size=y.shape).astype(dtype)
    assert y.shape == reference.shape
    tolerance = 1e-5 if dtype == np.float32 else 0.05
    pairs = zip((y, *vjp(g)), (reference, *reference_vjp(g)), strict=True)
    for value, expected in pairs:
        assert value.dtype == expected.dtype
        value, expected = np.asarray(value, np.float32), np.asarray(expected, np.float32)
        np.testing.assert_allclose(value, expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize(
    ("h", "w", "strides", "size"),
    [(9, 8, 1, 3), (9, 8, 2, 3), (2, 3, 2, 3), (7, 6, 1, 5), (7, 8, 2, 5), (1, 1, 2, 5)],
)
def test_values_and_gradients(h, w, strides, size):
    assert_equal_to_lax((2, h, w, 6), size, strides, size // 2)


def test_bfloat16():
    assert_equal_to_lax((2, 9, 9, 4), 3, 2, 1, jax.numpy.bfloat16)


@pytest.mark.slow
@settings(settings.get_profile("fast"), max_examples=60)
@given(
    sides=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    channels=st.integers(1, 4),
    size=st.integers(1, 7),
    strides=st.integers(1, 4),
    padding=st.integers(0, 4),
)
def test_any_shape(sides, channels, size, strides, padding):
    assume(min(sides) + 2 * padding >= size)
    assert_equal_to_lax((1, *sides, channels), size, strides, padding)
