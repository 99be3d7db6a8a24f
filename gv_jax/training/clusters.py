"""Clusters of similar images within every class, each a condition of a generator of its own.

A class of many kinds of images is hard to generate from noise: the network has to find the coarse
colors and shapes of an image while it sees least of it. A cluster states them. Conditions of
k-means are of Bao et al. 2022, arXiv:2212.00362, and Hu et al. 2023, arXiv:2210.06462, which
cluster features of a network without supervision; here, it is the colors of SIDE x SIDE regions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.image.alpha import premultiply

SIDE = 4  # regions per side, of which the mean premultiplied color counts
MIN_IMAGES = 5  # per cluster, on average
GOLDEN = (5**0.5 - 1) / 2  # whose multiples, modulo 1, cover [0, 1) evenly


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of the images of every class.

    Attributes:
        centers: Mean colors of regions, uint8 [classes k SIDE SIDE channels].
        fractions: Of the images of a class, float [classes k]; 0: there is no such cluster.
    """

    centers: np.ndarray
    fractions: np.ndarray

    @property
    def per_class(self) -> int:
        """The number of clusters that each class has conditions for."""
        return self.fractions.shape[1]

    def find(self, images: Array, labels: Array) -> Array:
        """The nearest cluster of the class of each image, int32 [n].

        Args:
            images: [n h w c] in [0, 1]; h and w are multiples of SIDE.
            labels: classes, int [n].
        """
        colors = average_regions(images)
        centers = jnp.asarray(self.centers, jnp.float32)[labels] / 255
        squares = jnp.square(colors[:, None] - centers).sum((2, 3, 4))  # [n k]
        exists = jnp.asarray(self.fractions > 0)[labels]
        return jnp.where(exists, squares, jnp.inf).argmin(1).astype(jnp.int32)

    def draw(self, seed: int, labels: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """A cluster for each image, int32 [n]: a function of (seed, label, index).

        The images 0 to n of a class have each cluster as often as `fractions` says, up to one or
        two.
        """
        clusters = np.empty(len(labels), np.int32)
        for label in np.unique(labels):
            rows = labels == label
            start = np.random.default_rng((seed, int(label))).random()
            ends = np.cumsum(self.fractions[label])
            positions = (start + indices[rows] * GOLDEN) % 1 * ends[-1]
            last = np.flatnonzero(self.fractions[label])[-1]
            clusters[rows] = np.minimum(np.searchsorted(ends, positions, side="right"), last)
        return clusters

    def to_results(self, classes: Sequence[str]) -> dict[str, Any]:
        """Class -> its fractions and centers, for results.json."""
        rows = zip(classes, self.fractions.tolist(), self.centers, strict=True)
        return {
            name: {
                "fractions": fractions,
                "centers": [center.tobytes().hex() for center in centers],
            }
            for name, fractions, centers in rows
        }

    @classmethod
    def from_results(cls, rows: Mapping[str, Any], classes: Sequence[str]) -> "Clusters":
        """The inverse of `to_results`."""
        centers = [
            [np.frombuffer(bytes.fromhex(text), np.uint8) for text in rows[name]["centers"]]
            for name in classes
        ]
        fractions = np.array([rows[name]["fractions"] for name in classes])
        return cls(np.array(centers).reshape(*fractions.shape, SIDE, SIDE, -1), fractions)


def average_regions(images: Array) -> Array:
    """The mean premultiplied color of SIDE x SIDE regions, [n SIDE SIDE c]."""
    n, h, w, c = images.shape
    regions = premultiply(images).reshape(n, SIDE, h // SIDE, SIDE, w // SIDE, c)
    return regions.mean((2, 4))


def fit_clusters(
    images: np.ndarray, labels: np.ndarray, num_classes: int, count: int, seed: int
) -> Clusters:
    """Divides the images of every class by k-means into `count` clusters.

    A class of fewer than `count` * MIN_IMAGES images has fewer clusters.

    Args:
        images: uint8 [n h w c]; h and w are multiples of SIDE.
        labels: int [n].
        num_classes: number of classes.
        count: clusters per class.
        seed: of the first centers.
    """
    from sklearn.cluster import KMeans  # slow to import

    colors = np.asarray(average_regions(jnp.asarray(images, jnp.float32) / 255))
    centers = np.zeros((num_classes, count, *colors.shape[1:]), np.uint8)
    fractions = np.zeros((num_classes, count))
    for label in range(num_classes):
        members = colors[labels == label]
        if not len(members):
            fractions[label, 0] = 1
            continue
        members = members.reshape(len(members), -1)
        parts = min(max(len(members) // MIN_IMAGES, 1), count)
        fitted = KMeans(parts, n_init=4, random_state=seed).fit(members)
        found = fitted.cluster_centers_.reshape(parts, *colors.shape[1:])
        centers[label, :parts] = np.round(255 * found)
        fractions[label, :parts] = np.bincount(fitted.labels_, minlength=parts) / len(members)
    return Clusters(centers, fractions)
