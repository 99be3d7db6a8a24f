"""How well two views agree at the best shift of one of them."""

import numpy as np
from scipy import fft

from gv_jax.data.duplicates import features
from gv_jax.data.duplicates.candidates import MIN_LAYOUT_SIMILARITY
from gv_jax.data.duplicates.features import GRID, MIRRORS
from gv_jax.data.duplicates.views import Views

MIN_CORRELATION = 0.35  # of the brightness of two candidates, at the best shift
MAX_GRID_SHIFT = 4  # pixels of the grid: 2 pixels of an image of 16 x 16
PAIRS_PER_BLOCK = 2048
SPAN = np.arange(-MAX_GRID_SHIFT, MAX_GRID_SHIFT + 1)


def align(views: Views, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best shift of each candidate, by correlation of brightness.

    Args:
        views: The views.
        candidates: int [3 m], see `find_candidates`.

    Returns:
        Correlation float32 [m], and the shift (down, right) of the first view in pixels of the
        grid: int [m 2].
    """
    correlation = np.empty(candidates.shape[1], np.float32)
    shifts = np.empty((candidates.shape[1], 2), np.int64)
    for mirror in range(len(MIRRORS)):
        members = np.flatnonzero(candidates[2] == mirror)
        for start in range(0, len(members), PAIRS_PER_BLOCK):
            block = members[start : start + PAIRS_PER_BLOCK]
            correlation[block], shifts[block] = _align_block(views, candidates[:2, block], mirror)
    return correlation, shifts


def _align_block(views: Views, pairs: np.ndarray, mirror: int) -> tuple[np.ndarray, np.ndarray]:
    """`align` of pairs [2 b] of one mirror."""
    spectrum = _read_spectra(views, pairs[1], (False, False))
    spectrum *= np.conj(_read_spectra(views, pairs[0], MIRRORS[mirror]))
    # The inverse along one axis first, so that only the rows of SPAN are transformed back.
    rows = np.asarray(fft.ifft(spectrum, axis=1))[:, SPAN]
    products = np.asarray(fft.irfft(rows, n=GRID, axis=2))[:, :, SPAN]
    flat = products.reshape(pairs.shape[1], -1)
    best = flat.argmax(axis=1)
    correlation = flat[np.arange(len(flat)), best]
    shifts = SPAN[np.stack(np.divmod(best, len(SPAN)), axis=1)]
    # Details are lost in the smaller of two images; their layouts are what they share.
    shapes = views.shapes[pairs]
    different = (shapes[0] != shapes[1]).any(axis=-1)
    other = pairs[:, different]
    mirrored = features.mirror_layout(views.layout(other[0]), MIRRORS[mirror])
    correlation[different] = (mirrored * views.layout(other[1])).sum(axis=1)
    if mirror == 0:
        # The correlation is periodic: a frame that repeated edges make wider lowers it.
        tiny = views.tiny[pairs].all(axis=0) & ~different
        low = np.flatnonzero(tiny & (correlation < MIN_CORRELATION))
        similarity = _compare_shifted(views, pairs[:, low])
        correlation[low] = np.where(
            similarity < MIN_LAYOUT_SIMILARITY, correlation[low], similarity
        )
    return correlation, shifts


def _read_spectra(views: Views, ids: np.ndarray, mirror: tuple[bool, bool]) -> np.ndarray:
    """The spectra of the brightness of mirrored views [n]: complex64 [n GRID GRID/2+1]."""
    unique, rows = np.unique(ids, return_inverse=True)
    luma = views.luma[unique].astype(np.float32).reshape(-1, GRID, GRID)
    return np.asarray(fft.rfft2(features.flip(luma, mirror, axis=1)))[rows]


def _compare_shifted(views: Views, pairs: np.ndarray) -> np.ndarray:
    """The highest similarity of layouts of pairs [2 m] of which one view is shifted: [m]."""
    best = np.full(pairs.shape[1], -1, np.float32)
    for ids, others in (pairs, pairs[::-1]):
        unique, rows = np.unique(ids, return_inverse=True)
        similarity = np.einsum(
            "nsd,nd->ns", views.shifted_layouts(unique)[rows], views.layout(others)
        )
        np.maximum(best, similarity.max(axis=1, initial=-1), out=best)
    return best
