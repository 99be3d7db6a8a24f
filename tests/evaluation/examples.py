"""Small data sets and network outputs whose metrics are known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gv_jax.data.arrays import Dataset, Split

CLASSES = ("cat", "dog", "car")
GROUPS = {"cat": "pet", "dog": "pet", "car": "thing"}
LABEL_SETS = [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]]


def make_split(
    name: str, labels: Sequence[Any], dtype: Any = np.int32, size: tuple[int, int] = (8, 8)
) -> Split:
    """A split of random RGB images with these labels."""
    shape = (len(labels), *size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    ids = [f"{name}/{index}.png" for index in range(len(labels))]
    return Split(images, np.array(labels, dtype), ids)


def make_zoo() -> Dataset:
    """Three classes in two groups; train and test."""
    splits = {
        "train": make_split("train", [0, 0, 0, 1, 1, 2]),
        "test": make_split("test", [0, 0, 1, 1, 2, 2]),
    }
    return Dataset("zoo", CLASSES, GROUPS, splits, ())


def make_logits(predicted: Sequence[int], confidence: Sequence[float]) -> np.ndarray:
    """Logits [n 3] of predictions with these confidences."""
    log_probs = np.log((1 - np.array(confidence)) / 2)[:, None].repeat(3, 1)
    log_probs[np.arange(len(predicted)), predicted] = np.log(confidence)
    return (log_probs + 7).astype(np.float32)


def make_zoo_logits() -> dict[str, np.ndarray]:
    """Correct on train; 4 of 6 correct on test."""
    return {
        "train": make_logits([0, 0, 0, 1, 1, 2], [0.9] * 6),
        "test": make_logits([0, 1, 1, 1, 2, 0], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]),
    }


def make_label_dataset() -> Dataset:
    """Three labels; train, valid and test with the same label sets."""
    splits = {
        "train": make_split("train", LABEL_SETS * 2, np.float32),
        "valid": make_split("valid", LABEL_SETS, np.float32),
        "test": make_split("test", LABEL_SETS, np.float32),
    }
    return Dataset("genres", ("action", "puzzle", "sport"), {}, splits, ())


def make_label_logits(dataset: Dataset, wrong: Sequence[int] = ()) -> dict[str, np.ndarray]:
    """Correct logits, except for the test images `wrong`."""
    logits = {name: 6 * split.labels - 3 for name, split in dataset.splits.items()}
    for index in wrong:
        logits["test"][index] *= -1
    return logits


def make_upscaling_dataset() -> Dataset:
    """Images of 16 x 20 pixels; train and test."""
    splits = {
        "train": make_split("train", [0, 0], size=(16, 20)),
        "test": make_split("test", [0, 0, 0, 0], size=(16, 20)),
    }
    return Dataset("tiles", ("all",), {}, splits, ())


def make_upscaling_outputs() -> dict[str, dict[str, np.ndarray]]:
    """Metrics that follow from the PSNR of network and baseline."""

    def make_values(psnr: list[float], baseline: list[float]) -> dict[str, np.ndarray]:
        values = {}
        for prefix, numbers in (("", psnr), ("baseline_", baseline)):
            array = np.array(numbers, np.float32)
            values[f"{prefix}psnr"] = array
            values[f"{prefix}mse"] = 10 ** (-array / 10)
            values[f"{prefix}ssim"] = array / 100
            values[f"{prefix}loss"] = array / 1000
        return values

    return {
        "train": make_values([40, 42], [39, 39]),
        "test": make_values([30, 31, 32, 35], [30.5, 30, 30, 30]),
    }


def make_color_dataset() -> Dataset:
    """Two games; test has two consecutive frames of each, train has none."""
    ids = {
        "train": ["pong/f09", "boxing/f09"],
        "test": ["pong/f01", "pong/f02", "boxing/f07", "boxing/f08"],
    }
    labels = {"train": [0, 1], "test": [0, 0, 1, 1]}
    splits = {name: replace(make_split(name, labels[name]), ids=ids[name]) for name in ids}
    return Dataset("frames", ("pong", "boxing"), {}, splits, ())


def make_color_outputs() -> dict[str, dict[str, np.ndarray]]:
    """CIEDE2000 of 1, 2, 3, 4 on test; baselines are worse by a factor; the rest follows."""

    def make_values(errors: list[float]) -> dict[str, np.ndarray]:
        array = np.array(errors, np.float32)
        values = {"loss": array, "pixels": np.full(len(array), 10, np.float32)}
        factors = {"": 1, "gray/": 4, "mean_color/": 3, "gray_lookup/": 2}
        for prefix, factor in factors.items():
            for name in ("ciede2000", "mse", "mae", "psnr", "colorfulness", "colorfulness_error"):
                values[prefix + name] = factor * array
            values[f"{prefix}within_5"] = 1 / (factor * array)
            values[f"{prefix}ssim"] = 1 / (factor * array)
            values[f"{prefix}change"] = 100 * factor * array
        values["original/change"] = 50 * array
        return values

    return {"train": make_values([1, 1]), "test": make_values([1, 2, 3, 4])}
