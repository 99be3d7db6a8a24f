"""Occlusion: Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks",
arXiv:1311.2901, section 4.2.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.inference.explain.gradients import mean_color
from gv_jax.inference.explain.score import Score, map_chunks

WINDOWS_PER_SIDE = 4  # the larger side is so many windows long
WINDOWS_PER_PIXEL = 2  # along each axis: windows overlap by half


def occlusion(score: Score, image: Array) -> Array:
    """How much the logit falls where a square window is covered by the mean color of the image.

    Args:
        score: Images -> logits of the class and feature maps.
        image: float32 [h w c] in [0, 255].

    Returns:
        float32 [h w]: of each pixel, the mean over the windows that contain it.
    """
    rows, columns = (jnp.asarray(mask) for mask in make_windows(*image.shape[:2]))
    cover = mean_color(image)

    def score_covered(indices: Array) -> Array:  # [m], of windows row by row
        down, across = jnp.divmod(indices, len(columns))
        masks = rows[down][:, :, None] & columns[across][:, None, :]  # [m h w]
        return score(jnp.where(masks[..., None], cover[None], image[None]))[0]

    indices = jnp.arange(len(rows) * len(columns))
    scores = map_chunks(score_covered, indices, pixels=image[..., 0].size)
    drops = (score(image[None])[0] - scores).reshape(len(rows), len(columns))
    covering = rows.T.astype(jnp.float32) @ drops @ columns.astype(jnp.float32)  # [h w]
    return covering / WINDOWS_PER_PIXEL**2


def make_windows(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of an image that each row of windows covers [m h], and the columns [k w]; bool."""
    step = max(1, round(max(height, width) / (WINDOWS_PER_SIDE * WINDOWS_PER_PIXEL)))
    return cover_axis(height, step), cover_axis(width, step)


def cover_axis(side: int, step: int) -> np.ndarray:
    """Intervals of WINDOWS_PER_PIXEL steps that start at every step, as masks, bool [m side].

    Each pixel is in WINDOWS_PER_PIXEL of them: those at the edges reach beyond the image.
    """
    length = WINDOWS_PER_PIXEL * step
    starts = np.arange(step - length, side, step)[:, None]
    positions = np.arange(side)
    return (starts <= positions) & (positions < starts + length)
