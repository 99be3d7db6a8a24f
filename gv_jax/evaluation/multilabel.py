"""Evaluation of multi-label classification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.evaluation import multilabel_metrics
from gv_jax.evaluation.class_metrics import safe_divide
from gv_jax.evaluation.confidence import Confidence
from gv_jax.evaluation.splits import SPLIT_TITLES, select_main_split
from gv_jax.evaluation.temperature import Temperature, choose_temperature
from gv_jax.wording import count_noun


@dataclass(frozen=True)
class MultilabelEvaluation:
    """The evaluation of a run.

    Attributes:
        results: Values for results.json.
        predictions: A row per image of every split: {"id", "label", "predicted" (labels joined
            with |), "exact_accuracy", "ranking_precision", "loss", "split", and "p(<label>)" for
            every label}.
        main_split: The split that per-label results and figures are about.
        tuning_split: The split that thresholds are chosen on.
        dataset: The data set.
        logits: Split -> calibrated logits [n k].
        thresholds: Calibrated probability from which on each label is predicted [k].
        confidence: The calibration.
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    main_split: str
    tuning_split: str
    dataset: Dataset
    logits: Mapping[str, np.ndarray]
    thresholds: np.ndarray
    confidence: Confidence


def evaluate_multilabel(
    outputs: Mapping[str, np.ndarray], dataset: Dataset
) -> MultilabelEvaluation:
    """Computes calibration, thresholds, metrics, baseline and predictions.

    One temperature for all labels is fitted to the valid split (`choose_temperature`). The loss is
    that of the network without it. The threshold of a label is that of its highest F1 on the valid
    split, or on train without one.

    Args:
        outputs: Split -> logits [n k], in the order of the images of the split.
        dataset: The data set with these splits, of which "train" is one.
    """
    main_split = select_main_split(outputs)
    tuning_split = "valid" if "valid" in outputs else "train"
    targets = {split: dataset.splits[split].labels for split in outputs}
    temperature, problem = (
        choose_temperature(outputs["valid"], targets["valid"])
        if "valid" in outputs
        else Temperature(1.0)
    )
    calibrated = {split: logits / temperature for split, logits in outputs.items()}
    thresholds = multilabel_metrics.best_thresholds(calibrated[tuning_split], targets[tuning_split])
    label_set = multilabel_metrics.most_common_label_set(targets["train"])
    results: dict[str, Any] = {
        "baseline": {
            "name": "label frequencies",
            "class": " + ".join(select_names(dataset.classes, label_set)) or "no label",
            **multilabel_metrics.multilabel_baselines(targets, tuning_split),
        }
    }
    losses = {
        split: multilabel_metrics.log_losses(logits, targets[split])
        for split, logits in outputs.items()
    }
    for split, logits in calibrated.items():
        metrics = multilabel_metrics.multilabel_metrics(logits, targets[split], thresholds)
        metrics["loss"] = float(losses[split].mean())
        results[split] = {"count": len(logits), **metrics}
    results["summary"] = summarize_multilabel(
        results, main_split, tuning_split, len(dataset.classes)
    )
    results["main_split"], results["thresholds_from"] = main_split, tuning_split
    results["classes"] = list(dataset.classes)
    main_targets = targets[main_split]
    results["per_class"] = per_label_rows(
        calibrated[main_split], main_targets, thresholds, dataset.classes
    )
    if "valid" in outputs:
        results["confidence"] = {
            "temperature": temperature,
            "fitted_to": 0 if problem else len(outputs["valid"]),
            **({"not_fitted": problem} if problem else {}),
        }
    predicted = multilabel_metrics.sigmoid(calibrated[main_split]) >= thresholds
    co_predictions = safe_divide(main_targets.T @ predicted, main_targets.sum(0)[:, None])
    results["label_confusion"] = co_predictions.tolist()
    predictions = [
        row
        for split, logits in calibrated.items()
        for row in multilabel_rows(split, logits, losses[split], thresholds, dataset)
    ]
    confidence = Confidence(temperature, label_thresholds=thresholds)
    return MultilabelEvaluation(
        results,
        predictions,
        main_split,
        tuning_split,
        dataset,
        calibrated,
        thresholds,
        confidence,
    )


def summarize_multilabel(
    results: Mapping[str, Any], main_split: str, tuning_split: str, num_labels: int
) -> str:
    """The most important metrics, each with its baseline.

    Args:
        results: Values for results.json, with "baseline" and the splits.
        main_split: The split that is summarized.
        tuning_split: The split that thresholds are chosen on.
        num_labels: Number of labels of the data set.
    """
    metrics, baseline = results[main_split], results["baseline"][main_split]

    def with_baseline(title: str, name: str) -> str:
        value, baseline_value = 100 * metrics[name], 100 * baseline[name]
        return f"{title} {value:.1f} % (baseline {baseline_value:.1f} %)"

    average_precision = with_baseline("mean average precision", "mean_average_precision")
    return (
        f"{SPLIT_TITLES[main_split]} {average_precision} "
        f"on {count_noun(num_labels, 'label')} and {count_noun(metrics['count'], 'image')}. "
        f"{with_baseline('Macro F1', 'macro_f1')} and {with_baseline('micro F1', 'micro_f1')}, "
        f"with thresholds chosen on the {tuning_split} split. "
        f"{with_baseline('Exact-match accuracy', 'exact_accuracy')}; its baseline is the most "
        f'common label set of training ("{results["baseline"]["class"]}").'
    )


def per_label_rows(
    logits: np.ndarray, targets: np.ndarray, thresholds: np.ndarray, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """A row per label, the lowest average precision first and labels without support last.

    Args:
        logits: Network outputs [n k].
        targets: 0 or 1 [n k].
        thresholds: Probability from which on each label is predicted [k].
        classes: Names of the labels.
    """
    metrics = multilabel_metrics.per_label_metrics(logits, targets, thresholds)
    rows = [
        {
            "class": name,
            **{key: values[index].item() for key, values in metrics.items()},
            "threshold": round(float(thresholds[index]), 4),
        }
        for index, name in enumerate(classes)
    ]
    return sorted(rows, key=lambda row: (row["support"] == 0, row["average_precision"]))


def multilabel_rows(
    split: str,
    logits: np.ndarray,
    losses: np.ndarray,
    thresholds: np.ndarray,
    dataset: Dataset,
) -> list[dict[str, Any]]:
    """The prediction for every image of a split.

    Args:
        split: Name of the split.
        logits: Calibrated outputs of the network [n k].
        losses: Its loss on every image [n].
        thresholds: Probability from which on each label is predicted [k].
        dataset: The data set.
    """
    part, classes = dataset.splits[split], dataset.classes
    probs = multilabel_metrics.sigmoid(logits)
    predicted = probs >= thresholds
    ranking = multilabel_metrics.ranking_precisions(logits, part.labels)
    return [
        {
            "id": image_id,
            "label": "|".join(select_names(classes, part.labels[index])),
            "predicted": "|".join(select_names(classes, predicted[index])),
            "exact_accuracy": int((predicted[index] == part.labels[index]).all()),
            "ranking_precision": round(float(ranking[index]), 6),
            "loss": round(float(losses[index]), 6),
            "split": split,
            **{
                f"p({name})": round(float(prob), 6)
                for name, prob in zip(classes, probs[index], strict=True)
            },
        }
        for index, image_id in enumerate(part.ids)
    ]


def select_names(names: Sequence[str], mask: np.ndarray) -> list[str]:
    """The names whose entry of `mask` [k] is 1 or True."""
    return [name for name, selected in zip(names, mask, strict=True) if selected]
