"""Rasters of a whole data set, in a file."""

import copy
from pathlib import Path

import numpy as np

from gv_jax.data.duplicates.raster import cut_out, find_background
from gv_jax.data.row_file import RowFile

NO_CUT, SAME = -2, -1  # instead of a row of the stored ones


class Rasters:
    """Arrays uint8 [h w 4] that are appended, and then read by index.

    In memory are 12 bytes of each: its place in the file and its shape.

    Args:
        folder: where the file is; None: the folder of temporary files.
    """

    def __init__(self, folder: Path | None = None):
        self._pixels = RowFile(np.uint8, (4,), folder)
        self._shapes = np.empty((64, 2), np.uint16)  # grows by doubling
        self._starts = np.empty(64, np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def close(self) -> None:
        """Removes the file."""
        self._pixels.close()

    @property
    def shapes(self) -> np.ndarray:
        """(height, width) of each: int [n 2]."""
        return self._shapes[: self._count]

    def append(self, raster: np.ndarray) -> None:
        """Appends one raster."""
        if self._count == len(self._shapes):
            self._shapes = np.concatenate([self._shapes, np.empty_like(self._shapes)])
            self._starts = np.concatenate([self._starts, np.empty_like(self._starts)])
        self._shapes[self._count] = raster.shape[:2]
        self._starts[self._count] = len(self._pixels)
        self._pixels.append(raster.reshape(-1, 4))
        self._count += 1

    def take(self, indices: np.ndarray) -> "Rasters":
        """The rasters at `indices`, int [m], in the same file."""
        taken = copy.copy(self)
        taken._shapes, taken._starts = self._shapes[indices], self._starts[indices]
        taken._count = len(indices)
        return taken

    def __getitem__(self, index: int) -> np.ndarray:
        height, width = self.shapes[index].tolist()
        start = int(self._starts[index])
        return self._pixels.read(start, start + height * width).reshape(height, width, 4)


class Cuts:
    """The rasters of images with a transparent background; None for images without background.

    Args:
        rasters: of the images.
        folder: where they are stored; None: the folder of temporary files.
    """

    def __init__(self, rasters: Rasters, folder: Path | None = None):
        self._rasters, self._cut_out = rasters, Rasters(folder)
        self._rows = np.full(len(rasters), NO_CUT, np.int32)
        for index in range(len(rasters)):
            raster = rasters[index]
            cut = cut_background(raster)
            if cut is raster:
                self._rows[index] = SAME
            elif cut is not None:
                self._rows[index] = len(self._cut_out)
                self._cut_out.append(cut)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> np.ndarray | None:
        row = int(self._rows[index])
        if row == NO_CUT:
            return None
        return self._rasters[index] if row == SAME else self._cut_out[row]

    def is_same(self, index: int) -> bool:
        """Whether the raster itself has a transparent background."""
        return self._rows[index] == SAME

    def close(self) -> None:
        """Removes the file."""
        self._cut_out.close()


def cut_background(raster: np.ndarray) -> np.ndarray | None:
    """The raster with a transparent background, itself if it has one; None without background."""
    if raster[..., 3].min() < 255:
        return raster if (raster[..., 3] == 0).any() else None
    background = find_background(raster)
    return None if background is None else cut_out(raster, background)
