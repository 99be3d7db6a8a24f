"""The shift of small images of one shape, and what a shifted copy shows at its edges."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gv_jax.data.duplicates.features import LUMA
from gv_jax.data.duplicates.rendering import Pairs, render

MAX_SHIFT = 2  # pixels
TINY_PIXELS = 24  # shorter side
# A pair is compared closely if its root mean square difference is below this, of 255, plus this
# fraction of the contrast.
CLOSE_DIFFERENCE, CLOSE_FRACTION = 8.0, 0.9
MIN_KEPT = 0.5  # of the variance: the part of an image that is enough to compare nothing else
# Of CLOSE_DIFFERENCE and CLOSE_FRACTION, where less is kept: few pixels decide, so they must agree.
REPEATED_FRACTION = 0.25
MAX_DIFFERENCE = 1.01  # relative to both; a little more than 1, as large shifts are added to it
# How a pair is compared. In the part that both show; or as a whole, with one of both shifted, and
# its edge repeated or its opposite edge where the shift uncovers pixels.
OVERLAP, FIRST_REPEATED, SECOND_REPEATED, FIRST_WRAPPED = range(4)


def choose_shifts(pairs: Pairs) -> Iterator[tuple[tuple[int, int], Pairs, np.ndarray]]:
    """The best shifts by brightness, with the shifted pairs and their indices."""
    count = len(pairs.first)
    # The correlation of tiny images is too coarse; all of their shifts are compared.
    tolerance = 1.5 if min(pairs.sizes[0]) > TINY_PIXELS else 2 * MAX_SHIFT + 2
    least, best = np.full(count, np.inf), np.zeros((count, 3), np.int64)
    for x, y, _, subset, _ in render(pairs):
        x, y = x @ LUMA, y @ LUMA
        limits = CLOSE_DIFFERENCE + CLOSE_FRACTION * _contrast(x, y)
        for index in np.ndindex(2 * MAX_SHIFT + 1, 2 * MAX_SHIFT + 1):
            shift = index[0] - MAX_SHIFT, index[1] - MAX_SHIFT
            near = (np.abs(pairs.shifts[subset] - shift) < tolerance).all(axis=1)
            if not near.any():
                continue
            difference, ways = _compare(x[near], y[near], shift, limits[near])
            difference += 1e-4 * (shift[0] ** 2 + shift[1] ** 2)  # of equal ones, the smallest
            members = subset[near]
            better = difference < least[members]
            least[members[better]] = difference[better]
            best[members[better], :2] = shift
            best[members[better], 2] = ways[better]
    close = least <= MAX_DIFFERENCE
    for choice in np.unique(best[close], axis=0):
        members = np.flatnonzero(close & (best == choice).all(axis=1))
        dy, dx, way = choice.tolist()
        yield (dy, dx), _apply(pairs.take(members), (dy, dx), way), members


def _compare(
    x: np.ndarray, y: np.ndarray, shift: tuple[int, int], limits: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The differences of brightness relative to `limits`, at the best way: both [n].

    The part that both show decides if it is most of both. A shift can also remove most of a sprite
    or of a frame, though; then what it uncovers must be explained too.
    """
    part_x, part_y = _crop(x, y, shift)
    difference = (part_x - part_y).std(axis=(1, 2)) / limits
    near = np.flatnonzero(difference <= MAX_DIFFERENCE)  # others are no copies in any case
    kept = np.minimum(
        *(_kept_variance(part[near], whole[near]) for part, whole in ((part_x, x), (part_y, y)))
    )
    ways = np.full(len(x), OVERLAP)
    small = near[kept < MIN_KEPT]
    lost = small[difference[small] <= 1]
    difference[small] = np.inf
    for way in (FIRST_REPEATED, SECOND_REPEATED, FIRST_WRAPPED) if len(lost) else ():
        whole_x, whole_y = _place(x[lost], y[lost], shift, way)
        whole = (whole_x - whole_y).std(axis=(1, 2)) / limits[lost]
        better = (whole <= REPEATED_FRACTION) & (whole < difference[lost])
        difference[lost[better]] = whole[better]
        ways[lost[better]] = way
    return difference, ways


def _contrast(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sqrt(np.minimum(x.var(axis=(1, 2)), y.var(axis=(1, 2))))


def _kept_variance(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The fraction of the squared deviations from the mean in a part: [n h w] -> [n]."""
    mean = whole.mean(axis=(1, 2), keepdims=True)
    total = np.square(whole - mean).sum(axis=(1, 2))
    return np.square(part - mean).sum(axis=(1, 2)) / np.maximum(total, 1e-3)


def _crop(x: np.ndarray, y: np.ndarray, shift: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The parts [n h w ...] of x and y that show the same if x is shifted by (down, right)."""
    (dy, dx), (height, width) = shift, x.shape[1:3]
    top, left, bottom, right = max(dy, 0), max(dx, 0), min(dy, 0), min(dx, 0)
    return (
        x[:, -bottom : height - top, -right : width - left],
        y[:, top : height + bottom, left : width + right],
    )


def _place(
    x: np.ndarray, y: np.ndarray, shift: tuple[int, int], way: int
) -> tuple[np.ndarray, np.ndarray]:
    """Parts of x and y [n h w ...], of one shape, that show the same if x is shifted."""
    if way == FIRST_REPEATED:
        return _repeat_edges(x, shift), y
    if way == SECOND_REPEATED:
        return x, _repeat_edges(y, (-shift[0], -shift[1]))
    if way == FIRST_WRAPPED:
        return np.roll(x, shift, axis=(1, 2)), y
    return _crop(x, y, shift)


def _repeat_edges(images: np.ndarray, shift: tuple[int, int]) -> np.ndarray:
    """Images [n h w ...] shifted by (down, right), their edges repeated."""
    height, width = images.shape[1:3]
    rows = np.clip(np.arange(height) - shift[0], 0, height - 1)
    columns = np.clip(np.arange(width) - shift[1], 0, width - 1)
    return images[:, rows[:, None], columns]


def _apply(pairs: Pairs, shift: tuple[int, int], way: int) -> Pairs:
    first, second = _place(pairs.first, pairs.second, shift, way)
    first_cut, second_cut = _place(pairs.first_cut, pairs.second_cut, shift, way)
    return replace(pairs, first=first, second=second, first_cut=first_cut, second_cut=second_cut)
