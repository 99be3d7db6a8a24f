"""Near-duplicates among large images, by their thumbnails."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array, csgraph

from gv_jax.data.duplicates.hashing import Signature
from gv_jax.data.duplicates.index import MIN_CELLS, count_differing
from gv_jax.data.duplicates.raster import SMALL_PIXELS
from gv_jax.data.duplicates.relation import Relation

MAX_HASH_BITS = 10  # of 64: images whose hashes differ in more bits are not compared
# Tolerance of a cell's brightness, of 255: a small ball exceeds it in one cell, JPEG in few.
BRIGHTNESS_TOLERANCE = 12
# Tolerances of the root mean square difference of colors: relative to the contrast of the image
# with less contrast, or absolute, of 255, for what compression does to an image without contrast.
RELATIVE_COLOR_TOLERANCE = 0.15
COLOR_TOLERANCE = 1.0
MEAN_COLOR_TOLERANCE = 4.0  # of 255: for the mean color of images with transparent pixels
HASHES_PER_BLOCK = 128  # hashes compared with all others at once
PAIRS_PER_BLOCK = 4096  # pairs of images compared at once


def find_large_copies(signatures: Sequence[Signature]) -> dict[tuple[int, int], Relation]:
    """{(first, second): relation} of pairs that connect the near-duplicates of large images.

    Pairs with similar hashes are candidates; `is_near_duplicate` decides.
    """
    members = [i for i, item in enumerate(signatures) if max(item.size) > SMALL_PIXELS]
    if not members:
        return {}
    pairs = find_connecting_pairs(
        np.stack([signatures[index].hash for index in members]),
        np.stack([signatures[index].gray_alpha for index in members]),
        np.stack([signatures[index].rgba for index in members]),
    )
    return {
        (members[first], members[second]): relate(
            signatures[members[first]], signatures[members[second]]
        )
        for first, second in pairs.T.tolist()
    }


def relate(first: Signature, second: Signature) -> Relation:
    """How the second of two near-duplicates follows from the first."""
    a, b = (signature.rgba.astype(np.float32) for signature in (first, second))
    offset = float((b - a)[:3].mean())
    residual = float(np.sqrt(np.square(b - a - offset)[:3].mean()))
    pixels = [signature.size[0] * signature.size[1] for signature in (first, second)]
    return Relation(
        (pixels[1] / pixels[0]) ** 0.5,
        offset=offset,
        background=bool(np.abs(b[3] - a[3]).mean() > 2),
        residual=residual,
    )


def find_connecting_pairs(
    hashes: np.ndarray, gray_alpha: np.ndarray, rgba: np.ndarray
) -> np.ndarray:
    """Near-duplicate pairs that connect all near-duplicates among n images.

    Args:
        hashes: bool [n 64], see `Signature`.
        gray_alpha: uint8 [n 2 cells].
        rgba: uint8 [n 4 cells/4].

    Returns:
        Indices of the images: int [2 pairs].
    """
    count = len(hashes)
    signs = np.where(hashes, np.float32(1), np.float32(-1))
    # The product of two rows of signs is the number of bits minus twice the number that differ.
    min_product = hashes.shape[1] - 2 * MAX_HASH_BITS
    components, edges = np.arange(count), np.zeros((2, 0), int)
    for start in range(0, count, HASHES_PER_BLOCK):
        products = signs[start : start + HASHES_PER_BLOCK] @ signs[start:].T
        pairs = start + np.stack(np.nonzero(np.triu(products >= min_product, 1)))
        pairs = pairs[:, components[pairs[0]] != components[pairs[1]]]  # others are connected
        blocks = np.split(pairs, range(PAIRS_PER_BLOCK, pairs.shape[1], PAIRS_PER_BLOCK), axis=1)
        near = [_select_near_duplicates(block, gray_alpha, rgba) for block in blocks]
        edges = np.concatenate([edges, *near], axis=1)
        graph = coo_array((np.ones(edges.shape[1], bool), (edges[0], edges[1])), (count, count))
        components = csgraph.connected_components(graph, directed=False)[1]
    return edges


def _select_near_duplicates(
    pairs: np.ndarray, gray_alpha: np.ndarray, rgba: np.ndarray
) -> np.ndarray:
    """The pairs, int [2 m], that are near-duplicates."""
    # The brightness alone is cheaper to compare and rules out most pairs.
    pairs = pairs[:, is_equally_bright(gray_alpha[pairs[0]], gray_alpha[pairs[1]])]
    a, b = pairs
    return pairs[:, is_near_duplicate(gray_alpha[a], gray_alpha[b], rgba[a], rgba[b])]


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
        gray_alpha_a: uint8 [... 2 n], see `Signature`.
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
