"""Pictures read at moved coordinates: batches [n h w c], float32 in [0, 1]."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.ndimage import map_coordinates


def sample_bilinear(images: Array, rows: Array, columns: Array) -> Array:
    """The pictures at `rows` and `columns` [n h w], in pixels: bilinear, outside the nearest edge pixel."""

    def plane(values, y, x):
        return map_coordinates(values, [y, x], order=1, mode="nearest")

    picture = jax.vmap(plane, in_axes=(2, None, None), out_axes=2)
    return jnp.clip(jax.vmap(picture)(images, rows, columns), 0, 1)  # rounding can pass 1


def warp_affine(images: Array, matrices: Array) -> Array:
    """Each picture about its centre: what is seen at (y, x) was at `matrices` [n 2 2] @ (y, x)."""
    height, width = images.shape[1:3]
    y = (jnp.arange(height, dtype=jnp.float32) - (height - 1) / 2).reshape(1, height, 1)
    x = (jnp.arange(width, dtype=jnp.float32) - (width - 1) / 2).reshape(1, 1, width)
    m = matrices.reshape(-1, 2, 2, 1, 1)
    rows = m[:, 0, 0] * y + m[:, 0, 1] * x + (height - 1) / 2
    columns = m[:, 1, 0] * y + m[:, 1, 1] * x + (width - 1) / 2
    return sample_bilinear(images, rows, columns)


def rotate(images: Array, angles: Array) -> Array:
    """Counter-clockwise by `angles` [n] in radians."""
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    return warp_affine(images, jnp.stack([cos, sin, -sin, cos], axis=-1))


def shear(images: Array, angles: Array) -> Array:
    """Upright lines lean to the right by `angles` [n] in radians; rows stay rows."""
    one, zero = jnp.ones_like(angles), jnp.zeros_like(angles)
    return warp_affine(images, jnp.stack([one, zero, jnp.tan(angles), one], axis=-1))
