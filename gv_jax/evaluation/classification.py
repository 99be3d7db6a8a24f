"""Evaluation of single-label classification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.evaluation import class_metrics
from gv_jax.evaluation.calibration import calibrate, calibration_results
from gv_jax.evaluation.confidence import Confidence
from gv_jax.evaluation.splits import SPLIT_TITLES, select_main_split
from gv_jax.wording import count_noun

MAX_CONFUSIONS = 12  # rows of the table of the most frequent confusions


@dataclass(frozen=True)
class ClassificationEvaluation:
    """The evaluation of a run.

    Attributes:
        results: Values for results.json.
        predictions: A row per image of every split: {"id", "label", "predicted", "confidence",
            "split"}.
        main_split: The split that per-class results and figures are about.
        dataset: The data set.
        log_probs: Split -> calibrated log-probabilities [n k].
        confidence: The calibration.
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    main_split: str
    dataset: Dataset
    log_probs: dict[str, np.ndarray]
    confidence: Confidence


def evaluate_classification(
    outputs: Mapping[str, np.ndarray], dataset: Dataset
) -> ClassificationEvaluation:
    """Computes metrics, baseline and predictions.

    Args:
        outputs: Split -> logits [n k], in the order of the images of the split.
        dataset: The data set with these splits, of which "train" is one.
    """
    num_classes = len(dataset.classes)
    split_labels = {split: dataset.splits[split].labels for split in outputs}
    calibrated = calibrate(outputs, split_labels)
    log_probs = calibrated.log_probs
    main_split = select_main_split(log_probs)
    labels, predicted = dataset.splits[main_split].labels, log_probs[main_split].argmax(1)
    matrix = class_metrics.confusion_matrix(labels, predicted, num_classes)
    majority, log_priors = class_metrics.majority_class(dataset.splits["train"].labels, num_classes)
    is_balanced = len(set(np.exp(log_priors).round(12))) == 1
    name = "single class" if is_balanced else "majority class"
    baseline: dict[str, Any] = {"name": name, "class": dataset.classes[majority]}
    results: dict[str, Any] = {"baseline": baseline}
    for split, logits in outputs.items():
        uncalibrated = class_metrics.log_softmax(logits)
        results[split] = {
            "count": len(logits),
            **class_metrics.classification_metrics(uncalibrated, split_labels[split]),
            "ece": class_metrics.calibration(calibrated.measured[split], split_labels[split])[
                "ece"
            ],
        }
        baseline[split] = class_metrics.baseline_metrics(log_priors, split_labels[split])
    results["summary"] = summarize_classification(results, main_split, num_classes)
    results["main_split"] = main_split
    results["classes"] = list(dataset.classes)
    per_class = class_metrics.per_class_metrics(labels, predicted, num_classes)
    results["per_class"] = per_class_rows(per_class, dataset)
    results["top_confusions"] = confusion_rows(matrix, dataset.classes)
    results["confusion"] = matrix.tolist()
    results["calibration"] = class_metrics.calibration(calibrated.measured[main_split], labels)
    results["confidence"] = calibration_results(calibrated, outputs, split_labels, main_split)
    if 1 < len(set(dataset.groups.values())) < num_classes:
        results["groups"] = group_results(matrix, dataset)
    predictions = [
        row
        for split, split_log_probs in log_probs.items()
        for row in classification_rows(split, split_log_probs, dataset)
    ]
    return ClassificationEvaluation(
        results, predictions, main_split, dataset, log_probs, calibrated.confidence
    )


def summarize_classification(results: Mapping[str, Any], main_split: str, num_classes: int) -> str:
    """The accuracy with its confidence interval, and whether it differs from the baseline's."""
    count, accuracy = results[main_split]["count"], results[main_split]["accuracy"]
    correct = round(accuracy * count)
    low, high = class_metrics.wilson_interval(correct, count)
    interval = f"{100 * low:.1f}\N{EN DASH}{100 * high:.1f}"
    baseline = results["baseline"]
    baseline_accuracy = baseline[main_split]["accuracy"]
    name = baseline["name"].replace(" ", "-")
    images = count_noun(count, "image")
    sentences = [
        f"{SPLIT_TITLES[main_split]} accuracy {100 * accuracy:.1f} % "
        f"({correct:,} of {images}; 95 % CI {interval}) "
        f"on {count_noun(num_classes, 'class')}.",
        f'{name[0].upper()}{name[1:]} baseline ("{baseline["class"]}"): '
        f"{100 * baseline_accuracy:.1f} %.",
    ]
    if low <= baseline_accuracy <= high:
        sentences.append(f"The accuracy is not distinguishable from the {name} baseline.")
    elif high < baseline_accuracy:
        sentences.append(f"The accuracy is below the {name} baseline.")
    return " ".join(sentences)


def per_class_rows(
    per_class: class_metrics.PerClassMetrics, dataset: Dataset
) -> list[dict[str, Any]]:
    """A row per class, the lowest F1 first and classes without support last."""
    rows = [
        {
            "class": name,
            "f1": float(per_class.f1[index]),
            "precision": float(per_class.precision[index]),
            "recall": float(per_class.recall[index]),
            "support": int(per_class.support[index]),
            **({"group": dataset.groups[name]} if dataset.groups else {}),
        }
        for index, name in enumerate(dataset.classes)
    ]
    return sorted(rows, key=lambda row: (row["support"] == 0, row["f1"]))


def confusion_rows(matrix: np.ndarray, classes: Sequence[str]) -> list[dict[str, Any]]:
    """The most frequent confusions; `fraction` is that of the true class."""
    errors = matrix - np.diag(matrix.diagonal())
    order = np.argsort(-errors, axis=None, kind="stable")[:MAX_CONFUSIONS]
    pairs = [np.unravel_index(cell, errors.shape) for cell in order]
    return [
        {
            "true": classes[true],
            "predicted": classes[predicted],
            "count": int(errors[true, predicted]),
            "fraction": float(errors[true, predicted] / matrix[true].sum()),
        }
        for true, predicted in pairs
        if errors[true, predicted]
    ]


def group_results(matrix: np.ndarray, dataset: Dataset) -> dict[str, Any]:
    """Accuracy and confusion matrix of the groups; fractions of errors within and across them."""
    names, group_matrix = class_metrics.group_confusion(matrix, dataset.classes, dataset.groups)
    total, correct, correct_group = matrix.sum(), matrix.trace(), group_matrix.trace()
    errors = max(total - correct, 1)
    return {
        "names": list(names),
        "accuracy": float(correct_group / total),
        "within_group_error_fraction": float((correct_group - correct) / errors),
        "across_group_error_fraction": float((total - correct_group) / errors),
        "confusion": group_matrix.tolist(),
    }


def classification_rows(
    split: str, log_probs: np.ndarray, dataset: Dataset
) -> list[dict[str, Any]]:
    """The prediction for every image of a split."""
    part = dataset.splits[split]
    predicted, confidences = log_probs.argmax(1), np.exp(log_probs.max(1))
    columns = zip(part.ids, part.labels, predicted, confidences, strict=True)
    return [
        {
            "id": image_id,
            "label": dataset.classes[label],
            "predicted": dataset.classes[predicted_label],
            "confidence": round(float(confidence), 6),
            "split": split,
        }
        for image_id, label, predicted_label, confidence in columns
    ]
