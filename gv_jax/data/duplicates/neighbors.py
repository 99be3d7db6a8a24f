"""Nearest neighbors among feature vectors, by matrix products in blocks."""

import numpy as np

ROWS_PER_BLOCK = 256  # 20,000 similarities each are 20 MB


def find_neighbors(
    queries: np.ndarray, vectors: np.ndarray, count: int, min_similarity: float
) -> np.ndarray:
    """Pairs of a query and one of its most similar vectors.

    Args:
        queries: float32 [n d].
        vectors: float32 [m d].
        count: The most vectors per query.
        min_similarity: The least product of a pair.

    Returns:
        Indices of queries and of vectors: int [2 pairs].
    """
    pairs = [np.zeros((2, 0), np.int64)]
    for start in range(0, len(queries), ROWS_PER_BLOCK):
        products = queries[start : start + ROWS_PER_BLOCK] @ vectors.T
        near = products >= min_similarity
        crowded = np.flatnonzero(near.sum(axis=1) > count)
        if len(crowded):
            best = np.argpartition(products[crowded], -count, axis=1)[:, -count:]
            near[crowded] = False
            near[crowded[:, None], best] = True
        rows, columns = np.nonzero(near)
        pairs.append(np.stack([start + rows, columns]))
    return np.concatenate(pairs, axis=1)
