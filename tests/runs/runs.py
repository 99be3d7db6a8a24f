"""Configurations of small runs, and readers of what they leave."""

import json
from pathlib import Path
from typing import Any

import orbax.checkpoint as ocp

from configs import folder
from gv_jax.evaluation.metrics import METRICS

SPLITS = ("train", "valid", "test")


def make_small_config(images: Path, root: Path, **fields: Any) -> Any:
    """A CNN with BatchNorm and dropout on the images in class folders, resized to 16x16.

    Args:
        images: The folder.
        root: Folder of the prepared data set.
        fields: Fields of the config that differ, by dotted name.
    """
    config = folder.get_config(str(images), {"recipe": "scratch"})
    config.data.root = str(root)
    config.update_from_flattened_dict(
        {
            "data.size": (16, 16),
            "data.valid_fraction": 0.2,
            "data.test_fraction": 0.2,
            "model.name": "two_layer",
            "train.batch_size": 16,
            "train.epochs": 4,
            "augment.flip": 0.0,
            "augment.pad_crop": 0.0,
            **fields,
        }
    )
    return config


def read_results(run: Path) -> dict[str, Any]:
    return json.loads((run / "results.json").read_text())


def read_log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def read_checkpoint(run: Path, item: str) -> tuple[int, Any]:
    """The step and an item, "state" or "best", of the newest checkpoint."""
    with ocp.CheckpointManager(run / "checkpoints") as manager:
        step = manager.latest_step()
        args = ocp.args.Composite(**{item: ocp.args.StandardRestore()})
        return step, manager.restore(step, args=args)[item]


def find_unregistered_metrics(run: Path) -> set[str]:
    """Names of numbers in results.json and metrics.jsonl that METRICS has no entry for."""
    results = read_results(run)
    baselines = [value for value in results["baseline"].values() if isinstance(value, dict)]
    rows = [
        *(results[split] for split in SPLITS if split in results),
        *baselines,
        results["timing"],
        *(row for name in ("per_class", "per_game") for row in results.get(name, [])),
        *read_log(run),
    ]
    names = {
        name
        for row in rows
        for name, value in row.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    names |= {
        name.partition("_")[2] for row in results["epochs"] for name in row if name != "epoch"
    }
    return {name.removeprefix("baseline_") for name in names} - set(METRICS)
