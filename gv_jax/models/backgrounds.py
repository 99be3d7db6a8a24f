"""RGBA images for a network of RGB images that must also see what is transparent."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

ALPHA = 3  # index of the channel


class Composite(nnx.Module):
    """Every image over each of several gray backgrounds.

    One background hides what has its color, as an outline on black. The images are standardized,
    and so are the composites.
    """

    def __init__(self, grays: Sequence[int], mean: Sequence[float], std: Sequence[float]):
        """Keeps the constants.

        Args:
            grays: levels of the backgrounds, 0 to 255.
            mean: subtracted from images in [0, 1]; one number, or four.
            std: they are divided by it; one number, or four.
        """
        self.grays = tuple(gray / 255 for gray in grays)
        self.mean, self.std = tuple(mean), tuple(std)

    def __call__(self, x: Array) -> Array:
        """RGBA [n h w 4] -> RGB [k·n h w 3], all images over one background first."""
        mean, std = (np.broadcast_to(values, 4) for values in (self.mean, self.std))
        backgrounds = (np.array(self.grays)[:, None] - mean[:ALPHA]) / std[:ALPHA]  # [k 3]
        colors, alpha = x[None, ..., :ALPHA], x[None, ..., ALPHA:] * std[ALPHA] + mean[ALPHA]
        behind = jnp.asarray(backgrounds, x.dtype)[:, None, None, None]  # [k 1 1 1 3]
        over = colors * alpha + behind * (1 - alpha)  # [k n h w 3]
        return over.reshape(-1, *over.shape[2:])


def join_composites(feature_map: Array, count: int) -> Array:
    """A map [k·n ... c] of composites over k = `count` backgrounds as one of images [n ... k·c]."""
    parts = feature_map.reshape(count, -1, *feature_map.shape[1:])
    return jnp.concatenate(list(parts), -1)
