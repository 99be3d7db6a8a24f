"""Augmentations: random changes of a batch of training pictures, run inside the compiled step.

Each is `f(key, images, targets) -> (images, targets)`: images float32 [n h w c] in [0, 1] with 1 (grey), 3
(RGB) or 4 channels (RGBA), targets float32 [n k]. The result has the same shapes and range and depends on
the arguments only. Every sample gets draws of its own, except in `mixup` and `cutmix`, which draw once for
the batch, as in their papers. All are batched gathers and arithmetic, so that they split over devices as
the batch does.

Alpha follows the geometric changes; the colour changes leave it alone. What a geometric change brings in from
outside the picture repeats the nearest edge pixel. Normalisation comes later.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
from jax import Array, random

from gv_jax.data.augment.barrier import fusion_barrier
from gv_jax.data.augment.jitter import blend, clip_keep_alpha, shift_hue, to_gray
from gv_jax.data.augment.mixing import box_mask, smooth_labels, symmetric_beta
from gv_jax.data.augment.warp import rotate, sample_bilinear, shear
from gv_jax.errors import UserError, unknown

Augmentation = Callable[[Array, Array, Array], tuple[Array, Array]]


def check_range(name: str, strength: float, most: float) -> None:
    if not 0 < strength <= most:  # refuses NaN too
        raise UserError(
            f"augment.{name}={strength} is out of range: above 0, at most {most:g}; 0 is off."
        )


def per_sample(key: Array, images: Array, low: float, high: float) -> Array:
    """Uniform numbers in [low, high), one for each picture.  # [n 1 1 1]"""
    return random.uniform(key, (len(images), 1, 1, 1), minval=low, maxval=high)


# Geometry


def random_resized_crop(area: float) -> Augmentation:
    """Enlarges a part of the picture to the whole.

    Its share of the area is uniform in [`area`, 1], its proportions are log-uniform between 3/4 and 4/3 of
    the picture's, and a side longer than the picture's is cut to it. Szegedy et al. 2015, "Going deeper
    with convolutions", section 6. Nothing ever shrinks, so bilinear sampling needs no smoothing before it.
    """
    check_range("resized_crop", area, 1)

    def apply(key, images, targets):
        n, height, width = images.shape[:3]
        draws = random.uniform(key, (4, n, 1))
        side = jnp.sqrt(area + (1 - area) * draws[0])
        stretch = (4 / 3) ** (draws[1] - 0.5)
        tall = jnp.minimum(side / stretch, 1)  # shares of the picture's sides [n 1]
        wide = jnp.minimum(side * stretch, 1)
        y = (jnp.arange(height, dtype=jnp.float32).reshape(1, -1) + 0.5) / height
        x = (jnp.arange(width, dtype=jnp.float32).reshape(1, -1) + 0.5) / width
        rows = ((1 - tall) * draws[2] + tall * y) * height - 0.5  # [n h]
        columns = ((1 - wide) * draws[3] + wide * x) * width - 0.5  # [n w]
        return sample_bilinear(
            images, *jnp.broadcast_arrays(rows[:, :, None], columns[:, None, :])
        ), targets

    return apply


def pad_and_crop(pixels: float) -> Augmentation:
    """Moves by a whole number of pixels, up to this many each way: padding and cropping in one gather."""
    check_range("pad_crop", pixels, 1024)
    if pixels != int(pixels):
        raise UserError(f"augment.pad_crop={pixels} is no whole number of pixels.")
    most = int(pixels)

    def apply(key, images, targets):
        n, height, width = images.shape[:3]
        if most >= min(height, width):
            raise UserError(
                f"augment.pad_crop={most} must be below the sides of {height}x{width} pictures."
            )
        moves = random.randint(key, (2, n, 1), -most, most + 1)
        rows = jnp.clip(jnp.arange(height).reshape(1, -1) + moves[0], 0, height - 1)
        columns = jnp.clip(jnp.arange(width).reshape(1, -1) + moves[1], 0, width - 1)
        return jax.vmap(lambda picture, y, x: picture[y][:, x])(images, rows, columns), targets

    return apply


def hflip(probability: float) -> Augmentation:
    """Mirrors left and right with this probability."""
    check_range("flip", probability, 1)

    def apply(key, images, targets):
        mirror = per_sample(key, images, 0, 1) < probability
        return jnp.where(mirror, images[:, :, ::-1], images), targets

    return apply


def random_rotate(degrees: float) -> Augmentation:
    """Turns about the centre by up to this angle each way."""
    check_range("rotate", degrees, 180)
    most = math.radians(degrees)

    def apply(key, images, targets):
        return rotate(images, per_sample(key, images, -most, most).ravel()), targets

    return apply


def random_shear(degrees: float) -> Augmentation:
    """Leans sideways by up to this angle each way."""
    check_range("shear", degrees, 60)
    most = math.radians(degrees)

    def apply(key, images, targets):
        return shear(images, per_sample(key, images, -most, most).ravel()), targets

    return apply


# Colour, with the strengths of torchvision's ColorJitter


def random_brightness(strength: float) -> Augmentation:
    """Times a factor in 1 +- strength."""
    check_range("brightness", strength, 1)

    def apply(key, images, targets):
        return clip_keep_alpha(
            images, per_sample(key, images, 1 - strength, 1 + strength) * images
        ), targets

    return apply


def random_contrast(strength: float) -> Augmentation:
    """Distance from the picture's mean grey times a factor in 1 +- strength."""
    check_range("contrast", strength, 1)

    def apply(key, images, targets):
        mean = to_gray(images.mean(axis=(1, 2), keepdims=True))
        return blend(images, mean, per_sample(key, images, 1 - strength, 1 + strength)), targets

    return apply


def random_saturation(strength: float) -> Augmentation:
    """Distance of each pixel from its grey times a factor in 1 +- strength; changes no grey picture."""
    check_range("saturation", strength, 1)

    def apply(key, images, targets):
        return blend(
            images, to_gray(images), per_sample(key, images, 1 - strength, 1 + strength)
        ), targets

    return apply


def random_hue(strength: float) -> Augmentation:
    """Up to this share of the colour circle each way; changes no grey picture."""
    check_range("hue", strength, 0.5)

    def apply(key, images, targets):
        if images.shape[-1] == 1:
            return images, targets
        return shift_hue(images, per_sample(key, images, -strength, strength)), targets

    return apply


# Covering and mixing


def random_erasing(probability: float) -> Augmentation:
    """With this probability covers a rectangle with one random opaque colour.

    It has 2 to 33 % of the area and a height of 0.3 to 1/0.3 times its width, cut to the picture's sides.
    Zhong et al. 2020, "Random erasing data augmentation"; they draw a colour for each pixel, but random
    numbers are the slow part on the CPU, and one colour for the rectangle (timm's mode "rand") needs
    hundreds of times fewer.
    """
    check_range("erase", probability, 1)

    def apply(key, images, targets):
        n, height, width, channels = images.shape
        draws = random.uniform(key, (5 + channels, n))
        area = height * width * (0.02 + 0.31 * draws[0])
        ratio = 0.3 ** (1 - 2 * draws[1])
        tall = jnp.minimum(jnp.sqrt(area * ratio), height)
        wide = jnp.minimum(jnp.sqrt(area / ratio), width)
        inside = box_mask(
            height, width, draws[2] * (height - tall), draws[3] * (width - wide), tall, wide
        )
        chosen = (draws[4] < probability).reshape(n, 1, 1, 1)
        colours = draws[5:].T.reshape(n, 1, 1, channels)
        if channels == 4:
            colours = colours.at[..., 3].set(1)
        return jnp.where(inside & chosen, colours, images), targets

    return apply


def mixup(alpha: float) -> Augmentation:
    """Blends every sample and its target with the one before it, by one share from Beta(alpha, alpha).

    Batches are drawn shuffled, so the neighbour is a random partner. Zhang et al. 2018, "mixup: beyond
    empirical risk minimization".
    """
    check_range("mixup", alpha, 100)

    def apply(key, images, targets):
        share = symmetric_beta(key, alpha)
        return tuple(
            share * array + (1 - share) * jnp.roll(array, 1, axis=0) for array in (images, targets)
        )

    return apply


def cutmix(alpha: float) -> Augmentation:
    """Pastes a rectangle of the sample before it in the batch into every sample.

    One rectangle for the batch, of the picture's proportions: its share of the area is 1 - Beta(alpha,
    alpha), its centre is anywhere, what is outside is cut off, and targets mix by the pixels that were
    pasted. Yun et al. 2019, "CutMix: regularization strategy to train strong classifiers with localizable
    features".
    """
    check_range("cutmix", alpha, 100)

    def apply(key, images, targets):
        height, width = images.shape[1:3]
        keys = random.split(key)
        side = jnp.sqrt(1 - symmetric_beta(keys[0], alpha))
        centre = random.uniform(keys[1], (2,))
        tall, wide = side * height, side * width
        pasted = box_mask(
            height, width, centre[0] * height - tall / 2, centre[1] * width - wide / 2, tall, wide
        )
        share = pasted.astype(jnp.float32).mean()
        images = jnp.where(pasted, jnp.roll(images, 1, axis=0), images)
        return images, (1 - share) * targets + share * jnp.roll(targets, 1, axis=0)

    return apply


def label_smoothing(share: float) -> Augmentation:
    """Spreads `share` of every target evenly over all classes. Szegedy et al. 2016, "Rethinking the Inception
    architecture for computer vision", section 7.
    """
    check_range("label_smoothing", share, 1)
    return lambda key, images, targets: (images, smooth_labels(targets, share))


# In the order in which `build` applies them
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


def chain_augmentations(augmentations: Sequence[Augmentation]) -> Augmentation:
    """One after the other, each with a key of its own; none leaves the batch as it is."""

    def apply(key, images, targets):
        keys = random.split(key, len(augmentations) + 1)
        never = random.uniform(keys[0]) >= 1
        for one, augment in zip(keys[1:], augmentations, strict=True):
            images, targets = augment(one, images, targets)
            images = fusion_barrier(images, never)
        return images, targets

    return apply


def build_augmentation(strengths: Mapping[str, float]) -> Augmentation:
    """All of `strengths` (name -> strength) that are not 0, chained in the order of `AUGMENTATIONS`."""
    for name in strengths:
        if name not in AUGMENTATIONS:
            raise unknown("augmentation", name, AUGMENTATIONS)
    return chain_augmentations(
        [make(strengths[name]) for name, make in AUGMENTATIONS.items() if strengths.get(name)]
    )
