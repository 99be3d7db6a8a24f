"""Lowered for a GPU or TPU, also on a machine with a CPU, operations are XLA's own."""

import jax
import jax.numpy as jnp
import pytest

from gv_jax.models.ops.convolution import convolve
from gv_jax.models.ops.depthwise import depthwise_conv
from gv_jax.models.ops.pooling import avg_pool, max_pool
from gv_jax.models.ops.xla_cpu import materialize, sum_pixels

SHAPES = {  # of inputs and of the kernel: the CPU has another formulation for each
    "pixels": ((2, 9, 9, 6), (1, 1, 6, 4)),
    "whole map": ((2, 3, 3, 6), (3, 3, 6, 4)),
    "small map": ((2, 2, 2, 6), (3, 3, 6, 4)),
    "fft": ((32, 13, 13, 64), (7, 7, 64, 64)),
    "strided": ((2, 4, 4, 8), (3, 3, 8, 6)),
    "depthwise": ((2, 9, 9, 6), (3, 3, 1, 6)),
    "split": ((2, 8, 8, 64), (3, 3, 64, 64)),
    "planes": ((1, 64, 64, 5), (3, 3, 5, 2)),
    "winograd": ((2, 8, 8, 128), (3, 3, 128, 128)),
}
ARGUMENTS = {
    "strided": (2, 1),
    "split": (2, 1),
    "planes": (1, 1),
    "winograd": (1, 1),
    "small map": (1, 1),
}


def conv(name, x, kernel):
    if name == "depthwise":
        return depthwise_conv(x, kernel, 1, 1)
    return convolve(x, kernel, None, *ARGUMENTS.get(name, (1, 0)))


def lower(function, *shapes, platform):
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return jax.jit(function).trace(*arguments).lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_convolution_and_both_gradients(name, platform):
    def gradients(x, kernel):
        y, vjp = jax.vjp(lambda *a: conv(name, *a), x, kernel)
        return vjp(y)

    text = lower(gradients, *SHAPES[name], platform=platform)
    num_convs = text.count("stablehlo.convolution(")
    if platform == "cpu":
        assert num_convs == 6 if name == "split" else num_convs < 3
    else:
        assert num_convs == 3
        assert "stablehlo.dot_general" not in text
        assert "stablehlo.optimization_barrier" not in text


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_sums_and_elementwise_operations(platform):
    text = lower(lambda x: sum_pixels(materialize(jnp.sin(x))), (2, 3, 4, 5), platform=platform)
    assert ("stablehlo.optimization_barrier" in text) == (platform == "cpu")
    assert ("stablehlo.dot_general" in text) == (platform == "cpu")


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_pooling_and_its_gradient(platform):
    def gradient(x):
        return jax.grad(lambda x: max_pool(x, 3, 2, 1).sum() + avg_pool(x, 3, 2, 1).sum())(x)

    text = lower(gradient, (2, 9, 9, 4), platform=platform)
    assert ("select_and_scatter" in text) == (platform != "cpu")
    assert ("stablehlo.optimization_barrier" in text) == (platform == "cpu")
