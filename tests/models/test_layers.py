"""Every formulation of a convolution and a pooling equals the one of XLA, and its gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from gv_jax.models import layers
from gv_jax.models.ops import convolution, pooling

CONVOLUTIONS = [
    # height, width, inputs, features, kernel, strides, padding
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


def reference(x, kernel, bias, strides, padding):
    edges = [(padding, padding)] * 2
    y = lax.conv_general_dilated(
        x, kernel, (strides, strides), edges, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return y + bias.reshape(1, 1, 1, -1)


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution_and_its_gradients_are_those_of_xla(case):
    h, w, inputs, features, size, strides, padding = case
    x, kernel, bias = (
        random(0, 2, h, w, inputs),
        random(1, size, size, inputs, features),
        random(2, features),
    )
    y, pull = jax.vjp(lambda *a: convolution.convolve(*a, strides, padding), x, kernel, bias)
    expected, expected_pull = jax.vjp(lambda *a: reference(*a, strides, padding), x, kernel, bias)
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(y, expected, atol=2e-5 * scale)
    g = random(3, *y.shape)
    for found, wanted in zip(pull(g), expected_pull(g), strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-5 * float(np.abs(wanted).max()))


def test_convolution_without_bias_and_over_several_models_at_once():
    x, kernels = random(0, 3, 2, 6, 6, 4), random(1, 3, 3, 3, 4, 5)
    found = jax.vmap(lambda x, kernel: convolution.convolve(x, kernel, None, 1, 1))(x, kernels)
    for index in range(3):
        expected = reference(x[index], kernels[index], jnp.zeros(5), 1, 1)
        np.testing.assert_allclose(found[index], expected, atol=1e-4)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_convolution_stays_in_the_precision_of_its_input(dtype):
    layer = layers.conv(3, 4, 3, bias=True, rngs=nnx.Rngs(0))
    assert layer(random(0, 1, 4, 4, 3).astype(dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("size", "strides", "padding"), [(2, 2, 0), (3, 2, 1), (2, 1, 0), (3, 3, 0), (3, 1, 1)]
)
@pytest.mark.parametrize("ties", [False, True])
def test_max_pooling_is_that_of_xla_also_where_values_are_equal(size, strides, padding, ties):
    x = random(0, 2, 9, 8, 3)
    x = jnp.round(x) if ties else x

    def expected(x):
        edges = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
        return lax.reduce_window(
            x, -jnp.inf, lax.max, (1, size, size, 1), (1, strides, strides, 1), edges
        )

    y, pull = jax.vjp(lambda x: pooling.max_pool(x, size, strides, padding), x)
    wanted, wanted_pull = jax.vjp(expected, x)
    np.testing.assert_array_equal(y, wanted)
    g = random(1, *y.shape)
    np.testing.assert_allclose(pull(g)[0], wanted_pull(g)[0], atol=1e-5)


def test_average_pooling_by_hand():
    x = jnp.arange(16, dtype=jnp.float32).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(pooling.avg_pool(x, 2)[0, :, :, 0], [[2.5, 4.5], [10.5, 12.5]])
    np.testing.assert_array_equal(pooling.global_pool(x), [[7.5]])


torch = pytest.importorskip("torch")


def pulled(theirs, *arguments):
    """PyTorch's answer and gradients of its sum of squares, [n h w c] and [a b i o] in ours' order."""
    told = [torch.from_numpy(np.asarray(a, np.float64)).requires_grad_() for a in arguments]
    y = theirs(*told)
    (y * y).sum().backward()
    return y.detach().numpy(), [a.grad.numpy() for a in told]


def agree(ours, theirs, *arguments):
    y, pull = jax.vjp(ours, *arguments)
    expected, gradients = pulled(theirs, *arguments)
    np.testing.assert_allclose(y, expected, atol=1e-4)
    for found, wanted in zip(pull(2 * y), gradients, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("h", "w", "strides", "size"), [(9, 8, 1, 3), (9, 8, 2, 3), (2, 3, 2, 3), (7, 6, 1, 5)]
)
def test_depthwise_convolution_and_its_gradients_are_those_of_pytorch(h, w, strides, size):
    def theirs(x, kernel):
        k = kernel.permute(3, 2, 0, 1)
        return nhwc(torch.nn.functional.conv2d(nchw(x), k, None, strides, size // 2, groups=6))

    x, kernel = random(0, 2, h, w, 6), random(1, size, size, 1, 6)
    agree(lambda x, k: convolution.depthwise_conv(x, k, strides, size // 2), theirs, x, kernel)
    plain = convolution.conv_lax(
        x, kernel, strides, (size // 2, size // 2)
    )  # what other backends compute
    np.testing.assert_allclose(
        plain, convolution.depthwise_conv(x, kernel, strides, size // 2), atol=1e-4
    )


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
def test_oblong_kernels_and_kernels_that_cover_all_are_those_of_pytorch(
    h, w, size, strides, padding
):
    def theirs(x, kernel, bias):
        return nhwc(
            torch.nn.functional.conv2d(nchw(x), kernel.permute(3, 2, 0, 1), bias, strides, padding)
        )

    arguments = random(0, 2, h, w, 4), random(1, *size, 4, 5), random(2, 5)
    agree(lambda *a: convolution.convolve(*a, strides, padding), theirs, *arguments)


@pytest.mark.parametrize(("h", "w"), [(9, 8), (6, 7), (3, 3), (2, 5)])
def test_max_pooling_that_rounds_up_is_pytorchs(h, w):
    def theirs(x):
        return nhwc(torch.nn.functional.max_pool2d(nchw(x), 3, 2, ceil_mode=True))

    agree(lambda x: pooling.max_pool(x, 3, 2, ceil=True), theirs, random(0, 2, h, w, 3))


def test_means_over_windows_count_padding_and_means_over_a_grid_fit_any_size():
    x = random(0, 2, 9, 5, 3)
    agree(
        lambda x: pooling.avg_pool(x, 3, 1, padding=1),
        lambda x: nhwc(torch.nn.functional.avg_pool2d(nchw(x), 3, 1, 1)),
        x,
    )
    agree(
        lambda x: pooling.adaptive_pool(x, 7),
        lambda x: nhwc(torch.nn.functional.adaptive_avg_pool2d(nchw(x), 7)),
        x,
    )
