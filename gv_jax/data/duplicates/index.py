"""Pictures that are nearly the same: copies within one split, answers given away across two."""

import numpy as np
from PIL import Image

THUMBNAIL_CELLS = 32  # a picture is compared as CELLS x CELLS mean colours
CELL_TOLERANCE = 32  # a cell differs when one of its channels does by more than this, of 255
MIN_CELLS = 4  # pictures are nearly the same when fewer cells than this differ


class NearDuplicateIndex:
    """The pictures met so far, to be asked of a new one whether it is nearly the same as one of them.

    Nearly the same: of CELLS x CELLS mean colours, fewer than `fewest` differ by more than `tolerance` in
    some channel. That is blind to compression, to resizing and to a sprite that moves by a pixel or two. It
    sees one move by its own size, which changes 4 cells or more, however much background there is (the mean
    difference of two pictures does not: new positions in Pong change it by 0.2). Found by looking at pairs of
    Atari frames: below these thresholds one has to search for the difference, but for a lone small ball.
    The relation is symmetric, not transitive.

    Pictures are uint8 [h w c], of any size, all with as many channels.
    """

    def __init__(self, *, tolerance: int = CELL_TOLERANCE, fewest: int = MIN_CELLS):
        self.tolerance = tolerance
        self.fewest = fewest
        self.count = 0
        self.cells = np.zeros(
            (0, 0, 0), np.uint8
        )  # [room c cells], room >= count: it grows by doubling

    def find(self, image: np.ndarray) -> int | None:
        """The number, from 0 as added, of the nearest picture, or None if none is nearly the same."""
        return self._find(thumbnail(image))

    def add(self, image: np.ndarray) -> None:
        self._add(thumbnail(image))

    def is_new(self, image: np.ndarray) -> bool:
        """Adds the picture and says True, unless one that is nearly the same is there."""
        cells = thumbnail(image)
        if self._find(cells) is not None:
            return False
        self._add(cells)
        return True

    def _find(self, cells: np.ndarray) -> int | None:
        if self.count == 0:
            return None
        differing = count_differing(self.cells[: self.count], cells, self.tolerance)
        nearest = int(differing.argmin())
        return nearest if differing[nearest] < self.fewest else None

    def _add(self, cells: np.ndarray) -> None:
        if self.count == 0:
            self.cells = np.empty((64, *cells.shape), np.uint8)
        elif self.count == len(self.cells):
            self.cells = np.concatenate([self.cells, np.empty_like(self.cells)])
        self.cells[self.count] = cells
        self.count += 1


def thumbnail(image: np.ndarray) -> np.ndarray:
    """The mean colours of CELLS x CELLS equal parts of a picture: uint8 [h w c] -> uint8 [c CELLS*CELLS]."""
    channels = (
        Image.fromarray(np.ascontiguousarray(image[..., c])) for c in range(image.shape[-1])
    )
    return np.stack(
        [
            np.asarray(c.resize((THUMBNAIL_CELLS, THUMBNAIL_CELLS), Image.Resampling.BOX)).ravel()
            for c in channels
        ]
    )


def count_differing(a: np.ndarray, b: np.ndarray, tolerance: int = CELL_TOLERANCE) -> np.ndarray:
    """Cells of two thumbnails that differ in some channel by more than `tolerance`: [... c n] -> [...]."""
    apart = np.maximum(a, b) - np.minimum(a, b)  # |a - b| that stays within uint8
    return (apart > tolerance).any(axis=-2).sum(axis=-1)
