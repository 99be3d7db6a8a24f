"""How near the colours given to grey pictures come to the true ones: numbers and rows of predictions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gv_jax.data.clips import consecutive_pairs
from gv_jax.data.dataset import Dataset
from gv_jax.evaluation.super_resolution import mean_float64
from gv_jax.reporting.figures.color_examples import ColorizationEvaluation
from gv_jax.tasks.colorization import Colorization

ColorOutputs = Mapping[
    str, np.ndarray
]  # of every picture of a split: as `Colorization.record` keeps it
COLOR_METRICS = (  # the telling ones first
    "ciede2000",
    "within_5_share",
    "mse",
    "psnr",
    "ssim",
    "mae",
    "colourfulness",
    "colourfulness_error",
    "loss",
)
BASELINE_NAMES = ("grey", "mean_colour", "grey_lookup")
MAIN_BASELINE = "grey_lookup"  # the one that answers are measured against


def evaluate_colorization(
    records: Mapping[str, ColorOutputs], dataset: Dataset, task: Colorization
) -> ColorizationEvaluation:
    """What follows from the records of each split of `dataset`, in the order of its pictures."""
    main = next(name for name in ("test", "valid", "train") if name in records)
    pairs = {split: next_indices(dataset.splits[split].ids) for split in records}
    baseline: dict[str, Any] = {"name": "grey lookup"}
    results: dict[str, Any] = {"baseline": baseline}
    for split, record in records.items():
        results[split] = {
            "count": len(record["mse"]),
            **mean_color_metrics(record, "", pairs[split]),
        }
        baseline[split] = mean_color_metrics(record, f"{MAIN_BASELINE}/", pairs[split])
    for floor in BASELINE_NAMES:
        baseline[floor] = mean_color_metrics(records[main], f"{floor}/", pairs[main])
    original = mean_flicker(records[main], "original/", pairs[main])
    if original is not None:
        baseline["original"] = {"flicker": original}
    results["main_split"] = main
    results["floors"] = baseline_rows(results, main)
    results["per_game"] = per_source_rows(records[main], dataset, main)
    results["colours"], results["channels"] = task.head.kept, task.head.channels
    results["summary"] = summarize_colorization(results, main)
    rows = [
        row
        for split, record in records.items()
        for row in colorization_rows(split, record, dataset)
    ]
    return ColorizationEvaluation(results, rows, main, dataset, task, records[main]["ciede2000"])


def mean_color_metrics(record: ColorOutputs, of: str, following: np.ndarray) -> dict[str, float]:
    """The mean of every measure, and the flicker, of the answers ("") or of a floor's ("grey/")."""
    found = {
        name: mean_float64(metric_values(record, of, name))
        for name in COLOR_METRICS
        if f"{of}{source_of(name)}" in record
    }
    flickers = mean_flicker(record, of, following)
    return found if flickers is None else {**found, "flicker": flickers}


def source_of(name: str) -> str:
    """What a measure is called in a record: shares of 1 are told by their last word in results."""
    return name.removesuffix("_share")


def metric_values(record: ColorOutputs, of: str, name: str) -> np.ndarray:
    return record[f"{of}{source_of(name)}"]


def next_indices(ids: Any) -> np.ndarray:
    """bool [n]: whether the next picture of a split is the next frame of the same clip."""
    pairs = consecutive_pairs(ids)
    found = np.zeros(len(ids), bool)
    found[[earlier for earlier, later in pairs if later == earlier + 1]] = True
    return found


def mean_flicker(record: ColorOutputs, of: str, following: np.ndarray) -> float | None:
    """Change of colour, in units of a and b, of a pixel whose grey stays from one frame to the next; None without."""
    pixels = record["pixels"][following].sum(dtype=np.float64)
    return (
        float(record[f"{of}change"][following].sum(dtype=np.float64) / pixels) if pixels else None
    )


def baseline_rows(results: Mapping[str, Any], main: str) -> list[dict[str, Any]]:
    """The network beside all floors."""
    rows = {
        "network": results[main],
        **{floor: results["baseline"][floor] for floor in BASELINE_NAMES},
    }
    if "original" in results["baseline"]:
        rows["original"] = results["baseline"]["original"]
    names = [*COLOR_METRICS[:-1], "flicker"]
    return [
        {"what": what.replace("_", " "), **{name: row[name] for name in names if name in row}}
        for what, row in rows.items()
    ]


def per_source_rows(record: ColorOutputs, dataset: Dataset, main: str) -> list[dict[str, Any]]:
    """Every class of the pictures by itself, the worst first."""
    labels = np.asarray(dataset.splits[main].labels)
    rows = []
    for label in np.unique(labels):
        mine = {name: numbers[labels == label] for name, numbers in record.items()}
        row: dict[str, Any] = {"game": dataset.classes[label], "count": len(mine["mse"])}
        for name in ("ciede2000", "within_5_share", "mse"):
            row |= {
                name: mean_float64(metric_values(mine, "", name)),
                f"floor_{name}": mean_float64(metric_values(mine, f"{MAIN_BASELINE}/", name)),
            }
        rows.append(row)
    return sorted(rows, key=lambda row: -row["ciede2000"])


def summarize_colorization(results: Mapping[str, Any], main: str) -> str:
    """The outcome in two sentences."""
    here, floor = results[main], results["baseline"][MAIN_BASELINE]
    return (
        f"Colours grey pictures: CIEDE2000 {here['ciede2000']:.2f} and {here['within_5_share']:.1%} of pixels within 5 "
        f"over {here['count']:,} pictures of the {main} split, where the mean colour of each grey reaches "
        f"{floor['ciede2000']:.2f} and {floor['within_5_share']:.1%}. MSE of a and b {here['mse']:.4g} against "
        f"{floor['mse']:.4g}."
    )


def colorization_rows(split: str, record: ColorOutputs, dataset: Dataset) -> list[dict[str, Any]]:
    """How near each picture of a split was come to."""
    pictures = dataset.splits[split]
    return [
        {
            "id": identity,
            "game": dataset.classes[pictures.labels[index]],
            **{name: float(f"{record[source_of(name)][index]:.6g}") for name in COLOR_METRICS[:-1]},
            "lookup_mse": float(f"{record[f'{MAIN_BASELINE}/mse'][index]:.6g}"),
            "lookup_ciede2000": float(f"{record[f'{MAIN_BASELINE}/ciede2000'][index]:.6g}"),
            "split": split,
        }
        for index, identity in enumerate(pictures.ids)
    ]
