"""Sorts folders in tests."""

from pathlib import Path

from gv_jax.inference.files.input_files import list_inputs
from gv_jax.inference.sorting.sort_files import SortingOutcome, sort_files
from tests.inference.files.classifier import ColorClassifier
from tests.inference.files.images import write_image

IMAGES = {
    "wall.png": "red",
    "deep/er/wall.png": "red",
    "deep/water.png": "blue",
    "grass.png": "green",
    "fog.png": "gray",
}


def write_pack(folder):
    """A folder of images and other files, which `sort` sorts as IMAGES."""
    for name, color in IMAGES.items():
        write_image(folder / name, color)
    (folder / "deep" / "readme.txt").write_text("text")
    return folder


def sort(folder, *words, operation="copy", threshold=0.5, run=None, rule="--below 0.5"):
    """Sorts files, folders or zip files into a folder with a ColorClassifier."""
    outcome = SortingOutcome(Path(folder), operation)
    inputs = list_inputs([str(word) for word in words])
    sort_files(run or ColorClassifier(), inputs, outcome, threshold, rule)
    return outcome
