"""Pairs of images that may be copies, among all pairs of a data set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from gv_jax.data.duplicates import features
from gv_jax.data.duplicates.features import GRID, LUMA, MIRRORS
from gv_jax.data.duplicates.neighbors import find_neighbors
from gv_jax.data.duplicates.raster import paint
from gv_jax.data.duplicates.shifts import MAX_SHIFT, TINY_PIXELS

NEIGHBORS = 12  # the most candidates of an image per search
MIN_LAYOUT_SIMILARITY = 0.75
MIN_SPECTRUM_SIMILARITY = 0.4
MIN_CORRELATION = 0.35  # of the brightness of two candidates, at the best shift
MAX_GRID_SHIFT = 4  # pixels of the grid: 2 pixels of an image of 16 x 16
FEW_VIEWS = 64  # too few to standardize features with; all pairs of them are candidates
PAIRS_PER_BLOCK = 2048
VIEWS_PER_BLOCK = 1024
BACKGROUNDS = 0, 255  # the most frequent ones of images that lost their alpha


@dataclass(frozen=True)
class Views:
    """What is compared: every image, and further views of some.

    Attributes:
        owner: Index of the image of each view: int [v].
        shapes: Its height and width in pixels: int [v 2].
        grids: Its colors: float32 [v GRID GRID 3].
        cut: Whether the view has a transparent background, by its alpha or cut out: bool [v].
        painted: Whether its background is painted in one of BACKGROUNDS: bool [v].
        half: The view is every second pixel, first 0 or 1, of an image twice as large as some
            other; -1 otherwise: int [v].
    """

    owner: np.ndarray
    shapes: np.ndarray
    grids: np.ndarray
    cut: np.ndarray
    painted: np.ndarray
    half: np.ndarray


def make_views(rasters: Sequence[np.ndarray], cut_rasters: Sequence[np.ndarray | None]) -> Views:
    """The views of images, given with a transparent background where they have a background."""
    shapes = {image.shape[:2] for image in rasters}
    rows: list[tuple[int, np.ndarray, bool, bool, int]] = []
    for index, (image, cut) in enumerate(zip(rasters, cut_rasters, strict=True)):
        rows.append((index, image, cut is image, False, -1))
        if cut is not None and cut is not image:
            rows.append((index, cut, True, False, -1))
        if cut is not None:
            rows += [(index, paint(cut, color), False, True, -1) for color in BACKGROUNDS]
        height, width = image.shape[:2]
        if (height // 2, width // 2) in shapes:
            rows += [(index, image[i::2, i::2], cut is image, False, i) for i in (0, 1)]
    return Views(
        owner=np.array([row[0] for row in rows]),
        shapes=np.array([row[1].shape[:2] for row in rows]),
        grids=np.stack([features.to_grid(row[1]) for row in rows]),
        cut=np.array([row[2] for row in rows]),
        painted=np.array([row[3] for row in rows]),
        half=np.array([row[4] for row in rows]),
    )


def find_candidates(views: Views) -> np.ndarray:
    """Pairs of views that may show copies: int [3 m]: first view, second view, mirror.

    The first view is mirrored by MIRRORS[mirror].
    """
    layout = features.layout_features(views.grids)
    spectrum, unchanged = features.spectrum_features(views.grids)
    signs = np.ones(spectrum.shape[1], np.float32)
    signs[unchanged:] = -1
    whole, cut = (views.half < 0) & ~views.painted, views.cut & (views.half < 0)
    # Every view is compared with those of the same kind; halves with whole images.
    searches = [(whole & ~_second(views), whole & ~_second(views))]
    if cut.any() and not (cut == searches[0][0]).all():
        searches.append((cut, cut))
    if (~whole).any():
        searches.append((~whole, searches[0][0]))
    found = []
    for queries, indexed in searches:
        query_ids, index_ids = np.flatnonzero(queries), np.flatnonzero(indexed)
        if len(index_ids) <= FEW_VIEWS:
            all_pairs = np.indices((len(query_ids), len(index_ids))).reshape(2, -1)
            found += [_name(all_pairs, query_ids, index_ids, i) for i in range(len(MIRRORS))]
            continue
        for number, mirror in enumerate(MIRRORS):
            mirrored = features.mirror_layout(layout[query_ids], mirror)
            pairs = find_neighbors(mirrored, layout[index_ids], NEIGHBORS, MIN_LAYOUT_SIMILARITY)
            found.append(_name(pairs, query_ids, index_ids, number))
        for sign, numbers in ((1, (0,)), (-1, (1, 2))):
            vectors = spectrum[query_ids] * (signs if sign < 0 else 1)
            pairs = find_neighbors(vectors, spectrum[index_ids], NEIGHBORS, MIN_SPECTRUM_SIMILARITY)
            found += [_name(pairs, query_ids, index_ids, number) for number in numbers]
    found.append(_find_shifted(views, np.flatnonzero(searches[0][0]), layout))
    candidates = np.concatenate(found, axis=1)
    owners = views.owner[candidates[:2]]
    candidates = candidates[:, owners[0] != owners[1]]
    # The mirrors are their own inverses, so the order of a pair does not matter.
    swap = views.owner[candidates[0]] > views.owner[candidates[1]]
    candidates[:2, swap] = candidates[1::-1, swap]
    return np.unique(candidates, axis=1)


def _find_shifted(views: Views, ids: np.ndarray, layout: np.ndarray) -> np.ndarray:
    """Pairs of the tiny ones of the views `ids` that may be shifted copies: int [3 m].

    A shift by 2 of 16 pixels moves a layout by one cell, and repeated edges change the spectrum,
    so the layouts of shifted images are searched.
    """
    tiny = ids[views.shapes[ids].min(axis=1) <= TINY_PIXELS]
    found = [np.zeros((3, 0), np.int64)]
    for shifted in _shifted_layouts(views, tiny):
        pairs = find_neighbors(shifted, layout[tiny], NEIGHBORS, MIN_LAYOUT_SIMILARITY)
        found.append(_name(pairs, tiny, tiny, 0))
    return np.concatenate(found, axis=1)


def _shifted_layouts(views: Views, ids: np.ndarray) -> Iterator[np.ndarray]:
    """The layouts [k d] of the views `ids` [k], shifted in each of eight directions."""
    blocks = np.split(ids, range(VIEWS_PER_BLOCK, len(ids), VIEWS_PER_BLOCK))
    for direction in np.ndindex(3, 3) if len(ids) else ():
        shift = MAX_SHIFT * (np.array(direction) - 1)
        if shift.any():
            shifted = (
                features.shift_grids(views.grids[block], shift * (GRID / views.shapes[block]))
                for block in blocks
            )
            yield np.concatenate([features.layout_features(grids) for grids in shifted])


def _second(views: Views) -> np.ndarray:
    """Whether a whole view is not the first one of its image: bool [v]."""
    second = np.zeros(len(views.owner), bool)
    second[1:] = views.owner[1:] == views.owner[:-1]
    return second


def _name(
    pairs: np.ndarray, query_ids: np.ndarray, index_ids: np.ndarray, mirror: int
) -> np.ndarray:
    first, second = query_ids[pairs[0]], index_ids[pairs[1]]
    return np.stack([first, second, np.full_like(first, mirror)])


def align(views: Views, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best shift of each candidate, by correlation of brightness.

    Args:
        views: The views.
        candidates: int [3 m], see `find_candidates`.

    Returns:
        Correlation float32 [m], and the shift (down, right) of the first view in pixels of the
        grid: int [m 2].
    """
    luma = views.grids @ LUMA
    luma -= luma.mean((1, 2), keepdims=True)
    luma /= np.sqrt(np.square(luma).sum((1, 2), keepdims=True)) + 1e-3
    layout = features.layout_features(views.grids)
    shapes = views.shapes[candidates[:2]]
    different_shapes = (shapes[0] != shapes[1]).any(axis=-1)
    span = np.arange(-MAX_GRID_SHIFT, MAX_GRID_SHIFT + 1)
    correlation = np.empty(candidates.shape[1], np.float32)
    shifts = np.empty((candidates.shape[1], 2), np.int64)
    for mirror in range(len(MIRRORS)):
        members = np.flatnonzero(candidates[2] == mirror)
        for start in range(0, len(members), PAIRS_PER_BLOCK):
            block = members[start : start + PAIRS_PER_BLOCK]
            first = features.flip(luma[candidates[0, block]], MIRRORS[mirror], axis=1)
            spectrum: np.ndarray = np.asarray(fft.rfft2(luma[candidates[1, block]]))
            spectrum *= np.conj(np.asarray(fft.rfft2(first)))
            products = np.asarray(fft.irfft2(spectrum, s=(GRID, GRID)))[:, span][:, :, span]
            flat = products.reshape(len(block), -1)
            best = flat.argmax(axis=1)
            correlation[block] = flat[np.arange(len(block)), best]
            shifts[block] = span[np.stack(np.divmod(best, len(span)), axis=1)]
        # Details are lost in the smaller of two images; their layouts are what they share.
        other = members[different_shapes[members]]
        mirrored = features.mirror_layout(layout[candidates[0, other]], MIRRORS[mirror])
        correlation[other] = (mirrored * layout[candidates[1, other]]).sum(axis=1)
    # The correlation is periodic: a frame that repeated edges make wider lowers it.
    tiny = (shapes.min(axis=(0, 2)) <= TINY_PIXELS) & ~different_shapes & (candidates[2] == 0)
    low = np.flatnonzero(tiny & (correlation < MIN_CORRELATION))
    similarity = _compare_shifted(views, candidates[:2, low], layout)
    correlation[low] = np.where(similarity < MIN_LAYOUT_SIMILARITY, correlation[low], similarity)
    return correlation, shifts


def _compare_shifted(views: Views, pairs: np.ndarray, layout: np.ndarray) -> np.ndarray:
    """The highest similarity of layouts of pairs [2 m] of which one view is shifted: [m]."""
    ids, rows = np.unique(pairs, return_inverse=True)
    first, second = rows.reshape(2, -1)
    best = np.full(pairs.shape[1], -1, np.float32)
    for shifted in _shifted_layouts(views, ids):
        np.maximum(best, (shifted[first] * layout[ids[second]]).sum(axis=1), out=best)
        np.maximum(best, (shifted[second] * layout[ids[first]]).sum(axis=1), out=best)
    return best
