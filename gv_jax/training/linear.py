"""Linear classifiers of fixed features.

Features are float [n f], targets one-hot or, for several labels per image, multi-hot [n k]. A
classifier is (kernel [f k], bias [k]); its scores are features @ kernel + bias. The solvers give
the solutions of scikit-learn, the reference in the tests. They are written here because they share
work between penalties: products of the features (`ridge`), or the start of L-BFGS.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, log_softmax

from gv_jax.training.ridge import Classifier, fit_ridge

Solver = Callable[[np.ndarray, np.ndarray, Sequence[float]], list[Classifier]]
ScoreLoss = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def fit_logistic(
    features: np.ndarray, targets: np.ndarray, l2: Sequence[float]
) -> list[Classifier]:
    """Minimizes the sum of softmax cross-entropies + penalty / 2 |W|^2.

    scikit-learn's LogisticRegression has C = 1 / penalty. Arguments as of `fit_ridge`.
    """
    return minimize_loss(softmax_cross_entropy, features, targets, l2)


def fit_one_vs_rest(
    features: np.ndarray, targets: np.ndarray, l2: Sequence[float]
) -> list[Classifier]:
    """Minimizes the sum of sigmoid cross-entropies + penalty / 2 |W|^2.

    One LogisticRegression of scikit-learn per label, with C = 1 / penalty. Arguments as of
    `fit_ridge`.
    """
    return minimize_loss(sigmoid_cross_entropy, features, targets, l2)


def softmax_cross_entropy(scores: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """The sum of the losses of [n k], [n k], and its gradient [n k] by the scores."""
    log_p = log_softmax(scores, 1)
    residuals = np.exp(log_p) * targets.sum(1, keepdims=True) - targets
    return -float((targets * log_p).sum()), residuals


def sigmoid_cross_entropy(scores: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """As `softmax_cross_entropy`, of independent labels."""
    loss = float((np.logaddexp(0, scores) - targets * scores).sum())
    return loss, expit(scores) - targets


def minimize_loss(
    loss: ScoreLoss, features: np.ndarray, targets: np.ndarray, l2: Sequence[float]
) -> list[Classifier]:
    """Minimizes `loss` + penalty / 2 |W|^2.

    L-BFGS, from the largest penalty to the smallest, each from the solution before it.

    Args:
        loss: (scores, targets) -> (value, gradient by the scores).
        features: float [n f].
        targets: float [n k].
        l2: penalties.

    Returns:
        A classifier for every penalty.
    """
    from scipy import optimize  # slow to import

    num_features, num_classes = features.shape[1], targets.shape[1]
    extended = np.concatenate([features, np.ones((len(features), 1))], 1)
    classifiers: dict[float, Classifier] = {}
    solution = np.zeros((num_features + 1) * num_classes)
    for penalty in sorted(set(l2), reverse=True):

        def objective(flat: np.ndarray, penalty: float = penalty) -> tuple[float, np.ndarray]:
            weights = flat.reshape(num_features + 1, num_classes)
            value, residuals = loss(extended @ weights, targets)
            decayed = np.concatenate([weights[:-1], np.zeros((1, num_classes))])
            gradient = extended.T @ residuals + penalty * decayed
            return value + penalty / 2 * float((decayed * decayed).sum()), gradient.ravel()

        options = {"maxiter": 1000, "ftol": 1e-11}
        solution = optimize.minimize(
            objective, solution, jac=True, method="L-BFGS-B", options=options
        ).x
        weights = solution.reshape(num_features + 1, num_classes)
        classifiers[penalty] = weights[:-1], weights[-1]
    return [classifiers[penalty] for penalty in l2]


def accuracy(scores: np.ndarray, targets: np.ndarray) -> float:
    """The fraction of images whose highest score is that of their class."""
    return float((scores.argmax(1) == targets.argmax(1)).mean())


def ranking_precision(scores: np.ndarray, targets: np.ndarray) -> float:
    """Label ranking average precision."""
    from sklearn import metrics  # slow to import

    return float(metrics.label_ranking_average_precision_score(targets > 0, scores))


def fit_temperature(scores: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """The factor on `scores` [n k], from 0.1 to 1000, with the smallest softmax cross-entropy.

    It is the inverse of the temperature of Guo et al. 2017, "On calibration of modern neural
    networks". `targets` are smoothed (`smooth_targets`).

    Returns:
        The factor, and the offset, which is 0: it would change no probability.
    """
    from scipy import optimize

    smoothed = smooth_targets(targets, 1 / targets.shape[1])

    def cross_entropy(exponent: float) -> float:
        return softmax_cross_entropy(10.0**exponent * scores, smoothed)[0]

    minimum: Any = optimize.minimize_scalar(cross_entropy, bounds=(-1, 3), method="bounded")
    return 10.0 ** float(minimum.x), 0.0


def fit_platt(scores: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """The factor and the offset of all `scores` [n k] with the smallest sigmoid cross-entropy.

    Platt 1999, "Probabilistic outputs for support vector machines", of all labels together.
    `targets` are smoothed (`smooth_targets`).
    """
    from scipy import optimize

    smoothed = smooth_targets(targets, 0.5)

    def objective(line: np.ndarray) -> tuple[float, np.ndarray]:
        value, residuals = sigmoid_cross_entropy(line[0] * scores + line[1], smoothed)
        return value, np.array([(residuals * scores).sum(), residuals.sum()])

    bounds = [(0.1, 1e3), (-1e3, 1e3)]
    minimum: Any = optimize.minimize(
        objective, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=bounds
    )
    return float(minimum.x[0]), float(minimum.x[1])


def smooth_targets(targets: np.ndarray, mean: float) -> np.ndarray:
    """Targets [n k] between themselves and `mean`, by 1 / (n + 2) as in Platt 1999.

    Without it, the calibration of scores that separate all images has no limit.
    """
    smoothing = 1 / (len(targets) + 2)
    return (1 - smoothing) * targets + smoothing * mean


@dataclass(frozen=True)
class ProbeKind:
    """How linear classifiers of one kind of labels are fitted, compared and calibrated.

    Attributes:
        solvers: name -> solver.
        metric: name of `score` in METRICS.
        score: (scores, targets) -> value; higher is better.
        calibrate: (scores of ridge regression, targets) -> factor and offset that make them logits.
    """

    solvers: Mapping[str, Solver]
    metric: str
    score: Callable[[np.ndarray, np.ndarray], float]
    calibrate: Callable[[np.ndarray, np.ndarray], tuple[float, float]]


SINGLE_LABEL = ProbeKind(
    {"ridge": fit_ridge, "logistic": fit_logistic}, "accuracy", accuracy, fit_temperature
)
MULTI_LABEL = ProbeKind(
    {"ridge": fit_ridge, "logistic": fit_one_vs_rest},
    "ranking_precision",
    ranking_precision,
    fit_platt,
)
SOLVERS = SINGLE_LABEL.solvers  # the names are those of every kind
