"""Metrics of a single-label classifier over a whole split, in float64.

Predictions are log-probabilities [n k], labels integers [n] in [0, k). The predicted class is the
most probable one, the first of equals. Precision, recall and F1 are scikit-learn's with
`zero_division=0` and its default `labels`. For a class without support this means: balanced
accuracy ignores it; macro averages ignore it unless it is predicted, else it counts as 0; weighted
averages give it no weight. All fractions are in [0, 1].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

CALIBRATION_BINS = 15  # as in Guo et al. 2017, "On calibration of modern neural networks"
AVERAGES, MEASURES = ("micro", "macro", "weighted"), ("precision", "recall", "f1")
CLASSIFICATION_METRICS = (  # of a split in results.json, the most important first
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "loss",
    "top5_accuracy",
    *(f"{average}_{name}" for name in MEASURES for average in AVERAGES if name != "f1"),
    "micro_f1",
    "weighted_f1",
    "ece",
)
TOP5_MIN_CLASSES = 10  # top-5 accuracy is reported from this number of classes on


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """float64 log-probabilities [n k] of `logits` [n k]."""
    return special.log_softmax(np.asarray(logits, np.float64), axis=1)


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """int64 [k k]: the number of images of class `row` that are predicted as class `column`."""
    from sklearn import metrics  # a second of import time, which no other command needs

    return metrics.confusion_matrix(labels, predicted, labels=np.arange(num_classes))


def normalize_rows(matrix: np.ndarray) -> np.ndarray:
    """Divides every row of a confusion matrix by its sum; rows of classes without support are 0."""
    return safe_divide(matrix, matrix.sum(1, keepdims=True))


def safe_divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient in float64, and 0 where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(
        np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    )
    zeros = np.zeros(numerator.shape)
    return np.divide(numerator, denominator, out=zeros, where=denominator != 0)


@dataclass(frozen=True)
class PerClassMetrics:
    """Precision, recall, F1 (float64) and support (int64), each [k]."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray


def per_class_metrics(
    labels: np.ndarray, predicted: np.ndarray, num_classes: int
) -> PerClassMetrics:
    """Precision, recall, F1 and support of each of `num_classes` classes."""
    scores = precision_recall_f1_support(labels, predicted, labels=np.arange(num_classes))
    return PerClassMetrics(*scores)


def precision_recall_f1_support(
    targets: np.ndarray, predicted: np.ndarray, **options: Any
) -> tuple[Any, Any, Any, Any]:
    """scikit-learn's `precision_recall_fscore_support`, 0 where a quotient is not defined."""
    from sklearn import metrics

    score: Any = metrics.precision_recall_fscore_support
    return score(targets, predicted, zero_division=0, **options)


def classification_metrics(log_probs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Every metric of a split, the most important first.

    Top-5 accuracy and loss are written by hand: scikit-learn breaks ties in favor of the last
    class, so that top-1 would not be the accuracy, and it clips probabilities.

    Args:
        log_probs: Log-probabilities [n k].
        labels: True classes [n].

    Returns:
        Name in METRICS -> value. loss: mean cross-entropy in nats. top5_accuracy: only for 10
        classes or more.
    """
    count, num_classes = log_probs.shape
    predicted = log_probs.argmax(1)
    label_log_probs = log_probs[np.arange(count), labels]
    per_class = per_class_metrics(labels, predicted, num_classes)
    averages = averaged_metrics(labels, predicted)
    values = {
        "accuracy": float((predicted == labels).mean()),
        "balanced_accuracy": float(per_class.recall[per_class.support > 0].mean()),
        "macro_f1": averages["macro_f1"],
        "loss": float(-label_log_probs.sum(dtype=np.float64) / count),
    }
    if num_classes >= TOP5_MIN_CLASSES:
        more_probable = log_probs > label_log_probs[:, None]
        ties_before = (log_probs == label_log_probs[:, None]) & (
            np.arange(num_classes) < np.asarray(labels)[:, None]
        )
        rank = (more_probable | ties_before).sum(1)
        values["top5_accuracy"] = float((rank < 5).sum() / count)
    return {**values, **averages}


def averaged_metrics(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """`{micro,macro,weighted}_{precision,recall,f1}`; micro averages are all the accuracy."""
    values = {
        average: precision_recall_f1_support(labels, predicted, average=average)
        for average in AVERAGES
    }
    return {
        f"{average}_{name}": float(values[average][index])
        for index, name in enumerate(MEASURES)
        for average in values
    }


def majority_class(train_labels: np.ndarray, num_classes: int) -> tuple[int, np.ndarray]:
    """The most frequent class of the training split, and the log frequency of every class [k]."""
    counts = np.bincount(train_labels, minlength=num_classes)
    with np.errstate(divide="ignore"):  # minus infinity for a class that does not occur
        return int(counts.argmax()), np.log(counts / counts.sum())


def baseline_metrics(log_priors: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """`classification_metrics` of predicting the class frequencies of training for every image.

    Args:
        log_priors: Log frequencies of the classes in training [k].
        labels: True classes [n].

    Returns:
        Name -> value, without `loss` if a label does not occur in training: it would be infinite.
    """
    log_probs = np.broadcast_to(log_priors, (len(labels), len(log_priors)))
    values = classification_metrics(log_probs, labels)
    return {name: value for name, value in values.items() if np.isfinite(value)}


def calibration(
    log_probs: np.ndarray, labels: np.ndarray, num_bins: int = CALIBRATION_BINS
) -> dict[str, Any]:
    """Expected calibration error and reliability diagram, Guo et al. 2017.

    Written by hand: scikit-learn's `calibration_curve` is for two classes and omits the counts.

    Args:
        log_probs: Log-probabilities [n k].
        labels: True classes [n].
        num_bins: Number of bins of equal width of confidence; open below, closed above.

    Returns:
        {"ece", "bins": [{"from", "to", "count", "confidence", "accuracy"}, ...]}. ece: the mean
        distance between confidence and accuracy of a bin, weighted by its count. confidence and
        accuracy are None in an empty bin.
    """
    confidence = np.exp(log_probs.max(1))
    correct = log_probs.argmax(1) == labels
    bin_index = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)
    counts = np.bincount(bin_index, minlength=num_bins)
    confidence_sums = np.bincount(bin_index, confidence, num_bins)
    correct_counts = np.bincount(bin_index, correct, num_bins)
    bins = [
        {
            "from": index / num_bins,
            "to": (index + 1) / num_bins,
            "count": int(count),
            "confidence": float(confidence_sums[index] / count) if count else None,
            "accuracy": float(correct_counts[index] / count) if count else None,
        }
        for index, count in enumerate(counts)
    ]
    ece = np.abs(confidence_sums - correct_counts).sum() / len(labels)
    return {"ece": float(ece), "bins": bins}


def group_confusion(
    matrix: np.ndarray, classes: Sequence[str], groups: Mapping[str, str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Sums a confusion matrix over groups of classes.

    Args:
        matrix: Confusion matrix of the classes [k k].
        classes: Class names in the order of the matrix.
        groups: Class name -> group name.

    Returns:
        The groups in the order of their first class, and the confusion matrix [g g] between them.
    """
    names = tuple(dict.fromkeys(groups[name] for name in classes))
    membership = np.zeros((len(classes), len(names)), np.int64)
    membership[np.arange(len(classes)), [names.index(groups[name]) for name in classes]] = 1
    return names, membership.T @ matrix @ membership


def wilson_interval(successes: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's confidence interval of the fraction `successes / count` of independent samples."""
    from scipy import stats  # half a second of import time

    interval = stats.binomtest(successes, count).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
