"""Color augmentations with the strengths of torchvision's ColorJitter.

See `augmentations` for the contract. Alpha is not changed.
"""

from gv_jax.data.augment.base import Augmentation, check_range, per_sample
from gv_jax.data.augment.jitter import blend, clip_keep_alpha, shift_hue, to_gray


def random_brightness(strength: float) -> Augmentation:
    """Multiplies by a factor in [1 - strength, 1 + strength]."""
    check_range("brightness", strength, 1)

    def apply(key, images, targets):
        factor = per_sample(key, images, 1 - strength, 1 + strength)
        return clip_keep_alpha(images, factor * images), targets

    return apply


def random_contrast(strength: float) -> Augmentation:
    """Scales the distance from the mean gray by a factor in [1 - strength, 1 + strength]."""
    check_range("contrast", strength, 1)

    def apply(key, images, targets):
        mean = to_gray(images.mean(axis=(1, 2), keepdims=True))
        return blend(images, mean, per_sample(key, images, 1 - strength, 1 + strength)), targets

    return apply


def random_saturation(strength: float) -> Augmentation:
    """Scales the distance from each pixel's gray by a factor in [1 - strength, 1 + strength].

    Gray images do not change.
    """
    check_range("saturation", strength, 1)

    def apply(key, images, targets):
        factor = per_sample(key, images, 1 - strength, 1 + strength)
        return blend(images, to_gray(images), factor), targets

    return apply


def random_hue(strength: float) -> Augmentation:
    """Rotates the hue by [-strength, strength] turns of the color circle; gray does not change."""
    check_range("hue", strength, 0.5)

    def apply(key, images, targets):
        if images.shape[-1] == 1:
            return images, targets
        return shift_hue(images, per_sample(key, images, -strength, strength)), targets

    return apply
