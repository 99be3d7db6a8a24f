"""Augmentations that erase or mix: random erasing, mixup, CutMix, label smoothing.

See `augmentations` for the contract. `mixup` and `cutmix` draw once per batch, as in their papers.
"""

import jax.numpy as jnp
from jax import Array, random

from gv_jax.data.augment.base import Augmentation, check_range


def random_erasing(probability: float) -> Augmentation:
    """With this probability fills a rectangle with one random opaque color.

    Its area is 2 to 33 % of the image, its height 0.3 to 1/0.3 times its width; sides are cut to
    the image's. Zhong et al. 2020, "Random erasing data augmentation". They draw a color for each
    pixel; one color per rectangle (timm's mode "rand") needs hundreds of times fewer random
    numbers, which are the slow part on the CPU.
    """
    check_range("erase", probability, 1)

    def apply(key, images, targets):
        n, height, width, channels = images.shape
        draws = random.uniform(key, (5 + channels, n))
        area = height * width * (0.02 + 0.31 * draws[0])
        ratio = 0.3 ** (1 - 2 * draws[1])
        box_height = jnp.minimum(jnp.sqrt(area * ratio), height)
        box_width = jnp.minimum(jnp.sqrt(area / ratio), width)
        top, left = draws[2] * (height - box_height), draws[3] * (width - box_width)
        inside = box_mask(height, width, top, left, box_height, box_width)
        erased = (draws[4] < probability).reshape(n, 1, 1, 1)
        colors = draws[5:].T.reshape(n, 1, 1, channels)
        if channels == 4:
            colors = colors.at[..., 3].set(1)
        return jnp.where(inside & erased, colors, images), targets

    return apply


def mixup(alpha: float) -> Augmentation:
    """Blends every sample and its target with the previous one, weighted by Beta(alpha, alpha).

    Batches are shuffled, so the previous sample is a random partner. Zhang et al. 2018, "mixup:
    beyond empirical risk minimization".
    """
    check_range("mixup", alpha, 100)

    def apply(key, images, targets):
        weight = symmetric_beta(key, alpha)
        return tuple(
            weight * array + (1 - weight) * jnp.roll(array, 1, axis=0)
            for array in (images, targets)
        )

    return apply


def cutmix(alpha: float) -> Augmentation:
    """Pastes a rectangle of the previous sample in the batch into every sample.

    The batch shares one rectangle with the aspect ratio of the image. Its area is a fraction
    1 - Beta(alpha, alpha) of the image, its center is uniform, and parts outside are cut off.
    Targets are mixed by the fraction of pasted pixels. Yun et al. 2019, "CutMix: regularization
    strategy to train strong classifiers with localizable features".
    """
    check_range("cutmix", alpha, 100)

    def apply(key, images, targets):
        height, width = images.shape[1:3]
        keys = random.split(key)
        side = jnp.sqrt(1 - symmetric_beta(keys[0], alpha))
        center = random.uniform(keys[1], (2,))
        box_height, box_width = side * height, side * width
        top = center[0] * height - box_height / 2
        left = center[1] * width - box_width / 2
        pasted = box_mask(height, width, top, left, box_height, box_width)
        fraction = pasted.astype(jnp.float32).mean()
        images = jnp.where(pasted, jnp.roll(images, 1, axis=0), images)
        return images, (1 - fraction) * targets + fraction * jnp.roll(targets, 1, axis=0)

    return apply


def label_smoothing(mass: float) -> Augmentation:
    """Spreads the probability `mass` of every target evenly over all classes.

    Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision", section 7.
    """
    check_range("label_smoothing", mass, 1)
    return lambda key, images, targets: (images, smooth_labels(targets, mass))


def box_mask(
    rows: int, columns: int, top: Array, left: Array, height: Array, width: Array
) -> Array:
    """Where the center of a pixel is inside a box.

    Args:
        rows: Height of the image in pixels.
        columns: Width of the image in pixels.
        top: Upper edge of each box in pixels, [m] or a scalar.
        left: Left edge, likewise.
        height: Height, likewise.
        width: Width, likewise.

    Returns:
        bool [m rows columns 1].
    """
    y = (jnp.arange(rows, dtype=jnp.float32) + 0.5).reshape(1, rows, 1, 1)
    x = (jnp.arange(columns, dtype=jnp.float32) + 0.5).reshape(1, 1, columns, 1)
    top, left, height, width = (edge.reshape(-1, 1, 1, 1) for edge in (top, left, height, width))
    return (y >= top) & (y < top + height) & (x >= left) & (x < left + width)


def symmetric_beta(key: Array, alpha: float) -> Array:
    """One random number from Beta(alpha, alpha).

    Written by hand because `jax.random.beta` has a loop that takes seconds to compile. Bailey 1994,
    "Polar generation of random variates with the t-distribution": t with 2 alpha degrees of freedom
    is sqrt(2 alpha (u^(-1/alpha) - 1)) cos(2 pi v), and 1/2 + t / (2 sqrt(2 alpha + t^2)) has the
    beta distribution.
    """
    draws = random.uniform(key, (2,))
    power, cos = draws[0] ** (1 / alpha), jnp.cos(2 * jnp.pi * draws[1])
    centered = jnp.sqrt(1 - power) * cos / jnp.sqrt(power + (1 - power) * cos**2)
    # Rounding can exceed the ends of the range, which are frequent for small alpha.
    return jnp.clip(0.5 + 0.5 * centered, 0, 1)


def smooth_labels(targets: Array, mass: float | Array) -> Array:
    """`targets` [n k] with the probability `mass`, a scalar, spread evenly over all k classes."""
    return (1 - mass) * targets + mass / targets.shape[-1]
