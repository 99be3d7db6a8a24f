"""Calibration by temperature: Guo et al. 2017, "On calibration of modern neural networks"."""

from typing import Any

import numpy as np

from gv_jax.evaluation.class_metrics import log_softmax
from gv_jax.evaluation.multilabel_metrics import log_losses

MAX_LOG_TEMPERATURE = 4.0  # temperatures from 1/55 to 55
NUM_FOLDS = 5  # of validation images that both fit and measure


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

    With them, the images that a temperature is fitted to measure it without bias.

    Args:
        logits: Network outputs [n k], n at least 2.
        labels: True classes [n].
    """
    folds = assign_folds(len(labels))
    log_probs = np.empty(logits.shape)
    for fold in np.unique(folds):
        others = folds != fold
        temperature = fit_temperature(logits[others], labels[others])
        log_probs[~others] = log_softmax(logits[~others] / temperature)
    return log_probs


def assign_folds(count: int) -> np.ndarray:
    """The fold of each of `count` images: NUM_FOLDS, or one per image if there are fewer."""
    return np.arange(count) % min(NUM_FOLDS, count)
