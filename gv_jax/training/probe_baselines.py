"""What a linear probe is compared with: classifiers of the same features in the same folds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gv_jax.training.cross_validation import score_by_fold
from gv_jax.training.linear import ProbeKind

NEIGHBORS = (1, 3, 5, 10, 20, 50)  # of a kNN, chosen by the same folds
CONFIDENCE = 0.95
CHUNK_ROWS = 2048  # images whose similarities are in memory
Scores = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def compare_baselines(
    kind: ProbeKind, features: np.ndarray, targets: np.ndarray, folds: np.ndarray | None
) -> list[dict[str, Any]]:
    """Held-out scores of kNN, the nearest class mean and the majority class.

    Args:
        kind: of the labels.
        features: float [n f].
        targets: one-hot or multi-hot [n k].
        folds: the fold of each image, int [n]; None: no baselines.

    Returns:
        {"method", "held_out_METRIC", "low", "high"} of each, the mean over folds with its 95 %
        interval.
    """
    if folds is None:
        return []
    unit = to_unit_length(features - features.mean(0))
    neighbor_scores = held_out_neighbors(unit, targets, folds)
    means = {
        count: np.mean(score_by_fold(kind, scores, targets, folds))
        for count, scores in neighbor_scores.items()
    }
    best = max(means, key=lambda count: (means[count], -count))
    scores_of = {
        f"kNN (cosine, k = {best})": neighbor_scores[best],
        "nearest class mean (cosine)": held_out_scores(class_mean_scores, unit, targets, folds),
        "majority class": held_out_scores(class_frequencies, unit, targets, folds),
    }
    rows = []
    for method, scores in scores_of.items():
        mean, low, high = mean_interval(score_by_fold(kind, scores, targets, folds))
        rows.append({"method": method, f"held_out_{kind.metric}": mean, "low": low, "high": high})
    return rows


def to_unit_length(features: np.ndarray) -> np.ndarray:
    """Rows of [n f] divided by their norms; a row of zeros stays."""
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(norms > 0, norms, 1)


def held_out_neighbors(
    unit: np.ndarray, targets: np.ndarray, folds: np.ndarray
) -> dict[int, np.ndarray]:
    """k -> scores [n k]: mean targets of the k most similar images of the other folds.

    Of scores that are equal, the class of the more similar images is the higher one.

    Args:
        unit: features of length 1 [n f].
        targets: [n k].
        folds: int [n].
    """
    scores = {count: np.zeros(targets.shape) for count in NEIGHBORS}
    for fold in np.unique(folds):
        fitted, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        bank = unit[fitted]
        limit = min(max(NEIGHBORS), len(fitted))
        for start in range(0, len(held_out), CHUNK_ROWS):
            rows = held_out[start : start + CHUNK_ROWS]
            similarity = unit[rows] @ bank.T
            nearest = np.argpartition(-similarity, limit - 1, 1)[:, :limit]
            near = np.take_along_axis(similarity, nearest, 1)
            nearest = np.take_along_axis(nearest, np.argsort(-near, 1, kind="stable"), 1)
            found = targets[fitted[nearest]]  # [m limit k]
            tie_break = 1e-6 / (1 + np.arange(limit))
            for count in NEIGHBORS:
                part = found[:, :count]
                weights = 1 + tie_break[: part.shape[1]]
                scores[count][rows] = np.einsum("mlk,l->mk", part, weights) / part.shape[1]
    return scores


def held_out_scores(
    scores_of: Scores, unit: np.ndarray, targets: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """Scores [n k] of `scores_of`(fitted features, their targets, features of the fold)."""
    scores = np.zeros(targets.shape)
    for fold in np.unique(folds):
        fitted, held_out = folds != fold, folds == fold
        scores[held_out] = scores_of(unit[fitted], targets[fitted], unit[held_out])
    return scores


def class_mean_scores(fitted: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Cosine similarity to the mean of each class; -1 for a class without images."""
    counts = targets.sum(0)
    means = to_unit_length((targets.T @ fitted) / np.maximum(counts, 1)[:, None])
    return np.where(counts > 0, to_unit_length(rows) @ means.T, -1)


def class_frequencies(fitted: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The fraction of images of each class, for every row."""
    return np.tile(targets.mean(0), (len(rows), 1))


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of scores in [0, 1] and its 95 % interval by Student's t, within [0, 1].

    The interval is of the folds, whose training images overlap: it is somewhat too narrow. Of one
    value it is [0, 1].
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, 0.0, 1.0
    from scipy import stats  # half a second of import time

    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return mean, max(mean - half, 0.0), min(mean + half, 1.0)
