"""How good yes-or-no answers on several labels are: over a whole split, in float64, divided once.

Answers are logits [n k], truth [n k] is of zeros and ones. Numbers agree with scikit-learn's (`zero_division=0`), but
the mean average precision leaves out labels that no picture has. All shares are in [0, 1].
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gv_jax.evaluation.class_metrics import safe_divide


def precision_recall_curve(
    scores: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(precision, recall, the lowest score that is a yes) of every threshold that says something else, high to low.

    scores: [n] of one label; truth: [n]. Each [t]. Recall is 0 where there is nothing to find.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], np.asarray(truth, np.float64)[order].cumsum()
    last = np.append(
        np.nonzero(np.diff(ordered))[0], len(ordered) - 1
    )  # of every run of equal scores
    return hits[last] / (last + 1), safe_divide(hits[last], hits[-1]), ordered[last]


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """The sum over thresholds of (rise of recall) x precision; the base rate for answers that are all alike."""
    precision, recall, _ = precision_recall_curve(scores, truth)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def best_threshold(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Where to say yes, at this probability and above, for the highest F1 of one label; 0.5 if it never occurs.

    Half-way between the answers on both sides; of equally good ones that nearest to 0.5.
    """
    precision, recall, lowest = precision_recall_curve(probabilities, truth)
    if not recall[-1]:
        return 0.5
    f1 = safe_divide(2 * precision * recall, precision + recall)
    places = (lowest + np.append(lowest[1:], 0.0)) / 2
    good = places[f1 >= f1.max() - 1e-12]
    return float(good[np.abs(good - 0.5).argmin()])


def probabilities(logits: np.ndarray) -> np.ndarray:
    """float64 in [0, 1]."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(logits, np.float64)))


def best_thresholds(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The best threshold of every label on these pictures: [k]."""
    found = probabilities(logits)
    return np.array(
        [best_threshold(found[:, label], truth[:, label]) for label in range(truth.shape[1])]
    )


def log_losses(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The mean over labels of the binary cross entropy of every picture, in nats: [n]."""
    logits = np.asarray(logits, np.float64)
    return (np.logaddexp(0.0, logits) - truth * logits).mean(1)


def label_ranking_average_precisions(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """What `training.multi_label.ranking_precision` is, in float64: [n]."""
    own = np.asarray(truth, np.float64)
    found = np.empty(len(own))
    for place, (row, mine) in enumerate(zip(np.asarray(logits), own, strict=True)):
        above = row[None] >= row[:, None]  # [label other]
        found[place] = (
            (mine * (above @ mine) / above.sum(1)).sum() / mine.sum() if mine.any() else 1.0
        )
    return found


def per_label_metrics(
    logits: np.ndarray, truth: np.ndarray, thresholds: np.ndarray
) -> dict[str, np.ndarray]:
    """average_precision, f1, precision, recall, support and base_share of every label, each [k]."""
    said = probabilities(logits) >= thresholds
    hits, support, answers = (said * truth).sum(0), truth.sum(0), said.sum(0)
    return {
        "average_precision": np.array(
            [average_precision(*pair) for pair in zip(logits.T, truth.T, strict=True)]
        ),
        "f1": safe_divide(2 * hits, support + answers),
        "precision": safe_divide(hits, answers),
        "recall": safe_divide(hits, support),
        "support": support.astype(np.int64),
        "base_share": support / len(truth),
    }


def multilabel_metrics(
    logits: np.ndarray, truth: np.ndarray, thresholds: np.ndarray
) -> dict[str, float]:
    """Every metric of a split, the telling ones first.

    exact_accuracy: pictures with all labels right. label_accuracy: single answers that are right. Micro averages count
    answers, macro averages labels.
    """
    each = per_label_metrics(logits, truth, thresholds)
    said = probabilities(logits) >= thresholds
    hits, answers, support = (said * truth).sum(), said.sum(), truth.sum()
    known = each["support"] > 0
    return {
        "mean_average_precision": float(each["average_precision"][known].mean())
        if known.any()
        else 0.0,
        "macro_f1": float(each["f1"].mean()),
        "micro_f1": float(safe_divide(2 * hits, answers + support)),
        "exact_accuracy": float((said == truth).all(1).mean()),
        "ranking_precision": float(label_ranking_average_precisions(logits, truth).mean()),
        "label_accuracy": float((said == truth).mean()),
        "loss": float(log_losses(logits, truth).mean()),
        "macro_precision": float(each["precision"].mean()),
        "macro_recall": float(each["recall"].mean()),
        "micro_precision": float(safe_divide(hits, answers)),
        "micro_recall": float(safe_divide(hits, support)),
    }


def most_common_label_set(truth: np.ndarray) -> np.ndarray:
    """The set of labels that most pictures have, the first of equals: [k] of zeros and ones."""
    sets, counts = np.unique(truth, axis=0, return_counts=True)
    return sets[counts.argmax()]


def multilabel_baselines(
    truths: Mapping[str, np.ndarray], tuning: str
) -> dict[str, dict[str, Any]]:
    """split -> `scores` of telling every picture how frequent each label is in training.

    Thresholds are those of the network's own procedure on the split `tuning`, so every label that occurs there is
    said. All that asks for the whole answer to be right is of the commonest set of labels instead, and the share of
    single answers of the labels that more than half of the training pictures have.
    """
    train = truths["train"]
    rates = np.clip(train.mean(0), 0.5 / len(train), 1 - 0.5 / len(train))
    logits, whole = np.log(rates / (1 - rates)), most_common_label_set(train)
    spread = {name: np.broadcast_to(logits, truth.shape) for name, truth in truths.items()}
    thresholds = best_thresholds(spread[tuning], truths[tuning])
    return {
        name: multilabel_metrics(spread[name], truth, thresholds)
        | {
            "exact_accuracy": float((truth == whole).all(1).mean()),
            "label_accuracy": float((truth == (rates > 0.5)).mean()),
        }
        for name, truth in truths.items()
    }
