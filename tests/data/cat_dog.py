"""A folder of two classes whose loaded arrays can be checked pixel by pixel."""

from pathlib import Path

import numpy as np
from PIL import Image

from gv_jax.data import dataset
from gv_jax.data.arrays import Dataset

COLORS = {"cat": (250, 0, 9), "dog": (0, 200, 0)}
ARRAYS = {
    "size": (0, 0),
    "channels": 3,
    "resize_mode": "stretch",
    "interpolation": "box",
    "background": (0, 0, 0),
}
BUILDER = {
    "skip_broken": False,
    "valid_fraction": 0.2,
    "test_fraction": 0.2,
    "split_seed": 0,
    "group_pattern": "",
}


def write_cat_dog(folder: Path) -> Path:
    """Ten images of 6x4 pixels per class; the first pixel holds the number of the image."""
    for name, color in COLORS.items():
        (folder / name).mkdir(parents=True)
        for number in range(10):
            image = Image.new("RGB", (6, 4), color)
            image.putpixel((0, 0), (number, number, number))
            image.save(folder / name / f"{number}.png")
    return folder


def load_cat_dog(folder: Path, **changes) -> Dataset:
    """The folder, loaded with its root beside it."""
    kwargs = {"root": folder.parent / "data", "path": str(folder), **ARRAYS, **BUILDER, **changes}
    return dataset.load_split_arrays("image_folder", **kwargs)


def check_cat_dog(data: Dataset) -> None:
    """Asserts that every image has its own id and label."""
    for split in data.splits.values():
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int32
        assert len(split.images) == len(split.labels) == len(split.ids)
        for image, label, image_id in zip(split.images, split.labels, split.ids, strict=True):
            class_name, number = image_id.removesuffix(".png").split("/")
            assert data.classes[label] == class_name
            assert image[0, 0].tolist() == [int(number)] * 3
            assert image[-1, -1].tolist() == list(COLORS[class_name])
