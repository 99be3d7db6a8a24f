"""An index of images that finds near-duplicates by their thumbnails."""

import numpy as np
from PIL import Image

THUMBNAIL_CELLS = 32  # a thumbnail has THUMBNAIL_CELLS x THUMBNAIL_CELLS mean colors, its cells
CELL_TOLERANCE = 32  # cells differ if a channel differs by more than this, of 255
MIN_CELLS = 4  # images are different if at least this many cells differ


class NearDuplicateIndex:
    """Thumbnails of images, searched for near-duplicates of a new image.

    Images are near-duplicates if fewer than `min_cells` cells of their thumbnails differ by more
    than `tolerance` in any channel. Compression, resizing and a sprite that moves by one or two
    pixels stay below that. A sprite that moves by its own size changes four cells or more, on any
    background; the mean difference of the images does not show it (0.2 for new positions in Pong).
    The thresholds were chosen on pairs of Atari frames: pairs below them are hard to tell apart,
    except for a single small ball. The relation is symmetric, not transitive.

    Images are uint8 [h w c] of any size, all with the same number of channels.

    Args:
        tolerance: Tolerance of a channel, of 255.
        min_cells: Number of differing cells that makes images different.
    """

    def __init__(self, *, tolerance: int = CELL_TOLERANCE, min_cells: int = MIN_CELLS):
        self.tolerance = tolerance
        self.min_cells = min_cells
        self.count = 0
        # [capacity c cells], capacity >= count: it grows by doubling
        self.cells = np.zeros((0, 0, 0), np.uint8)

    def find(self, image: np.ndarray) -> int | None:
        """The index, in order of addition, of the nearest near-duplicate; None without one."""
        return self._find(thumbnail(image))

    def add(self, image: np.ndarray) -> None:
        """Adds the image."""
        self._add(thumbnail(image))

    def add_if_new(self, image: np.ndarray) -> bool:
        """Adds the image unless it has a near-duplicate; returns whether it was added."""
        cells = thumbnail(image)
        if self._find(cells) is not None:
            return False
        self._add(cells)
        return True

    def _find(self, cells: np.ndarray) -> int | None:
        if self.count == 0:
            return None
        num_differing = count_differing(self.cells[: self.count], cells, self.tolerance)
        nearest = int(num_differing.argmin())
        return nearest if num_differing[nearest] < self.min_cells else None

    def _add(self, cells: np.ndarray) -> None:
        if self.count == 0:
            self.cells = np.empty((64, *cells.shape), np.uint8)
        elif self.count == len(self.cells):
            self.cells = np.concatenate([self.cells, np.empty_like(self.cells)])
        self.cells[self.count] = cells
        self.count += 1


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Mean colors of THUMBNAIL_CELLS**2 equal parts of an image: uint8 [h w c] -> uint8 [c n]."""
    size = THUMBNAIL_CELLS, THUMBNAIL_CELLS
    channels = [
        Image.fromarray(np.ascontiguousarray(image[..., channel])).resize(
            size, Image.Resampling.BOX
        )
        for channel in range(image.shape[-1])
    ]
    return np.stack([np.asarray(channel).ravel() for channel in channels])


def count_differing(a: np.ndarray, b: np.ndarray, tolerance: int = CELL_TOLERANCE) -> np.ndarray:
    """Cells of two thumbnails with a channel that differs by more than `tolerance`.

    Args:
        a: uint8 [... c n].
        b: uint8 [... c n].
        tolerance: Tolerance of a channel, of 255.

    Returns:
        int [...].
    """
    difference = np.maximum(a, b) - np.minimum(a, b)  # |a - b| within uint8
    return (difference > tolerance).any(axis=-2).sum(axis=-1)
