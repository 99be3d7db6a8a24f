"""Premultiplied alpha: colors times alpha, so that hidden colors do not count.

Images are [n h w c] in [0, 1]; those of other than four channels are unchanged.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array

RGBA = 4


def premultiply(images: Array) -> Array:
    """Multiplies the colors of RGBA images by alpha."""
    if images.shape[-1] != RGBA:
        return images
    return jnp.concatenate([images[..., :3] * images[..., 3:], images[..., 3:]], -1)


def unpremultiply(images: Array, snap: Callable[[Array], Any] = lambda alpha: alpha) -> Array:
    """Divides the colors of premultiplied RGBA images by alpha; black where it is 0 at last.

    Args:
        images: premultiplied.
        snap: the alpha channel [n h w 1] that the result has, from the one of `images`.
    """
    if images.shape[-1] != RGBA:
        return images
    colors, alpha = images[..., :3], images[..., 3:]
    snapped = snap(alpha)
    shown = jnp.clip(colors / jnp.maximum(alpha, 1 / 255), 0, 1)
    return jnp.concatenate([jnp.where(snapped > 0, shown, jnp.zeros_like(shown)), snapped], -1)
