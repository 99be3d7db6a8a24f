"""The arithmetic of colour jitter: batches [n h w c], float32 in [0, 1], of 1 (grey), 3 (RGB) or 4 channels (RGBA)."""

import jax.numpy as jnp
from jax import Array


def to_gray(images: Array) -> Array:
    """Luma of ITU-R BT.601, as in PIL's mode L.  # [n h w 1]"""
    if images.shape[-1] == 1:
        return images
    return 0.299 * images[..., 0:1] + 0.587 * images[..., 1:2] + 0.114 * images[..., 2:3]


def clip_keep_alpha(images: Array, colours: Array) -> Array:
    """`colours`, clipped to [0, 1], with the alpha of `images` where there is one."""
    colours = jnp.clip(colours, 0, 1)
    if images.shape[-1] < 4:
        return colours
    return jnp.where(jnp.arange(4).reshape(1, 1, 1, 4) < 3, colours, images)


def blend(images: Array, base: Array, share: Array) -> Array:
    """From `base` (a share of 0) through `images` (1) and on."""
    return clip_keep_alpha(images, base + share * (images - base))


def shift_hue(images: Array, turns: Array) -> Array:
    """HSV's hue moved round the colour circle by `turns` [n 1 1 1]; saturation and value stay. RGB or RGBA.

    Smith 1978, "Color gamut transform pairs"; back to RGB by one formula for the three channels, as in
    https://en.wikipedia.org/wiki/HSL_and_HSV#HSV_to_RGB_alternative.
    """
    red, green, blue = images[..., 0:1], images[..., 1:2], images[..., 2:3]
    value = jnp.maximum(jnp.maximum(red, green), blue)
    chroma = value - jnp.minimum(jnp.minimum(red, green), blue)
    scale = 1 / jnp.where(chroma > 0, chroma, 1)
    other = jnp.where(value == green, 2 + (blue - red) * scale, 4 + (red - green) * scale)
    hue = jnp.where(value == red, (green - blue) * scale, other)  # in sixths of the circle
    starts = jnp.array([5.0, 3.0, 1.0, 0.0])[: images.shape[-1]].reshape(
        1, 1, 1, -1
    )  # alpha's is never used
    k = hue + 6 * turns + starts
    k = k - 6 * jnp.floor(k / 6)  # k % 6, which XLA computes ten times slower on the CPU
    return clip_keep_alpha(images, value - chroma * jnp.clip(jnp.minimum(k, 4 - k), 0, 1))
