"""Metrics of predicted colors, one number per image, [n].

Images are float32 [n h w 3], sRGB in [0, 1]; ab [n h w 2] is CIELAB's a and b, lightness
[n h w 1] its L.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.image.ciede2000 import ciede2000
from gv_jax.image.color import lab_to_rgb, rgb_to_lab
from gv_jax.image.metrics import mse, mse_to_psnr, ssim
from gv_jax.image.resample import quantize_8bit

AB_SCALE = 128.0  # divisor of a and b that brings all colors of sRGB into [-1, 1]
NEAR_CIEDE2000 = 5.0  # a visible difference, but hardly another color
SAME_GRAY = 0.5 / 255  # grays that differ by less have the same 8-bit value


def color_metrics(lightness: Array, ab: Array, originals: Array) -> dict[str, Array]:
    """All metrics of the images with L `lightness` and predicted `ab`.

    mse, mae: of ab / 128 as predicted, mean over pixels and both channels (multiply by 16,384 and
    128 for CIELAB units). psnr (decibels), ssim, ciede2000 (mean over pixels), within_5 (fraction
    of pixels with a CIEDE2000 of at most 5) and colorfulness: of the image in 8-bit sRGB, clipped
    to the gamut. colorfulness_error: absolute difference to that of the original.

    Args:
        lightness: L [n h w 1].
        ab: Predicted a and b [n h w 2].
        originals: True colors, sRGB in [0, 1] [n h w 3].

    Raises:
        UserError: The images are too small for `ssim`.
    """
    true_lab = rgb_to_lab(originals)
    errors = (ab - true_lab[..., 1:]) / AB_SCALE
    rounded = quantize_8bit(lab_to_rgb(jnp.concatenate([lightness, ab], -1)))
    differences = ciede2000(rgb_to_lab(rounded), true_lab)
    predicted_colorfulness = colorfulness(rounded)
    return {
        "mse": jnp.square(errors).mean((1, 2, 3)),
        "mae": jnp.abs(errors).mean((1, 2, 3)),
        "psnr": mse_to_psnr(mse(rounded, originals)),
        "ssim": ssim(rounded, originals),
        "ciede2000": differences.mean((1, 2)),
        "within_5": (differences <= NEAR_CIEDE2000).astype(jnp.float32).mean((1, 2)),
        "colorfulness": predicted_colorfulness,
        "colorfulness_error": jnp.abs(predicted_colorfulness - colorfulness(originals)),
    }


def colorfulness(images: Array) -> Array:
    """Colorfulness: 0 for gray, 15 slightly, 45 averagely, 82 highly colorful: [n h w 3] -> [n].

    Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images": with rg = R - G and
    yb = (R + G) / 2 - B on a scale of 0 to 255, the norm of their standard deviations plus 0.3
    times the norm of their means.
    """
    opponent = opponent_colors(255 * images)
    std, mean = opponent.std((1, 2)), opponent.mean((1, 2))  # [n 2]
    return jnp.linalg.norm(std, axis=-1) + 0.3 * jnp.linalg.norm(mean, axis=-1)


def opponent_colors(images: Array) -> Array:
    """R - G and (R + G) / 2 - B of sRGB from 0 to 255: [... 3] -> [... 2]."""
    red, green, blue = (images[..., channel] for channel in range(3))
    return jnp.stack([red - green, (red + green) / 2 - blue], -1)


def colorfulness_of_moments(mean: np.ndarray, mean_square: np.ndarray) -> float:
    """The `colorfulness` of an image from the means of its `opponent_colors` and their squares.

    Args:
        mean: float64 [2].
        mean_square: float64 [2].
    """
    variance = np.maximum(mean_square - np.square(mean), 0).sum()
    return float(np.sqrt(variance) + 0.3 * np.linalg.norm(mean))


def flicker(grays: Array, next_grays: Array, ab: Array, next_ab: Array) -> tuple[Array, Array]:
    """Change of color between consecutive frames, on pixels whose gray does not change.

    The flicker of a clip is the summed change divided by the number of pixels, both over all pairs
    of frames. It is 0 if colors change only where the gray does. Originals have a flicker too,
    where two colors of the same gray alternate.

    Args:
        grays: Gray values of each frame, in [0, 1], [n h w 1].
        next_grays: Gray values of the next frames.
        ab: Predicted a and b of each frame, [n h w 2].
        next_ab: Predicted a and b of the next frames.

    Returns:
        For each pair, [n]: the distance in the plane of a and b, in CIELAB units, summed over
        pixels whose grays differ by less than half an 8-bit step; and the number of these pixels.
    """
    still = jnp.abs(grays - next_grays)[..., 0] < SAME_GRAY
    change = jnp.sqrt(jnp.square(ab - next_ab).sum(-1))
    return jnp.where(still, change, 0).sum((1, 2)), still.astype(jnp.float32).sum((1, 2))
