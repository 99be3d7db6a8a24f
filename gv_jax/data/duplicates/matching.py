"""The relation of small images: which changes make one of a pair from the other, if any do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from gv_jax.data.duplicates.comparison import brightness_changes, compression_noise, explain
from gv_jax.data.duplicates.features import GRID, MIRRORS, flip
from gv_jax.data.duplicates.raster import apply_matrices, resize_matrix
from gv_jax.data.duplicates.rasters import Cuts, Rasters
from gv_jax.data.duplicates.relation import Relation
from gv_jax.data.duplicates.rendering import Pairs, render
from gv_jax.data.duplicates.shifts import CLOSE_DIFFERENCE, CLOSE_FRACTION, choose_shifts

PAIRS_PER_BLOCK = 256
# As CLOSE_DIFFERENCE and CLOSE_FRACTION, for means of blocks, which compression hardly changes.
BLOCK = 4
CLOSE_MEAN_DIFFERENCE, CLOSE_MEAN_FRACTION = 6.0, 0.35
MIN_CONTRAST = 2.0  # standard deviation, of 255: images with less have nothing to compare
MIN_VISIBLE = 0.01  # of all pixels: images that show less have nothing to compare
MAX_MATCHES = 4  # renderings of a pair that are compared closely
MAX_ASPECT_CHANGE = 0.08  # relative; images of more different shapes are not compared
SHRINKING = ("box", "bicubic", "lanczos", "bilinear", "even", "odd")
PROBED = ("box", "even", "odd")  # tried first, to rule out most pairs
PROBE_SLACK = 2.0
ENLARGING = ("bicubic", "lanczos", "bilinear", "nearest")


@dataclass
class Match:
    """A rendering of a pair: colors float32 [h w 3], weights of visible pixels, how it was made."""

    difference: float
    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    shift: tuple[int, int]
    background: bool


def find_relations(
    rasters: Rasters,
    cuts: Cuts,
    sizes: np.ndarray,
    candidates: np.ndarray,
    shifts: np.ndarray,
) -> Iterator[tuple[int, int, Relation]]:
    """(first, second, relation) of the candidates that are copies.

    Args:
        rasters: The rasters of all images.
        cuts: The rasters with a transparent background, or None.
        sizes: (width, height) of all images in pixels: int [n 2].
        candidates: First image, second image, and index of the mirror: int [3 m].
        shifts: Approximate shift in pixels of the grid: int [m 2].
    """
    unique, ids = np.unique(sizes[candidates[:2].ravel()], axis=0, return_inverse=True)
    unique_sizes = [(height, width) for width, height in unique.tolist()]
    keys = np.stack([*ids.reshape(2, -1), candidates[2]])
    order = np.lexsort(keys)
    bounds = np.flatnonzero((np.diff(keys[:, order], axis=1) != 0).any(axis=0)) + 1
    for members in np.split(order, bounds):
        if not len(members):
            continue
        first, second = (unique_sizes[keys[side, members[0]]] for side in (0, 1))
        ratio = first[0] * second[1] / (first[1] * second[0])
        if abs(np.log(ratio)) > MAX_ASPECT_CHANGE:
            continue
        mirror = MIRRORS[candidates[2, members[0]]]
        for start in range(0, len(members), PAIRS_PER_BLOCK):
            block = members[start : start + PAIRS_PER_BLOCK]
            stacked = _stack(rasters, cuts, candidates[:2, block], mirror, shifts[block])
            pairs = replace(stacked, sizes=(first, second))
            for index, matches in zip(block, _match(pairs), strict=True):
                relation = _relate(matches, mirror)
                if relation:
                    yield int(candidates[0, index]), int(candidates[1, index]), relation


def _stack(
    rasters: Rasters,
    cuts: Cuts,
    ends: np.ndarray,
    mirror: tuple[bool, bool],
    shifts: np.ndarray,
) -> Pairs:
    def stack(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        plain = [rasters[index] for index in ends[side]]
        cut = [cuts[index] for index in ends[side]]
        has = np.array([image is not None for image in cut])
        both = [image if other is None else other for image, other in zip(plain, cut, strict=True)]
        return np.stack(plain).astype(np.float32), np.stack(both).astype(np.float32), has

    first, first_cut, first_has = stack(0)
    second, second_cut, second_has = stack(1)
    return Pairs(
        flip(first, mirror, axis=1),
        second,
        flip(first_cut, mirror, axis=1),
        second_cut,
        np.stack([first_has, second_has], axis=1),
        shifts * (np.array(second.shape[1:3]) / GRID),
        ((0, 0), (0, 0)),
    )


def _match(pairs: Pairs) -> list[list[Match]]:
    """The close renderings of every pair."""
    best: list[list[Match]] = [[] for _ in range(len(pairs.first))]
    if pairs.sizes[0] == pairs.sizes[1]:
        for shift, shifted, members in choose_shifts(pairs):
            _collect(best, members, shifted, shift)
        return best
    members = np.flatnonzero(_has_close_means(pairs))
    if len(members):
        for resized in _resize_alternatives(pairs.take(members)):
            _collect(best, members, resized, (0, 0))
    return best


def _has_close_means(pairs: Pairs) -> np.ndarray:
    """Whether the means of blocks leave it open that pairs of two shapes are copies: bool [n].

    They differ little between methods of resizing, of which trying all is what costs most.
    """
    close = np.zeros(len(pairs.first), bool)
    for resized in _shrink(pairs, PROBED):
        for x, y, _, subset, _ in render(resized):
            x_means, y_means = _block_means(x), _block_means(y)
            difference = np.sqrt(np.square(x_means - y_means).mean(axis=(1, 2, 3)))
            tolerance = CLOSE_MEAN_DIFFERENCE + CLOSE_MEAN_FRACTION * _contrast(x_means, y_means)
            close[subset] |= difference <= PROBE_SLACK * tolerance
    return close


def _resize_alternatives(pairs: Pairs) -> Iterator[Pairs]:
    """The pairs with one image resized to the raster of the other, in several ways."""
    small, large = ("first", "second") if pairs.sizes[0] < pairs.sizes[1] else ("second", "first")
    size = max(pairs.sizes)
    target, source = getattr(pairs, large).shape[1:3], getattr(pairs, small).shape[1:3]
    for method in ENLARGING:
        enlarged = _resize(
            pairs, small, [resize_matrix(size[i], source[i], method) for i in (0, 1)]
        )
        if size == target:
            yield enlarged
        else:  # as the raster was made from the large image
            yield _resize(
                enlarged, small, [resize_matrix(target[i], size[i], "box") for i in (0, 1)]
            )
    yield from _shrink(pairs, SHRINKING)


def _shrink(pairs: Pairs, methods: Sequence[str]) -> Iterator[Pairs]:
    """The pairs with the larger image resized to the raster of the smaller one."""
    small, large = ("first", "second") if pairs.sizes[0] < pairs.sizes[1] else ("second", "first")
    target, source = getattr(pairs, small).shape[1:3], getattr(pairs, large).shape[1:3]
    whole = not any(many % few for many, few in zip(source, target, strict=True))
    for method in methods:
        if whole or method not in ("even", "odd"):
            yield _resize(
                pairs, large, [resize_matrix(target[i], source[i], method) for i in (0, 1)]
            )


def _resize(pairs: Pairs, side: str, matrices: Sequence[np.ndarray]) -> Pairs:
    """The pairs with one side resized as Pillow does: colors beyond 0 and alpha are clipped."""
    resized = {}
    for name in (side, f"{side}_cut"):
        planes = np.clip(apply_matrices(getattr(pairs, name), *matrices), 0, 255)
        resized[name] = np.minimum(planes, planes[..., 3:])
    return replace(pairs, **resized)


def _collect(
    matches: list[list[Match]], members: np.ndarray, pairs: Pairs, shift: tuple[int, int]
) -> None:
    """Adds the close renderings of `pairs` to the matches of `members`."""
    for x, y, weights, subset, background in render(pairs):
        difference = np.sqrt(np.square(x - y).mean(axis=(1, 2, 3)))
        contrast = _contrast(x, y)
        close = difference <= CLOSE_DIFFERENCE + CLOSE_FRACTION * contrast
        close &= contrast >= MIN_CONTRAST
        x_means, y_means = _block_means(x), _block_means(y)
        mean_difference = np.sqrt(np.square(x_means - y_means).mean(axis=(1, 2, 3)))
        tolerance = CLOSE_MEAN_DIFFERENCE + CLOSE_MEAN_FRACTION * _contrast(x_means, y_means)
        close &= mean_difference <= tolerance
        for row in np.flatnonzero(close):
            match = Match(float(difference[row]), x[row], y[row], weights[row], shift, background)
            matches[members[subset[row]]].append(match)


def _contrast(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The lesser standard deviation of each pair of images [n h w 3]: [n]."""
    variances = [image.var(axis=(1, 2)).mean(axis=-1) for image in (x, y)]
    return np.sqrt(np.minimum(*variances))


def _block_means(images: np.ndarray) -> np.ndarray:
    """Means of BLOCK x BLOCK pixels: [n h w 3] -> [n h/BLOCK w/BLOCK 3]; small images unchanged."""
    count, height, width, _ = images.shape
    rows, columns = height // BLOCK, width // BLOCK
    if not rows * columns:
        return images
    blocks = images[:, : rows * BLOCK, : columns * BLOCK]
    return blocks.reshape(count, rows, BLOCK, columns, BLOCK, 3).mean(axis=(2, 4))


def _relate(matches: list[Match], mirror: tuple[bool, bool]) -> Relation | None:
    """The relation of the best match that is one of a copy, None if there is none."""
    for match in sorted(matches, key=lambda match: match.difference)[:MAX_MATCHES]:
        if match.weights.mean() < MIN_VISIBLE:
            continue
        noise_of_y = cache(partial(compression_noise, match.y))  # the same for all changes
        weights = match.weights[..., None]
        changes = []
        for gain, offset in brightness_changes(match.x, match.y, match.weights):
            x = np.clip(match.x + weights * ((gain - 1) * match.x + offset), 0, 255)
            changes.append((float(np.sqrt(np.square(x - match.y).mean())), x, gain, offset))
        for residual, x, gain, offset in sorted(changes, key=lambda change: change[0]):
            quality = explain(x, match.y, match.weights, noise_of_y)
            if quality:
                change = gain, offset, match.background, quality, residual
                return Relation(1.0, mirror, match.shift, *change)
    return None
