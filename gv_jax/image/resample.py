"""Resampling and filtering of images [n h w c], on the host and inside a compiled step."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def apply_separable(images: Array, rows: np.ndarray, columns: np.ndarray) -> Array:
    """Applies a separable linear filter, given by one matrix per axis.

    By hand, because a matrix can hold any treatment of the border: the full windows of SSIM, a blur
    that repeats the edge.

    Args:
        images: Float images [n h w c].
        rows: Filter along the height, [a h].
        columns: Filter along the width, [b w].

    Returns:
        The filtered images [n a b c].
    """
    n, h, w, c = images.shape
    horizontal = jnp.asarray(columns, images.dtype) @ images.reshape(n * h, w, c)  # [n*h b c]
    vertical = jnp.asarray(rows, images.dtype) @ horizontal.reshape(n, h, -1)
    return vertical.reshape(n, len(rows), len(columns), c)


def resize_bicubic(images: Array, height: int, width: int) -> Array:
    """Resizes float images as PIL's BICUBIC does, antialiased: [n h w c] -> [n height width c].

    The kernel is Keys 1981, "Cubic convolution interpolation", a = -1/2. Values can leave their
    range at sharp edges.
    """
    n, _, _, c = images.shape
    return jax.image.resize(images, (n, height, width, c), "cubic", antialias=True)


def quantize_8bit(images: Array) -> Array:
    """Clips to [0, 1] and rounds to steps of 1/255, as an image file stores it."""
    return jnp.round(jnp.clip(images, 0, 1) * 255) / 255


def downsample_2x(images: Array) -> Array:
    """Halves images in [0, 1] of even sides, antialiased bicubic, in 8 bits: [n h/2 w/2 c]."""
    _, h, w, _ = images.shape
    return quantize_8bit(resize_bicubic(images, h // 2, w // 2))


def upsample_2x(images: Array) -> Array:
    """Doubles images in [0, 1], bicubic, in 8 bits: the baseline of super-resolution."""
    _, h, w, _ = images.shape
    return quantize_8bit(resize_bicubic(images, 2 * h, 2 * w))
