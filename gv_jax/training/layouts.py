"""Typical layouts of the images of every class, which a generator is conditioned on.

The layout of an image is the mean colors of LAYOUT_SIDE x LAYOUT_SIDE regions. A class of many
kinds of images is hard to generate from noise: the network has to decide on coarse colors and
shapes where it sees least of them. A layout states them, as the first stage of a cascade does (Ho
et al. 2022, arXiv:2106.15282); here that stage is k-means. Clusters as conditions are of Bao et al.
2022, arXiv:2212.00362, and Hu et al. 2023, arXiv:2210.06462.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.image.alpha import premultiply
from gv_jax.models.diffusion.flow_inputs import LAYOUT_SIDE

MIN_IMAGES = 5  # per layout, on average
ATTEMPTS = 4  # of k-means, of which the best counts
BLOCK = 512  # images whose colors are computed at once
GOLDEN = (5**0.5 - 1) / 2  # whose multiples, modulo 1, cover [0, 1) evenly


@dataclass(frozen=True, eq=False)
class Layouts:
    """Layouts of every class, each that of similar training images.

    Attributes:
        colors: Premultiplied, uint8 [classes k LAYOUT_SIDE LAYOUT_SIDE channels].
        fractions: Of the images of a class, float [classes k]; 0: there is no such layout.
    """

    colors: np.ndarray
    fractions: np.ndarray

    def find(self, images: Array, labels: Array) -> Array:
        """The index of the nearest layout of the class of each image, int [n].

        Args:
            images: [n h w c] in [0, 1]; h and w are multiples of LAYOUT_SIDE.
            labels: classes, int [n].
        """
        own = average_regions(images)
        colors = jnp.asarray(self.colors, jnp.float32)[labels] / 255
        squares = jnp.square(own[:, None] - colors).sum((2, 3, 4))  # [n k]
        exists = jnp.asarray(self.fractions > 0)[labels]
        return jnp.where(exists, squares, jnp.inf).argmin(1)

    def select(self, labels: Array, indices: Array) -> Array:
        """The colors of layouts, [n LAYOUT_SIDE LAYOUT_SIDE c] in [-1, 1]."""
        return jnp.asarray(self.colors, jnp.float32)[labels, indices] / 127.5 - 1

    def draw(self, seed: int, labels: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """The index of a layout for each image, int [n]: a function of (seed, label, index).

        The images 0 to n of a class have each layout as often as `fractions` says, up to one or
        two.
        """
        drawn = np.empty(len(labels), np.int64)
        for label in np.unique(labels):
            rows = labels == label
            start = np.random.default_rng((seed, int(label))).random()
            ends = np.cumsum(self.fractions[label])
            positions = (start + indices[rows] * GOLDEN) % 1 * ends[-1]
            last = np.flatnonzero(self.fractions[label])[-1]
            drawn[rows] = np.minimum(np.searchsorted(ends, positions, side="right"), last)
        return drawn

    def to_results(self, classes: Sequence[str]) -> dict[str, Any]:
        """Class -> its fractions and colors, for results.json."""
        rows = zip(classes, self.fractions.tolist(), self.colors, strict=True)
        return {
            name: {
                "fractions": fractions,
                "colors": [layout.tobytes().hex() for layout in colors],
            }
            for name, fractions, colors in rows
        }

    @classmethod
    def from_results(cls, rows: Mapping[str, Any], classes: Sequence[str]) -> "Layouts":
        """The inverse of `to_results`."""
        colors = [
            [np.frombuffer(bytes.fromhex(text), np.uint8) for text in rows[name]["colors"]]
            for name in classes
        ]
        fractions = np.array([rows[name]["fractions"] for name in classes])
        return cls(
            np.array(colors).reshape(*fractions.shape, LAYOUT_SIDE, LAYOUT_SIDE, -1), fractions
        )


def average_regions(images: Array) -> Array:
    """The layout of images [n h w c] in [0, 1], [n LAYOUT_SIDE LAYOUT_SIDE c]."""
    n, h, w, c = images.shape
    side = LAYOUT_SIDE
    regions = premultiply(images).reshape(n, side, h // side, side, w // side, c)
    return regions.mean((2, 4))


def fit_layouts(
    images: np.ndarray, labels: np.ndarray, tileable: Sequence[bool], count: int, seed: int
) -> Layouts:
    """Divides the images of every class by k-means into `count` layouts.

    A class of fewer than `count` * MIN_IMAGES images has fewer. Layouts of classes that repeat
    without a seam, which have no fixed position, are of one color.

    Args:
        images: uint8 [n h w c]; h and w are multiples of LAYOUT_SIDE.
        labels: int [n].
        tileable: whether the images of a class repeat without a seam.
        count: layouts per class.
        seed: of the first centers.
    """
    from sklearn.cluster import KMeans  # slow to import

    own = np.concatenate(
        [
            average_regions(jnp.asarray(images[start : start + BLOCK], jnp.float32) / 255)
            for start in range(0, len(images), BLOCK)
        ]
    )
    colors = np.zeros((len(tileable), count, *own.shape[1:]), np.uint8)
    fractions = np.zeros((len(tileable), count))
    for label, wraps in enumerate(tileable):
        members = own[labels == label]
        if not len(members):
            fractions[label, 0] = 1
            continue
        if wraps:
            members = np.broadcast_to(members.mean((1, 2), keepdims=True), members.shape)
        values = members.reshape(len(members), -1)
        distinct = len(np.unique(values, axis=0))
        parts = min(max(len(members) // MIN_IMAGES, 1), count, distinct)
        options: Any = {"n_init": ATTEMPTS, "random_state": seed}
        found = KMeans(parts, **options).fit(values)
        centers, nearest = np.asarray(found.cluster_centers_), np.asarray(found.labels_)
        colors[label, :parts] = np.round(255 * centers).reshape(parts, *own.shape[1:])
        fractions[label, :parts] = np.bincount(nearest, minlength=parts) / len(members)
    return Layouts(colors, fractions)
