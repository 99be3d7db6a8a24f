"""Pairs of views that may show copies, found by their features and not by comparing all pairs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from gv_jax.data.duplicates import features
from gv_jax.data.duplicates.features import MIRRORS
from gv_jax.data.duplicates.neighbors import NeighborIndex
from gv_jax.data.duplicates.views import SHIFTS, Views
from gv_jax.data.parallel import count_cores, map_in_threads
from gv_jax.data.row_file import RowFile

NEIGHBORS = 12  # the most candidates of an image per search
MIN_LAYOUT_SIMILARITY = 0.75
MIN_SPECTRUM_SIMILARITY = 0.4
FEW_VIEWS = 64  # too few to standardize features with; all pairs of them are candidates
QUERIES_PER_BLOCK = 4096
OWNERS_PER_BUCKET = 4096  # images whose candidates are in memory at once
MAX_BUCKETS = 256  # each is an open file


def find_candidates(views: Views, folder: Path | None = None) -> Iterator[np.ndarray]:
    """Pairs of views that may show copies: blocks of int [3 m]: first view, second view, mirror.

    The first view is mirrored by MIRRORS[mirror]. All pairs of the same first image are in one
    block, without repetition and ordered.

    Args:
        views: The views of all images.
        folder: of files with pairs; None: the folder of temporary files.
    """
    count = int(views.owner[-1]) + 1
    size = max(OWNERS_PER_BUCKET, -(-count // MAX_BUCKETS))
    with ExitStack() as stack:
        buckets = [
            stack.enter_context(RowFile(np.int64, (), folder)) for _ in range(-(-count // size))
        ]
        for pairs in _search(views, folder):
            owners = views.owner[pairs[:2]]
            pairs, owners = pairs[:, owners[0] != owners[1]], owners[:, owners[0] != owners[1]]
            # The mirrors are their own inverses, so the order of a pair does not matter.
            swap = owners[0] > owners[1]
            pairs[:2, swap] = pairs[1::-1, swap]
            bucket = owners.min(axis=0) // size
            keys = (pairs[0] * len(views) + pairs[1]) * len(MIRRORS) + pairs[2]
            for number in np.unique(bucket):
                buckets[number].append(keys[bucket == number])
        for bucket in buckets:
            keys = np.unique(bucket.read(0, len(bucket)))
            ends, mirror = np.divmod(keys, len(MIRRORS))
            yield np.stack([*np.divmod(ends, len(views)), mirror])


def _search(views: Views, folder: Path | None) -> Iterator[np.ndarray]:
    """Pairs of views with similar features, in any order and repeatedly: blocks of int [3 m]."""
    whole, cut = (views.half < 0) & ~views.painted, views.cut & (views.half < 0)
    # Every view is compared with those of the same kind; halves with whole images.
    first = whole & ~_second(views)
    searches: list[tuple[np.ndarray, Sequence[np.ndarray]]] = [(first, (first, ~whole))]
    if cut.any() and not (cut == first).all():
        searches.append((cut, (cut,)))
    for indexed, queries in searches:
        index_ids = np.flatnonzero(indexed).astype(np.int32)
        query_ids = [np.flatnonzero(chosen).astype(np.int32) for chosen in queries]
        if len(index_ids) <= FEW_VIEWS:
            for ids in query_ids:
                all_pairs = np.indices((len(ids), len(index_ids))).reshape(2, -1)
                yield from (_name(all_pairs, ids, index_ids, i) for i in range(len(MIRRORS)))
            continue
        with NeighborIndex(
            lambda rows, ids=index_ids: views.layout(ids[rows]),
            len(index_ids),
            MIN_LAYOUT_SIMILARITY,
            folder,
        ) as index:
            for ids in query_ids:
                yield from _search_layouts(views, index, ids, index_ids)
        with NeighborIndex(
            lambda rows, ids=index_ids: views.spectrum(ids[rows]),
            len(index_ids),
            MIN_SPECTRUM_SIMILARITY,
            folder,
        ) as index:
            for ids in query_ids:
                yield from _search_spectra(views, index, ids, index_ids)
    tiny = np.flatnonzero(first & views.tiny).astype(np.int32)
    if len(tiny):
        with NeighborIndex(
            lambda rows: views.layout(tiny[rows]), len(tiny), MIN_LAYOUT_SIMILARITY, folder
        ) as index:
            yield from _search_shifted(views, index, tiny)


def _search_layouts(
    views: Views, index: NeighborIndex, query_ids: np.ndarray, index_ids: np.ndarray
) -> Iterator[np.ndarray]:
    def find(ids: np.ndarray) -> np.ndarray:
        layout = views.layout(ids)
        found = [
            _name(index.find(features.mirror_layout(layout, mirror), NEIGHBORS), ids, index_ids, i)
            for i, mirror in enumerate(MIRRORS)
        ]
        return np.concatenate(found, axis=1)

    return _map_blocks(find, query_ids)


def _search_spectra(
    views: Views, index: NeighborIndex, query_ids: np.ndarray, index_ids: np.ndarray
) -> Iterator[np.ndarray]:
    def find(ids: np.ndarray) -> np.ndarray:
        spectrum = views.spectrum(ids)
        same = index.find(spectrum, NEIGHBORS)
        mirrored = index.find(features.mirror_spectrum(spectrum), NEIGHBORS)
        found = zip((same, mirrored, mirrored), range(len(MIRRORS)), strict=True)
        named = [_name(pairs, ids, index_ids, mirror) for pairs, mirror in found]
        return np.concatenate(named, axis=1)

    return _map_blocks(find, query_ids)


def _search_shifted(views: Views, index: NeighborIndex, tiny: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs of the views `tiny` that may be shifted copies."""

    def find(ids: np.ndarray) -> np.ndarray:
        shifted = views.shifted_layouts(ids)
        found = [
            _name(index.find(shifted[:, number], NEIGHBORS), ids, tiny, 0)
            for number in range(len(SHIFTS))
        ]
        return np.concatenate(found, axis=1)

    return _map_blocks(find, tiny)


def _map_blocks(find: Callable[[np.ndarray], np.ndarray], ids: np.ndarray) -> Iterator[np.ndarray]:
    blocks = np.split(ids, range(QUERIES_PER_BLOCK, len(ids), QUERIES_PER_BLOCK))
    return map_in_threads(find, blocks, count_cores(), chunk=1)


def _second(views: Views) -> np.ndarray:
    """Whether a view is not the first one of its image: bool [v]."""
    second = np.zeros(len(views), bool)
    second[1:] = views.owner[1:] == views.owner[:-1]
    return second


def _name(
    pairs: np.ndarray, query_ids: np.ndarray, index_ids: np.ndarray, mirror: int
) -> np.ndarray:
    first, second = query_ids[pairs[0]], index_ids[pairs[1]]
    return np.stack([first, second, np.full_like(first, mirror)]).astype(np.int64)
