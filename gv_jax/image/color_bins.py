"""Colours as classes: bins of CIELAB's a and b on a grid of 10, after Zhang et al. 2016, "Colorful image colorization".

A bin is a point of the grid that some colour of sRGB is nearer to than to any other: there are 261. The paper's own
list has 313 and contains these: all of it but four points are corners of squares of the grid with a colour in them. 52
of the 313 are nearest to no colour of sRGB, so that no pixel is ever of their class.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gv_jax.image.color import rgb_to_lab

BIN_SIDE = 10.0  # units of a and b
LOOKUP_SIDE = 2.5  # the side of the squares that the neighbours of colours are looked up by, a fraction of GRID
AB_LIMIT = 115.0  # they cover a and b from -LIMIT to LIMIT
NUM_NEAREST = 5  # bins over which a colour is spread …
BIN_SIGMA = 5.0  # … by a Gaussian of its distance, in units of a and b
REBALANCE_LAMBDA = (
    0.5  # lambda: the share of the uniform distribution in what rare colours are weighed by
)
ANNEALED_TEMPERATURE = 0.38  # of the annealed mean


@cache
def bin_centers() -> np.ndarray:
    """float32 [261 2]: a and b of the bins, ordered by a, then b.

    a and b of the whole cube of sRGB are those of its surface: what lies between two colours of one a and b is inside.
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
    """int32 [92 92 k]: for each square of FINE the bins that can be among the nearest of a colour in it, the nearest to
    its middle first.

    Inside a square, at most r from its middle, the fifth nearest bin is at most r further than it is from the middle,
    so that nothing beyond 2 r more than that can be among the five.
    """
    middles = np.arange(-AB_LIMIT + LOOKUP_SIDE / 2, AB_LIMIT, LOOKUP_SIDE)
    points = np.stack(np.meshgrid(middles, middles, indexing="ij"), -1)
    distance = np.linalg.norm(points[:, :, None] - bin_centers(), axis=-1)  # [92 92 261]
    order = np.argsort(distance, axis=-1, kind="stable")
    fifth = np.take_along_axis(distance, order, -1)[..., NUM_NEAREST - 1 : NUM_NEAREST]
    most = int((distance <= fifth + np.sqrt(2) * LOOKUP_SIDE + 1e-6).sum(-1).max())
    return order[..., :most].astype(np.int32)


def nearest_bin(ab: Array) -> Array:
    """int32 [...]: the bin of colours [... 2]; of one that sRGB does not have, the nearest bin to within FINE."""
    a, b = lookup_cell(ab)
    return jnp.asarray(nearest_candidates()[..., 0])[a, b]


def encode_bins(ab: Array) -> tuple[Array, Array]:
    """Colours [... 2] as a distribution over bins: (int32 [... 5], float32 [... 5]), the nearest bins first, each with
    its weight; the weights sum to 1.
    """
    a, b = lookup_cell(ab)
    near = nearest_candidates()
    apart = jnp.square(jnp.asarray(bin_centers()[near])[a, b] - ab[..., None, :]).sum(-1)  # [... k]
    least, places = lax.top_k(-apart, NUM_NEAREST)
    weights = jax.nn.softmax(least / (2 * BIN_SIGMA**2), axis=-1)
    return jnp.asarray(near)[a[..., None], b[..., None], places], weights


def lookup_cell(ab: Array) -> tuple[Array, Array]:
    """Row and column of the square that colours [... 2] lie in; of one at the rim for those beyond LIMIT."""
    places = jnp.clip(
        jnp.floor((ab + AB_LIMIT) / LOOKUP_SIDE), 0, 2 * AB_LIMIT / LOOKUP_SIDE - 1
    ).astype(jnp.int32)
    return places[..., 0], places[..., 1]


def bin_prior(counts: np.ndarray) -> np.ndarray:
    """float64 [261], summing to 1: how frequent bins are, from the pixels counted in each [261].

    Smoothed over neighbouring bins by a Gaussian of SIGMA, as in the paper, so that a bin which training frames happen
    to miss is not taken for impossible.
    """
    apart = np.square(bin_centers()[:, None] - bin_centers()).sum(-1)
    spread = np.exp(-apart / (2 * BIN_SIGMA**2))
    smooth = (counts / counts.sum()) @ (spread / spread.sum(1, keepdims=True))
    return smooth / smooth.sum()


def rebalancing_weights(frequency: np.ndarray, uniform: float = REBALANCE_LAMBDA) -> np.ndarray:
    """float32 [261]: the weight of a pixel by its bin, 1 / ((1 - uniform) p + uniform / 261), scaled to a mean of 1
    over the pixels of `frequency`, a distribution over the bins.
    """
    weights = 1 / ((1 - uniform) * frequency + uniform / len(frequency))
    return (weights / (frequency * weights).sum()).astype(np.float32)


def annealed_mean(logits: Array, temperature: float = ANNEALED_TEMPERATURE) -> Array:
    """The colours [... 2] that logits [... 261] stand for: their mean after the distribution was sharpened.

    A temperature of 1 gives the plain mean, one near 0 the likeliest bin.
    """
    return jnp.matmul(
        jax.nn.softmax(logits / temperature),
        jnp.asarray(bin_centers()),
        precision=lax.Precision.HIGHEST,
    )
