"""What is compared of small images: every image, and further views of some."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gv_jax.data.duplicates import features
from gv_jax.data.duplicates.features import GRID, LUMA
from gv_jax.data.duplicates.raster import paint
from gv_jax.data.duplicates.rasters import Cuts, Rasters
from gv_jax.data.duplicates.shifts import MAX_SHIFT, TINY_PIXELS
from gv_jax.data.row_file import RowFile

VIEWS_PER_BLOCK = 1024
BACKGROUNDS = 0, 255  # the most frequent ones of images that lost their alpha
SHIFTS = [
    (MAX_SHIFT * (dy - 1), MAX_SHIFT * (dx - 1))
    for dy, dx in np.ndindex(3, 3)
    if (dy, dx) != (1, 1)
]  # of tiny images, in pixels
# What is known of a view, see the attributes of `Views`.
VIEW = np.dtype(
    [
        ("owner", np.int32),
        ("shape", np.uint16, 2),
        ("cut", bool),
        ("painted", bool),
        ("half", np.int8),
    ]
)


class Views:
    """Features of the views of images, in files.

    In memory are 16 bytes of each view; an image has one to six of them.

    Args:
        rasters: of all images.
        cuts: the same with a transparent background where they have a background.
        folder: of the files; None: the folder of temporary files.

    Attributes:
        owner: Index of the image of each view: int [v].
        shapes: Its height and width in pixels: int [v 2].
        cut: Whether the view has a transparent background, by its alpha or cut out: bool [v].
        painted: Whether its background is painted in one of BACKGROUNDS: bool [v].
        half: The view is every second pixel, first 0 or 1, of an image twice as large as some
            other; -1 otherwise: int [v].
        luma: Its brightness, of mean 0 and length 1 or less: float16 [v GRID*GRID].
    """

    def __init__(self, rasters: Rasters, cuts: Cuts, folder: Path | None = None):
        self.luma = RowFile(np.float16, (GRID * GRID,), folder)
        self._layout = RowFile(np.float32, (features.LAYOUT_LENGTH,), folder)
        self._spectrum = RowFile(np.float32, (features.SPECTRUM_LENGTH,), folder)
        self._shifted = RowFile(np.float32, (len(SHIFTS), features.LAYOUT_LENGTH), folder)
        total, squares = np.zeros((2, features.SPECTRUM_LENGTH))
        tables = [np.zeros(0, VIEW)]
        shapes = {(height, width) for height, width in np.unique(rasters.shapes, axis=0).tolist()}
        for rows, images in _make_blocks(rasters, cuts, shapes):
            grids = np.stack([features.to_grid(image) for image in images])
            luma = grids @ LUMA
            luma -= luma.mean((1, 2), keepdims=True)
            luma /= np.sqrt(np.square(luma).sum((1, 2), keepdims=True)) + 1e-3
            self.luma.append(luma.reshape(len(luma), -1))
            self._layout.append(features.layout_features(grids))
            spectrum = features.spectrum_features(grids)
            total += spectrum.sum(axis=0, dtype=np.float64)
            squares += np.square(spectrum, dtype=np.float64).sum(axis=0)
            self._spectrum.append(spectrum)
            tables.append(rows)
            tiny = np.flatnonzero(_is_tiny(rows))
            if len(tiny):
                self._shifted.append(_shift_layouts(grids[tiny], rows["shape"][tiny]))
        table = np.concatenate(tables)
        del tables
        self.owner, self.shapes = table["owner"].copy(), table["shape"].copy()
        self.cut, self.painted = table["cut"].copy(), table["painted"].copy()
        self.half, self.tiny = table["half"].copy(), _is_tiny(table)
        self._tiny_row = np.cumsum(self.tiny, dtype=np.int32) - 1
        self._standardization = features.measure_spectrum(total, squares, max(len(table), 1))

    def __len__(self) -> int:
        return len(self.owner)

    def layout(self, ids: np.ndarray) -> np.ndarray:
        """The layout features of views [n]: float32 [n d]."""
        return self._layout[ids]

    def spectrum(self, ids: np.ndarray) -> np.ndarray:
        """The standardized spectrum features of views [n]: float32 [n d]."""
        return features.standardize_spectrum(self._spectrum[ids], *self._standardization)

    def shifted_layouts(self, ids: np.ndarray) -> np.ndarray:
        """Layout features of tiny views [n], shifted by each of SHIFTS: float32 [n 8 d].

        A shift by 2 of 16 pixels moves a layout by one cell, and repeated edges change the
        spectrum, so the layouts of shifted images are compared.
        """
        return self._shifted[self._tiny_row[ids]]

    def close(self) -> None:
        """Removes the files."""
        for file in (self.luma, self._layout, self._spectrum, self._shifted):
            file.close()


def _make_blocks(
    rasters: Rasters, cuts: Cuts, shapes: set[tuple[int, int]]
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Blocks of views: rows VIEW [b], and rasters."""
    rows: list[tuple[Any, ...]] = []
    images: list[np.ndarray] = []
    for index in range(len(rasters)):
        image, cut = rasters[index], cuts[index]
        is_cut = cuts.is_same(index)
        height, width = image.shape[:2]
        views = [(image, is_cut, False, -1)]
        if cut is not None and not is_cut:
            views.append((cut, True, False, -1))
        if cut is not None:
            views += [(paint(cut, color), False, True, -1) for color in BACKGROUNDS]
        if (height // 2, width // 2) in shapes:
            views += [(image[i::2, i::2], is_cut, False, i) for i in (0, 1)]
        rows += [(index, view.shape[:2], *flags) for view, *flags in views]
        images += [view for view, *_ in views]
        if len(rows) >= VIEWS_PER_BLOCK:
            yield np.array(rows, VIEW), images
            rows, images = [], []
    if rows:
        yield np.array(rows, VIEW), images


def _is_tiny(rows: np.ndarray) -> np.ndarray:
    return rows["shape"].min(axis=1) <= TINY_PIXELS


def _shift_layouts(grids: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Layout features of grids [n ...] of images [n 2], shifted by each of SHIFTS: [n 8 d]."""
    shifted = [
        features.layout_features(features.shift_grids(grids, np.array(shift) * (GRID / shapes)))
        for shift in SHIFTS
    ]
    return np.stack(shifted, axis=1)
