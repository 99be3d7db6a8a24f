"""How unlike its training images a classifier sees an image, by its features.

The distance of an image is that to its NUM_NEIGHBORS-th nearest training image, between features
of length 1: Sun, Ming, Zhu, Li 2022, "Out-of-distribution detection with deep nearest neighbors".
"""

import numpy as np

NUM_NEIGHBORS = 5
ROWS_AT_ONCE = 1024  # images whose similarities to all training images are in memory


def normalize_features(features: np.ndarray) -> np.ndarray:
    """`features` [n f] with length 1, float32; zeros stay zeros."""
    features = np.asarray(features, np.float32)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(norms, np.finfo(np.float32).tiny)


def find_nearest(
    features: np.ndarray, train_features: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest training images.

    Args:
        features: Of length 1, float32 [n f].
        train_features: Of length 1, float32 [m f].
        count: Number of neighbors; at most m are found.

    Returns:
        Indices and Euclidean distances, each [n count], the nearest first.
    """
    count = min(count, len(train_features))
    indices = np.empty((len(features), count), np.int64)
    distances = np.empty((len(features), count), np.float32)
    for start in range(0, len(features), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        similarities = features[rows] @ train_features.T  # [rows m]
        nearest = np.argpartition(-similarities, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(similarities, nearest, 1)
        order = np.lexsort((nearest, -values), axis=1)
        indices[rows] = np.take_along_axis(nearest, order, 1)
        distances[rows] = np.sqrt(np.maximum(2 - 2 * np.take_along_axis(values, order, 1), 0))
    return indices, distances


def novelty_distances(features: np.ndarray, train_features: np.ndarray) -> np.ndarray:
    """The distance to the training images, [n]; arguments as of `find_nearest`."""
    return find_nearest(features, train_features, NUM_NEIGHBORS)[1][:, -1]
