"""Each formulation of a convolution and its gradients equal those of XLA and of PyTorch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gv_jax.models.ops import convolution
from tests.models.ops.torch_functional import assert_equal_to_torch, nchw, nhwc, torch_functional

CONVOLUTIONS = [
    # height, width, in_features, out_features, kernel size, strides, padding
    (9, 8, 3, 5, 3, 1, 1),
    (9, 8, 3, 5, 3, 2, 1),
    (8, 8, 4, 6, 1, 1, 0),
    (8, 7, 4, 6, 1, 2, 0),
    (4, 4, 8, 6, 3, 2, 1),
    (2, 2, 8, 6, 3, 1, 1),
    (2, 2, 8, 6, 3, 2, 1),
    (1, 1, 8, 6, 3, 1, 1),
    (1, 2, 8, 6, 3, 2, 1),
    (13, 13, 16, 24, 7, 1, 0),
    (7, 7, 3, 4, 7, 1, 0),
    (20, 17, 3, 8, 7, 2, 3),
    (6, 5, 3, 4, 5, 1, 2),
    (13, 12, 64, 64, 7, 1, 0),
]


def random(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def conv_xla(x, kernel, bias, strides, padding):
    edges = [(padding, padding)] * 2
    y = lax.conv_general_dilated(
        x, kernel, (strides, strides), edges, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return y + bias.reshape(1, 1, 1, -1)


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolve_and_gradients_equal_xla(case):
    h, w, in_features, out_features, size, strides, padding = case
    x = random(0, 2, h, w, in_features)
    kernel, bias = random(1, size, size, in_features, out_features), random(2, out_features)
    side = tuple((n + 2 * padding - size) // strides + 1 for n in (h, w))
    g = random(3, 2, *side, out_features)

    @jax.jit  # compiled as a whole, in less time than its operations one by one
    def outputs_and_gradients(x, kernel, bias):
        results = []
        for conv in (convolution.convolve, conv_xla):
            y, vjp = jax.vjp(partial(conv, strides=strides, padding=padding), x, kernel, bias)
            results.append((y, *vjp(g)))
        return results

    for value, expected in zip(*outputs_and_gradients(x, kernel, bias), strict=True):
        np.testing.assert_allclose(value, expected, atol=2e-5 * float(np.abs(expected).max()))


def test_convolve_without_bias_under_vmap():
    x, kernels = random(0, 3, 2, 6, 6, 4), random(1, 3, 3, 3, 4, 5)
    y = jax.jit(jax.vmap(lambda x, kernel: convolution.convolve(x, kernel, None, 1, 1)))(x, kernels)
    for index in range(3):
        expected = conv_xla(x[index], kernels[index], jnp.zeros(5), 1, 1)
        np.testing.assert_allclose(y[index], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("h", "w", "size", "strides", "padding"),
    [
        (9, 8, (1, 7), 1, (0, 3)),
        (8, 9, (7, 1), 1, (3, 0)),
        (1, 2, (1, 3), 1, (0, 1)),
        (7, 7, (7, 7), 1, (0, 0)),
        (6, 5, (1, 1), 1, (0, 0)),
    ],
)
def test_oblong_kernels_and_kernels_of_the_size_of_the_map_equal_torch(
    h, w, size, strides, padding
):
    def torch_conv(x, kernel, bias):
        kernel = kernel.permute(3, 2, 0, 1)
        return nhwc(torch_functional().conv2d(nchw(x), kernel, bias, strides, padding))

    arguments = random(0, 2, h, w, 4), random(1, *size, 4, 5), random(2, 5)
    assert_equal_to_torch(
        lambda *a: convolution.convolve(*a, strides, padding), torch_conv, *arguments
    )


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize(("h", "w"), [(1, 2), (3, 4), (7, 8), (9, 5)])
def test_same_padding_equals_xla(h, w, size, strides):
    x, kernel = random(0, 2, h, w, 3), random(1, size, size, 3, 4)
    expected = lax.conv_general_dilated(
        x, kernel, (strides, strides), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    padded = convolution.pad_same(x, size, strides)
    y = convolution.conv_lax(padded, kernel, strides, (0, 0))
    np.testing.assert_allclose(y, expected, atol=1e-5)
