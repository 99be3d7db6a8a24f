"""A run as the server uses it: functions of batches for the worker, and what clients may know."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gv_jax.errors import UserError
from gv_jax.inference.prediction import Predictions
from gv_jax.serving.generation import describe_generator, make_generate
from gv_jax.serving.worker import BatchFunction, run_each

ACTIONS = {
    "classification": "predict",
    "multi_label": "predict",
    "colorization": "colorize",
    "super_resolution": "upscale",
    "generation": "generate",
}


class ServedRun:
    """A run behind the server.

    The attributes `predict`, `explain`, `nearest`, `colorize`, `upscale` and `generate` are
    functions of batches; only the worker calls them.

    Attributes:
        run: As of `load_run`.
        name: By which clients name it; unique.
        action: "predict", "colorize", "upscale" or "generate".
    """

    def __init__(self, run: Any, name: str) -> None:
        self.run, self.name = run, name
        self.action = ACTIONS[run.task]
        self.explain = run_each(self._explain)
        self.nearest = run_each(self._nearest)
        self.colorize = run_each(run.colorize)
        self.upscale = run_each(run.upscale)
        self._generate = make_generate(run)

    @property
    def generate(self) -> BatchFunction:
        """The images of orders; a new function each time.

        So the worker joins no orders: a batch of them would take minutes, and each would wait for
        all.
        """
        return run_each(self._generate)

    def predict(self, items: Sequence[np.ndarray]) -> list[Predictions]:
        """Predictions for the prepared images [n h w c] of each item, in one call."""
        joined = self.run.predict_arrays(np.concatenate(items))
        ends = np.cumsum([len(item) for item in items])
        return [
            joined[int(end) - len(item) : int(end)] for item, end in zip(items, ends, strict=True)
        ]

    def _explain(self, item: tuple[np.ndarray, str, str | None]) -> np.ndarray:
        """The overlay uint8 [h w 3] of (image, method, label)."""
        image, method, label = item
        return self.run.explain(image, method, label=label).overlay

    def _nearest(self, item: tuple[np.ndarray, int]) -> list[Any]:
        """The nearest training images of (image, count); none if the run stores none."""
        image, count = item
        try:
            return self.run.nearest(image, count)
        except UserError:
            return []

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """The image as the network is given it: uint8 [1 h w c]."""
        return self.run.prepare(image)[None]

    def describe(self) -> dict[str, Any]:
        """What clients may know of the run."""
        described: dict[str, Any] = {"name": self.name, "task": self.run.task}
        described["action"] = self.action
        if self.action == "predict":
            described["classes"] = list(self.run.classes)
            described["image_size"] = list(self.run.image_size)
        elif self.action == "generate":
            described |= describe_generator(self.run)
        described["summary"] = str(self.run.results.get("summary", ""))
        return described


def name_runs(runs: Sequence[Any]) -> dict[str, ServedRun]:
    """The runs by unique names: the names of their directories, numbered where they are equal."""
    named: dict[str, ServedRun] = {}
    for run in runs:
        name, number = run.name, 2
        while name in named:
            name, number = f"{run.name} ({number})", number + 1
        named[name] = ServedRun(run, name)
    return named


def describe_prediction(
    predictions: Predictions, index: int, *, top: int, level: float
) -> dict[str, Any]:
    """The prediction for one image as JSON.

    Args:
        predictions: For several images.
        index: Of the image.
        top: Number of classes.
        level: Of the prediction set.
    """
    label = predictions.labels[index]
    labels = [label] if isinstance(label, str) else list(label)
    unfamiliar = predictions.unfamiliar
    return {
        "label": " | ".join(labels),
        "labels": labels,
        "probability": round(float(predictions.confidences[index]), 6),
        "top": [
            {"label": name, "probability": round(probability, 6)}
            for name, probability in predictions[index].top(top)[0]
        ],
        "prediction_set": find_set(predictions[index], level),
        "unfamiliar": None if unfamiliar is None else bool(unfamiliar[index]),
    }


def find_set(predictions: Predictions, level: float) -> list[str] | None:
    """The prediction set of a single image; None if the run has none."""
    try:
        return list(predictions.sets(level)[0])
    except UserError:
        return None


def hide_paths(message: str, runs: Mapping[str, ServedRun]) -> str:
    """A message without the paths of the runs, in one line."""
    for name, served in runs.items():
        message = message.replace(str(served.run.path), name)
    return " ".join(message.split())
