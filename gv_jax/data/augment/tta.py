"""Views of one picture that a finished network is asked about, in place of the picture alone.

float [n h w c] -> the same shape.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from gv_jax.errors import UserError

Transform = Callable[[Array], Array]


def tta_transforms(flip: bool, shift: int) -> tuple[Transform, ...]:
    """The picture itself, with `shift` also moved by so many pixels up, down, left and right (edges are repeated), and
    with `flip` the mirror image of each: 1, 2, 5 or 10 views."""
    if shift < 0:
        raise UserError(f"config.tta.shift is {shift}: it must be 0 or more pixels")
    moves = [(0, 0), *([(-shift, 0), (shift, 0), (0, -shift), (0, shift)] if shift else [])]
    return tuple(
        make_transform(down, right, mirrored)
        for mirrored in (False, True)[: 1 + flip]
        for down, right in moves
    )


def make_transform(down: int, right: int, mirrored: bool) -> Transform:
    """Moved by pixels, then mirrored left to right."""

    def seen(images: Array) -> Array:
        for axis, move in ((1, down), (2, right)):
            if move:
                side = images.shape[axis]
                images = images.take(jnp.clip(jnp.arange(side) - move, 0, side - 1), axis)
        return images[:, :, ::-1] if mirrored else images

    return seen
