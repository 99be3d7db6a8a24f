"""How near the colours given to grey pictures come to the true ones: numbers and rows of predictions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gv_jax.data.clips import neighbours
from gv_jax.data.dataset import Dataset
from gv_jax.evaluation.colour_gallery import Assessment
from gv_jax.evaluation.restoration import mean
from gv_jax.training.colorization import Colorization

Record = Mapping[str, np.ndarray]  # of every picture of a split: as `Colorization.record` keeps it
NAMES = (  # the telling ones first
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
FLOORS = ("grey", "mean_colour", "grey_lookup")
FLOOR = "grey_lookup"  # the one that answers are measured against


def assess(records: Mapping[str, Record], dataset: Dataset, task: Colorization) -> Assessment:
    """What follows from the records of each split of `dataset`, in the order of its pictures."""
    main = next(name for name in ("test", "valid", "train") if name in records)
    pairs = {split: followers(dataset.splits[split].ids) for split in records}
    baseline: dict[str, Any] = {"name": "grey lookup"}
    results: dict[str, Any] = {"baseline": baseline}
    for split, record in records.items():
        results[split] = {"count": len(record["mse"]), **measures(record, "", pairs[split])}
        baseline[split] = measures(record, f"{FLOOR}/", pairs[split])
    for floor in FLOORS:
        baseline[floor] = measures(records[main], f"{floor}/", pairs[main])
    original = flicker(records[main], "original/", pairs[main])
    if original is not None:
        baseline["original"] = {"flicker": original}
    results["main_split"] = main
    results["floors"] = floor_rows(results, main)
    results["per_game"] = per_game(records[main], dataset, main)
    results["colours"], results["channels"] = task.head.kept, task.head.channels
    results["summary"] = summary(results, main)
    rows = [row for split, record in records.items() for row in prediction_rows(split, record, dataset)]
    return Assessment(results, rows, main, dataset, task, records[main]["ciede2000"])


def measures(record: Record, of: str, following: np.ndarray) -> dict[str, float]:
    """The mean of every measure, and the flicker, of the answers ("") or of a floor's ("grey/")."""
    found = {name: mean(values(record, of, name)) for name in NAMES if f"{of}{source(name)}" in record}
    flickers = flicker(record, of, following)
    return found if flickers is None else {**found, "flicker": flickers}


def source(name: str) -> str:
    """What a measure is called in a record: shares of 1 are told by their last word in results."""
    return name.removesuffix("_share")


def values(record: Record, of: str, name: str) -> np.ndarray:
    return record[f"{of}{source(name)}"]


def followers(ids: Any) -> np.ndarray:
    """bool [n]: whether the next picture of a split is the next frame of the same clip."""
    pairs = neighbours(ids)
    found = np.zeros(len(ids), bool)
    found[[earlier for earlier, later in pairs if later == earlier + 1]] = True
    return found


def flicker(record: Record, of: str, following: np.ndarray) -> float | None:
    """Change of colour, in units of a and b, of a pixel whose grey stays from one frame to the next; None without."""
    pixels = record["pixels"][following].sum(dtype=np.float64)
    return float(record[f"{of}change"][following].sum(dtype=np.float64) / pixels) if pixels else None


def floor_rows(results: Mapping[str, Any], main: str) -> list[dict[str, Any]]:
    """The network beside all floors."""
    rows = {"network": results[main], **{floor: results["baseline"][floor] for floor in FLOORS}}
    if "original" in results["baseline"]:
        rows["original"] = results["baseline"]["original"]
    names = [*NAMES[:-1], "flicker"]
    return [
        {"what": what.replace("_", " "), **{name: row[name] for name in names if name in row}}
        for what, row in rows.items()
    ]


def per_game(record: Record, dataset: Dataset, main: str) -> list[dict[str, Any]]:
    """Every class of the pictures by itself, the worst first."""
    labels = np.asarray(dataset.splits[main].labels)
    rows = []
    for label in np.unique(labels):
        mine = {name: numbers[labels == label] for name, numbers in record.items()}
        row: dict[str, Any] = {"game": dataset.classes[label], "count": len(mine["mse"])}
        for name in ("ciede2000", "within_5_share", "mse"):
            row |= {name: mean(values(mine, "", name)), f"floor_{name}": mean(values(mine, f"{FLOOR}/", name))}
        rows.append(row)
    return sorted(rows, key=lambda row: -row["ciede2000"])


def summary(results: Mapping[str, Any], main: str) -> str:
    """The outcome in two sentences."""
    here, floor = results[main], results["baseline"][FLOOR]
    return (
        f"Colours grey pictures: CIEDE2000 {here['ciede2000']:.2f} and {here['within_5_share']:.1%} of pixels within 5 "
        f"over {here['count']:,} pictures of the {main} split, where the mean colour of each grey reaches "
        f"{floor['ciede2000']:.2f} and {floor['within_5_share']:.1%}. MSE of a and b {here['mse']:.4g} against "
        f"{floor['mse']:.4g}."
    )


def prediction_rows(split: str, record: Record, dataset: Dataset) -> list[dict[str, Any]]:
    """How near each picture of a split was come to."""
    pictures = dataset.splits[split]
    return [
        {
            "id": identity,
            "game": dataset.classes[pictures.labels[index]],
            **{name: float(f"{record[source(name)][index]:.6g}") for name in NAMES[:-1]},
            "lookup_mse": float(f"{record[f'{FLOOR}/mse'][index]:.6g}"),
            "lookup_ciede2000": float(f"{record[f'{FLOOR}/ciede2000'][index]:.6g}"),
            "split": split,
        }
        for index, identity in enumerate(pictures.ids)
    ]
