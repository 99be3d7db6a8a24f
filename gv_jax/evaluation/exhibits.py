"""Exhibits that the reports of all classifiers have: class balance, feature maps, training pictures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from gv_jax.data.dataset import Split
from gv_jax.evaluation import explain, figures
from gv_jax.evaluation.figures import Exhibit
from gv_jax.evaluation.gallery import Line, sheet

AUGMENTED = 16  # training pictures after augmentation
EXPLAINED = 4  # pictures whose feature maps are shown
BALANCE = "Pictures of each class in each split, in the order of the first; each split has its own scale."
SEVERAL = " A picture counts for each of its labels, also in the sum above."
TRAINING = "Training pictures as the network sees them, after augmentation, with their labels."
MAPS = (
    "What the first layers with convolutions answer to pictures that the network is sure and right about: of each "
    "layer the eight feature maps that vary most, each scaled by itself, white where its value is highest."
)


def balance(folder: Path, counts: Mapping[str, np.ndarray], classes: Sequence[str], several: bool = False) -> Exhibit:
    """How many pictures every split has of each class: split -> [k]. One of several classes counts for each."""
    file = folder / "class_balance.png"
    figures.save(figures.balance(counts, classes), file)
    return Exhibit(file, "data", "Class balance", BALANCE + SEVERAL * several)


def feature_maps(
    folder: Path,
    split: Split,
    chosen: np.ndarray,
    names: Sequence[str],
    maps: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]],
) -> list[Exhibit]:
    """Feature maps of the first `EXPLAINED` of the `chosen` pictures, each with its name; none where there are none.

    maps: a batch -> feature maps of the first layers, name -> [n h w c].
    """
    chosen = chosen[:EXPLAINED]
    if not len(chosen):
        return []
    seen = maps({"image": np.asarray(split.images[chosen]), "label": np.asarray(split.labels[chosen])})
    file = folder / "feature_maps.png"
    figures.save(explain.feature_maps(list(split.images[chosen]), seen, names[:EXPLAINED]), file)
    return [Exhibit(file, "gallery", "Feature maps", MAPS, photos=True)] if seen else []


def augmented(folder: Path, images: np.ndarray, captions: Sequence[Sequence[Line]]) -> Exhibit:
    """A grid of the first training pictures, float [0, 1] or uint8 [n h w c]; a caption for each."""
    file = folder / "augmented.png"
    figures.save(sheet(list(images[:AUGMENTED]), captions[:AUGMENTED], columns=4), file)
    return Exhibit(file, "data", "Training pictures", TRAINING, photos=True)
