"""Bins of CIELAB's a and b on a grid of 10: Zhang et al. 2016, "Colorful image colorization".

A bin is a grid point that is the nearest one of some color of sRGB: there are 261. The paper lists
313, which include all of these but four: grid points with a color anywhere in a square beside them.
52 of the 313 are the nearest bin of no color of sRGB, so no pixel ever has that class.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gv_jax.image.color import rgb_to_lab

BIN_SIDE = 10.0  # units of a and b
LOOKUP_SIDE = 2.5  # side of the cells that neighbors are looked up by; divides BIN_SIDE
AB_LIMIT = 115.0  # the cells cover a and b from -AB_LIMIT to AB_LIMIT
NUM_NEAREST = 5  # bins that the target of a color is distributed over …
BIN_SIGMA = 5.0  # … by a Gaussian of the distance, in units of a and b


@cache
def bin_centers() -> np.ndarray:
    """float32 [261 2]: a and b of the bins, ordered by a, then b.

    The surface of the cube of sRGB has every a and b that the cube has.
    """
    values = np.linspace(0, 1, 256, dtype=np.float32)
    first, second = np.meshgrid(values, values)
    faces = [
        np.insert(np.stack([first, second], -1).reshape(-1, 2), channel, end, axis=-1)
        for channel in range(3)
        for end in (0.0, 1.0)
    ]
    with jax.ensure_compile_time_eval():
        lab = np.asarray(rgb_to_lab(jnp.asarray(np.concatenate(faces))))
    return (np.unique(np.rint(lab[:, 1:] / BIN_SIDE), axis=0) * BIN_SIDE).astype(np.float32)


@cache
def nearest_candidates() -> np.ndarray:
    """int32 [92 92 k]: for each cell, the bins that can be among the nearest of a color in it.

    Ordered by their distance to the center of the cell. Inside a cell, at most r from its center,
    the fifth nearest bin is at most r further away than from the center. So no bin that is more
    than 2 r further from the center than the fifth can be among the five.
    """
    centers = np.arange(-AB_LIMIT + LOOKUP_SIDE / 2, AB_LIMIT, LOOKUP_SIDE)
    points = np.stack(np.meshgrid(centers, centers, indexing="ij"), -1)
    distance = np.linalg.norm(points[:, :, None] - bin_centers(), axis=-1)  # [92 92 261]
    order = np.argsort(distance, axis=-1, kind="stable")
    fifth = np.take_along_axis(distance, order, -1)[..., NUM_NEAREST - 1 : NUM_NEAREST]
    max_bins = int((distance <= fifth + np.sqrt(2) * LOOKUP_SIDE + 1e-6).sum(-1).max())
    return order[..., :max_bins].astype(np.int32)


def encode_bins(ab: Array) -> tuple[Array, Array]:
    """Encodes colors [... 2] as a distribution over their five nearest bins.

    Returns:
        The bins, int32 [... 5], nearest first, and their weights, float32 [... 5], which sum to 1.
    """
    row, column = lookup_cell(ab)
    candidates = nearest_candidates()
    centers = jnp.asarray(bin_centers()[candidates])[row, column]
    sq_distance = jnp.square(centers - ab[..., None, :]).sum(-1)  # [... k]
    negative, index = lax.top_k(-sq_distance, NUM_NEAREST)
    weights = jax.nn.softmax(negative / (2 * BIN_SIGMA**2), axis=-1)
    return jnp.asarray(candidates)[row[..., None], column[..., None], index], weights


def lookup_cell(ab: Array) -> tuple[Array, Array]:
    """Row and column of the cell of colors [... 2]; beyond AB_LIMIT, of the nearest cell."""
    cells = jnp.floor((ab + AB_LIMIT) / LOOKUP_SIDE)
    cells = jnp.clip(cells, 0, 2 * AB_LIMIT / LOOKUP_SIDE - 1).astype(jnp.int32)
    return cells[..., 0], cells[..., 1]


def bin_prior(counts: np.ndarray) -> np.ndarray:
    """The prior of the bins, float64 [261], from the pixels counted in each, [261].

    Smoothed over neighboring bins by a Gaussian of BIN_SIGMA, as in the paper, so that a bin that
    the training images happen to miss gets a probability too.
    """
    sq_distance = np.square(bin_centers()[:, None] - bin_centers()).sum(-1)
    kernel = np.exp(-sq_distance / (2 * BIN_SIGMA**2))
    smooth = (counts / counts.sum()) @ (kernel / kernel.sum(1, keepdims=True))
    return smooth / smooth.sum()


def rebalancing_weights(prior: np.ndarray, uniform: float) -> np.ndarray:
    """The loss weight of a pixel by its bin, with a mean of 1 over pixels: float32 [k].

    Proportional to 1 / ((1 - uniform) p + uniform / k); Zhang et al. 2016, eq. 4.

    Args:
        prior: Distribution of pixels over the k bins, [k].
        uniform: Weight of the uniform distribution, lambda.
    """
    weights = 1 / ((1 - uniform) * prior + uniform / len(prior))
    return (weights / (prior * weights).sum()).astype(np.float32)


def annealed_mean(logits: Array, colors: Array, temperature: float) -> Array:
    """The mean of `colors` [k c] under softmax(logits / temperature): [... k] -> [... c].

    Temperature 1 gives the plain mean, 0 the most likely color. Zhang et al. 2016, eq. 5.
    """
    if not temperature:
        return colors[logits.argmax(-1)]
    probabilities = jax.nn.softmax(logits / temperature)
    return jnp.matmul(probabilities, colors, precision=lax.Precision.HIGHEST)
