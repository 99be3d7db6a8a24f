"""How good the answers of a classifier are: numbers over a whole split, in float64, summed, counted, divided once.

Answers are log-probabilities [n k]; labels are integers [n] in [0, k). Numbers agree with scikit-learn's
(`zero_division=0`, its default `labels`). A class without support: balanced accuracy leaves it out; macro averages
leave it out where it was never predicted either, and count it as 0 where it was (its precision is 0, its recall
has nothing to recall); weighted averages give it no weight. All shares are in [0, 1].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CALIBRATION_BINS = 15  # of confidence; Guo et al. 2017, "On calibration of modern neural networks"


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """float64 log-probabilities [n k] of `logits` [n k]."""
    shifted = np.asarray(logits, np.float64)
    shifted = shifted - shifted.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """int64 [k k]: how often class `row` was taken for class `column`."""
    cells = np.asarray(labels, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def normalize_rows(matrix: np.ndarray) -> np.ndarray:
    """A confusion matrix with every row divided by its sum; rows of classes without support are 0."""
    return safe_divide(matrix, matrix.sum(1, keepdims=True))


def safe_divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, and 0 where `below` is 0."""
    above, below = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    return np.divide(above, below, out=np.zeros(above.shape), where=below != 0)


@dataclass(frozen=True)
class PerClassMetrics:
    """Precision, recall, F1 (float64) and support (int64), each [k]."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray


def per_class_metrics(matrix: np.ndarray) -> PerClassMetrics:
    """Every class on its own, from a confusion matrix [k k]."""
    hits, support, predicted = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    return PerClassMetrics(
        safe_divide(hits, predicted),
        safe_divide(hits, support),
        safe_divide(2 * hits, support + predicted),
        support,
    )


def classification_metrics(log_probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Every metric of a split, the telling ones first; `top5_accuracy` only from 10 classes on.

    `loss` is the mean cross entropy in nats. The answer is the likeliest class, the first of equals.
    """
    count, classes = log_probabilities.shape
    of_label = log_probabilities[np.arange(count), labels]
    ahead = log_probabilities > of_label[:, None]
    ties_before = (log_probabilities == of_label[:, None]) & (
        np.arange(classes) < np.asarray(labels)[:, None]
    )
    rank = (ahead | ties_before).sum(1)
    matrix = confusion_matrix(labels, log_probabilities.argmax(1), classes)
    each = per_class_metrics(matrix)
    known = each.support > 0
    found = {
        "accuracy": float((rank == 0).sum() / count),
        "balanced_accuracy": float(each.recall[known].mean()),
        "macro_f1": float(each.f1[known | (matrix.sum(0) > 0)].mean()),
        "loss": float(-of_label.sum(dtype=np.float64) / count),
    }
    if classes >= 10:
        found["top5_accuracy"] = float((rank < 5).sum() / count)
    return {**found, **macro_averages(matrix)}


def macro_averages(matrix: np.ndarray) -> dict[str, float]:
    """`{micro,macro,weighted}_{precision,recall,f1}` of a confusion matrix [k k].

    Micro averages count pictures, and are all the accuracy where every picture has one label and one answer.
    """
    each = per_class_metrics(matrix)
    counted = (each.support > 0) | (matrix.sum(0) > 0)
    micro = float(matrix.trace() / matrix.sum())
    found = {}
    for name in ("precision", "recall", "f1"):
        values = getattr(each, name)
        found[f"micro_{name}"] = micro
        found[f"macro_{name}"] = float(values[counted].mean())
        found[f"weighted_{name}"] = float((values * each.support).sum() / each.support.sum())
    return found


def majority_class(train_labels: np.ndarray, classes: int) -> tuple[int, np.ndarray]:
    """The class most frequent in training, and the log of each class's share there [k]: the answer to beat."""
    counts = np.bincount(train_labels, minlength=classes)
    with np.errstate(divide="ignore"):  # a class never seen in training: minus infinity
        return int(counts.argmax()), np.log(counts / counts.sum())


def baseline_scores(log_shares: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """`scores` of answering every picture with the training split's class shares, log [k].

    Without `loss` where a label was never seen in training: it would be infinite.
    """
    found = classification_metrics(
        np.broadcast_to(log_shares, (len(labels), len(log_shares))), labels
    )
    return {name: value for name, value in found.items() if np.isfinite(value)}


def calibration_curve(
    log_probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS
) -> dict[str, Any]:
    """{"ece", "bins": [{"from", "to", "count", "confidence", "accuracy"}, …]} in equal widths of confidence.

    A bin is open below and closed above. `ece`, the expected calibration error, is the mean distance between
    confidence and accuracy of a bin, weighted by count; the last two are None in an empty bin.
    """
    confidence = np.exp(log_probabilities.max(1))
    right = log_probabilities.argmax(1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    confidences = np.bincount(place, confidence, bins)
    rights = np.bincount(place, right, bins)
    rows = [
        {
            "from": index / bins,
            "to": (index + 1) / bins,
            "count": int(count),
            "confidence": float(confidences[index] / count) if count else None,
            "accuracy": float(rights[index] / count) if count else None,
        }
        for index, count in enumerate(counts)
    ]
    return {"ece": float(np.abs(confidences - rights).sum() / len(labels)), "bins": rows}


def group_confusion(
    matrix: np.ndarray, classes: Sequence[str], groups: Mapping[str, str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """The groups in the order of their first class, and the confusion matrix [g g] between them."""
    names = tuple(dict.fromkeys(groups[name] for name in classes))
    member = np.zeros((len(classes), len(names)), np.int64)
    member[np.arange(len(classes)), [names.index(groups[name]) for name in classes]] = 1
    return names, member.T @ matrix @ member


def wilson_interval(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval around a share of `count` independent samples; 95 % with the default `z`."""
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z * z / count)
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))
