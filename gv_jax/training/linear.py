"""Linear classifiers of fixed features, with a penalty chosen by cross-validation.

Features are float [n f], labels int [n], targets one-hot [n k]. A classifier is (kernel [f k],
bias [k]); its scores are features @ kernel + bias. The solvers give the solutions of scikit-learn,
the reference in the tests. They are written here because they share work between penalties: one
singular value decomposition, or the start of L-BFGS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from gv_jax.errors import UserError

Classifier = tuple[np.ndarray, np.ndarray]
Solver = Callable[[np.ndarray, np.ndarray, Sequence[float]], list[Classifier]]


def fit_ridge(features: np.ndarray, targets: np.ndarray, l2: Sequence[float]) -> list[Classifier]:
    """Minimizes |X W + b - T|^2 + penalty |W|^2.

    W = V diag(s / (s^2 + penalty)) U' T for centered X = U diag(s) V' and T. With one-hot targets
    the scores are half those of scikit-learn's RidgeClassifier, plus 1/2.

    Args:
        features: X, float [n f].
        targets: T, float [n k].
        l2: penalties.

    Returns:
        A classifier for every penalty.
    """
    feature_mean, target_mean = features.mean(0), targets.mean(0)
    u, s, v = np.linalg.svd(features - feature_mean, full_matrices=False)
    projected = u.T @ (targets - target_mean)
    kernels = [v.T @ ((s / (s * s + penalty))[:, None] * projected) for penalty in l2]
    return [(kernel, target_mean - feature_mean @ kernel) for kernel in kernels]


def fit_logistic(
    features: np.ndarray, targets: np.ndarray, l2: Sequence[float]
) -> list[Classifier]:
    """Minimizes the sum of softmax cross-entropies + penalty / 2 |W|^2.

    L-BFGS, from the largest penalty to the smallest, each from the solution before it.
    scikit-learn's LogisticRegression has C = 1 / penalty.

    Args:
        features: float [n f].
        targets: float [n k].
        l2: penalties.

    Returns:
        A classifier for every penalty.
    """
    num_features, num_classes = features.shape[1], targets.shape[1]
    extended = np.concatenate([features, np.ones((len(features), 1))], 1)
    classifiers: dict[float, Classifier] = {}
    solution = np.zeros((num_features + 1) * num_classes)
    for penalty in sorted(set(l2), reverse=True):

        def objective(flat: np.ndarray, penalty: float = penalty) -> tuple[float, np.ndarray]:
            weights = flat.reshape(num_features + 1, num_classes)
            log_p = log_softmax(extended @ weights, 1)
            decayed = np.concatenate([weights[:-1], np.zeros((1, num_classes))])
            value = -(targets * log_p).sum() + penalty / 2 * (decayed * decayed).sum()
            residuals = np.exp(log_p) * targets.sum(1, keepdims=True) - targets
            gradient = extended.T @ residuals + penalty * decayed
            return float(value), gradient.ravel()

        options = {"maxiter": 1000, "ftol": 1e-11}
        solution = minimize(objective, solution, jac=True, method="L-BFGS-B", options=options).x
        weights = solution.reshape(num_features + 1, num_classes)
        classifiers[penalty] = weights[:-1], weights[-1]
    return [classifiers[penalty] for penalty in l2]


SOLVERS: dict[str, Solver] = {"ridge": fit_ridge, "logistic": fit_logistic}


@dataclass(frozen=True)
class CVResult:
    """A classifier, its penalty, and the held-out accuracy of every penalty."""

    kernel: np.ndarray
    bias: np.ndarray
    penalty: float
    accuracies: dict[float, float]


def fit_cv(
    method: str,
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    l2: Sequence[float],
    folds: np.ndarray,
    flipped: np.ndarray | None = None,
) -> CVResult:
    """Fits all `features` with the penalty of the best held-out accuracy.

    Of equally good penalties the largest is chosen. Scores of ridge regression are no log
    probabilities: they are multiplied by the factor with which those of the held-out folds have the
    smallest cross-entropy.

    Args:
        method: in SOLVERS.
        features: float [n f].
        labels: int [n].
        num_classes: k.
        l2: penalties to choose from. They apply to features that are scaled, by one factor, to a
            mean square of 1 about their means.
        folds: the fold of each image, int [n].
        flipped: features of the mirrored images [n f]; they are fitted too, in the folds of their
            images, but not evaluated.

    Raises:
        UserError: a penalty that is not above 0.
    """
    check_l2(l2)
    solve = SOLVERS[method]
    features = features.astype(np.float64)
    scale = 1 / max(float(np.sqrt(((features - features.mean(0)) ** 2).mean())), 1e-12)
    views = [features * scale]
    if flipped is not None:
        views.append(flipped.astype(np.float64) * scale)
    targets = np.eye(num_classes)[labels]
    scores = np.zeros((len(l2), *targets.shape))
    for fold in np.unique(folds):
        fitted, held_out = folds != fold, folds == fold
        fitted_features = np.concatenate([view[fitted] for view in views])
        classifiers = solve(fitted_features, np.tile(targets[fitted], (len(views), 1)), l2)
        for index, (kernel, bias) in enumerate(classifiers):
            scores[index, held_out] = views[0][held_out] @ kernel + bias
    accuracies = (scores.argmax(2) == labels).mean(1)
    best = max(range(len(l2)), key=lambda index: (accuracies[index], l2[index]))
    all_targets = np.tile(targets, (len(views), 1))
    ((kernel, bias),) = solve(np.concatenate(views), all_targets, l2[best : best + 1])
    factor = fit_temperature(scores[best], targets) if method == "ridge" else 1.0
    return CVResult(
        kernel * scale * factor,
        bias * factor,
        l2[best],
        dict(zip(l2, accuracies.tolist(), strict=True)),
    )


def check_l2(l2: Sequence[float]) -> None:
    """Raises UserError unless there are penalties and all are above 0."""
    if not l2 or not all(0 < penalty < float("inf") for penalty in l2):
        raise UserError(f"config.probe.l2={tuple(l2)}: give one or more penalties, all above 0")


def fit_temperature(scores: np.ndarray, targets: np.ndarray) -> float:
    """The factor on `scores` [n k], from 0.1 to 1000, with the smallest cross-entropy.

    It is the inverse of the temperature of Guo et al. 2017, "On calibration of modern neural
    networks".
    """

    def cross_entropy(exponent: float) -> float:
        return -float((targets * log_softmax(10.0**exponent * scores, 1)).sum())

    minimum: Any = minimize_scalar(cross_entropy, bounds=(-1, 3), method="bounded")
    return 10.0 ** float(minimum.x)
