"""Augmentations: random changes of a batch of training images, run inside the compiled step.

Each is `f(key, images, targets) -> (images, targets)`: images float32 [n h w c] in [0, 1] with 1
(gray), 3 (RGB) or 4 channels (RGBA), targets float32 [n k]. Shapes and range are preserved, except
by `random_crop`; the result depends on the arguments only. Every sample has its own random numbers,
except in `mixup` and `cutmix`. All are batched gathers and arithmetic, so that they are sharded
over devices as the batch is. Normalization comes later.

They are written by hand rather than taken from dm_pix because they transform targets and handle
alpha, and because the results of a seed must not change with the version of a library.
"""

from collections.abc import Callable, Mapping, Sequence

from jax import random

from gv_jax.data.augment.barrier import fusion_barrier
from gv_jax.data.augment.base import Augmentation
from gv_jax.data.augment.geometric import (
    hflip,
    pad_and_crop,
    random_crop,
    random_resized_crop,
    random_rotate,
    random_shear,
)
from gv_jax.data.augment.mixing import cutmix, label_smoothing, mixup, random_erasing
from gv_jax.data.augment.photometric import (
    random_brightness,
    random_contrast,
    random_hue,
    random_saturation,
)
from gv_jax.errors import unknown

RANDOM_CROP = "random_crop"  # the one that changes the shape: applied before those in the table

# In the order in which `build_augmentation` applies them
AUGMENTATIONS: dict[str, Callable[[float], Augmentation]] = {
    "resized_crop": random_resized_crop,
    "pad_crop": pad_and_crop,
    "flip": hflip,
    "rotate": random_rotate,
    "shear": random_shear,
    "brightness": random_brightness,
    "contrast": random_contrast,
    "saturation": random_saturation,
    "hue": random_hue,
    "erase": random_erasing,
    "mixup": mixup,
    "cutmix": cutmix,
    "label_smoothing": label_smoothing,
}


def build_augmentation(strengths: Mapping[str, float], exclude: Sequence[str] = ()) -> Augmentation:
    """The chain of all augmentations with a strength other than 0.

    Args:
        strengths: Name -> strength, of `AUGMENTATIONS` and "random_crop"; 0 is off.
        exclude: Names to leave out.

    Raises:
        UserError: An unknown name, or a strength out of range.
    """
    for name in strengths:
        if name not in AUGMENTATIONS and name != RANDOM_CROP:
            raise unknown("augmentation", name, (RANDOM_CROP, *AUGMENTATIONS))
    strengths = {name: value for name, value in strengths.items() if name not in exclude}
    augment = chain_augmentations(
        [make(strengths[name]) for name, make in AUGMENTATIONS.items() if strengths.get(name)]
    )
    if not strengths.get(RANDOM_CROP):
        return augment
    return chain_augmentations([random_crop(strengths[RANDOM_CROP]), augment])


def chain_augmentations(augmentations: Sequence[Augmentation]) -> Augmentation:
    """Applies the augmentations in order, each with its own key; without any, changes nothing."""

    def apply(key, images, targets):
        keys = random.split(key, len(augmentations) + 1)
        always_false = random.uniform(keys[0]) >= 1
        for augment_key, augment in zip(keys[1:], augmentations, strict=True):
            images, targets = augment(augment_key, images, targets)
            images = fusion_barrier(images, always_false)
        return images, targets

    return apply
