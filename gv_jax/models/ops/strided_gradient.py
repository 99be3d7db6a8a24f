"""Gradient of a strided convolution in its input, [n h w c], as convolutions of stride 1.

Pixels at one distance from the grid of strides see their own share of the taps: they are one
convolution of the gradient, of all taps together as many operations as the forward convolution.
XLA's CPU backend instead spreads the gradient by zeros. Measured factors on 2 CPU cores, 3x3
kernels of stride 2: 16 channels at 128x128 3.7, 32 to 64 at 64x64 2.9, 24 to 96 at 112x112 2.0,
128 at 56x56 1.5, 64 to 128 at 56x56 1.3, 512 at 14x14 1.2.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

MIN_CHANNELS = 8  # of both sides, as measured


class Share(NamedTuple):
    """What the pixels at one distance from the grid of strides see, along one axis.

    Attributes:
        taps: of the kernel, in the order of growing outputs.
        padding: of the outputs, before and after.
    """

    taps: tuple[int, ...]
    padding: tuple[int, int]


def split_is_faster(shape: tuple[int, ...], kernel_shape: tuple[int, ...], strides: int) -> bool:
    """Whether `split_input_gradient` of images [n h w ci] is faster on a CPU than XLA's."""
    _, h, w, channels = shape
    a, b, ci, co = kernel_shape
    is_dense = channels == ci and min(ci, co) >= MIN_CHANNELS
    return is_dense and 1 < strides <= min(a, b) and h % strides == w % strides == 0


def split_input_gradient(
    kernel: Array, g: Array, shape: tuple[int, ...], strides: int, padding: tuple[int, int]
) -> Array:
    """The gradient in images [n h w ci], for the gradient `g` [n oh ow co].

    Args:
        kernel: [a b ci co], of at least `strides` taps along each axis.
        g: of the outputs.
        shape: of the images; both sides are multiples of `strides`.
        strides: along both axes.
        padding: zeros above and below, left and right, in pixels.
    """
    n, h, w, ci = shape
    turned = kernel.swapaxes(2, 3)
    sides = zip((h, w), kernel.shape[:2], g.shape[1:3], padding, strict=True)
    down, across = (
        [share_taps(distance, *side, strides) for distance in range(strides)] for side in sides
    )
    out = (n, h // strides, w // strides, ci)
    parts = [correlate_share(g, turned, row, column, out) for row in down for column in across]
    pixels = jnp.stack(parts).reshape(strides, strides, *out)
    return pixels.transpose(2, 3, 0, 4, 1, 5).reshape(shape)


def correlate_share(
    g: Array, turned: Array, row: Share, column: Share, shape: tuple[int, ...]
) -> Array:
    """The gradient in the pixels that share a row's and a column's taps, of the given shape.

    Args:
        g: of the outputs, [n oh ow co].
        turned: kernel, [a b co ci].
        row: share along the height.
        column: share along the width.
        shape: (n, h, w, ci) of the pixels.
    """
    # Negative padding is cropped first: XLA's CPU backend computes (-1, 1) as (0, 0).
    edges = [(min(before, 0), min(after, 0)) for before, after in (row.padding, column.padding)]
    if min(side + sum(edge) for side, edge in zip(g.shape[1:3], edges, strict=True)) < 1:
        return jnp.zeros(shape, g.dtype)  # no output sees these pixels
    crop = ((0, 0, 0), *((*edge, 0) for edge in edges), (0, 0, 0))
    return lax.conv_general_dilated(
        lax.pad(g, np.zeros((), g.dtype), crop),
        jnp.stack([jnp.stack([turned[i, j] for j in column.taps]) for i in row.taps]),
        (1, 1),
        np.maximum(0, (row.padding, column.padding)).tolist(),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def share_taps(
    distance: int, size: int, kernel_size: int, outputs: int, padding: int, strides: int
) -> Share:
    """What the pixels at `distance` from the grid see, along one axis.

    Args:
        distance: of the pixels, below `strides`.
        size: of the images.
        kernel_size: taps.
        outputs: number of outputs.
        padding: zeros on both sides of the images.
        strides: of the outputs.
    """
    # Pixel strides * i + distance meets tap t at output i + (distance + padding - t) / strides.
    taps = range((distance + padding) % strides, kernel_size, strides)[::-1]
    before = (taps[0] - distance - padding) // strides
    after = size // strides - outputs - before + len(taps) - 1
    return Share(tuple(taps), (before, after))
