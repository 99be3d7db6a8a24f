"""Layers, [n h w c]. Convolutions and poolings are called here, in `convolution.py` and `pooling.py`, nowhere else."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jax import Array

from gv_jax.models.normalization import batch_norm
from gv_jax.models.ops.convolution import convolve, depthwise_conv
from gv_jax.models.ops.pooling import Pair
from gv_jax.models.ops.xla_cpu import materialize

he_fan_out = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")
he_fan_in = nnx.initializers.variance_scaling(2.0, "fan_in", "normal")


def relu(x: Array) -> Array:
    return materialize(nnx.relu(x))


def silu(x: Array) -> Array:
    """x sigmoid(x); Elfwing et al. 2018, arXiv:1702.03118."""
    return nnx.silu(x)


class Conv(nnx.Module):
    """A convolution with symmetric zero padding, in the precision of what comes in."""

    def __init__(
        self,
        inputs: int,
        features: int,
        size: Pair,
        strides: int,
        padding: Pair,
        *,
        bias: bool,
        init: nnx.Initializer,
        rngs: nnx.Rngs,
    ):
        self.kernel = nnx.Param(init(rngs.params(), (*size, inputs, features)))
        self.bias = nnx.Param(jnp.zeros(features)) if bias else None
        self.strides = strides
        self.padding = padding

    def __call__(self, x: Array) -> Array:
        bias = None if self.bias is None else self.bias[...].astype(x.dtype)
        return convolve(x, self.kernel[...].astype(x.dtype), bias, self.strides, self.padding)


def conv(
    inputs: int,
    features: int,
    size: int | Pair,
    strides: int = 1,
    *,
    padding: int | None = None,
    bias: bool = False,
    init: nnx.Initializer = he_fan_out,
    rngs: nnx.Rngs,
) -> Conv:
    """A convolution; `padding` pixels on every side, by default those that keep the size at stride 1."""
    down, across = (size, size) if isinstance(size, int) else size
    zeros = (down // 2, across // 2) if padding is None else (padding, padding)
    return Conv(inputs, features, (down, across), strides, zeros, bias=bias, init=init, rngs=rngs)


class DepthwiseConv(nnx.Module):
    """A convolution of every channel by itself, padded so that stride 1 keeps the size."""

    def __init__(self, features: int, size: int, strides: int, *, rngs: nnx.Rngs):
        self.kernel = nnx.Param(he_fan_out(rngs.params(), (size, size, 1, features)))
        self.strides = strides

    def __call__(self, x: Array) -> Array:
        kernel = self.kernel[...].astype(x.dtype)
        return depthwise_conv(x, kernel, self.strides, kernel.shape[0] // 2)


class ConvNormAct(nnx.Module):
    """relu(norm(conv(x))); by default the size is kept."""

    def __init__(
        self,
        inputs: int,
        features: int,
        size: int | Pair,
        strides: int = 1,
        *,
        padding: int | None = None,
        bias: bool = False,
        epsilon: float = 1e-5,
        rngs: nnx.Rngs,
    ):
        self.conv = conv(inputs, features, size, strides, padding=padding, bias=bias, rngs=rngs)
        self.norm = batch_norm(features, epsilon, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return relu(self.norm(self.conv(x)))


def dense(inputs: int, features: int, *, rngs: nnx.Rngs) -> nnx.Linear:
    """A linear layer in float32, whatever the precision of what comes in."""
    return nnx.Linear(
        inputs, features, dtype=jnp.float32, kernel_init=nnx.initializers.he_normal(), rngs=rngs
    )


class Lambda(nnx.Module):
    """A function as a layer, so that it has a row in the summary: `Layer(max_pool, size=2)`."""

    def __init__(self, function: Callable[..., Array], **options: float):
        self.function = function
        self.options = tuple(options.items())

    def __call__(self, x: Array) -> Array:
        return self.function(x, **dict(self.options))


def flatten(x: Array) -> Array:
    """[n h w c] -> [n h*w*c]."""
    return x.reshape(x.shape[0], -1)


def pixel_shuffle(x: Array, times: int) -> Array:
    """[n h w c*times*times] -> [n h*times w*times c], in PyTorch's order: Shi et al. 2016, arXiv:1609.05158."""
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, c // times**2, times, times)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * times, w * times, c // times**2)
