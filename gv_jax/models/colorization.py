"""Networks that colour: lightness [n h w 1], from -1 (black) to 1 (white), to what a colour is made of [n h w outputs].

Pictures may have any size: they are padded to a multiple of the stride by repeating their last row and column, and the
answer is cropped to theirs.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from gv_jax.models.layers import Lambda, conv, relu
from gv_jax.models.normalization import batch_norm
from gv_jax.models.ops.pooling import max_pool


def pad_to_multiple(x: Array, stride: int) -> Array:
    """Pictures [n h w c] whose sides are multiples of `stride`; what is added repeats the last row and column."""
    _, h, w, _ = x.shape
    down, across = -h % stride, -w % stride
    return (
        jnp.pad(x, ((0, 0), (0, down), (0, across), (0, 0)), mode="edge") if down or across else x
    )


@jax.custom_vjp
def upsample_nearest(x: Array) -> Array:
    """Every pixel four times.  # [n 2h 2w c]"""
    n, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (n, h, 2, w, 2, c)).reshape(n, 2 * h, 2 * w, c)


def _upsample_vjp(_: None, g: Array) -> tuple[Array]:
    """The gradient: strided slices are added faster than a sum over axes of two."""
    rows = g[:, ::2] + g[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2],)


upsample_nearest.defvjp(lambda x: (upsample_nearest(x), None), _upsample_vjp)


class WallnerAlpha(nnx.Module):
    """An encoder and a decoder of 3x3 convolutions: E. Wallner 2017, "Colorizing B&W photos with neural networks"."""

    stride = 8
    ENCODER = ((8, 2), (8, 1), (16, 1), (16, 2), (32, 1), (32, 2))  # features and strides
    DECODER = (32, 16)  # features; what comes out of each is doubled in size after it was before

    def __init__(self, *, inputs: int, outputs: int, rngs: nnx.Rngs):
        self.encoder, self.decoder = nnx.List(), nnx.List()
        width = inputs
        for features, strides in self.ENCODER:
            self.encoder.append(conv(width, features, 3, strides, bias=True, rngs=rngs))
            width = features
        for features in self.DECODER:
            self.decoder.append(conv(width, features, 3, bias=True, rngs=rngs))
            width = features
        self.head = conv(width, outputs, 3, bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        _, h, w, _ = x.shape
        x = pad_to_multiple(x, self.stride)
        for layer in self.encoder:
            x = relu(layer(x))  # [n h/8 w/8 32] in the end
        for layer in self.decoder:
            x = relu(layer(upsample_nearest(x)))  # [n h/2 w/2 16] in the end
        return self.head(upsample_nearest(x))[:, :h, :w]


class UNetUnit(nnx.Module):
    """relu(norm(conv(x))), 3x3."""

    def __init__(self, inputs: int, features: int, strides: int = 1, *, rngs: nnx.Rngs):
        self.conv = conv(inputs, features, 3, strides, rngs=rngs)
        self.norm = batch_norm(features, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return relu(self.norm(self.conv(x)))


class UNet(nnx.Module):
    """One unit at every scale on the way down and one on the way up, across from each other and joined.

    After Ronneberger et al. 2015, arXiv:1505.04597, with half its units, and the maps of both ways added and not laid
    side by side, as in LinkNet (Chaurasia & Culurciello 2017, arXiv:1707.03718): a third of the cost on a CPU.
    """

    WIDTHS = (16, 32, 64, 64, 64)  # features at the full size, at a half, a quarter …
    stride = 16

    def __init__(self, *, inputs: int, outputs: int, rngs: nnx.Rngs):
        self.down, self.narrow, self.up = nnx.List(), nnx.List(), nnx.List()
        self.pool = Lambda(max_pool, size=2)
        width = inputs
        for features in self.WIDTHS:
            self.down.append(UNetUnit(width, features, rngs=rngs))
            width = features
        for features in self.WIDTHS[-2::-1]:
            self.narrow.append(conv(width, features, 1, rngs=rngs))
            self.up.append(UNetUnit(features, features, rngs=rngs))
            width = features
        self.head = conv(width, outputs, 1, bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        _, h, w, _ = x.shape
        x = pad_to_multiple(x, self.stride)
        scales = []
        for unit in self.down:
            x = unit(self.pool(x) if scales else x)
            scales.append(x)
        for narrow, unit, across in zip(self.narrow, self.up, scales[-2::-1], strict=True):
            x = unit(upsample_nearest(narrow(x)) + across)
        return self.head(x)[:, :h, :w]
