"""Convolutions of stride 1 with a few output channels, [n h w c], on a CPU.

XLA's CPU backend multiplies patches by the kernel: with two output channels, as in the last layer
of a colorizer, it computes two columns at a time. Here every tap is a plane of outputs: one matrix
product over the input channels gives all planes, which are shifted and added up.
Measured factors on 2 CPU cores, 3x3 kernels, forward / gradient of the kernel: 16 to 2 channels at
256x256 3.8 / 3.1, 64 to 2 at 64x64 2.9 / 4.9, 64 to 3 at 128x128 2.4 / 3.7, 16 to 4 at 128x128
1.8 / 1.1.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

MAX_FEATURES = 4
MIN_PIXELS = 64 * 64  # of a map, as measured


def planes_are_faster(
    shape: tuple[int, ...], kernel_shape: tuple[int, ...], strides: int, padding: tuple[int, int]
) -> bool:
    """Whether a convolution of images [n h w ci] by planes is faster on a CPU than XLA's."""
    _, h, w, channels = shape
    a, b, ci, co = kernel_shape
    keeps_size = (2 * padding[0] + 1, 2 * padding[1] + 1) == (a, b) and strides == 1
    return (
        keeps_size and channels == ci and co <= MAX_FEATURES and a * b > 1 and h * w >= MIN_PIXELS
    )


def conv_planes(x: Array, kernel: Array) -> Array:
    """Cross-correlates `x` [n h w ci] with `kernel` [a b ci co], of odd sides, to the same size."""
    n, h, w, ci = x.shape
    a, b, _, co = kernel.shape
    taps = kernel.transpose(0, 1, 3, 2).reshape(-1, ci)
    planes = lax.dot_general(taps, x.reshape(-1, ci), (((1,), (1,)), ((), ())))
    planes = planes.reshape(a, b, co, n, h, w)
    total = jnp.zeros((co, n, h, w), x.dtype)
    for i in range(a):
        for j in range(b):
            total = total + shift(planes[i, j], i - a // 2, j - b // 2)
    return total.transpose(1, 2, 3, 0)


def planes_kernel_gradient(x: Array, g: Array, size: tuple[int, int]) -> Array:
    """Gradient of `conv_planes` in the kernel, [a b ci co].

    Args:
        x: [n h w ci].
        g: gradient of the outputs, [n h w co].
        size: of the kernel, (a, b).
    """
    n, h, w, ci = x.shape
    a, b = size
    outputs = g.transpose(3, 0, 1, 2)
    planes = jnp.stack([shift(outputs, a // 2 - i, b // 2 - j) for i in range(a) for j in range(b)])
    gradient = planes.reshape(-1, n * h * w) @ x.reshape(-1, ci)
    return gradient.reshape(a, b, -1, ci).swapaxes(2, 3)


def shift(planes: Array, down: int, across: int) -> Array:
    """`planes` [k n h w] where pixel (y, x) is that at (y + down, x + across), or 0 outside."""
    edges = ((0, 0, 0), (0, 0, 0), (-down, down, 0), (-across, across, 0))
    return lax.pad(planes, np.zeros((), planes.dtype), edges)
