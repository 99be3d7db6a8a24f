"""Figures that several tasks have: class balance, feature maps, training images."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gv_jax.data.arrays import Split
from gv_jax.reporting.figures import charts
from gv_jax.reporting.figures.feature_maps import plot_feature_maps
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.reporting.figures.report_figure import FeatureMaps, ReportFigure
from gv_jax.reporting.figures.style import save_figure

NUM_AUGMENTED = 16  # augmented training images
NUM_MAPPED = 4  # images with feature maps
EXAMPLES_PER_RANK = 2  # images of the best, of the median and of the worst ones
BALANCE_CAPTION = (
    "Number of images per class in each split, sorted by the first split. Each split has its own "
    "scale."
)
MULTILABEL_CAPTION = (
    " An image counts once for each of its labels, in the totals above the columns too."
)
AUGMENTED_CAPTION = "Training images after augmentation, with their targets."
AUGMENTED_TARGETS_CAPTION = (
    "Training images after augmentation. These are the targets: the inputs are computed from them."
)
MAPS_CAPTION = (
    "Feature maps of the first convolutional layers for correctly predicted images of high "
    "confidence: of each layer the eight maps of the largest variance, each on its own scale, with "
    "white for the highest value."
)


def save_report_figure(
    figure: Figure, file: Path, section: str, title: str, caption: str, photos: bool = False
) -> ReportFigure:
    """Writes a figure; the other arguments are the fields of `ReportFigure`."""
    save_figure(figure, file)
    return ReportFigure(file, section, title, caption, photos)


def draw_class_balance(
    folder: Path, counts: Mapping[str, np.ndarray], classes: Sequence[str], multi_label: bool
) -> ReportFigure:
    """Draws the number of images per class and split.

    Args:
        folder: Folder of the file.
        counts: Split -> number of images of each class [k].
        classes: Class names.
        multi_label: Whether an image can have several classes, and counts for each.
    """
    figure = charts.plot_balance(counts, classes)
    caption = BALANCE_CAPTION + MULTILABEL_CAPTION * multi_label
    file = folder / "class_balance.png"
    return save_report_figure(figure, file, "data", "Class balance", caption)


def draw_feature_maps(
    folder: Path,
    split: Split,
    indices: np.ndarray,
    names: Sequence[str],
    feature_maps: FeatureMaps,
) -> list[ReportFigure]:
    """Draws feature maps of a few images.

    Args:
        folder: Folder of the file.
        split: The split with the images.
        indices: Indices of images; the first four are drawn.
        names: Name above each of them.
        feature_maps: Batch -> layer name -> feature maps [n h w c].

    Returns:
        One figure, or none without images or convolutional layers.
    """
    indices = indices[:NUM_MAPPED]
    if not len(indices):
        return []
    images = np.asarray(split.images[indices])
    layers = feature_maps({"image": images, "label": np.asarray(split.labels[indices])})
    if not layers:
        return []
    figure = plot_feature_maps(list(images), layers, names[:NUM_MAPPED])
    file = folder / "feature_maps.png"
    return [save_report_figure(figure, file, "gallery", "Feature maps", MAPS_CAPTION, photos=True)]


def draw_augmented(
    folder: Path,
    images: np.ndarray,
    captions: Sequence[Sequence[CaptionLine]] | None = None,
) -> ReportFigure:
    """Draws the first augmented training images.

    Args:
        folder: Folder of the file.
        images: Floats in [0, 1] or uint8 [n h w c].
        captions: Lines below each image; None if the images themselves are the targets.
    """
    text = AUGMENTED_TARGETS_CAPTION if captions is None else AUGMENTED_CAPTION
    shown = list(images[:NUM_AUGMENTED])
    figure = image_grid(shown, (captions or [[]] * len(shown))[: len(shown)], columns=4)
    file = folder / "augmented.png"
    return save_report_figure(figure, file, "data", "Training images", text, photos=True)


def pick_ranked(values: np.ndarray) -> np.ndarray:
    """Indices of the 2 smallest, 2 median and 2 largest values, in ascending order of the values.

    All indices if there are no more than 6 values.
    """
    order = np.argsort(values, kind="stable")
    if len(order) <= 3 * EXAMPLES_PER_RANK:
        return order
    middle = (len(order) - EXAMPLES_PER_RANK) // 2
    return np.concatenate(
        [
            order[:EXAMPLES_PER_RANK],
            order[middle : middle + EXAMPLES_PER_RANK],
            order[-EXAMPLES_PER_RANK:],
        ]
    )
