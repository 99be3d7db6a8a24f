"""What augmentations share: their type, the range check of a strength, random numbers per image."""

from collections.abc import Callable

from jax import Array, random

from gv_jax.errors import UserError

# (key, images, targets) -> (images, targets)
Augmentation = Callable[[Array, Array, Array], tuple[Array, Array]]


def check_range(name: str, strength: float, maximum: float) -> None:
    """Raises UserError unless 0 < strength <= maximum; NaN is refused too."""
    if not 0 < strength <= maximum:
        raise UserError(
            f"config.augment.{name}={strength} must be above 0 and at most {maximum}; 0 is off."
        )


def check_whole_number(name: str, strength: float) -> int:
    """`strength` as int; UserError for a fraction of a pixel."""
    if strength != int(strength):
        raise UserError(f"config.augment.{name}={strength} must be a whole number of pixels.")
    return int(strength)


def per_sample(key: Array, images: Array, low: float, high: float) -> Array:
    """Uniform random numbers in [low, high), one per image.  # [n 1 1 1]"""
    return random.uniform(key, (len(images), 1, 1, 1), minval=low, maxval=high)
