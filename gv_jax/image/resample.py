"""Pictures [n h w c] at other sizes, one matrix for the rows and one for the columns.

Every separable linear filter is such a pair of matrices, so that smaller, larger and blurred pictures are all two
products, the same inside a compiled step and on the host.
"""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import Array


def apply_separable(images: Array, rows: np.ndarray, columns: np.ndarray) -> Array:
    """`rows` [a h] and `columns` [b w] applied to float pictures [n h w c].  # [n a b c]"""
    n, h, w, c = images.shape
    across = jnp.asarray(columns, images.dtype) @ images.reshape(n * h, w, c)  # [n*h b c]
    down = jnp.asarray(rows, images.dtype) @ across.reshape(n, h, -1)
    return down.reshape(n, len(rows), len(columns), c)


@lru_cache(maxsize=64)
def bicubic_matrix(size: int, target: int) -> np.ndarray:
    """float32 [target size]: Keys 1981, "Cubic convolution interpolation", a = -1/2, as PIL's BICUBIC.

    Antialiased: the kernel is widened by size / target where the picture gets smaller. Its part outside the picture
    is left out and the rest scaled up to sum to 1.
    """
    scale = max(size / target, 1.0)
    centres = (np.arange(target)[:, None] + 0.5) * size / target
    x = np.abs(np.arange(size) + 0.5 - centres) / scale
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def resize_bicubic(images: Array, height: int, width: int) -> Array:
    """Float pictures [n h w c] at another size; may leave their range at sharp edges.  # [n height width c]"""
    _, h, w, _ = images.shape
    return apply_separable(images, bicubic_matrix(h, height), bicubic_matrix(w, width))


def quantize_8bit(images: Array) -> Array:
    """Pictures as a file would hold them: within [0, 1], in steps of 1/255."""
    return jnp.round(jnp.clip(images, 0, 1) * 255) / 255


def downsample_2x(images: Array) -> Array:
    """Pictures in [0, 1] of even sides at half their size, antialiased bicubic, in 8 bits.  # [n h/2 w/2 c]"""
    _, h, w, _ = images.shape
    return quantize_8bit(resize_bicubic(images, h // 2, w // 2))


def upsample_2x(images: Array) -> Array:
    """Pictures in [0, 1] at twice their size, bicubic, in 8 bits: what costs no learning.  # [n 2h 2w c]"""
    _, h, w, _ = images.shape
    return quantize_8bit(resize_bicubic(images, 2 * h, 2 * w))
