"""Tables of positions of a vision transformer, [1 1+g*g c]: of the class token, then row by row."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.image.resample import apply_separable


@lru_cache(maxsize=32)
def resize_matrix(size: int, count: int) -> np.ndarray:
    """float32 [count size]: bicubic interpolation of one axis, antialiased where it shrinks."""
    with jax.ensure_compile_time_eval():
        identity = jnp.eye(size, dtype=jnp.float32)
        return np.asarray(jax.image.resize(identity, (count, size), "cubic", antialias=True))


def resample_positions(table: Array, grid: tuple[int, int]) -> Array:
    """Interpolates a table to another grid.

    As timm does, which is PyTorch's antialiased "bicubic" (a = -1/2), in float32. DINOv2's own code
    is the same for its models with registers; for the others it has no antialiasing.

    Args:
        table: [1 1+g*g c].
        grid: (rows, columns) of patches.

    Returns:
        [1 1+rows*columns c].
    """
    _, count, width = table.shape
    side = round((count - 1) ** 0.5)
    if grid == (side, side):
        return table
    rows, columns = (resize_matrix(side, size) for size in grid)
    patches = apply_separable(table[:, 1:].reshape(1, side, side, width), rows, columns)
    return jnp.concatenate([table[:, :1], patches.reshape(1, -1, width)], 1)
