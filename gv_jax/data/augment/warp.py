"""Bilinear warps of float32 batches [n h w c] in [0, 1]."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.ndimage import map_coordinates


def sample_bilinear(images: Array, rows: Array, columns: Array) -> Array:
    """Bilinear samples of every image; coordinates outside give the nearest edge pixel.

    Args:
        images: float32 [n h w c].
        rows: Row of each sample in pixels, [n y x].
        columns: Column of each sample in pixels, [n y x].

    Returns:
        float32 [n y x c] in [0, 1].
    """

    def sample_channel(values, y, x):
        return map_coordinates(values, [y, x], order=1, mode="nearest")

    sample_image = jax.vmap(sample_channel, in_axes=(2, None, None), out_axes=2)
    return jnp.clip(jax.vmap(sample_image)(images, rows, columns), 0, 1)  # rounding can exceed 1


def warp_affine(images: Array, matrices: Array) -> Array:
    """Linear map about the center: output (y, x) is input `matrices` [n 2 2] @ (y, x)."""
    height, width = images.shape[1:3]
    y = (jnp.arange(height, dtype=jnp.float32) - (height - 1) / 2).reshape(1, height, 1)
    x = (jnp.arange(width, dtype=jnp.float32) - (width - 1) / 2).reshape(1, 1, width)
    m = matrices.reshape(-1, 2, 2, 1, 1)
    rows = m[:, 0, 0] * y + m[:, 0, 1] * x + (height - 1) / 2
    columns = m[:, 1, 0] * y + m[:, 1, 1] * x + (width - 1) / 2
    return sample_bilinear(images, rows, columns)


def rotate(images: Array, angles: Array) -> Array:
    """Rotates counterclockwise by `angles` [n] in radians."""
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    return warp_affine(images, jnp.stack([cos, sin, -sin, cos], axis=-1))


def shear(images: Array, angles: Array) -> Array:
    """Shears horizontally: vertical lines lean to the right by `angles` [n] in radians."""
    one, zero = jnp.ones_like(angles), jnp.zeros_like(angles)
    return warp_affine(images, jnp.stack([one, zero, jnp.tan(angles), one], axis=-1))
