"""Names of the splits of a data set."""

from collections.abc import Iterable

SPLIT_TITLES = {"train": "Training", "valid": "Validation", "test": "Test"}

WHOLE_IMAGES = "whole_images"  # images of the main split at their own size, in results.json


def select_main_split(names: Iterable[str]) -> str:
    """The split that a run is judged by: test, else valid, else train."""
    available = set(names)
    return next(name for name in ("test", "valid", "train") if name in available)
