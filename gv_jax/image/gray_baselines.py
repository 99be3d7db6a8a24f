"""Colouring without learning: the floors that a network has to be measured against.

Each floor is a table: what colour, in CIELAB's a and b, a pixel gets by its grey alone.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

NUM_GRAYS = 256  # of grey: sRGB's values in 8 bits


def gray_level(greys):
    """The row of a table for greys in [0, 1], of NumPy or of JAX, clipped: 0 to 255."""
    return (greys * (NUM_GRAYS - 1) + 0.5).clip(0, NUM_GRAYS - 1).astype("int32")


def accumulate(greys: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """float64 [256 3]: of each level the pixels, and their sums of a and of b. To be added over all training frames.

    greys: [n h w 1] in [0, 1], as the network is told them, degraded as they are; ab: [n h w 2], true.
    """
    levels = gray_level(greys).ravel()
    weights = (None, ab[..., 0].ravel(), ab[..., 1].ravel())
    return np.stack([np.bincount(levels, weight, NUM_GRAYS) for weight in weights], -1).astype(
        np.float64
    )


def make_baseline_tables(counted: np.ndarray) -> dict[str, np.ndarray]:
    """Name -> float32 [256 2], from what `count` gave in all.

    grey: no colour. mean_colour: the training frames' mean. grey_lookup: the mean of those of their pixels with that
    grey; between the neighbouring levels' means, in proportion, where no pixel has it.
    """
    pixels, sums = counted[:, 0], counted[:, 1:]
    seen = np.flatnonzero(pixels)
    means = sums[seen] / pixels[seen, None]
    lookup = np.stack(
        [np.interp(np.arange(NUM_GRAYS), seen, means[:, channel]) for channel in range(2)], -1
    )
    mean = sums.sum(0) / pixels.sum()
    tables = {
        "grey": np.zeros((NUM_GRAYS, 2)),
        "mean_colour": np.tile(mean, (NUM_GRAYS, 1)),
        "grey_lookup": lookup,
    }
    return {name: table.astype(np.float32) for name, table in tables.items()}


def apply_table(table: np.ndarray | Array, greys: Array) -> Array:
    """What a floor answers to greys [n h w 1] in [0, 1].  # [n h w 2]"""
    return jnp.asarray(table)[gray_level(greys)[..., 0]]
