"""Upsampling, and convolutions of upsampled images, equal independent formulations."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gv_jax.models.ops.convolution import conv_lax
from gv_jax.models.ops.platform import plain_operations
from gv_jax.models.ops.upsampling import convolve_upsampled, upsample_nearest


def random(seed, *shape, dtype="float32"):
    return jax.random.normal(jax.random.key(seed), shape).astype(dtype)


def convolve_repeated(x, kernel, bias):
    """As `convolve_upsampled`, by XLA's own operations."""
    repeated = x.repeat(2, 1).repeat(2, 2)
    return conv_lax(repeated, kernel, 1, (1, 1)) + bias.reshape(1, 1, 1, -1)


@given(
    n=st.integers(1, 3),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    ci=st.integers(1, 5),
    co=st.integers(1, 5),
    dtype=st.sampled_from(["float32", "bfloat16"]),
)
@settings(max_examples=15, deadline=None)
def test_outputs_and_all_gradients_equal_xla(n, size, ci, co, dtype):
    arrays = random(0, n, *size, ci), random(1, 3, 3, ci, co), random(2, co)
    x, kernel, bias = (array.astype(dtype) for array in arrays)
    g = random(3, n, 2 * size[0], 2 * size[1], co, dtype=dtype)

    @jax.jit
    def compute(x, kernel, bias):
        results = []
        for function in (convolve_upsampled, convolve_repeated):
            y, vjp = jax.vjp(function, x, kernel, bias)
            results.append((y, *vjp(g)))
        return results

    tolerance = 2e-5 if dtype == "float32" else 5e-2
    for value, expected in zip(*compute(x, kernel, bias), strict=True):
        assert value.dtype == expected.dtype
        wide = np.asarray(expected, np.float32)
        atol = tolerance * np.abs(wide).max() + 1e-6
        np.testing.assert_allclose(np.asarray(value, np.float32), wide, atol=atol)


def test_outputs_without_a_bias_equal_xla():
    x, kernel = random(0, 2, 5, 7, 3), random(1, 3, 3, 3, 4)
    expected = convolve_repeated(x, kernel, np.zeros(4, np.float32))
    np.testing.assert_allclose(convolve_upsampled(x, kernel), expected, atol=2e-5)


def test_a_plain_program_repeats_pixels_and_has_one_convolution():
    def lower():
        shapes = [jax.ShapeDtypeStruct(shape, "float32") for shape in ((1, 4, 4, 3), (3, 3, 3, 2))]
        return jax.jit(lambda x, kernel: convolve_upsampled(x, kernel)).lower(*shapes).as_text()

    with plain_operations():
        text = lower()
    assert text.count("stablehlo.convolution") == 1
    assert "tensor<1x8x8x2xf32>" in text
    assert "tensor<1x5x5x8xf32>" not in text
    assert "tensor<1x5x5x8xf32>" in lower()  # four outputs of each of 5x5 windows


@pytest.mark.parametrize("size", [(1, 1), (3, 4)])
def test_upsampling_repeats_pixels_and_its_gradient_adds_them(size):
    x, g = random(0, 2, *size, 3), random(1, 2, 2 * size[0], 2 * size[1], 3)
    np.testing.assert_array_equal(upsample_nearest(x), np.asarray(x).repeat(2, 1).repeat(2, 2))
    (gradient,) = jax.vjp(upsample_nearest, x)[1](g)
    blocks = np.asarray(g).reshape(2, size[0], 2, size[1], 2, 3)
    np.testing.assert_allclose(gradient, blocks.sum((2, 4)), atol=1e-5)
