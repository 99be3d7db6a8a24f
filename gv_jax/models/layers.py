"""Layers, [n h w c]. Convolution and pooling themselves are in `ops/`."""

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from gv_jax.models.normalization import BatchNorm
from gv_jax.models.ops.convolution import convolve
from gv_jax.models.ops.depthwise import depthwise_conv
from gv_jax.models.ops.pooling import Pair
from gv_jax.models.ops.upsampling import convolve_upsampled
from gv_jax.models.ops.xla_cpu import broadcast_channels, materialize

he_fan_out = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")
he_fan_in = nnx.initializers.variance_scaling(2.0, "fan_in", "normal")
small_normal = nnx.initializers.truncated_normal(0.02)  # of transformers

# Computes in float32 whatever the dtype of its input: logits are not rounded to bfloat16.
Linear = partial(nnx.Linear, dtype=jnp.float32, kernel_init=nnx.initializers.he_normal())


def relu(x: Array) -> Array:
    return materialize(nnx.relu(x))


def gelu(x: Array) -> Array:
    """x times the normal distribution's probability of less than x, exact (arXiv:1606.08415)."""
    return x * ((lax.erf(x * 0.5**0.5) + 1) * 0.5)


class Dense(nnx.Module):
    """A linear layer over the last axis, in the dtype of its input.

    Not `nnx.Linear`, which computes in that of its weights.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        kernel_init: nnx.Initializer = small_normal,
        rngs: nnx.Rngs,
    ):
        self.kernel = nnx.Param(kernel_init(rngs.params(), (in_features, out_features)))
        self.bias = nnx.Param(jnp.zeros(out_features))

    def __call__(self, x: Array) -> Array:
        y = x.reshape(-1, x.shape[-1]) @ self.kernel[...].astype(x.dtype)
        y = y + self.bias[...].astype(x.dtype).reshape(1, -1)
        return y.reshape(*x.shape[:-1], -1)


class Conv(nnx.Module):
    """A convolution with symmetric zero padding, as PyTorch's, in the dtype of its input.

    Not `nnx.Conv`, which pads strided convolutions asymmetrically ("SAME") and has one formulation.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: int | Pair,
        strides: int = 1,
        *,
        padding: int | None = None,
        use_bias: bool = False,
        kernel_init: nnx.Initializer = he_fan_out,
        rngs: nnx.Rngs,
    ):
        """Draws the weights.

        Args:
            in_features: channels of the input.
            out_features: channels of the output.
            kernel_size: (down, across), or one number for both, in pixels.
            strides: along both axes.
            padding: zeros on every side; None: those that keep the size at stride 1.
            use_bias: whether a bias is added, 0 at first.
            kernel_init: initializer of the kernel.
            rngs: random streams.
        """
        down, across = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
        shape = (down, across, in_features, out_features)
        self.kernel = nnx.Param(kernel_init(rngs.params(), shape))
        self.bias = nnx.Param(jnp.zeros(out_features)) if use_bias else None
        self.strides = strides
        self.padding = (down // 2, across // 2) if padding is None else (padding, padding)

    def __call__(self, x: Array) -> Array:
        bias = None if self.bias is None else self.bias[...].astype(x.dtype)
        return convolve(x, self.kernel[...].astype(x.dtype), bias, self.strides, self.padding)


class UpsampleConv(Conv):
    """A 3x3 convolution of the image with each pixel repeated twice along both axes."""

    def __init__(
        self, in_features: int, out_features: int, *, use_bias: bool = False, rngs: nnx.Rngs
    ):
        super().__init__(in_features, out_features, 3, use_bias=use_bias, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        bias = None if self.bias is None else self.bias[...].astype(x.dtype)
        return convolve_upsampled(x, self.kernel[...].astype(x.dtype), bias)


class DepthwiseConv(nnx.Module):
    """A convolution of each channel with its own kernel; by default stride 1 keeps the size."""

    def __init__(
        self,
        num_features: int,
        kernel_size: int,
        strides: int,
        *,
        padding: int | None = None,
        use_bias: bool = False,
        kernel_init: nnx.Initializer = he_fan_out,
        rngs: nnx.Rngs,
    ):
        shape = (kernel_size, kernel_size, 1, num_features)
        self.kernel = nnx.Param(kernel_init(rngs.params(), shape))
        self.bias = nnx.Param(jnp.zeros(num_features)) if use_bias else None
        self.strides = strides
        self.padding = kernel_size // 2 if padding is None else padding

    def __call__(self, x: Array) -> Array:
        y = depthwise_conv(x, self.kernel[...].astype(x.dtype), self.strides, self.padding)
        return y if self.bias is None else y + broadcast_channels(self.bias[...].astype(x.dtype), y)


class ConvNorm(nnx.Module):
    """norm(conv(x)); by default the size is kept at stride 1."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: int | Pair,
        strides: int = 1,
        *,
        padding: int | None = None,
        use_bias: bool = False,
        epsilon: float = 1e-5,
        rngs: nnx.Rngs,
    ):
        self.conv = Conv(
            in_features,
            out_features,
            kernel_size,
            strides,
            padding=padding,
            use_bias=use_bias,
            rngs=rngs,
        )
        self.norm = BatchNorm(out_features, epsilon=epsilon)

    def __call__(self, x: Array) -> Array:
        return self.norm(self.conv(x))


class ConvNormAct(ConvNorm):
    """relu(norm(conv(x)))."""

    def __call__(self, x: Array) -> Array:
        return relu(super().__call__(x))


class Lambda(nnx.Module):
    """A function as a layer, for lists of layers and the model table: `Lambda(relu)`."""

    def __init__(self, function: Callable[..., Array], **options: float):
        self.function = function
        self.options = tuple(options.items())

    def __call__(self, x: Array) -> Array:
        return self.function(x, **dict(self.options))


def flatten(x: Array) -> Array:
    """[n h w c] -> [n h*w*c]."""
    return x.reshape(x.shape[0], -1)


def pixel_shuffle(x: Array, scale: int) -> Array:
    """[n h w c*scale^2] -> [n h*scale w*scale c], in PyTorch's order of channels.

    Shi et al. 2016, arXiv:1609.05158.
    """
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, c // scale**2, scale, scale)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * scale, w * scale, c // scale**2)
