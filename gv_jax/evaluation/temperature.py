"""Calibration by temperature: Guo et al. 2017, "On calibration of modern neural networks"."""

from typing import Any, NamedTuple

import numpy as np

from gv_jax.evaluation.class_metrics import log_softmax
from gv_jax.evaluation.multilabel_metrics import log_losses
from gv_jax.wording import count_noun

MAX_LOG_TEMPERATURE = 4.0  # temperatures from 1/55 to 55
BOUND_MARGIN = 0.01  # of the logarithm, within which a temperature counts as at a bound
MIN_FITTED = 10  # images without which none is fitted: the smoothing of targets would decide it
NUM_FOLDS = 5  # of validation images that both fit and measure


class Temperature(NamedTuple):
    """A divisor of logits. problem: why it is 1 and was not fitted; "" if it was."""

    value: float
    problem: str = ""


def choose_temperature(logits: np.ndarray, targets: np.ndarray) -> Temperature:
    """The fitted temperature, or 1 if the images do not determine it.

    That is: fewer than MIN_FITTED images, or a minimum at a bound of the search, as of logits that
    order the classes wrongly.

    Args:
        logits: Network outputs [n k].
        targets: As of `fit_temperature`.
    """
    images = count_noun(len(logits), "validation image")
    if len(logits) < MIN_FITTED:
        return Temperature(1.0, f"only {images}, and at least {MIN_FITTED} are needed")
    value = fit_temperature(logits, targets)
    if is_at_bound(value):
        low, high = np.exp(-MAX_LOG_TEMPERATURE), np.exp(MAX_LOG_TEMPERATURE)
        return Temperature(
            1.0, f"{images}, which no temperature from {low:.2f} to {high:.0f} fits best"
        )
    return Temperature(value)


def is_at_bound(temperature: float) -> bool:
    """Whether the search ended at one of its bounds, so that the minimum may lie beyond it."""
    return abs(np.log(temperature)) > MAX_LOG_TEMPERATURE - BOUND_MARGIN


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The divisor of the logits that minimizes the cross-entropy.

    The targets of n images are smoothed by 1 / (n + 2), as in Platt 1999, "Probabilistic outputs
    for support vector machines". So n correct predictions never give a confidence of 1.

    Args:
        logits: Network outputs [n k].
        targets: True classes [n], or 0 and 1 for each label [n k].
    """
    from scipy import optimize  # slow to import

    logits, smoothing = np.asarray(logits, np.float64), 1 / (len(logits) + 2)
    several_labels = targets.ndim == 2
    exact = targets if several_labels else np.eye(logits.shape[1])[targets]
    mean = 0.5 if several_labels else 1 / logits.shape[1]
    smoothed = (1 - smoothing) * exact + smoothing * mean

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        if several_labels:
            return float(log_losses(scaled, smoothed).mean())
        return float(-(smoothed * log_softmax(scaled)).sum(1).mean())

    bounds = -MAX_LOG_TEMPERATURE, MAX_LOG_TEMPERATURE
    found: Any = optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def cross_fit_log_probs(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Calibrated log-probabilities [n k], each with the temperature of the other folds.

    It is 1 where the other folds have none within the bounds. With these, the images that a
    temperature is fitted to measure it without bias.

    Args:
        logits: Network outputs [n k], n at least 2.
        labels: True classes [n].
    """
    folds = assign_folds(len(labels))
    log_probs = np.empty(logits.shape)
    for fold in np.unique(folds):
        others = folds != fold
        temperature = fit_temperature(logits[others], labels[others])
        temperature = 1.0 if is_at_bound(temperature) else temperature
        log_probs[~others] = log_softmax(logits[~others] / temperature)
    return log_probs


def assign_folds(count: int) -> np.ndarray:
    """The fold of each of `count` images: NUM_FOLDS, or one per image if there are fewer."""
    return np.arange(count) % min(NUM_FOLDS, count)
