"""Whether generated images are copies of training images.

An image is a copy if its nearest training image is much nearer than the nearest one of another
group: d1 / d2 < 1/3, as in Favero et al. 2025, arXiv:2505.16959. Groups are variants of one
motif, which are near each other without being copied.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from gv_jax.evaluation.generation.pixels import premultiply

MAX_RATIO = 1 / 3  # of a copy
MAX_SHIFT = 2  # pixels
MIN_KEPT = 0.7  # of the variance: 2 pixels off two sides of 16 px leave 0.77 of the area
MAX_CELLS = 8  # per side: means over this grid bound distances from below
BLOCK = 64  # training images that are compared at once
CHUNK_VALUES = 2**23  # float64 values of a chunk: 64 MiB
SLACK = 1e-6  # of bounds, for rounding


@dataclass(frozen=True)
class Nearest:
    """The nearest training image of every image.

    Attributes:
        index: of the training image, int [n].
        distance: to it, root mean square of premultiplied channels in [0, 1], [n].
        second_distance: to the nearest one of another group; infinite with one group.
        ratio: of both; 0 for identical images, NaN with one group.
    """

    index: np.ndarray
    distance: np.ndarray
    second_distance: np.ndarray
    ratio: np.ndarray

    @property
    def is_copy(self) -> np.ndarray:
        """Bool [n]."""
        return (self.ratio < MAX_RATIO) | (self.distance == 0)


def find_nearest(
    images: np.ndarray,
    training: np.ndarray,
    groups: np.ndarray,
    *,
    wrap: np.ndarray,
    max_shift: int = MAX_SHIFT,
) -> Nearest:
    """The nearest training image of every image, under shifts and mirroring.

    Pixels that a shift uncovers are not compared, except for those of images that wrap. A shift
    that leaves less than MIN_KEPT of the variance of one of both is not tried: little would be
    compared of images with content at the border only.

    The result is that of comparing all pairs. Means over a grid of cells bound the distances from
    below, and training images are compared in the order of their bounds until none of the rest
    can be nearer.

    Args:
        images: uint8 [n h w c].
        training: uint8 [m h w c]; only chunks of them are in memory as floats.
        groups: of the training images, int [m].
        wrap: whether pixels shifted out of an image come in at its opposite side, bool [n].
        max_shift: in pixels, down, up, left and right.
    """
    count = len(images)
    index, first, second = np.zeros(count, np.int64), np.zeros(count), np.zeros(count)
    grid = Grid.of(*images.shape[1:3])
    step = max(1, CHUNK_VALUES // len(training))
    for wrapped in np.unique(wrap):
        rows = np.flatnonzero(np.asarray(wrap) == wrapped)
        views = make_views(images.shape[1:3], max_shift, bool(wrapped))
        pooled = Pooled.of(training, grid, views)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            pixels = premultiply(np.asarray(images[part])).astype(np.float64)
            squares = masked_squares(pixels, [view.source_mask for view in views])
            bounds = lower_bounds(pixels, squares, pooled, grid, views)
            for row, image, own, bound in zip(part, pixels, squares, bounds, strict=True):
                index[row], first[row], second[row] = search(
                    image, own, bound, training, pooled.squares, groups, views
                )
    first, second = np.sqrt(first) / 255, np.sqrt(second) / 255
    ratio = np.where(np.isinf(second), np.nan, 0.0)
    np.divide(first, second, out=ratio, where=np.isfinite(second) & (second > 0))
    return Nearest(index, first, second, ratio)


class View(NamedTuple):
    """A shift of images, down and right, perhaps mirrored before.

    `mask`: float64 [h w], 1 where the shifted image has pixels.
    """

    shift: tuple[int, int]
    mirror: bool
    mask: np.ndarray

    def apply(self, images: np.ndarray) -> np.ndarray:
        """The view of images [n h w c]; pixels outside of the mask are 0."""
        source = images[:, :, ::-1] if self.mirror else images
        return np.roll(source, self.shift, (1, 2)) * self.mask[..., None]

    @property
    def source_mask(self) -> np.ndarray:
        """1 for the pixels of an image that its view shows, float64 [h w]."""
        mask = np.roll(self.mask, (-self.shift[0], -self.shift[1]), (0, 1))
        return mask[:, ::-1] if self.mirror else mask


def make_views(size: tuple[int, int], max_shift: int, wrap: bool) -> list[View]:
    """All views of images of this size."""
    views = []
    shifts = range(-max_shift, max_shift + 1)
    for mirror, down, right in product((False, True), shifts, shifts):
        mask = np.ones(size)
        if not wrap:
            rows, columns = np.arange(size[0]) - down, np.arange(size[1]) - right
            mask[(rows < 0) | (rows >= size[0])] = 0
            mask[:, (columns < 0) | (columns >= size[1])] = 0
        views.append(View((down, right), mirror, mask))
    return views


def masked_squares(images: np.ndarray, masks: Sequence[np.ndarray]) -> np.ndarray:
    """Sums of squares inside of masks [h w]: float64 [n h w c] -> [n v].

    Infinite for a mask that keeps less than MIN_KEPT of the variance of the image.
    """
    columns = np.stack([mask.ravel() for mask in masks], 1)
    centered = images - images.mean((1, 2), keepdims=True)
    squares, deviations = (
        np.square(values).sum(-1).reshape(len(images), -1) for values in (images, centered)
    )
    kept = deviations @ columns
    is_lost = kept < MIN_KEPT * deviations.sum(1, keepdims=True)
    return np.where(is_lost, np.inf, squares @ columns)


class Grid(NamedTuple):
    """A grid of cells of nearly equal sizes: their first rows, first columns, and pixels [r s]."""

    rows: np.ndarray
    columns: np.ndarray
    sizes: np.ndarray

    @staticmethod
    def of(height: int, width: int) -> "Grid":
        """At most MAX_CELLS cells per side."""
        rows, columns = (
            np.linspace(0, side, min(side, MAX_CELLS) + 1).astype(int) for side in (height, width)
        )
        return Grid(rows[:-1], columns[:-1], np.outer(np.diff(rows), np.diff(columns)))

    def pool(self, images: np.ndarray) -> np.ndarray:
        """Sums over cells by the root of their size: [n h w c] -> float64 [n r·s c].

        Squared distances between results are at most those between images.
        """
        sums = np.add.reduceat(images, self.rows, 1, dtype=np.float64)
        sums = np.add.reduceat(sums, self.columns, 2)
        sums /= np.sqrt(self.sizes)[..., None]
        return sums.reshape(len(images), self.sizes.size, -1)

    def inside(self, mask: np.ndarray) -> np.ndarray:
        """1 for cells in which all of a mask [h w] is 1, else 0: float64 [r·s]."""
        sums = np.add.reduceat(np.add.reduceat(mask, self.rows, 0), self.columns, 1)
        return (sums == self.sizes).astype(np.float64).ravel()


class Pooled(NamedTuple):
    """Training images over a grid.

    `cells`: float64 [m r·s c]; `squares`: see `masked_squares`, of the mask of every view [m v].
    """

    cells: np.ndarray
    squares: np.ndarray

    @staticmethod
    def of(training: np.ndarray, grid: Grid, views: list[View]) -> "Pooled":
        """Of uint8 images [m h w c]."""
        step = max(1, CHUNK_VALUES // training[0].size)
        cells, squares = [], []
        for start in range(0, len(training), step):
            pixels = premultiply(np.asarray(training[start : start + step])).astype(np.float64)
            cells.append(grid.pool(pixels))
            squares.append(masked_squares(pixels, [view.mask for view in views]))
        return Pooled(np.concatenate(cells), np.concatenate(squares))


def lower_bounds(
    pixels: np.ndarray, squares: np.ndarray, pooled: Pooled, grid: Grid, views: list[View]
) -> np.ndarray:
    """Lower bounds of the mean squared differences over all views, [n m].

    Args:
        pixels: premultiplied, float64 [n h w c].
        squares: of their views [n v].
        pooled: the training images.
        grid: that they were pooled over.
        views: of `pixels`.
    """
    flat = pooled.cells.reshape(len(pooled.cells), -1)
    cell_squares = np.square(pooled.cells).sum(-1)  # [m r·s]
    bounds = np.full((len(pixels), len(flat)), np.inf)
    for index, view in enumerate(views):
        inside = grid.inside(view.mask)
        queries = (grid.pool(view.apply(pixels)) * inside[:, None]).reshape(len(pixels), -1)
        own = np.square(queries).sum(1) + where_lost(squares[:, index])
        others = cell_squares @ inside + where_lost(pooled.squares[:, index])
        sums = own[:, None] + others - 2 * queries @ flat.T
        np.minimum(bounds, sums / (view.mask.sum() * pixels.shape[-1]), out=bounds)
    return bounds


def where_lost(squares: np.ndarray) -> np.ndarray:
    """Infinity where the squares are infinite, else 0."""
    return np.where(np.isinf(squares), np.inf, 0)


def search(
    image: np.ndarray,
    squares: np.ndarray,
    bounds: np.ndarray,
    training: np.ndarray,
    training_squares: np.ndarray,
    groups: np.ndarray,
    views: list[View],
) -> tuple[int, float, float]:
    """The nearest training image, its mean squared difference, and that of another group.

    All sums are of integers below 2^53, so they are exact, and 0 for equal images.

    Args:
        image: premultiplied, float64 [h w c].
        squares: of its views [v].
        bounds: of the differences to the training images, [m].
        training: uint8 [m h w c].
        training_squares: of the training images [m v].
        groups: int [m].
        views: of the image.
    """
    queries = np.concatenate([view.apply(image[None]) for view in views])
    queries = queries.reshape(len(views), -1)
    sizes = np.array([view.mask.sum() * image.shape[-1] for view in views])
    differences = np.full(len(training), np.inf)
    order = np.argsort(bounds, kind="stable")
    nearest, second = 0, np.inf
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        if bounds[block[0]] > second + SLACK:
            break
        others = premultiply(training[block]).reshape(len(block), -1).astype(np.float64)
        sums = squares + training_squares[block] - 2 * others @ queries.T  # [BLOCK v]
        differences[block] = (sums / sizes).min(1)
        nearest = int(differences.argmin())
        second = differences[groups != groups[nearest]].min(initial=np.inf)
    return nearest, float(differences[nearest]), float(second)
