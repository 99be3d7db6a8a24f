"""Baselines of colorization without a network: tables from gray level to a and b of CIELAB."""

import jax.numpy as jnp
import numpy as np
from jax import Array

NUM_GRAYS = 256  # 8-bit sRGB values


def gray_level(grays):
    """Rounds grays in [0, 1], NumPy or JAX, to rows of a table, int32 in [0, 255]; clips."""
    return (grays * (NUM_GRAYS - 1) + 0.5).clip(0, NUM_GRAYS - 1).astype("int32")


def accumulate(grays: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Counts pixels and sums their colors for each gray level; add the results of several batches.

    Args:
        grays: Gray network inputs in [0, 1], degraded as they are, [n h w 1].
        ab: True a and b [n h w 2].

    Returns:
        float64 [256 3]: number of pixels, sum of a, sum of b.
    """
    levels = gray_level(grays).ravel()
    columns = [
        np.bincount(levels, weights, NUM_GRAYS)
        for weights in (None, ab[..., 0].ravel(), ab[..., 1].ravel())
    ]
    return np.stack(columns, -1).astype(np.float64)


def make_baseline_tables(sums: np.ndarray) -> dict[str, np.ndarray]:
    """The baselines by name, float32 [256 2] each.

    gray: a = b = 0. mean_color: the mean over the training images. gray_lookup: the mean over
    their pixels of that gray level, interpolated linearly between levels that occur.

    Args:
        sums: The sum of what `accumulate` returned, [256 3].
    """
    counts, ab_sums = sums[:, 0], sums[:, 1:]
    levels = np.flatnonzero(counts)
    means = ab_sums[levels] / counts[levels, None]
    all_levels = np.arange(NUM_GRAYS)
    lookup = np.stack([np.interp(all_levels, levels, means[:, c]) for c in range(2)], -1)
    mean = ab_sums.sum(0) / counts.sum()
    tables = {
        "gray": np.zeros((NUM_GRAYS, 2)),
        "mean_color": np.tile(mean, (NUM_GRAYS, 1)),
        "gray_lookup": lookup,
    }
    return {name: table.astype(np.float32) for name, table in tables.items()}


def apply_table(table: np.ndarray | Array, grays: Array) -> Array:
    """Looks up the color of every gray in [0, 1]: [256 c], [n h w 1] -> [n h w c]."""
    return jnp.asarray(table)[gray_level(grays)[..., 0]]
