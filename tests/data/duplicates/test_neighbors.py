"""Nearest neighbors, against a sort of all similarities."""

import numpy as np
import pytest

from gv_jax.data.duplicates import neighbors
from gv_jax.data.duplicates.neighbors import NeighborIndex


def make_vectors(count: int, seed: int = 0) -> np.ndarray:
    """Unit vectors of 24 dimensions: float32 [count 24]."""
    vectors = np.random.default_rng(seed).normal(size=(count, 24))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def find(queries: np.ndarray, vectors: np.ndarray, count: int, least: float) -> set:
    with NeighborIndex(vectors.__getitem__, len(vectors), least) as index:
        pairs = index.find(queries, count)
    found = [tuple(pair) for pair in pairs.T.tolist()]
    assert len(found) == len(set(found))
    return set(found)


def sort_all(queries: np.ndarray, vectors: np.ndarray, count: int, least: float) -> set:
    products = queries @ vectors.T
    return {
        (row, int(column))
        for row in range(len(queries))
        for column in np.argsort(-products[row])[:count]
        if products[row, column] >= least
    }


@pytest.mark.parametrize("count", [1, 12])
def test_few_vectors_are_all_compared(count):
    queries, vectors = make_vectors(300), make_vectors(500, 1)
    assert find(queries, vectors, count, 0.3) == sort_all(queries, vectors, count, 0.3)


def test_close_vectors_are_found_among_many(monkeypatch):
    monkeypatch.setattr(neighbors, "MAX_EXHAUSTIVE", 100)
    vectors = make_vectors(6000)
    queries = vectors[:1000] + 0.3 * make_vectors(1000, 1)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    found = find(queries, vectors, 3, 0.8)
    expected = sort_all(queries, vectors, 3, 0.8)
    assert len(expected) >= 1000
    assert found <= expected
    assert len(found) >= 0.99 * len(expected)


def test_all_neighbors_are_found_if_all_cells_are_searched(monkeypatch):
    monkeypatch.setattr(neighbors, "MAX_EXHAUSTIVE", 100)
    monkeypatch.setattr(neighbors, "PROBES", 63)  # of 2 * sqrt(1000) cells
    queries, vectors = make_vectors(200), make_vectors(1000, 1)
    queries[:50] *= 0.2  # too short to be similar to anything
    assert find(queries, vectors, 5, 0.3) == sort_all(queries, vectors, 5, 0.3)


def test_equal_vectors_do_not_fail(monkeypatch):
    monkeypatch.setattr(neighbors, "MAX_EXHAUSTIVE", 100)
    vectors = np.repeat(make_vectors(2), 200, axis=0)
    found = find(vectors[[0, 399]], vectors, 4, 0.99)
    assert sorted(row for row, _ in found) == [0] * 4 + [1] * 4
    assert all(column // 200 == row for row, column in found)


@pytest.mark.parametrize("max_exhaustive", [100, 10**6])
@pytest.mark.parametrize("queries", [np.zeros((0, 24)), np.zeros((5, 24))])
def test_queries_without_neighbors(monkeypatch, max_exhaustive, queries):
    monkeypatch.setattr(neighbors, "MAX_EXHAUSTIVE", max_exhaustive)
    assert find(queries.astype(np.float32), make_vectors(200), 4, 0.5) == set()
