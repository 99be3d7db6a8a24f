"""Nearest neighbors among feature vectors: all of few vectors, those in nearby cells of many."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gv_jax.data.row_file import RowFile

ROWS_PER_BLOCK = 256  # 4,096 similarities each are 4 MB
MAX_EXHAUSTIVE = 4096  # vectors that are all compared with a query
CELLS_PER_ROOT = 2  # cells per square root of the number of vectors
PROBES = 16  # cells that are searched for the neighbors of a query
SAMPLES_PER_CELL = 32  # vectors from which the cells are learned
ITERATIONS = 6  # of k-means
VECTORS_PER_BLOCK = 2048


class NeighborIndex:
    """Vectors, searched for the most similar ones of queries.

    Up to MAX_EXHAUSTIVE vectors are all compared with every query. More are divided into cells by
    k-means, and a query is compared with those in the PROBES cells whose centers are most similar
    to it (an inverted file). Time per query then grows with the square root of their number. Very
    similar vectors are in the same cell or in neighboring ones.

    Args:
        read: positions int [b] -> vectors float32 [b d], no longer than 1.
        count: the number of vectors, which are at the positions 0 to count - 1.
        min_similarity: the least product of a query and one of its neighbors.
        folder: of the file with vectors by cell; None: the folder of temporary files.
    """

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        count: int,
        min_similarity: float,
        folder: Path | None = None,
    ):
        self.min_similarity = min_similarity
        self._file = None
        if count <= MAX_EXHAUSTIVE:
            self._vectors = read(np.arange(count))
            return
        self._centers = _learn_centers(read, count)
        cells = np.empty(count, np.int32)
        for positions in _split(count):
            cells[positions] = (read(positions) @ self._centers.T).argmax(axis=1)
        self._order = np.argsort(cells, kind="stable").astype(np.int32)
        self._bounds = np.searchsorted(cells[self._order], np.arange(len(self._centers) + 1))
        self._file = RowFile(np.float32, self._centers.shape[1:], folder)
        for positions in _split(count):
            self._file.append(read(self._order[positions]))

    def __enter__(self) -> "NeighborIndex":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._file is not None:
            self._file.close()

    def find(self, queries: np.ndarray, count: int) -> np.ndarray:
        """Pairs of a query and one of its most similar vectors; may be called by several threads.

        Args:
            queries: float32 [n d], no longer than 1.
            count: The most vectors per query.

        Returns:
            Indices of queries and positions of vectors: int [2 pairs].
        """
        if self._file is None:
            blocks = [
                np.add(
                    self._select(queries[start : start + ROWS_PER_BLOCK], self._vectors, count)[0],
                    [[start], [0]],
                )
                for start in range(0, len(queries), ROWS_PER_BLOCK)
            ]
            return np.concatenate([np.zeros((2, 0), np.int64), *blocks], axis=1)
        # A product is at most the product of both lengths, so short queries have no neighbors.
        long = np.flatnonzero(np.square(queries).sum(axis=1) >= self.min_similarity**2)
        rows, cells = self._probe(queries, long)
        pairs: list[np.ndarray] = [np.zeros((2, 0), np.int64)]
        similarities = [np.zeros(0, np.float32)]
        starts = np.flatnonzero(np.diff(cells, prepend=-1))
        # Without any query there is no start, and the stop is left over.
        for start, stop in zip(starts, np.append(starts[1:], len(cells)), strict=False):
            first, last = self._bounds[cells[start] : cells[start] + 2].tolist()
            members = rows[start:stop]
            found, similarity = self._select(queries[members], self._file.read(first, last), count)
            pairs.append(np.stack([members[found[0]], self._order[first + found[1]]]))
            similarities.append(similarity)
        return _keep_best(np.concatenate(pairs, axis=1), np.concatenate(similarities), count)

    def _probe(self, queries: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The cells to search for the queries `members`: rows and cells [m], ordered by cell."""
        cells, probes = [], min(PROBES, len(self._centers))
        for start in range(0, len(members), VECTORS_PER_BLOCK):
            products = queries[members[start : start + VECTORS_PER_BLOCK]] @ self._centers.T
            cells.append(np.argpartition(products, -probes, axis=1)[:, -probes:].astype(np.int32))
        flat = np.concatenate([np.zeros(0, np.int32), *(block.ravel() for block in cells)])
        order = np.argsort(flat, kind="stable")
        return np.repeat(members, probes)[order], flat[order]

    def _select(
        self, queries: np.ndarray, vectors: np.ndarray, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """At most `count` neighbors of each query among `vectors`: int [2 pairs], similarities."""
        products = queries @ vectors.T
        near = products >= self.min_similarity
        crowded = np.flatnonzero(near.sum(axis=1) > count)
        if len(crowded):
            best = np.argpartition(products[crowded], -count, axis=1)[:, -count:]
            near[crowded] = False
            near[crowded[:, None], best] = True
        pairs = np.stack(np.nonzero(near))
        return pairs, products[near]


def _keep_best(pairs: np.ndarray, similarities: np.ndarray, count: int) -> np.ndarray:
    """The `count` most similar ones of the pairs [2 m] of each query."""
    order = np.lexsort((-similarities, pairs[0]))
    ordered = pairs[:, order]
    starts = np.flatnonzero(np.diff(ordered[0], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    return ordered[:, rank < count]


def _learn_centers(read: Callable[[np.ndarray], np.ndarray], count: int) -> np.ndarray:
    """The centers of cells, of length 1, by k-means on a part of the vectors: float32 [k d]."""
    num_cells = round(CELLS_PER_ROOT * count**0.5)
    rng = np.random.default_rng(0)
    # Without a permutation of all positions, which is an integer per vector.
    chosen = np.unique(rng.integers(0, count, min(count, SAMPLES_PER_CELL * num_cells)))
    samples = read(chosen)
    centers = samples[rng.choice(len(samples), num_cells, replace=False)]
    for _ in range(ITERATIONS):
        sums = np.zeros_like(centers)
        for positions in _split(len(samples)):
            block = samples[positions]
            np.add.at(sums, (block @ centers.T).argmax(axis=1), block)
        length = np.sqrt(np.square(sums).sum(axis=1))
        empty = np.flatnonzero(length < 1e-6)
        sums[empty] = samples[rng.integers(0, len(samples), len(empty))]
        length = np.sqrt(np.square(sums).sum(axis=1, keepdims=True))
        centers = sums / np.maximum(length, 1e-6)
    return centers


def _split(count: int) -> list[np.ndarray]:
    """Positions 0 to count - 1 in blocks."""
    return [
        np.arange(start, min(start + VECTORS_PER_BLOCK, count))
        for start in range(0, count, VECTORS_PER_BLOCK)
    ]
