"""Groups of equal images and of near-duplicates in a whole data set."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array, csgraph

from gv_jax.data.duplicates.hashing import Signature
from gv_jax.data.duplicates.index import MIN_CELLS, count_differing

GROUPS_VERSION = 1  # version of the resulting groups
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


def exact_duplicate_groups(signatures: Sequence[Signature]) -> list[list[int]]:
    """Groups of two or more images with equal pixels, as lists of indices."""
    groups: dict[str, list[int]] = {}
    for index, signature in enumerate(signatures):
        groups.setdefault(signature.digest, []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def near_duplicate_groups(signatures: Sequence[Signature]) -> list[list[int]]:
    """Groups of images that are near-duplicates but not all equal, as lists of indices.

    Pairs with similar hashes are candidates; `is_near_duplicate` decides. A group is a connected
    component, so the first and last frame of a chain may differ. Constant images are ignored: they
    have no structure to compare.
    """
    digests = [signature.digest for signature in signatures]
    _, first_indices, inverse = np.unique(digests, return_index=True, return_inverse=True)
    compared = [index for index in first_indices if not signatures[index].constant]
    if not compared:
        return []
    components = find_components(
        np.stack([signatures[index].hash for index in compared]),
        np.stack([signatures[index].gray_alpha for index in compared]),
        np.stack([signatures[index].rgba for index in compared]),
    )
    component_of = dict(zip(inverse[compared].tolist(), components.tolist(), strict=True))
    groups: dict[int, list[int]] = {}
    for index, digest in enumerate(inverse.tolist()):
        if digest in component_of:
            groups.setdefault(component_of[digest], []).append(index)
    sizes = np.bincount(components)  # of different images
    return [group for component, group in groups.items() if sizes[component] > 1]


def find_components(hashes: np.ndarray, gray_alpha: np.ndarray, rgba: np.ndarray) -> np.ndarray:
    """Connected components of the near-duplicate relation of n images.

    Args:
        hashes: bool [n 64], see `Signature`.
        gray_alpha: uint8 [n 2 cells].
        rgba: uint8 [n 4 cells/4].

    Returns:
        The component of every image: int [n].
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
    return components


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
