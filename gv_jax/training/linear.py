"""Linear classifiers of fixed features, found in closed form or by L-BFGS; the strength of the penalty by
cross-validation.

features: float [n f]; labels: int [n]; a classifier is (kernel [f k], bias [k]) and answers features @ kernel + bias.
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
    """Of targets [n k] the W, b that minimise |X W + b - T|^2 + penalty |W|^2, for every penalty.

    One singular value decomposition serves all: W = V diag(s / (s^2 + penalty)) U' T for centred X and T. With one-hot
    targets its answers are half those of scikit-learn's RidgeClassifier, plus 1/2.
    """
    middle, level = features.mean(0), targets.mean(0)
    u, s, v = np.linalg.svd(features - middle, full_matrices=False)
    projected = u.T @ (targets - level)
    kernels = [v.T @ ((s / (s * s + penalty))[:, None] * projected) for penalty in l2]
    return [(kernel, level - middle @ kernel) for kernel in kernels]


def fit_logistic(
    features: np.ndarray, targets: np.ndarray, l2: Sequence[float]
) -> list[Classifier]:
    """The W, b that minimise the sum of softmax cross-entropies + penalty / 2 |W|^2, for every penalty.

    L-BFGS, from the strongest penalty on, each from the solution before it. scikit-learn's LogisticRegression has
    C = 1 / penalty.
    """
    n, f = features.shape
    k = targets.shape[1]
    extended = np.concatenate([features, np.ones((n, 1))], 1)
    found: dict[float, Classifier] = {}
    start = np.zeros((f + 1) * k)
    for penalty in sorted(set(l2), reverse=True):

        def objective(flat: np.ndarray, penalty: float = penalty) -> tuple[float, np.ndarray]:
            weights = flat.reshape(f + 1, k)
            log_p = log_softmax(extended @ weights, 1)
            decayed = np.concatenate([weights[:-1], np.zeros((1, k))])
            value = -(targets * log_p).sum() + penalty / 2 * (decayed * decayed).sum()
            gradient = (
                extended.T @ (np.exp(log_p) * targets.sum(1, keepdims=True) - targets)
                + penalty * decayed
            )
            return float(value), gradient.ravel()

        start = minimize(
            objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 1e-11}
        ).x
        weights = start.reshape(f + 1, k)
        found[penalty] = weights[:-1], weights[-1]
    return [found[penalty] for penalty in l2]


SOLVERS: dict[str, Solver] = {"ridge": fit_ridge, "logistic": fit_logistic}


@dataclass(frozen=True)
class CVResult:
    """A classifier, its penalty, and the share of pictures of held-out folds that were right, for every penalty."""

    kernel: np.ndarray
    bias: np.ndarray
    penalty: float
    accuracies: dict[float, float]


def fit_cv(
    method: str,
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    l2: Sequence[float],
    folds: np.ndarray,
    mirrored: np.ndarray | None = None,
) -> CVResult:
    """The classifier of all `features` with the penalty that is best on folds that it was not fitted to.

    Penalties are for features scaled, all by one number, to a mean square of 1 about their means. Of equally good
    ones the strongest is taken. The answers of ridge regression are no log-probabilities: they are multiplied by the
    number with which those of the held-out folds have the smallest cross-entropy.

    Args:
        method: in SOLVERS.
        folds: the fold of each picture, int [n].
        mirrored: features of their mirror images [n f], which are fitted too, on the side of their pictures.

    Raises:
        UserError: a penalty that is not above 0.
    """
    check_l2(l2)
    solve = SOLVERS[method]
    features = features.astype(np.float64)
    scale = 1 / max(float(np.sqrt(((features - features.mean(0)) ** 2).mean())), 1e-12)
    copies = [features * scale] + (
        [] if mirrored is None else [mirrored.astype(np.float64) * scale]
    )
    targets = np.eye(classes)[labels]
    answers = np.zeros((len(l2), *targets.shape))
    for fold in np.unique(folds):
        inside, held = folds != fold, folds == fold
        fitted = np.concatenate([copy[inside] for copy in copies])
        solved = solve(fitted, np.tile(targets[inside], (len(copies), 1)), l2)
        for place, (kernel, bias) in enumerate(solved):
            answers[place, held] = copies[0][held] @ kernel + bias
    right = (answers.argmax(2) == labels).mean(1)
    accuracies = dict(zip(l2, right.tolist(), strict=True))
    best = max(range(len(l2)), key=lambda place: (right[place], l2[place]))
    everything = np.tile(targets, (len(copies), 1))
    ((kernel, bias),) = solve(np.concatenate(copies), everything, l2[best : best + 1])
    sharpness = fit_temperature(answers[best], targets) if method == "ridge" else 1.0
    return CVResult(kernel * scale * sharpness, bias * sharpness, l2[best], accuracies)


def check_l2(l2: Sequence[float]) -> None:
    """UserError unless there is one, and all are above 0."""
    if not l2 or not all(0 < penalty < float("inf") for penalty in l2):
        raise UserError(f"config.probe.l2={tuple(l2)}: give one or more, all above 0")


def fit_temperature(answers: np.ndarray, targets: np.ndarray) -> float:
    """The factor of `answers` [n k] with the smallest cross-entropy; between 0.1 and 1000."""

    def loss(power: float) -> float:
        return -float((targets * log_softmax(10.0**power * answers, 1)).sum())

    found: Any = minimize_scalar(loss, bounds=(-1, 3), method="bounded")
    return 10.0 ** float(found.x)
