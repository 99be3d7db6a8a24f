"""Evaluation of colorization."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gv_jax.data.arrays import Dataset
from gv_jax.data.clips import consecutive_pairs
from gv_jax.evaluation.splits import SPLIT_TITLES, WHOLE_IMAGES, select_main_split
from gv_jax.evaluation.super_resolution import mean_float64
from gv_jax.evaluation.whole_images import WholeImages
from gv_jax.wording import count_noun

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
        predictions: A row per image of every split, and of WHOLE_IMAGES: {"id", "game",
            COLOR_METRICS but the loss, "gray_lookup_mse", "gray_lookup_ciede2000", "split"}.
        main_split: The split that figures are about.
        dataset: The data set.
        errors: Mean CIEDE2000 of each image of the main split [n].
        whole: Images of the main split at their own size; None if they are not measured.
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    main_split: str
    dataset: Dataset
    errors: np.ndarray
    whole: WholeImages | None = None


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
    baseline |= mean_baseline_metrics(main_values, main_has_next)
    results["main_split"] = main_split
    results["baselines"] = comparison_rows(results[main_split], baseline)
    every_index = range(len(main_values["mse"]))
    results["per_game"] = per_game_rows(main_values, dataset, main_split, every_index)
    results["color_head"], results["channels"] = color_head, channels
    results["summary"] = summarize_colorization(results, main_split)
    predictions = []
    for split, values in outputs.items():
        part = dataset.splits[split]
        labels = np.asarray(part.labels)
        predictions += colorization_rows(split, values, part.ids, labels, dataset.classes)
    return ColorizationEvaluation(
        results, predictions, main_split, dataset, main_values["ciede2000"]
    )


def add_whole_images(
    evaluation: ColorizationEvaluation, whole: WholeImages
) -> ColorizationEvaluation:
    """Adds the metrics of whole images, and compares methods and games by them.

    The metrics are those of a further split, WHOLE_IMAGES, with "of", the split of the images, and
    "of_count", the number of images in it.

    Args:
        evaluation: The evaluation at the size of the network input.
        whole: The images.
    """
    split = evaluation.main_split
    part = evaluation.dataset.splits[split]
    ids = [part.ids[index] for index in whole.indices]
    has_next = has_next_frame(ids)
    metrics: dict[str, Any] = {
        "of": split,
        "of_count": len(part.ids),
        "count": len(ids),
        **mean_color_metrics(whole.outputs, "", has_next),
    }
    baselines = mean_baseline_metrics(whole.outputs, has_next)
    results = {
        **evaluation.results,
        WHOLE_IMAGES: metrics,
        "baseline": {**evaluation.results["baseline"], WHOLE_IMAGES: baselines[MAIN_BASELINE]},
        "baselines": comparison_rows(metrics, baselines),
        "per_game": per_game_rows(whole.outputs, evaluation.dataset, split, whole.indices),
        "summary": summarize_whole_images(metrics, baselines[MAIN_BASELINE]),
    }
    labels = np.asarray(part.labels)[list(whole.indices)]
    rows = colorization_rows(WHOLE_IMAGES, whole.outputs, ids, labels, evaluation.dataset.classes)
    predictions = [*evaluation.predictions, *rows]
    return replace(evaluation, results=results, predictions=predictions, whole=whole)


def mean_baseline_metrics(
    values: ColorizationOutputs, has_next: np.ndarray
) -> dict[str, dict[str, float]]:
    """Name -> metrics of every baseline, and the flicker of the originals if there is any.

    Args:
        values: Metric -> values [n].
        has_next: Whether the next image is the next frame, bool [n].
    """
    baselines = {name: mean_color_metrics(values, f"{name}/", has_next) for name in COLOR_BASELINES}
    flicker = mean_flicker(values, "original/", has_next)
    return baselines if flicker is None else {**baselines, "original": {"flicker": flicker}}


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


def comparison_rows(
    metrics: Mapping[str, Any], baselines: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The metrics of the network and of all baselines, a row each.

    Args:
        metrics: Metrics of the network.
        baselines: Name of a baseline -> its metrics; "original" may have a flicker.
    """
    methods = {"network": metrics, **{name: baselines[name] for name in COLOR_BASELINES}}
    if "original" in baselines:
        methods["original"] = baselines["original"]
    names = [*COLOR_METRICS[:-1], "flicker"]
    return [
        {
            "method": method.replace("_", " "),
            **{name: metrics[name] for name in names if name in metrics},
        }
        for method, metrics in methods.items()
    ]


def per_game_rows(
    values: ColorizationOutputs, dataset: Dataset, main_split: str, indices: Sequence[int]
) -> list[dict[str, Any]]:
    """A row per class of the images, the highest CIEDE2000 first.

    Args:
        values: Metric -> values [n].
        dataset: The data set.
        main_split: Its split with the images.
        indices: Their indices in the split [n].
    """
    labels = np.asarray(dataset.splits[main_split].labels)[list(indices)]
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
        f"{count_noun(metrics['count'], 'image')}, with {100 * metrics['within_5']:.1f} % of "
        f"pixels within 5; gray lookup {baseline['ciede2000']:.2f} and "
        f"{100 * baseline['within_5']:.1f} %. MSE of a and b {metrics['mse']:.4g} "
        f"(baseline {baseline['mse']:.4g})."
    )


def summarize_whole_images(metrics: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """The most important metrics of whole images beside those of the main baseline."""
    pronoun = "it" if metrics["count"] == 1 else "them"
    return (
        f"{SPLIT_TITLES[metrics['of']]} CIEDE2000 {metrics['ciede2000']:.2f} on "
        f"{count_noun(metrics['count'], 'whole image')}, as gv-jax colorize writes {pronoun}, with "
        f"{100 * metrics['within_5']:.1f} % of pixels within 5; gray lookup "
        f"{baseline['ciede2000']:.2f} and {100 * baseline['within_5']:.1f} %."
    )


def colorization_rows(
    split: str,
    values: ColorizationOutputs,
    ids: Sequence[str],
    labels: np.ndarray,
    classes: Sequence[str],
) -> list[dict[str, Any]]:
    """The metrics of every image.

    Args:
        split: Name of the split in the rows.
        values: Metric -> values [n].
        ids: Ids of the images.
        labels: Their labels, int [n].
        classes: Names of the labels.
    """
    columns = {name: name for name in COLOR_METRICS[:-1]}
    columns |= {
        f"{MAIN_BASELINE}_{name}": f"{MAIN_BASELINE}/{name}" for name in ("mse", "ciede2000")
    }
    return [
        {
            "id": image_id,
            "game": classes[labels[index]],
            **{
                column: float(f"{values[name][index]:.6g}")
                for column, name in columns.items()
                if name in values
            },
            "split": split,
        }
        for index, image_id in enumerate(ids)
    ]
