"""Evaluation of super-resolution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.evaluation.splits import SPLIT_TITLES, select_main_split
from gv_jax.wording import count_noun

# Of each image of a split: "psnr", "ssim", ..., and "baseline_psnr", ... of bicubic upsampling.
SuperResolutionOutputs = Mapping[str, np.ndarray]
SUPER_RESOLUTION_METRICS = ("psnr", "ssim", "mse", "loss")  # the most important first
BASELINE_NAME = "bicubic"


@dataclass(frozen=True)
class SuperResolutionEvaluation:
    """The evaluation of a run.

    Attributes:
        results: Values for results.json.
        predictions: A row per image of every split: {"id", "mse", "psnr", "ssim", "baseline_psnr",
            "gain_db", "split"}.
        main_split: The split that figures are about.
        dataset: The data set.
        gains: PSNR over that of the baseline, of each image of the main split, in dB [n].
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    main_split: str
    dataset: Dataset
    gains: np.ndarray


def evaluate_super_resolution(
    outputs: Mapping[str, SuperResolutionOutputs], dataset: Dataset
) -> SuperResolutionEvaluation:
    """Computes mean metrics, baseline and gains.

    Args:
        outputs: Split -> metric -> values [n], in the order of the images of the split.
        dataset: The data set with these splits.
    """
    main_split = select_main_split(outputs)
    baseline: dict[str, Any] = {"name": BASELINE_NAME}
    results: dict[str, Any] = {"baseline": baseline}
    for split, values in outputs.items():
        results[split] = {
            "count": len(values["psnr"]),
            **{name: mean_float64(values[name]) for name in SUPER_RESOLUTION_METRICS},
        }
        baseline[split] = {
            name: mean_float64(values[f"baseline_{name}"]) for name in SUPER_RESOLUTION_METRICS
        }
    gains = psnr_gain(outputs[main_split])
    results["gain"] = {
        "mean_db": mean_float64(gains),
        "median_db": float(np.median(gains)),
        "improved_fraction": mean_float64(gains > 0),
    }
    results["summary"] = summarize_super_resolution(results, main_split)
    results["main_split"] = main_split
    predictions = [
        row
        for split, values in outputs.items()
        for row in super_resolution_rows(split, values, dataset)
    ]
    return SuperResolutionEvaluation(results, predictions, main_split, dataset, gains)


def mean_float64(values: np.ndarray) -> float:
    """The mean of `values`, summed in float64."""
    return float(values.sum(dtype=np.float64) / len(values))


def psnr_gain(values: SuperResolutionOutputs) -> np.ndarray:
    """PSNR over that of the baseline in dB, float64 [n]."""
    return values["psnr"].astype(np.float64) - values["baseline_psnr"]


def summarize_super_resolution(results: Mapping[str, Any], main_split: str) -> str:
    """PSNR and SSIM beside those of the baseline, and the gain."""
    metrics, baseline = results[main_split], results["baseline"][main_split]
    gain = results["gain"]
    return (
        f"{SPLIT_TITLES[main_split]} PSNR {metrics['psnr']:.2f} dB and SSIM {metrics['ssim']:.3f} "
        f"on {count_noun(metrics['count'], 'image')}; {BASELINE_NAME} baseline "
        f"{baseline['psnr']:.2f} dB and {baseline['ssim']:.3f}. "
        f"Mean gain {gain['mean_db']:+.2f} dB per image; "
        f"{100 * gain['improved_fraction']:.1f} % of the images improve."
    )


def super_resolution_rows(
    split: str, values: SuperResolutionOutputs, dataset: Dataset
) -> list[dict[str, Any]]:
    """The metrics of every image of a split."""
    gains = psnr_gain(values)
    return [
        {
            "id": image_id,
            "mse": float(f"{values['mse'][index]:.6g}"),
            "psnr": round(float(values["psnr"][index]), 4),
            "ssim": round(float(values["ssim"][index]), 6),
            "baseline_psnr": round(float(values["baseline_psnr"][index]), 4),
            "gain_db": round(float(gains[index]), 4),
            "split": split,
        }
        for index, image_id in enumerate(dataset.splits[split].ids)
    ]
