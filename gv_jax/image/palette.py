"""The colours of pictures: all of them, counted, and the few that stand for them."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.image.color import lab_to_rgb, rgb_to_lab

ROWS_PER_CHUNK = 64  # pictures whose colours are counted at once
CELL_SIDE = 1.0  # units of CIELAB: colours of one cell are one, where there are more than MANY
MAX_COLORS = 20_000
KMEANS_ROUNDS = 30  # of k-means, at most


@dataclass(frozen=True)
class ColorHistogram:
    """colours: uint8 [m 3], ascending, no two alike; counts: int64 [m], the pixels of each."""

    colours: np.ndarray
    counts: np.ndarray


def color_histogram(images: np.ndarray) -> ColorHistogram:
    """Of pictures uint8 [n h w 3]."""
    codes, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for start in range(0, len(images), ROWS_PER_CHUNK):
        part = images[start : start + ROWS_PER_CHUNK].astype(np.int64)
        found, pixels = np.unique(
            (part[..., 0] << 16) | (part[..., 1] << 8) | part[..., 2], return_counts=True
        )
        codes, place = np.unique(np.concatenate([codes, found]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([counts, pixels]), len(codes)).astype(np.int64)
    return ColorHistogram(
        np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1).astype(np.uint8), counts
    )


def fit_palette(found: ColorHistogram, most: int) -> np.ndarray:
    """uint8 [k 3], k up to `most`: the colours themselves where they are so few, else those that stand for them.

    These are the means, in CIELAB, that weighted k-means comes to (Lloyd 1982) from colours that are far apart and
    frequent: each next one is that whose pixels, times the squared distance to the nearest before, are the most.
    """
    if len(found.colours) <= most:
        return found.colours
    with jax.ensure_compile_time_eval():
        lab = np.asarray(rgb_to_lab(jnp.asarray(found.colours, jnp.float32) / 255)).astype(
            np.float64
        )
    weights = found.counts.astype(np.float64)
    if len(lab) > MAX_COLORS:
        lab, weights = merge_cells(lab, weights)
    means = init_centers(lab, weights, most)
    for _ in range(KMEANS_ROUNDS):
        nearest = squared_distances(lab, means).argmin(1)
        total = np.bincount(nearest, weights, len(means))
        sums = np.stack(
            [np.bincount(nearest, weights * lab[:, axis], len(means)) for axis in range(3)], -1
        )
        moved = np.where(total[:, None] > 0, sums / np.maximum(total, 1e-9)[:, None], means)
        if np.allclose(moved, means, atol=1e-3):
            break
        means = moved
    with jax.ensure_compile_time_eval():
        colours = np.asarray(lab_to_rgb(jnp.asarray(means, jnp.float32)))
    return np.unique(np.rint(colours * 255).astype(np.uint8), axis=0)


def merge_cells(lab: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours of one cell as their mean."""
    _, place = np.unique(np.floor(lab / CELL_SIDE).astype(np.int64), axis=0, return_inverse=True)
    total = np.bincount(place, weights)
    return np.stack([np.bincount(place, weights * lab[:, axis]) for axis in range(3)], -1) / total[
        :, None
    ], total


def init_centers(lab: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """The colours [count 3] that k-means starts from."""
    chosen = [int(weights.argmax())]
    distance = squared_distances(lab, lab[chosen])[:, 0]
    while len(chosen) < count:
        chosen.append(int((weights * distance).argmax()))
        distance = np.minimum(distance, squared_distances(lab, lab[chosen[-1:]])[:, 0])
    return lab[chosen]


def squared_distances(lab: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared distances [m k]."""
    return np.square(lab).sum(1)[:, None] - 2 * lab @ others.T + np.square(others).sum(1)
