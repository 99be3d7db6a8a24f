"""Geometric augmentations: crops, shifts, mirroring, rotation, shear.

See `augmentations` for the contract. Alpha is moved with the colors. Pixels from outside an image
repeat its nearest edge pixel.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array, random

from gv_jax.data.augment.base import (
    Augmentation,
    check_range,
    check_whole_number,
    per_sample,
)
from gv_jax.data.augment.warp import rotate, sample_bilinear, shear
from gv_jax.errors import UserError

MAX_SIDE = 65536  # upper limit of a side or shift


def random_crop(pixels: float) -> Augmentation:
    """Crops a square with sides of `pixels` at a random position; the only change of shape."""
    check_range("random_crop", pixels, MAX_SIDE)
    side = check_whole_number("random_crop", pixels)

    def apply(key, images, targets):
        n, height, width = images.shape[:3]
        if side > min(height, width):
            raise UserError(
                f"config.augment.random_crop={side} must not exceed the sides of images of "
                f"{height}x{width} pixels."
            )
        keys = random.split(key)
        offsets = jnp.arange(side).reshape(1, -1)
        rows = random.randint(keys[0], (n, 1), 0, height - side + 1) + offsets  # [n side]
        columns = random.randint(keys[1], (n, 1), 0, width - side + 1) + offsets
        return take_pixels(images, rows, columns), targets

    return apply


def random_resized_crop(area: float) -> Augmentation:
    """Crops a random part of the image and enlarges it to the full size.

    The area is a fraction of the image, uniform in [`area`, 1]. The aspect ratio, relative to the
    image's, is log-uniform in [3/4, 4/3]; a side longer than the image's is cut to it. Szegedy et
    al. 2015, "Going deeper with convolutions", section 6. Crops are only enlarged, so bilinear
    sampling needs no low-pass filter.
    """
    check_range("resized_crop", area, 1)

    def apply(key, images, targets):
        n, height, width = images.shape[:3]
        draws = random.uniform(key, (4, n, 1))
        side = jnp.sqrt(area + (1 - area) * draws[0])
        ratio = (4 / 3) ** (draws[1] - 0.5)
        crop_height = jnp.minimum(side / ratio, 1)  # fractions of the image's sides [n 1]
        crop_width = jnp.minimum(side * ratio, 1)
        y = (jnp.arange(height, dtype=jnp.float32).reshape(1, -1) + 0.5) / height
        x = (jnp.arange(width, dtype=jnp.float32).reshape(1, -1) + 0.5) / width
        rows = ((1 - crop_height) * draws[2] + crop_height * y) * height - 0.5  # [n h]
        columns = ((1 - crop_width) * draws[3] + crop_width * x) * width - 0.5  # [n w]
        grid = jnp.broadcast_arrays(rows[:, :, None], columns[:, None, :])
        return sample_bilinear(images, *grid), targets

    return apply


def pad_and_crop(pixels: float) -> Augmentation:
    """Shifts by a whole number of pixels, at most `pixels` in each direction."""
    check_range("pad_crop", pixels, 1024)
    max_shift = check_whole_number("pad_crop", pixels)

    def apply(key, images, targets):
        n, height, width = images.shape[:3]
        if max_shift >= min(height, width):
            raise UserError(
                f"config.augment.pad_crop={max_shift} must be below the sides of images of "
                f"{height}x{width} pixels."
            )
        shifts = random.randint(key, (2, n, 1), -max_shift, max_shift + 1)
        rows = jnp.clip(jnp.arange(height).reshape(1, -1) + shifts[0], 0, height - 1)
        columns = jnp.clip(jnp.arange(width).reshape(1, -1) + shifts[1], 0, width - 1)
        return take_pixels(images, rows, columns), targets

    return apply


def hflip(probability: float) -> Augmentation:
    """Mirrors left and right with this probability."""
    check_range("flip", probability, 1)

    def apply(key, images, targets):
        mirrored = per_sample(key, images, 0, 1) < probability
        return jnp.where(mirrored, images[:, :, ::-1], images), targets

    return apply


def random_rotate(degrees: float) -> Augmentation:
    """Rotates about the center by an angle in [-degrees, degrees]."""
    check_range("rotate", degrees, 180)
    max_angle = math.radians(degrees)

    def apply(key, images, targets):
        return rotate(images, per_sample(key, images, -max_angle, max_angle).ravel()), targets

    return apply


def random_shear(degrees: float) -> Augmentation:
    """Shears horizontally by an angle in [-degrees, degrees]."""
    check_range("shear", degrees, 60)
    max_angle = math.radians(degrees)

    def apply(key, images, targets):
        return shear(images, per_sample(key, images, -max_angle, max_angle).ravel()), targets

    return apply


def take_pixels(images: Array, rows: Array, columns: Array) -> Array:
    """The pixels of every image at its own rows [n y] and columns [n x].  # [n y x c]"""
    return jax.vmap(lambda image, y, x: image[y][:, x])(images, rows, columns)
