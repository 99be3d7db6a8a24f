"""Held-out images at their own size, as a finished run colorizes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CLIP_LENGTH = 4  # consecutive images of a sample, which flicker is measured on


@dataclass(frozen=True)
class ImageVersions:
    """An image and its colorizations, uint8 [h w 3] each.

    Attributes:
        gray: The input.
        lookup: The gray lookup.
        network: The prediction.
        original: The original.
    """

    gray: np.ndarray
    lookup: np.ndarray
    network: np.ndarray
    original: np.ndarray


@dataclass(frozen=True)
class WholeImages:
    """Images of the main split, colorized and measured at their own size.

    Attributes:
        indices: Their indices in the split, ascending.
        outputs: Metric -> values [n], with the names of `ColorizationOutputs`.
        versions: The image at a position in `indices`, with its colorizations.
    """

    indices: Sequence[int]
    outputs: Mapping[str, np.ndarray]
    versions: Callable[[int], ImageVersions]


def sample_indices(count: int, limit: int) -> list[int]:
    """At most `limit` indices below `count`: all, or clips of CLIP_LENGTH at even distances."""
    if count <= limit:
        return list(range(count))
    num_clips = max(limit // CLIP_LENGTH, 1)
    length = min(CLIP_LENGTH, limit)
    starts = np.linspace(0, count - length, num_clips).round().astype(int)
    return sorted({int(start) + step for start in starts for step in range(length)})
