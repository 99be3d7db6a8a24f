"""The calibration of a run: fitted to its validation split, measured on its main split."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gv_jax.errors import UserError
from gv_jax.evaluation.class_metrics import calibration, log_softmax, wilson_interval
from gv_jax.evaluation.confidence import Confidence
from gv_jax.evaluation.conformal import SET_LEVEL, cross_measure_sets, measure_sets
from gv_jax.evaluation.temperature import choose_temperature, cross_fit_log_probs

PRECISIONS = (0.9, 0.95, 0.99)  # in the report
MIN_IMAGES = 2  # validation images without which nothing is calibrated

Arrays = Mapping[str, np.ndarray]  # split -> array [n ...]


class Calibrated(NamedTuple):
    """Predictions of a run with its calibration.

    Attributes:
        confidence: What the validation split says.
        log_probs: Split -> calibrated log-probabilities [n k].
        measured: The same, but of the validation split with temperatures of other folds.
        problem: Why the temperature is 1 and was not fitted; "" if it was.
    """

    confidence: Confidence
    log_probs: dict[str, np.ndarray]
    measured: dict[str, np.ndarray]
    problem: str = ""


def calibrate(logits: Arrays, labels: Arrays) -> Calibrated:
    """Calibrates a single-label classifier; see `choose_temperature`.

    The temperature is 1 without a validation split.

    Args:
        logits: Split -> network outputs [n k].
        labels: Split -> true classes [n].
    """
    valid = logits.get("valid", np.zeros((0, 1)))
    if len(valid) < MIN_IMAGES:
        log_probs = {split: log_softmax(outputs) for split, outputs in logits.items()}
        return Calibrated(Confidence(), log_probs, log_probs)
    temperature, problem = choose_temperature(valid, labels["valid"])
    log_probs = {split: log_softmax(outputs / temperature) for split, outputs in logits.items()}
    probs, classes = np.exp(log_probs["valid"]), labels["valid"]
    confidence = Confidence(
        temperature,
        true_probs=probs[np.arange(len(classes)), classes],
        confidences=probs.max(1),
        correct=probs.argmax(1) == classes,
    )
    measured = log_probs if problem else log_probs | {"valid": cross_fit_log_probs(valid, classes)}
    return Calibrated(confidence, log_probs, measured, problem)


def calibration_results(
    calibrated: Calibrated, logits: Arrays, labels: Arrays, main_split: str
) -> dict[str, Any]:
    """The calibration for results.json; {} without a validation split.

    Args:
        calibrated: As of `calibrate`.
        logits: Split -> network outputs [n k].
        labels: Split -> true classes [n].
        main_split: The split that measures. If it is "valid", it does so by cross-validation.
    """
    confidence = calibrated.confidence
    if not len(confidence.true_probs):
        return {}
    log_probs, classes = calibrated.measured[main_split], labels[main_split]
    return {
        "temperature": confidence.temperature,
        "fitted_to": 0 if calibrated.problem else len(confidence.true_probs),
        **({"not_fitted": calibrated.problem} if calibrated.problem else {}),
        "measured_on": main_split,
        "cross_validated": main_split == "valid" and not calibrated.problem,
        "uncalibrated_ece": calibration(log_softmax(logits[main_split]), classes)["ece"],
        "ece": calibration(log_probs, classes)["ece"],
        "sets": set_results(confidence, np.exp(log_probs), classes, main_split == "valid"),
        "precision": precision_rows(confidence, np.exp(log_probs), classes),
    }


def set_results(
    confidence: Confidence, probs: np.ndarray, labels: np.ndarray, cross_validated: bool
) -> dict[str, Any]:
    """Coverage and mean size of the prediction sets; {} with too few validation images.

    Args:
        confidence: Of the run.
        probs: Calibrated probabilities of the images that measure [n k].
        labels: Their classes [n].
        cross_validated: Whether they are the validation images.
    """
    try:
        if cross_validated:
            coverage = cross_measure_sets(probs, labels, SET_LEVEL)
        else:
            coverage = measure_sets(probs, labels, confidence.set_threshold(SET_LEVEL))
    except UserError:
        return {}
    low, high = wilson_interval(coverage.covered, coverage.count)
    return {
        "level": SET_LEVEL,
        "coverage": coverage.covered / coverage.count,
        "coverage_low": low,
        "coverage_high": high,
        **coverage._asdict(),
    }


def precision_rows(
    confidence: Confidence, probs: np.ndarray, labels: np.ndarray
) -> list[dict[str, Any]]:
    """For each of PRECISIONS that can be reached: its threshold, and what it gives on images.

    Args:
        confidence: Of the run.
        probs: Calibrated probabilities of the images that measure [n k].
        labels: Their classes [n].
    """
    rows = []
    for precision in PRECISIONS:
        try:
            threshold = confidence.threshold_for(precision).threshold
        except UserError:
            continue
        accepted = probs.max(1) >= threshold
        correct = (probs.argmax(1) == labels)[accepted]
        rows.append(
            {
                "requested_precision": precision,
                "min_confidence": threshold,
                "accepted": float(accepted.mean()),
                "accuracy": float(correct.mean()) if len(correct) else None,
            }
        )
    return rows
