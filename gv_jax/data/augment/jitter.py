"""Arithmetic of color jitter on float32 batches [n h w c] in [0, 1].

c is 1 (gray), 3 (RGB) or 4 (RGBA).
"""

import jax.numpy as jnp
from jax import Array


def to_gray(images: Array) -> Array:
    """Luma of ITU-R BT.601, as in PIL's mode L.  # [n h w 1]"""
    if images.shape[-1] == 1:
        return images
    return 0.299 * images[..., 0:1] + 0.587 * images[..., 1:2] + 0.114 * images[..., 2:3]


def clip_keep_alpha(images: Array, colors: Array) -> Array:
    """`colors` clipped to [0, 1], with the alpha of `images` if there is one."""
    colors = jnp.clip(colors, 0, 1)
    if images.shape[-1] < 4:
        return colors
    return jnp.where(jnp.arange(4).reshape(1, 1, 1, 4) < 3, colors, images)


def blend(images: Array, base: Array, weight: Array) -> Array:
    """Interpolates from `base` (weight 0) to `images` (weight 1) and beyond."""
    return clip_keep_alpha(images, base + weight * (images - base))


def shift_hue(images: Array, turns: Array) -> Array:
    """Rotates the hue of HSV by `turns` [n 1 1 1] of the color circle; RGB or RGBA images.

    Smith 1978, "Color gamut transform pairs"; back to RGB by one formula for the three channels:
    https://en.wikipedia.org/wiki/HSL_and_HSV#HSV_to_RGB_alternative.
    """
    red, green, blue = images[..., 0:1], images[..., 1:2], images[..., 2:3]
    value = jnp.maximum(jnp.maximum(red, green), blue)
    chroma = value - jnp.minimum(jnp.minimum(red, green), blue)
    scale = 1 / jnp.where(chroma > 0, chroma, 1)
    below_red = jnp.where(value == green, 2 + (blue - red) * scale, 4 + (red - green) * scale)
    hue = jnp.where(value == red, (green - blue) * scale, below_red)  # in sixths of the circle
    offsets = jnp.array([5.0, 3.0, 1.0, 0.0])[: images.shape[-1]]  # that of alpha is not used
    k = hue + 6 * turns + offsets.reshape(1, 1, 1, -1)
    k = k - 6 * jnp.floor(k / 6)  # k % 6, which XLA:CPU computes ten times slower
    return clip_keep_alpha(images, value - chroma * jnp.clip(jnp.minimum(k, 4 - k), 0, 1))
