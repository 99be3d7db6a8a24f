"""Exhibits that the reports of all classifiers have: class balance, feature maps, training pictures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from gv_jax.data.dataset import Split
from gv_jax.reporting.figures import charts, feature_maps
from gv_jax.reporting.figures.charts import ReportFigure
from gv_jax.reporting.figures.grids import CaptionLine, image_grid

AUGMENTED_SHOWN = 16  # training pictures after augmentation
MAPS_SHOWN = 4  # pictures whose feature maps are shown
BALANCE_CAPTION = (
    "Pictures of each class in each split, in the order of the first; each split has its own scale."
)
MULTILABEL_CAPTION = " A picture counts for each of its labels, also in the sum above."
TRAINING_CAPTION = (
    "Training pictures as the network sees them, after augmentation, with their labels."
)
MAPS_CAPTION = (
    "What the first layers with convolutions answer to pictures that the network is sure and right about: of each "
    "layer the eight feature maps that vary most, each scaled by itself, white where its value is highest."
)


def class_balance_figure(
    folder: Path, counts: Mapping[str, np.ndarray], classes: Sequence[str], several: bool = False
) -> ReportFigure:
    """How many pictures every split has of each class: split -> [k]. One of several classes counts for each."""
    file = folder / "class_balance.png"
    charts.save_figure(charts.plot_balance(counts, classes), file)
    return ReportFigure(
        file, "data", "Class balance", BALANCE_CAPTION + MULTILABEL_CAPTION * several
    )


def feature_maps_figure(
    folder: Path,
    split: Split,
    chosen: np.ndarray,
    names: Sequence[str],
    maps: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]],
) -> list[ReportFigure]:
    """Feature maps of the first `EXPLAINED` of the `chosen` pictures, each with its name; none where there are none.

    maps: a batch -> feature maps of the first layers, name -> [n h w c].
    """
    chosen = chosen[:MAPS_SHOWN]
    if not len(chosen):
        return []
    seen = maps(
        {"image": np.asarray(split.images[chosen]), "label": np.asarray(split.labels[chosen])}
    )
    file = folder / "feature_maps.png"
    charts.save_figure(
        feature_maps.plot_feature_maps(list(split.images[chosen]), seen, names[:MAPS_SHOWN]), file
    )
    return (
        [ReportFigure(file, "gallery", "Feature maps", MAPS_CAPTION, photos=True)] if seen else []
    )


def augmented_figure(
    folder: Path, images: np.ndarray, captions: Sequence[Sequence[CaptionLine]]
) -> ReportFigure:
    """A grid of the first training pictures, float [0, 1] or uint8 [n h w c]; a caption for each."""
    file = folder / "augmented.png"
    charts.save_figure(
        image_grid(list(images[:AUGMENTED_SHOWN]), captions[:AUGMENTED_SHOWN], columns=4), file
    )
    return ReportFigure(file, "data", "Training pictures", TRAINING_CAPTION, photos=True)
