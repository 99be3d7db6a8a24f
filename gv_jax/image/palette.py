"""Colors of images: the histogram of all of them, and a palette of a few."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gv_jax.image.color import lab_to_rgb, rgb8_to_lab

IMAGES_PER_CHUNK = 64  # images counted at once
CELL_SIDE = 1.0  # units of CIELAB: colors of one cell are merged if there are more than MAX_COLORS
MAX_COLORS = 20_000
KMEANS_ITERATIONS = 30  # at most


@dataclass(frozen=True)
class ColorHistogram:
    """Colors of images and how often they occur.

    Attributes:
        colors: Distinct sRGB colors in ascending order, uint8 [m 3].
        counts: Pixels of each color, int64 [m].
    """

    colors: np.ndarray
    counts: np.ndarray


def color_histogram(images: np.ndarray) -> ColorHistogram:
    """Counts the colors of images, uint8 [n h w 3]."""
    codes, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for start in range(0, len(images), IMAGES_PER_CHUNK):
        rgb = np.asarray(images[start : start + IMAGES_PER_CHUNK]).astype(np.int64)
        new_codes, new_counts = np.unique(
            (rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2], return_counts=True
        )
        codes, index = np.unique(np.concatenate([codes, new_codes]), return_inverse=True)
        totals = np.bincount(index, np.concatenate([counts, new_counts]), len(codes))
        counts = totals.astype(np.int64)
    colors = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1).astype(np.uint8)
    return ColorHistogram(colors, counts)


def fit_palette(histogram: ColorHistogram, max_size: int) -> np.ndarray:
    """A palette of at most `max_size` colors, uint8 [k 3]: all colors, or those of k-means.

    k-means runs in CIELAB, weighted by pixels. One thread and the start of `init_centers` make the
    result the same every time.
    """
    if len(histogram.colors) <= max_size:
        return histogram.colors
    from sklearn.cluster import KMeans  # takes a second to import
    from threadpoolctl import threadpool_limits

    lab = rgb8_to_lab(histogram.colors).astype(np.float64)
    weights = histogram.counts.astype(np.float64)
    if len(lab) > MAX_COLORS:
        lab, weights = merge_cells(lab, weights)
    options: dict[str, Any] = {
        "init": init_centers(lab, weights, max_size),
        "n_init": 1,
        "max_iter": KMEANS_ITERATIONS,
        "tol": 0,
    }
    with threadpool_limits(1, "openmp"):  # more threads add up in any order
        centers = KMeans(max_size, **options).fit(lab, sample_weight=weights).cluster_centers_
    with jax.ensure_compile_time_eval():
        rgb = np.asarray(lab_to_rgb(jnp.asarray(centers, jnp.float32)))
    return np.unique(np.rint(rgb * 255).astype(np.uint8), axis=0)


def merge_cells(lab: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Replaces the colors [m 3] of each cell by their weighted mean, with the summed weight."""
    cells = np.floor(lab / CELL_SIDE).astype(np.int64)
    _, index = np.unique(cells, axis=0, return_inverse=True)
    totals = np.bincount(index, weights)
    sums = np.stack([np.bincount(index, weights * lab[:, axis]) for axis in range(3)], -1)
    return sums / totals[:, None], totals


def init_centers(lab: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """The initial centers of k-means, [count 3]: frequent colors that are far apart.

    The first is the most frequent color; each further one maximizes its weight times the squared
    distance to the nearest center so far. scikit-learn's `k-means++` draws at random instead.
    """
    chosen = [int(weights.argmax())]
    distances = squared_distances(lab, lab[chosen])[:, 0]
    while len(chosen) < count:
        chosen.append(int((weights * distances).argmax()))
        distances = np.minimum(distances, squared_distances(lab, lab[chosen[-1:]])[:, 0])
    return lab[chosen]


def squared_distances(lab: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared distances [m k] between colors [m 3] and [k 3]."""
    return np.square(lab).sum(1)[:, None] - 2 * lab @ others.T + np.square(others).sum(1)
