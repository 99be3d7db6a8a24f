"""Evaluation of colorization."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.data.clips import consecutive_pairs
from gv_jax.evaluation.splits import SPLIT_TITLES, select_main_split
from gv_jax.evaluation.super_resolution import mean_float64

# Of each image of a split: "ciede2000", ..., "gray_lookup/ciede2000", ... of every baseline, and
# "change", "gray/change", ..., "original/change" and "pixels" between it and the next image.
ColorizationOutputs = Mapping[str, np.ndarray]
COLOR_METRICS = (  # the most important first
    "ciede2000",
    "within_5",
    "mse",
    "psnr",
    "ssim",
    "mae",
    "colorfulness",
    "colorfulness_error",
    "loss",
)
COLOR_BASELINES = ("gray", "mean_color", "gray_lookup")
MAIN_BASELINE = "gray_lookup"  # the strongest one, which the network is compared with


@dataclass(frozen=True)
class ColorizationEvaluation:
    """The evaluation of a run.

    Attributes:
        results: Values for results.json.
        predictions: A row per image of every split: {"id", "game", COLOR_METRICS but the loss,
            "lookup_mse", "lookup_ciede2000", "split"}.
        main_split: The split that figures are about.
        dataset: The data set.
        errors: Mean CIEDE2000 of each image of the main split [n].
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    main_split: str
    dataset: Dataset
    errors: np.ndarray


def evaluate_colorization(
    outputs: Mapping[str, ColorizationOutputs],
    dataset: Dataset,
    color_head: Any = None,
    channels: int = 2,
) -> ColorizationEvaluation:
    """Computes mean metrics, flicker and baselines.

    Args:
        outputs: Split -> metric -> values [n], in the order of the images of the split.
        dataset: The data set with these splits.
        color_head: The fitted color head as JSON, stored in the results for inference.
        channels: Channels that the head predicts, likewise stored.
    """
    main_split = select_main_split(outputs)
    has_next = {split: has_next_frame(dataset.splits[split].ids) for split in outputs}
    baseline: dict[str, Any] = {"name": "gray lookup"}
    results: dict[str, Any] = {"baseline": baseline}
    for split, values in outputs.items():
        results[split] = {
            "count": len(values["mse"]),
            **mean_color_metrics(values, "", has_next[split]),
        }
        baseline[split] = mean_color_metrics(values, f"{MAIN_BASELINE}/", has_next[split])
    main_values, main_has_next = outputs[main_split], has_next[main_split]
    for name in COLOR_BASELINES:
        baseline[name] = mean_color_metrics(main_values, f"{name}/", main_has_next)
    original_flicker = mean_flicker(main_values, "original/", main_has_next)
    if original_flicker is not None:
        baseline["original"] = {"flicker": original_flicker}
    results["main_split"] = main_split
    results["baselines"] = comparison_rows(results, main_split)
    results["per_game"] = per_game_rows(main_values, dataset, main_split)
    results["color_head"], results["channels"] = color_head, channels
    results["summary"] = summarize_colorization(results, main_split)
    predictions = [
        row
        for split, values in outputs.items()
        for row in colorization_rows(split, values, dataset)
    ]
    return ColorizationEvaluation(
        results, predictions, main_split, dataset, main_values["ciede2000"]
    )


def mean_color_metrics(
    values: ColorizationOutputs, prefix: str, has_next: np.ndarray
) -> dict[str, float]:
    """The means of all metrics, and the flicker if there are consecutive frames.

    Args:
        values: Metric -> values [n].
        prefix: "" for the network, "gray/" and the like for a baseline.
        has_next: Whether the next image is the next frame, bool [n].
    """
    metrics = {
        name: mean_float64(values[prefix + name])
        for name in COLOR_METRICS
        if prefix + name in values
    }
    flicker = mean_flicker(values, prefix, has_next)
    return metrics if flicker is None else {**metrics, "flicker": flicker}


def has_next_frame(ids: Sequence[str]) -> np.ndarray:
    """bool [n]: whether the next image of a split is the next frame of the same clip."""
    has_next = np.zeros(len(ids), bool)
    has_next[[index for index, following in consecutive_pairs(ids) if following == index + 1]] = (
        True
    )
    return has_next


def mean_flicker(values: ColorizationOutputs, prefix: str, has_next: np.ndarray) -> float | None:
    """The mean change of a and b of a pixel of constant gray; arguments as of `mean_color_metrics`.

    None without consecutive frames.
    """
    pixels = values["pixels"][has_next].sum(dtype=np.float64)
    change = values[f"{prefix}change"][has_next].sum(dtype=np.float64)
    return float(change / pixels) if pixels else None


def comparison_rows(results: Mapping[str, Any], main_split: str) -> list[dict[str, Any]]:
    """The metrics of the network and of all baselines, a row each."""
    baseline = results["baseline"]
    methods = {"network": results[main_split], **{name: baseline[name] for name in COLOR_BASELINES}}
    if "original" in baseline:
        methods["original"] = baseline["original"]
    names = [*COLOR_METRICS[:-1], "flicker"]
    return [
        {
            "method": method.replace("_", " "),
            **{name: metrics[name] for name in names if name in metrics},
        }
        for method, metrics in methods.items()
    ]


def per_game_rows(
    values: ColorizationOutputs, dataset: Dataset, main_split: str
) -> list[dict[str, Any]]:
    """A row per class of the images, the highest CIEDE2000 first."""
    labels = np.asarray(dataset.splits[main_split].labels)
    rows = []
    for label in np.unique(labels):
        of_label = {name: array[labels == label] for name, array in values.items()}
        row: dict[str, Any] = {"game": dataset.classes[label], "count": len(of_label["mse"])}
        for name in ("ciede2000", "within_5", "mse"):
            row[name] = mean_float64(of_label[name])
            row[f"baseline_{name}"] = mean_float64(of_label[f"{MAIN_BASELINE}/{name}"])
        rows.append(row)
    return sorted(rows, key=lambda row: -row["ciede2000"])


def summarize_colorization(results: Mapping[str, Any], main_split: str) -> str:
    """The most important metrics beside those of the main baseline."""
    metrics, baseline = results[main_split], results["baseline"][MAIN_BASELINE]
    return (
        f"{SPLIT_TITLES[main_split]} CIEDE2000 {metrics['ciede2000']:.2f} on "
        f"{metrics['count']:,} images, with {100 * metrics['within_5']:.1f} % of pixels within 5; "
        f"gray-lookup baseline {baseline['ciede2000']:.2f} and "
        f"{100 * baseline['within_5']:.1f} %. MSE of a and b {metrics['mse']:.4g} "
        f"(baseline {baseline['mse']:.4g})."
    )


def colorization_rows(
    split: str, values: ColorizationOutputs, dataset: Dataset
) -> list[dict[str, Any]]:
    """The metrics of every image of a split."""
    part = dataset.splits[split]
    return [
        {
            "id": image_id,
            "game": dataset.classes[part.labels[index]],
            **{name: float(f"{values[name][index]:.6g}") for name in COLOR_METRICS[:-1]},
            "lookup_mse": float(f"{values[f'{MAIN_BASELINE}/mse'][index]:.6g}"),
            "lookup_ciede2000": float(f"{values[f'{MAIN_BASELINE}/ciede2000'][index]:.6g}"),
            "split": split,
        }
        for index, image_id in enumerate(part.ids)
    ]
