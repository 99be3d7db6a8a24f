"""What a generator learns of its training images besides its weights: layouts and alpha."""

import logging
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from gv_jax.data.arrays import Dataset, Split
from gv_jax.evaluation.generation.seams import seam_score
from gv_jax.image.alpha import premultiply
from gv_jax.training.layouts import Layouts, average_regions, stack_layouts

LOGGER = logging.getLogger(__name__)

OPAQUE, BINARY, SMOOTH = "opaque", "binary", "smooth"  # alpha channels of the images of a class
ALPHA_IMAGES = 4096  # training images that determine them
BINARY_FRACTION = 0.995  # of the pixels of a class with binary alpha that are 0 or 255
FEW_IMAGES = 500  # training images; of fewer, a warning says so …
FEW_OF_CLASS = 20  # … as of fewer of a class


def find_layouts(dataset: Dataset, count: int, tileable: Sequence[bool]) -> Layouts | None:
    """The layouts of up to `count` evenly chosen training images of every class; None for 0.

    Of a tileable class, they are of the half of the images whose borders match best, rolled at
    random as in training: an image that follows a layout with a seam has one too.
    """
    if not count:
        return None
    training = dataset.splits["train"]
    labels = np.asarray(training.labels)
    layouts = []
    for label, is_tileable in enumerate(tileable):
        members = np.flatnonzero(labels == label)
        rows = members[choose_rows(len(members), 2 * count if is_tileable else count)]
        images = np.asarray(training.images[rows])
        if is_tileable:
            images = roll_at_random(choose_seamless(images))
        colors = average_regions(premultiply(jnp.asarray(images, jnp.float32) / 255))
        layouts.append(np.asarray(jnp.round(255 * colors), np.uint8))
    return stack_layouts(layouts)


def choose_seamless(images: np.ndarray) -> np.ndarray:
    """The half of the images [n h w c] with the lowest seam scores, in their order."""
    scores = [seam_score(image[None]) for image in images]
    return images[np.sort(np.argsort(scores, kind="stable")[: (len(images) + 1) // 2])]


def roll_at_random(images: np.ndarray) -> np.ndarray:
    """Images [n h w c], each rolled by its own random shift, the same in every call."""
    shifts = np.random.default_rng(0).integers(0, images.shape[1:3], (len(images), 2))
    rolled = [np.roll(image, shift, (0, 1)) for image, shift in zip(images, shifts, strict=True)]
    return np.array(rolled, images.dtype).reshape(images.shape)


def choose_rows(count: int, limit: int) -> np.ndarray:
    """Indices of at most `limit` of `count` images, evenly chosen."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(int))


def find_alpha(split: Split, num_classes: int) -> tuple[str, ...]:
    """The alpha channel of each class, of up to ALPHA_IMAGES evenly chosen images.

    Images without that channel are opaque; those of a class that was not among them, smooth.
    """
    if split.images.shape[-1] != 4:
        return (OPAQUE,) * num_classes
    rows = choose_rows(len(split.labels), ALPHA_IMAGES)
    alpha, labels = np.asarray(split.images[rows])[..., 3], np.asarray(split.labels)[rows]
    kinds = []
    for label in range(num_classes):
        values = alpha[labels == label]
        if not values.size:
            kinds.append(SMOOTH)
        elif (values == 255).all():
            kinds.append(OPAQUE)
        else:
            is_binary = np.isin(values, (0, 255)).mean() >= BINARY_FRACTION
            kinds.append(BINARY if is_binary else SMOOTH)
    return tuple(kinds)


def warn_of_few_images(labels: np.ndarray, classes: Sequence[str]) -> None:
    """Logs a line if there are too few training images, in total or of some classes."""
    if len(labels) < FEW_IMAGES:
        LOGGER.warning(
            "%d training images are few: below about %d, generated images are likely to be copies",
            len(labels),
            FEW_IMAGES,
        )
    counts = np.bincount(labels, minlength=len(classes))
    few = [
        f"{name} ({count})"
        for name, count in zip(classes, counts, strict=True)
        if count < FEW_OF_CLASS
    ]
    if few:
        LOGGER.warning(
            "classes of fewer than %d training images: %s; images of them are likely to be copies "
            "or unlike the class",
            FEW_OF_CLASS,
            ", ".join(few),
        )
