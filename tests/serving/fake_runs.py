"""Runs whose results are known, and take no time: what a `Run` gives to the server."""

import threading
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from gv_jax.errors import UserError

CLASSES = ("red", "green", "blue")


@dataclass(frozen=True)
class FakePredictions:
    """Probabilities [n 3] that are the fractions of red, green and blue."""

    probabilities: np.ndarray
    with_sets: bool = True

    def __len__(self):
        return len(self.probabilities)

    def __getitem__(self, rows):
        rows = slice(rows, rows + 1) if isinstance(rows, int) else rows
        return FakePredictions(self.probabilities[rows], self.with_sets)

    @property
    def labels(self):
        return [CLASSES[index] for index in self.probabilities.argmax(1)]

    @property
    def confidences(self):
        return self.probabilities.max(1)

    @property
    def unfamiliar(self):
        return self.confidences < 0.4 if self.with_sets else None

    def top(self, count):
        return [
            sorted(zip(CLASSES, map(float, row), strict=True), key=lambda pair: -pair[1])[:count]
            for row in self.probabilities
        ]

    def sets(self, level):
        if not self.with_sets:
            raise UserError("there are no sets")
        return [[name for name, p in row if p >= 1 - level] for row in self.top(3)]


class FakeClassifier:
    """Predicts the color of an image; records how many images each call got."""

    task = "classification"
    classes = CLASSES
    image_size = (4, 4)
    results = {"summary": "Test accuracy 100 %."}  # noqa: RUF012 - as of a run
    neighbors = None

    def __init__(self, path="/secret/place/colors", with_sets=True):
        self.path, self.with_sets = Path(path), with_sets
        self.name = self.path.name
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()

    def prepare(self, image):
        rgb = np.broadcast_to(image[..., :3], (*image.shape[:2], 3))
        return rgb.mean((0, 1)).astype(np.uint8).reshape(1, 1, 3)

    def predict_arrays(self, images):
        self.batches.append(len(images))
        assert self.gate.wait(10)
        sums = images.reshape(len(images), 3).astype(float) + 1e-9
        return FakePredictions(sums / sums.sum(1, keepdims=True), self.with_sets)

    def explain(self, image, method, label=None):
        if method != "grad_cam":
            raise UserError(f"{self.path} has no method {method}")
        return SimpleNamespace(overlay=255 - image[..., :3])

    def nearest(self, image, count):
        if not self.with_sets:
            raise UserError(f"{self.path} stores no training images")
        thumbnail = np.zeros((2, 2, 3), np.uint8)
        row = SimpleNamespace(id="a/b/1.png", label="red", distance=0.25, thumbnail=thumbnail)
        return [row] * count

    def colorize(self, image):
        raise UserError(f"{self.path} cannot colorize images")

    upscale = colorize


class FakeColorizer:
    """Adds red."""

    task = "colorization"
    results = {}  # noqa: RUF012 - as of a run

    def __init__(self, path="/secret/place/gray"):
        self.path = Path(path)
        self.name = self.path.name

    def colorize(self, image):
        gray = image[..., :1]
        return np.concatenate([np.full_like(gray, 255), gray, gray], -1)

    upscale = None


class FakeUpscaler:
    """Repeats pixels."""

    task = "super_resolution"
    results = {}  # noqa: RUF012 - as of a run
    colorize = None

    def __init__(self, path="/secret/place/large"):
        self.path = Path(path)
        self.name = self.path.name

    def upscale(self, image):
        return image.repeat(2, 0).repeat(2, 1)
