"""Near-duplicates among large images, by their thumbnails."""

import numpy as np

from gv_jax.data.duplicates.disjoint_sets import DisjointSets
from gv_jax.data.duplicates.hash_search import find_similar_hashes
from gv_jax.data.duplicates.index import MIN_CELLS, count_differing
from gv_jax.data.duplicates.relation import Relation
from gv_jax.data.row_file import RowFile

MAX_HASH_BITS = 10  # of 64: images whose hashes differ in more bits are not compared
# Tolerance of a cell's brightness, of 255: a small ball exceeds it in one cell, JPEG in few.
BRIGHTNESS_TOLERANCE = 12
# Tolerances of the root mean square difference of colors: relative to the contrast of the image
# with less contrast, or absolute, of 255, for what compression does to an image without contrast.
RELATIVE_COLOR_TOLERANCE = 0.15
COLOR_TOLERANCE = 1.0
MEAN_COLOR_TOLERANCE = 4.0  # of 255: for the mean color of images with transparent pixels
ROWS_PER_BLOCK = 128  # images whose candidates are compared before the next ones are taken
PAIRS_PER_BLOCK = 4096  # pairs of images compared at once


def find_large_copies(
    hashes: np.ndarray,
    gray_alpha: RowFile,
    rgba: RowFile,
    rows: np.ndarray,
    sizes: np.ndarray,
) -> dict[tuple[int, int], Relation]:
    """{(first, second): relation} of pairs that connect the near-duplicates among n large images.

    Pairs with similar hashes are candidates; `is_near_duplicate` decides.

    Args:
        hashes: uint64 [n].
        gray_alpha: uint8 [m 2 cells], m >= n, see `Thumbnail`.
        rgba: uint8 [m 4 cells/4].
        rows: the row of each image in both: int [n].
        sizes: (width, height) in pixels: int [n 2].
    """
    groups, relations = DisjointSets(len(hashes)), {}
    for pairs in find_similar_hashes(hashes, MAX_HASH_BITS, ROWS_PER_BLOCK):
        pairs = pairs[:, groups.find(pairs[0]) != groups.find(pairs[1])]  # others are connected
        for start in range(0, pairs.shape[1], PAIRS_PER_BLOCK):
            block = pairs[:, start : start + PAIRS_PER_BLOCK]
            # The brightness alone is cheaper to compare and rules out most pairs.
            gray = [gray_alpha[rows[ends]] for ends in block]
            chosen = np.flatnonzero(is_equally_bright(*gray))
            colors = [rgba[rows[ends]] for ends in block[:, chosen]]
            near = is_near_duplicate(gray[0][chosen], gray[1][chosen], *colors)
            for row in np.flatnonzero(near).tolist():
                first, second = block[:, chosen[row]].tolist()
                groups.join(first, second)
                relations[first, second] = relate(
                    colors[0][row], colors[1][row], sizes[[first, second]]
                )
    return relations


def relate(first: np.ndarray, second: np.ndarray, sizes: np.ndarray) -> Relation:
    """How the second of two near-duplicates follows from the first.

    Args:
        first: uint8 [4 cells/4], see `Thumbnail.rgba`.
        second: the same.
        sizes: (width, height) of both in pixels: int [2 2].
    """
    difference = second.astype(np.float32) - first
    offset = float(difference[:3].mean())
    pixels = sizes.prod(axis=1)
    return Relation(
        float(pixels[1] / pixels[0]) ** 0.5,
        offset=offset,
        background=bool(np.abs(difference[3]).mean() > 2),
        residual=float(np.sqrt(np.square(difference - offset)[:3].mean())),
    )


def is_near_duplicate(
    gray_alpha_a: np.ndarray, gray_alpha_b: np.ndarray, rgba_a: np.ndarray, rgba_b: np.ndarray
) -> np.ndarray:
    """Whether pairs of images are near-duplicates.

    Fewer than MIN_CELLS cells may differ in brightness and in color, proportionally fewer where
    both images are transparent. So a sprite that moved is another image, and so is one in another
    color. All cells of two dark images can be within the tolerance of a cell; therefore their
    colors must be close in proportion to the contrast too. Transparent images were never JPEGs,
    which shift colors, so their mean colors must agree as well: this separates red from scarlet
    potions of a tile set.

    The thresholds were chosen on pairs of cartoon frames, tiles and screenshots. Consecutive
    frames are near-duplicates if nothing more than a mouth or an eyelid moved; two positions in
    Pong are not.

    Args:
        gray_alpha_a: uint8 [... 2 n], see `Thumbnail`.
        gray_alpha_b: uint8 [... 2 n].
        rgba_a: uint8 [... 4 n/4].
        rgba_b: uint8 [... 4 n/4].

    Returns:
        bool [...].
    """
    visible = visible_fraction(gray_alpha_a, gray_alpha_b)
    similar_cells = is_equally_bright(gray_alpha_a, gray_alpha_b) & (
        count_differing(rgba_a, rgba_b) < MIN_CELLS * visible
    )
    a, b = rgba_a.astype(np.float32), rgba_b.astype(np.float32)
    rms_difference = np.sqrt(np.square(a - b).mean(axis=(-2, -1)))
    variance = np.minimum(a.var(axis=-1).mean(axis=-1), b.var(axis=-1).mean(axis=-1))
    tolerance = np.maximum(COLOR_TOLERANCE, RELATIVE_COLOR_TOLERANCE * np.sqrt(variance))
    mean_difference = np.abs((a - b).mean(axis=-1)).max(axis=-1)
    opaque = np.minimum(rgba_a, rgba_b)[..., 3, :].min(axis=-1) == 255
    same_mean = opaque | (mean_difference <= MEAN_COLOR_TOLERANCE * visible)
    return similar_cells & (rms_difference <= tolerance) & same_mean


def is_equally_bright(gray_alpha_a: np.ndarray, gray_alpha_b: np.ndarray) -> np.ndarray:
    """Whether fewer than MIN_CELLS visible cells differ in brightness or opacity.

    The arguments are uint8 [... 2 n]; the result is bool [...].
    """
    num_differing = count_differing(gray_alpha_a, gray_alpha_b, BRIGHTNESS_TOLERANCE)
    return num_differing < MIN_CELLS * visible_fraction(gray_alpha_a, gray_alpha_b)


def visible_fraction(gray_alpha_a: np.ndarray, gray_alpha_b: np.ndarray) -> np.ndarray:
    """The fraction of cells visible in at least one of two images: [... 2 n] -> [...]."""
    return (np.maximum(gray_alpha_a[..., 1, :], gray_alpha_b[..., 1, :]) > 0).mean(axis=-1)
