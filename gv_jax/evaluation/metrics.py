"""The registry of metrics: title, unit, direction and format of every named number of a run.

Reports, searches and ablations ask here how a metric is shown and which of two values is better.
Nothing else decides this.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

SPLIT_PREFIXES = ("train", "valid", "test", "baseline")  # as in "valid_psnr", "baseline_psnr"


@dataclass(frozen=True)
class Metric:
    """How a number is named, shown and compared.

    Attributes:
        title: Name in running text, as in "macro F1".
        unit: "%" for a fraction in [0, 1], which is shown times 100; "s" for seconds, which are
            shown as a duration; else the unit itself, or "" without one.
        direction: "max" if higher is better, "min" if lower is, "" if neither.
        format: Format spec of the shown number; "" for three significant digits.
    """

    title: str
    unit: str = ""
    direction: Literal["max", "min", ""] = ""
    format: str = ""


def _fraction(title: str, direction: Literal["max", "min", ""] = "max") -> Metric:
    return Metric(title, "%", direction, ".1f")


def _averages() -> dict[str, Metric]:
    measures = {"precision": "precision", "recall": "recall", "f1": "F1"}
    return {
        f"{average}_{name}": _fraction(f"{average} {title}")
        for average in ("macro", "weighted", "micro")
        for name, title in measures.items()
    }


METRICS: dict[str, Metric] = {
    "loss": Metric("loss", direction="min"),
    # Classification
    "accuracy": _fraction("accuracy"),
    "balanced_accuracy": _fraction("balanced accuracy"),
    "top5_accuracy": _fraction("top-5 accuracy"),
    "precision": _fraction("precision"),
    "recall": _fraction("recall"),
    "f1": _fraction("F1"),
    **_averages(),
    "ece": _fraction("ECE", "min"),
    "uncalibrated_ece": _fraction("ECE before calibration", "min"),
    "confidence": _fraction("confidence", ""),
    "min_confidence": Metric("confidence from", format=".3f"),
    "requested_precision": Metric("requested precision", "%", "", ".0f"),
    "accepted": _fraction("accepted images", ""),
    # Multi-label classification
    "average_precision": _fraction("average precision"),
    "mean_average_precision": _fraction("mean average precision"),
    "exact_accuracy": _fraction("exact-match accuracy"),
    "label_accuracy": _fraction("label accuracy"),
    "ranking_precision": _fraction("label ranking average precision"),
    "base_rate": _fraction("base rate", ""),
    "threshold": Metric("threshold", format=".3f"),
    # Images
    "mse": Metric("MSE", direction="min"),
    "mae": Metric("MAE", direction="min"),
    "psnr": Metric("PSNR", "dB", "max", ".2f"),
    "ssim": Metric("SSIM", direction="max", format=".3f"),
    # Colors
    "ciede2000": Metric("CIEDE2000", direction="min"),
    "within_5": _fraction("pixels within CIEDE2000 5"),
    "colorfulness": Metric("colorfulness"),
    "colorfulness_error": Metric("colorfulness error", direction="min"),
    "flicker": Metric("flicker", direction="min"),
    # Generated images
    "kid": Metric("KID", direction="min"),
    "kid_error": Metric("standard error of KID"),
    "class_accuracy": _fraction("class accuracy"),
    "copies": _fraction("copies", "min"),
    "seam_score": Metric("seam score", direction="min", format=".2f"),
    "colors": Metric("colors", format=",.0f"),
    # Counts and parts
    "count": Metric("count", format=","),
    "support": Metric("support", format=","),
    "fraction": _fraction("fraction", ""),
    # Linear probe
    "penalty": Metric("L2 penalty", format="g"),
    "interval": Metric("95 % CI"),
    "held_out_accuracy": _fraction("held-out accuracy"),
    "held_out_ranking_precision": _fraction("held-out label ranking average precision"),
    # Training and cost
    "epoch": Metric("epoch", format=","),
    "step": Metric("step", format=","),
    "learning_rate": Metric("learning rate"),
    "images_per_second": Metric("images per second", direction="max", format=",.0f"),
    "data_wait": _fraction("waiting for data", "min"),
    "data_wait_s": Metric("waiting for data", "s", "min"),
    "data_s": Metric("data", "s", "min"),
    "compile_s": Metric("compilation", "s", "min"),
    "train_s": Metric("training", "s", "min"),
    "evaluate_s": Metric("evaluation", "s", "min"),
    "total_s": Metric("total", "s", "min"),
    "peak_memory_mb": Metric("peak memory", "MB", "min", ",.0f"),
    "state_mb_per_device": Metric("weights and optimizer state per device", "MB", "min", ",.1f"),
}


def get_metric(name: str) -> Metric:
    """The metric of a full name.

    A split may stand before it, as in "test.ciede2000" and "valid_accuracy", and "baseline", as in
    "baseline_psnr". These prefixes are part of the title, except for the split before a dot. A name
    that is not in METRICS has no unit, counts as better the higher it is, and its title is the name
    with spaces.
    """
    name = name.rpartition(".")[2]
    prefixes, rest = [], name
    while rest not in METRICS:
        prefix, _, shorter = rest.partition("_")
        if prefix not in SPLIT_PREFIXES or not shorter:
            return Metric(name.replace("_", " "), direction="max")
        prefixes.append(prefix)
        rest = shorter
    metric = METRICS[rest]
    return replace(metric, title=" ".join([*prefixes, metric.title]))


def lower_is_better(name: str) -> bool:
    """Whether lower values of the metric of this full name are better."""
    return get_metric(name).direction == "min"


def is_fraction(name: str) -> bool:
    """Whether values of the metric of this full name are in [0, 1] and shown in percent."""
    return get_metric(name).unit == "%"


def value_limits(name: str) -> tuple[float, float]:
    """The lowest and highest value that an interval of the metric of this full name can have."""
    return (0.0, 1.0) if is_fraction(name) else (-math.inf, math.inf)
