"""Linear classifiers of fixed features, with a penalty chosen by cross-validation.

Features are float [n f], targets one-hot or, for several labels per image, multi-hot [n k]. A
classifier is (kernel [f k], bias [k]); its scores are features @ kernel + bias. The solvers give
the solutions of scikit-learn, the reference in the tests. They are written here because they share
work between penalties: one singular value decomposition, or the start of L-BFGS.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax

from gv_jax.errors import UserError

Classifier = tuple[np.ndarray, np.ndarray]
Solver = Callable[[np.ndarray, np.ndarray, Sequence[float]], list[Classifier]]
ScoreLoss = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


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
        solution = minimize(objective, solution, jac=True, method="L-BFGS-B", options=options).x
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
    networks".

    Returns:
        The factor, and the offset, which is 0: it would change no probability.
    """

    def cross_entropy(exponent: float) -> float:
        return softmax_cross_entropy(10.0**exponent * scores, targets)[0]

    minimum: Any = minimize_scalar(cross_entropy, bounds=(-1, 3), method="bounded")
    return 10.0 ** float(minimum.x), 0.0


def fit_platt(scores: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """The factor and the offset of all `scores` [n k] with the smallest sigmoid cross-entropy.

    Platt 1999, "Probabilistic outputs for support vector machines", of all labels together.
    """

    def objective(line: np.ndarray) -> tuple[float, np.ndarray]:
        value, residuals = sigmoid_cross_entropy(line[0] * scores + line[1], targets)
        return value, np.array([(residuals * scores).sum(), residuals.sum()])

    bounds = [(0.1, 1e3), (-1e3, 1e3)]
    minimum: Any = minimize(objective, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=bounds)
    return float(minimum.x[0]), float(minimum.x[1])


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


@dataclass(frozen=True)
class CVResult:
    """A classifier, its penalty, and the held-out score of every penalty; {} without folds."""

    kernel: np.ndarray
    bias: np.ndarray
    penalty: float
    held_out: dict[float, float]


def fit_cv(
    kind: ProbeKind,
    method: str,
    features: np.ndarray,
    targets: np.ndarray,
    l2: Sequence[float],
    folds: np.ndarray | None,
    flipped: np.ndarray | None = None,
) -> CVResult:
    """Fits all `features` with the penalty of the best held-out score.

    Of equally good penalties the largest is chosen. Scores of ridge regression are no logits: they
    are calibrated on the held-out folds, or on the fitted images without folds.

    Args:
        kind: of the labels.
        method: in SOLVERS.
        features: float [n f].
        targets: one-hot or multi-hot [n k].
        l2: penalties to choose from. They apply to features that are scaled, by one factor, to a
            mean square of 1 about their means.
        folds: the fold of each image, int [n]; None: no cross-validation, of one penalty.
        flipped: features of the mirrored images [n f]; they are fitted too, in the folds of their
            images, but not evaluated.

    Raises:
        UserError: a penalty that is not above 0.
    """
    check_l2(l2)
    solve = kind.solvers[method]
    features, targets = features.astype(np.float64), targets.astype(np.float64)
    scale = 1 / max(float(np.sqrt(((features - features.mean(0)) ** 2).mean())), 1e-12)
    views = [features * scale]
    if flipped is not None:
        views.append(flipped.astype(np.float64) * scale)
    tiled = np.tile(targets, (len(views), 1))
    held_out: dict[float, float] = {}
    best, scores = 0, None
    if folds is not None:
        all_scores = cross_validate(solve, views, targets, l2, folds)
        held_out = {
            penalty: kind.score(scores, targets)
            for penalty, scores in zip(l2, all_scores, strict=True)
        }
        best = max(range(len(l2)), key=lambda index: (held_out[l2[index]], l2[index]))
        scores = all_scores[best]
    ((kernel, bias),) = solve(np.concatenate(views), tiled, l2[best : best + 1])
    if scores is None:
        scores = views[0] @ kernel + bias
    factor, offset = kind.calibrate(scores, targets) if method == "ridge" else (1.0, 0.0)
    return CVResult(kernel * scale * factor, bias * factor + offset, l2[best], held_out)


def cross_validate(
    solve: Solver,
    views: Sequence[np.ndarray],
    targets: np.ndarray,
    l2: Sequence[float],
    folds: np.ndarray,
) -> np.ndarray:
    """Held-out scores of every penalty [p n k]; arguments as of `fit_cv`."""
    scores = np.zeros((len(l2), *targets.shape))
    for fold in np.unique(folds):
        fitted, held_out = folds != fold, folds == fold
        fitted_features = np.concatenate([view[fitted] for view in views])
        classifiers = solve(fitted_features, np.tile(targets[fitted], (len(views), 1)), l2)
        for index, (kernel, bias) in enumerate(classifiers):
            scores[index, held_out] = views[0][held_out] @ kernel + bias
    return scores


def check_l2(l2: Sequence[float]) -> None:
    """Raises UserError unless there are penalties and all are above 0."""
    if not l2 or not all(0 < penalty < float("inf") for penalty in l2):
        raise UserError(f"config.probe.l2={tuple(l2)}: give one or more penalties, all above 0")
