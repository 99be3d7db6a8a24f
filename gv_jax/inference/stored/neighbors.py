"""Features and thumbnails of training images, stored with a run.

They find the training images that are nearest to a new one, and show whether it is unlike all.
"""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gv_jax.errors import UserError
from gv_jax.evaluation.novelty import find_nearest, normalize_features, novelty_distances
from gv_jax.inference.partial_file import write_partial

NEIGHBORS_FILE = "neighbors.npz"
LOSSLESS_PX = 64  # thumbnails up to this side are stored exactly, as pixel art needs it
QUALITY = 85  # of WebP, for larger ones


class Neighbor(NamedTuple):
    """A training image near another image.

    Attributes:
        id: Its id in the data set.
        label: Its class; with several labels, joined with |.
        distance: Euclidean distance of the features of length 1, from 0 to 2.
        thumbnail: uint8 [h w c]; None if none are stored.
    """

    id: str
    label: str
    distance: float
    thumbnail: np.ndarray | None


@dataclass(frozen=True)
class Neighbors:
    """m training images.

    Attributes:
        features: Of length 1, float16 [m f].
        ids: Their ids.
        labels: Their classes, or labels joined with |.
        thumbnails: A WebP file each, or () if none are stored.
    """

    features: np.ndarray
    ids: tuple[str, ...]
    labels: tuple[str, ...]
    thumbnails: tuple[bytes, ...] = ()

    @cached_property
    def _float_features(self) -> np.ndarray:
        """float32 [m f]: the conversion takes several times as long as a search."""
        return self.features.astype(np.float32)

    def distances(self, features: np.ndarray) -> np.ndarray:
        """Distances of features [n f] to these images, [n]; see `novelty`."""
        return novelty_distances(normalize_features(features), self._float_features)

    def nearest(self, features: np.ndarray, count: int) -> list[list[Neighbor]]:
        """The `count` nearest images for each row of features [n f], the nearest first."""
        indices, distances = find_nearest(normalize_features(features), self._float_features, count)
        return [
            [
                Neighbor(
                    self.ids[index], self.labels[index], float(distance), self._thumbnail(index)
                )
                for index, distance in zip(*row, strict=True)
            ]
            for row in zip(indices, distances, strict=True)
        ]

    def _thumbnail(self, index: int) -> np.ndarray | None:
        if not self.thumbnails:
            return None
        return np.asarray(Image.open(io.BytesIO(self.thumbnails[index])))


def encode_thumbnail(image: np.ndarray, side: int) -> bytes:
    """A WebP file of uint8 [h w c], reduced so that no side exceeds `side` pixels."""
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    thumbnail = Image.fromarray(pixels)
    thumbnail.thumbnail((side, side), Image.Resampling.BOX)
    buffer = io.BytesIO()
    thumbnail.save(buffer, "WEBP", lossless=side <= LOSSLESS_PX, quality=QUALITY, method=0)
    return buffer.getvalue()


def write_neighbors(path: Path, neighbors: Neighbors) -> None:
    """Writes the file NEIGHBORS_FILE into a run directory, completely or not at all."""
    joined = b"".join(neighbors.thumbnails)
    sizes = np.array([len(file) for file in neighbors.thumbnails], np.int64)
    with write_partial(path / NEIGHBORS_FILE) as partial, partial.open("wb") as file:
        np.savez(
            file,
            features=neighbors.features,
            ids=np.array(neighbors.ids, np.str_),
            labels=np.array(neighbors.labels, np.str_),
            thumbnails=np.frombuffer(joined, np.uint8),
            sizes=sizes,
        )


def read_neighbors(path: Path) -> Neighbors | None:
    """The neighbors stored in a run directory; None if there are none.

    Raises:
        UserError: The file is damaged.
    """
    arrays = read_arrays(path / NEIGHBORS_FILE)
    if arrays is None:
        return None
    ends = np.cumsum(arrays["sizes"])
    joined = arrays["thumbnails"].tobytes()
    return Neighbors(
        arrays["features"],
        tuple(arrays["ids"].tolist()),
        tuple(arrays["labels"].tolist()),
        tuple(joined[end - size : end] for end, size in zip(ends, arrays["sizes"], strict=True)),
    )


def read_arrays(file: Path) -> Mapping[str, Any] | None:
    """The arrays of an .npz file of a run directory; None if there is no such file.

    Raises:
        UserError: The file is damaged.
    """
    if not os.path.lexists(file):
        return None
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds
        raise UserError(
            f"{file} is damaged ({error}): copy the run directory again, or evaluate the run "
            "again with gv-jax train --mode=evaluate"
        ) from error
