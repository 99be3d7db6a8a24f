"""Resolved configs and tiny data sets for the tests of tasks."""

from typing import Any

import numpy as np

from gv_jax.config import default
from gv_jax.data.arrays import Dataset, Split


def make_config(task: str, model: str, **fields: Any) -> Any:
    """The default config of a task and a model, resolved; `fields` differ, by dotted name."""
    config = default.get_config()
    changes = {"task": task, "model.name": model, "data.mean": (0.5,), "data.std": (0.25,)}
    config.update_from_flattened_dict(changes | fields)
    return config


def make_dataset(
    images: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    classes: tuple[str, ...] = ("a", "b"),
) -> Dataset:
    """A data set with only a training split; without labels, all images are of the first class."""
    if images is None:
        images = np.zeros((4, 16, 16, 3), np.uint8)
    ids = np.array([f"{index}.png" for index in range(len(images))])
    labels = np.zeros(len(images)) if labels is None else labels
    split = Split(images=images, labels=labels.astype(np.int32), ids=ids)
    return Dataset("tiny", classes, {}, {"train": split}, ())
