"""Pairs of small images as opaque colors, over every background that a copy may have."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gv_jax.data.duplicates.features import MID_GRAY, MIN_ALPHA, solid_colors

NEAR_BLACK = 32  # of 255: backgrounds whose color is this close to black or white may be that


@dataclass(frozen=True)
class Pairs:
    """Candidates of one mirror and of the same two shapes, as premultiplied float32 [m h w 4].

    Attributes:
        first, second: Their rasters; the first ones mirrored.
        first_cut, second_cut: The same with a transparent background, if there is one.
        has_cut: Whether there is: bool [m 2].
        shifts: The approximate shift of the first, in pixels: float [m 2].
        sizes: (height, width) of all first and of all second images, which may exceed that of
            their rasters.
    """

    first: np.ndarray
    second: np.ndarray
    first_cut: np.ndarray
    second_cut: np.ndarray
    has_cut: np.ndarray
    shifts: np.ndarray
    sizes: tuple[tuple[int, int], tuple[int, int]]

    def take(self, members: np.ndarray) -> "Pairs":
        """The pairs `members`."""
        names = ("first", "second", "first_cut", "second_cut", "has_cut", "shifts")
        return replace(self, **{name: getattr(self, name)[members] for name in names})


def render(pairs: Pairs) -> Iterator[tuple]:
    """Colors x, y [k h w 3] and weights [k h w] of the pairs `subset` [k], in several ways."""
    everything = np.arange(len(pairs.first))
    alpha = np.stack([pairs.first[..., 3], pairs.second[..., 3]])
    transparent = (alpha < 254.5).any(axis=(2, 3))
    both_transparent = np.logical_and.reduce(transparent, axis=0)
    transparent = np.logical_or.reduce(transparent, axis=0)
    over_gray = [_paint(side, MID_GRAY) for side in (pairs.first, pairs.second)]
    visible = np.logical_or.reduce(alpha >= MIN_ALPHA, axis=0).astype(np.float32)
    yield *over_gray, visible, everything, False
    if transparent.any():
        some = np.flatnonzero(transparent)
        solid = [solid_colors(side[some]) for side in (pairs.first, pairs.second)]
        yield *solid, visible[some], some, True
        opaque = [_paint(_strengthen(side[some]), MID_GRAY) for side in (pairs.first, pairs.second)]
        yield *opaque, visible[some], some, True
    for side, cut in ((0, pairs.first_cut), (1, pairs.second_cut)):
        some = np.flatnonzero(pairs.has_cut[:, side] & ~both_transparent)
        if not len(some):
            continue
        other = over_gray[1 - side][some]
        hidden = (cut[some, ..., 3] < 1).astype(np.float32)[..., None]
        color = _median(other, hidden[..., 0] > 0)
        # Compression changes the background near outlines, so black is tried as such, and white.
        exact = np.where(color < 128, 0, 255).astype(np.float32)
        near = (np.abs(color - exact) <= NEAR_BLACK).all(axis=1) & (color != exact).any(axis=1)
        for members, colors in ((np.arange(len(some)), color), (np.flatnonzero(near), exact[near])):
            if len(members):
                painted = _paint(cut[some[members]], colors[:, None, None])
                x, y = (painted, other[members]) if side == 0 else (other[members], painted)
                yield x, y, 1 - hidden[members, ..., 0], some[members], True


def _strengthen(premultiplied: np.ndarray) -> np.ndarray:
    """The images with alpha scaled so that its maximum is 255."""
    return (
        premultiplied
        * (255 / np.maximum(premultiplied[..., 3:].max(axis=(1, 2, 3)), 1))[:, None, None, None]
    )


def _median(colors: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The median of the masked colors: float32 [n h w 3], bool [n h w] -> [n 3]."""
    ordered = np.sort(np.where(mask[..., None], colors, np.inf).reshape(len(colors), -1, 3), axis=1)
    middle = np.maximum(mask.sum(axis=(1, 2)) - 1, 0) // 2
    median = ordered[np.arange(len(colors)), middle]
    return np.where(np.isfinite(median), median, np.float32(MID_GRAY))


def _paint(premultiplied: np.ndarray, color: float | np.ndarray) -> np.ndarray:
    return premultiplied[..., :3] + (1 - premultiplied[..., 3:] / 255) * color
