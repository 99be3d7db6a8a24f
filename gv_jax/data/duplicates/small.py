"""Copies among small images, and of small images among larger ones."""

from collections.abc import Sequence

import numpy as np

from gv_jax.data.duplicates import candidates as search
from gv_jax.data.duplicates.matching import find_relations
from gv_jax.data.duplicates.raster import SMALL_PIXELS, cut_out, find_background
from gv_jax.data.duplicates.relation import Relation


def find_small_copies(
    rasters: Sequence[np.ndarray], sizes: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], Relation]:
    """{(first, second): relation} of images of which at least one is small.

    Args:
        rasters: See `raster`.
        sizes: (width, height) of the images in pixels.
    """
    small = np.array([max(size) <= SMALL_PIXELS for size in sizes])
    if not small.any():
        return {}
    cuts = [_cut(image) for image in rasters]
    views = search.make_views(rasters, cuts)
    found = search.find_candidates(views)
    owners = views.owner[found[:2]]
    found = found[:, small[owners].any(axis=0)]
    correlation, shifts = search.align(views, found)
    # Most similar first, so that the best views of a pair are taken.
    order = np.argsort(-correlation, kind="stable")
    order = order[correlation[order] >= search.MIN_CORRELATION]
    found, shifts = found[:, order], shifts[order]
    pairs = np.concatenate([views.owner[found[:2]], found[2:]])
    _, first = np.unique(pairs, axis=1, return_index=True)
    copies: dict[tuple[int, int], Relation] = {}
    for a, b, relation in find_relations(rasters, cuts, sizes, pairs[:, first], shifts[first]):
        previous = copies.get((a, b))
        if previous is None or relation.residual < previous.residual:
            scale = (sizes[b][0] * sizes[b][1] / (sizes[a][0] * sizes[a][1])) ** 0.5
            copies[a, b] = relation.with_scale(scale)
    return copies


def _cut(image: np.ndarray) -> np.ndarray | None:
    """The raster with a transparent background, if it has a background."""
    if image[..., 3].min() < 255:
        return image if (image[..., 3] == 0).any() else None
    background = find_background(image)
    return None if background is None else cut_out(image, background)
