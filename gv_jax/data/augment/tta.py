"""Test-time augmentation: the transforms of an image whose predictions are averaged."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from gv_jax.errors import UserError

Transform = Callable[[Array], Array]  # float [n h w c] -> the same shape


def tta_transforms(flip: bool, shift: int) -> tuple[Transform, ...]:
    """The transforms of test-time augmentation: 1, 2, 5 or 10, the identity first.

    Args:
        flip: Also mirror every transformed image left to right.
        shift: Pixels; if not 0, also shift up, down, left and right, repeating the edges.

    Raises:
        UserError: The shift is negative.
    """
    if shift < 0:
        raise UserError(f"config.tta.shift={shift} must be 0 or more pixels.")
    shifts = [(0, 0)]
    if shift:
        shifts += [(-shift, 0), (shift, 0), (0, -shift), (0, shift)]
    return tuple(
        make_transform(down, right, mirror)
        for mirror in ((False, True) if flip else (False,))
        for down, right in shifts
    )


def make_transform(down: int, right: int, mirror: bool) -> Transform:
    """A shift by pixels, then a mirroring left to right."""

    def transform(images: Array) -> Array:
        for axis, shift in ((1, down), (2, right)):
            if shift:
                side = images.shape[axis]
                indices = jnp.clip(jnp.arange(side) - shift, 0, side - 1)
                images = images.take(indices, axis)
        return images[:, :, ::-1] if mirror else images

    return transform
