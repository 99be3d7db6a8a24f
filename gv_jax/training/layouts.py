"""Layouts of training images, which a generator is conditioned on.

The layout of an image is the mean colors of its regions of REGION x REGION pixels. A class of many
kinds of images is hard to generate from noise: the network has to decide on coarse colors and
shapes where it sees least of them. A layout states them, as the first stage of a cascade does; here
that stage is a training image, whose layout is mixed with noise ("noise conditioning augmentation",
Ho et al. 2022, arXiv:2106.15282, section 4.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.models.diffusion.flow_inputs import REGION

GOLDEN = (5**0.5 - 1) / 2  # whose multiples, modulo 1, cover [0, 1) evenly
MIN_TIME = 0.5  # of layouts in training: half layout, half noise


@dataclass(frozen=True, eq=False)
class Layouts:
    """Layouts of training images of every class.

    Attributes:
        colors: Premultiplied, uint8 [classes k h/r w/r channels], r = REGION.
        counts: How many of a class there are, at most k, int [classes]; the rest is 0.
    """

    colors: np.ndarray
    counts: np.ndarray

    def draw(self, seed: int, labels: np.ndarray, indices: np.ndarray) -> Array:
        """Layouts in [-1, 1], [n l l c], each a function of (seed, label, index).

        The images 0 to n of a class have each layout equally often, up to one or two.
        """
        starts = np.array([np.random.default_rng((seed, int(label))).random() for label in labels])
        positions = (starts + indices * GOLDEN) % 1 * self.counts[labels]
        rows = np.clip(positions.astype(int), 0, np.maximum(self.counts[labels] - 1, 0))
        return jnp.asarray(self.colors[labels, rows], jnp.float32) / 127.5 - 1

    def to_results(self, classes: Sequence[str]) -> dict[str, list[str]]:
        """Class -> its layouts as hexadecimal bytes, for results.json."""
        return {
            name: [layout.tobytes().hex() for layout in colors[:count]]
            for name, colors, count in zip(classes, self.colors, self.counts, strict=True)
        }

    @classmethod
    def from_results(
        cls,
        rows: Mapping[str, Sequence[str]],
        classes: Sequence[str],
        size: tuple[int, int],
        channels: int,
    ) -> "Layouts":
        """The inverse of `to_results`, for images of this size."""
        shape = (-1, size[0] // REGION, size[1] // REGION, channels)
        return stack_layouts(
            [
                np.frombuffer(bytes.fromhex("".join(rows[name])), np.uint8).reshape(shape)
                for name in classes
            ]
        )


def average_regions(images: Array) -> Array:
    """The mean colors of the regions of images [n h w c], [n h/r w/r c], r = REGION."""
    n, h, w, c = images.shape
    return images.reshape(n, h // REGION, REGION, w // REGION, REGION, c).mean((2, 4))


def stack_layouts(layouts: Sequence[np.ndarray]) -> Layouts:
    """Layouts of every class, uint8 [k l l c], as one array."""
    counts = np.array([len(colors) for colors in layouts])
    colors = np.zeros((len(layouts), max(counts), *layouts[0].shape[1:]), np.uint8)
    for row, own in zip(colors, layouts, strict=True):
        row[: len(own)] = own
    return Layouts(colors, counts)
