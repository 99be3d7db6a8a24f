"""Metrics of multi-label predictions over a whole split, in float64.

Predictions are logits [n k], targets multi-hot [n k]. Precision, recall, F1 and average precision
are scikit-learn's with `zero_division=0`, but the mean average precision ignores labels without
positive images. All fractions are in [0, 1].
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special

from gv_jax.evaluation.class_metrics import precision_recall_f1_support, safe_divide

MULTILABEL_METRICS = (  # of a split in results.json, the most important first
    "mean_average_precision",
    "macro_f1",
    "micro_f1",
    "exact_accuracy",
    "ranking_precision",
    "label_accuracy",
    "loss",
    "macro_precision",
    "macro_recall",
    "micro_precision",
    "micro_recall",
)


def precision_recall_curve(
    scores: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision and recall of one label at every threshold.

    Args:
        scores: Logits or probabilities [n].
        targets: 0 or 1 [n].

    Returns:
        (precision, recall, threshold), each [t], from the highest threshold to the lowest. Images
        with a score of the threshold or more count as predicted. Recall is 0 without positives.
    """
    from sklearn import metrics

    if not targets.any():
        thresholds = np.unique(scores)[::-1]
        return np.zeros(len(thresholds)), np.zeros(len(thresholds)), thresholds
    # The last point of scikit-learn, precision 1 and recall 0, has no threshold.
    precision, recall, thresholds = metrics.precision_recall_curve(targets, scores)
    return precision[-2::-1], recall[-2::-1], thresholds[::-1]


def average_precision(scores: np.ndarray, targets: np.ndarray) -> float:
    """Average precision of one label, [n], [n]; the base rate for constant scores."""
    from sklearn import metrics

    return float(metrics.average_precision_score(targets, scores)) if targets.any() else 0.0


def best_threshold(probs: np.ndarray, targets: np.ndarray) -> float:
    """The threshold of the highest F1 of one label, [n], [n]; 0.5 without positives.

    It is half-way between two probabilities; of several equally good thresholds, the one nearest
    to 0.5.
    """
    precision, recall, lowest = precision_recall_curve(probs, targets)
    if not recall[-1]:
        return 0.5
    f1 = safe_divide(2 * precision * recall, precision + recall)
    thresholds = (lowest + np.append(lowest[1:], 0.0)) / 2
    best = thresholds[f1 >= f1.max() - 1e-12]
    return float(best[np.abs(best - 0.5).argmin()])


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities in float64."""
    return special.expit(np.asarray(logits, np.float64))


def best_thresholds(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """`best_threshold` of every label: [n k], [n k] -> probabilities [k]."""
    probs = sigmoid(logits)
    return np.array(
        [best_threshold(probs[:, label], targets[:, label]) for label in range(targets.shape[1])]
    )


def log_losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Binary cross-entropy in nats, the mean over labels: [n k], [n k] -> [n].

    Written by hand: scikit-learn's `log_loss` clips probabilities and returns only the mean.
    """
    logits = np.asarray(logits, np.float64)
    return (np.logaddexp(0.0, logits) - targets * logits).mean(1)


def ranking_precisions(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Label ranking average precision of every image: [n k], [n k] -> [n]; 1 without labels.

    Written by hand: scikit-learn's `label_ranking_average_precision_score` returns only the mean.
    """
    positive = np.asarray(targets, np.float64)
    values = np.ones(len(positive))
    for index, (scores, labels) in enumerate(zip(np.asarray(logits), positive, strict=True)):
        if labels.any():
            ranked_above = scores[None] >= scores[:, None]  # [label other]
            precision = (ranked_above @ labels) / ranked_above.sum(1)
            values[index] = (labels * precision).sum() / labels.sum()
    return values


def per_label_metrics(
    logits: np.ndarray, targets: np.ndarray, thresholds: np.ndarray
) -> dict[str, np.ndarray]:
    """average_precision, f1, precision, recall, support and base_rate of every label, each [k].

    Args:
        logits: Network outputs [n k].
        targets: 0 or 1 [n k].
        thresholds: Probability from which on each label is predicted [k].
    """
    precision, recall, f1, support = precision_recall_f1_support(
        targets, sigmoid(logits) >= thresholds
    )
    columns = zip(logits.T, targets.T, strict=True)
    return {
        "average_precision": np.array([average_precision(*column) for column in columns]),
        "f1": f1,
        "precision": precision,
        "recall": recall,
        "support": support,
        "base_rate": targets.sum(0) / len(targets),
    }


def multilabel_metrics(
    logits: np.ndarray, targets: np.ndarray, thresholds: np.ndarray
) -> dict[str, float]:
    """Every metric of a split, the most important first; arguments as of `per_label_metrics`.

    Returns:
        Name in METRICS -> value. exact_accuracy: fraction of images with all labels correct.
        label_accuracy: fraction of correct binary decisions. Micro averages are over decisions,
        macro averages over labels.
    """
    predicted = sigmoid(logits) >= thresholds
    per_label = per_label_metrics(logits, targets, thresholds)
    has_positives = per_label["support"] > 0
    micro_precision, micro_recall, micro_f1, _ = precision_recall_f1_support(
        targets, predicted, average="micro"
    )
    average_precisions = per_label["average_precision"][has_positives]
    return {
        "mean_average_precision": float(average_precisions.mean()) if has_positives.any() else 0.0,
        "macro_f1": float(per_label["f1"].mean()),
        "micro_f1": float(micro_f1),
        "exact_accuracy": float((predicted == targets).all(1).mean()),
        "ranking_precision": float(ranking_precisions(logits, targets).mean()),
        "label_accuracy": float((predicted == targets).mean()),
        "loss": float(log_losses(logits, targets).mean()),
        "macro_precision": float(per_label["precision"].mean()),
        "macro_recall": float(per_label["recall"].mean()),
        "micro_precision": float(micro_precision),
        "micro_recall": float(micro_recall),
    }


def most_common_label_set(targets: np.ndarray) -> np.ndarray:
    """The most frequent row of `targets` [n k], the first in sorted order of equals: [k]."""
    label_sets, counts = np.unique(targets, axis=0, return_counts=True)
    return label_sets[counts.argmax()]


def multilabel_baselines(
    targets: Mapping[str, np.ndarray], tuning_split: str
) -> dict[str, dict[str, Any]]:
    """`multilabel_metrics` of predicting the label frequencies of training for every image.

    Thresholds are chosen on the tuning split like those of the network, so every label with
    positives there is predicted. exact_accuracy is that of the most common label set of training
    instead, label_accuracy that of the labels that more than half of the training images have.

    Args:
        targets: Split -> 0 or 1 [n k]; "train" is one of the splits.
        tuning_split: The split that thresholds are chosen on.

    Returns:
        Split -> name -> value.
    """
    train = targets["train"]
    rates = np.clip(train.mean(0, dtype=np.float64), 0.5 / len(train), 1 - 0.5 / len(train))
    label_set = most_common_label_set(train)
    logits = {
        split: np.broadcast_to(special.logit(rates), split_targets.shape)
        for split, split_targets in targets.items()
    }
    thresholds = best_thresholds(logits[tuning_split], targets[tuning_split])
    return {
        split: multilabel_metrics(logits[split], split_targets, thresholds)
        | {
            "exact_accuracy": float((split_targets == label_set).all(1).mean()),
            "label_accuracy": float((split_targets == (rates > 0.5)).mean()),
        }
        for split, split_targets in targets.items()
    }
