"""Copies among small images, and of small images among larger ones."""

from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from gv_jax.data.duplicates.alignment import MIN_CORRELATION, align
from gv_jax.data.duplicates.candidates import find_candidates
from gv_jax.data.duplicates.matching import find_relations
from gv_jax.data.duplicates.raster import SMALL_PIXELS
from gv_jax.data.duplicates.rasters import Cuts, Rasters
from gv_jax.data.duplicates.relation import Relation
from gv_jax.data.duplicates.views import Views


def find_small_copies(
    rasters: Rasters, sizes: np.ndarray, folder: Path | None = None
) -> dict[tuple[int, int], Relation]:
    """{(first, second): relation} of images of which at least one is small.

    Args:
        rasters: See `raster`.
        sizes: (width, height) of the images in pixels: int [n 2].
        folder: of temporary files; None: the usual one.
    """
    small = sizes.max(axis=1) <= SMALL_PIXELS
    if not small.any():
        return {}
    copies: dict[tuple[int, int], Relation] = {}
    with ExitStack() as stack:
        cuts = stack.enter_context(closing(Cuts(rasters, folder)))
        views = stack.enter_context(closing(Views(rasters, cuts, folder)))
        for found in find_candidates(views, folder):
            found = found[:, small[views.owner[found[:2]]].any(axis=0)]
            correlation, shifts = align(views, found)
            # Most similar first, so that the best views of a pair are taken.
            order = np.argsort(-correlation, kind="stable")
            order = order[correlation[order] >= MIN_CORRELATION]
            found, shifts = found[:, order], shifts[order]
            pairs = np.concatenate([views.owner[found[:2]], found[2:]])
            _, first = np.unique(pairs, axis=1, return_index=True)
            for a, b, relation in find_relations(
                rasters, cuts, sizes, pairs[:, first], shifts[first]
            ):
                previous = copies.get((a, b))
                if previous is None or relation.residual < previous.residual:
                    scale = (sizes[b].prod() / sizes[a].prod()) ** 0.5
                    copies[a, b] = relation.with_scale(float(scale))
    return copies
