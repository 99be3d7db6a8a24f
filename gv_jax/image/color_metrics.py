"""How near the colours given to grey pictures come to the true ones: one number for each picture, [n].

Pictures are float32 [n h w 3], sRGB in [0, 1]; ab [n h w 2] are CIELAB's a and b, lightness [n h w 1] its L.
"""

import jax.numpy as jnp
from jax import Array

from gv_jax.image.ciede2000 import ciede2000
from gv_jax.image.color import lab_to_rgb, rgb_to_lab
from gv_jax.image.metrics import mse, mse_to_psnr, ssim
from gv_jax.image.resample import quantize_8bit

AB_SCALE = 128.0  # a and b are divided by it, so that all colours of sRGB are within [-1, 1]
NEAR_CIEDE2000 = 5.0  # CIEDE2000: a difference that is seen, but not taken for another colour
SAME_GRAY = 0.5 / 255  # greys that differ by less are one shade of 8 bits


def color_metrics(lightness: Array, ab: Array, originals: Array) -> dict[str, Array]:
    """Every measure of the pictures that `lightness` and the answered `ab` make, against the originals.

    mse, mae: of ab / 128 as answered, the mean over pixels and both channels (times 16,384 and 128: in CIELAB's units).
    psnr (decibels), ssim, ciede2000 (mean over pixels), within_5 (share of pixels with a CIEDE2000 of 5 or less),
    colourfulness: of the picture as shown, in 8-bit sRGB, out of gamut clipped. colourfulness_error: how far that is
    from the original's.

    Raises UserError for pictures too small for `ssim`.
    """
    true = rgb_to_lab(originals)
    apart = (ab - true[..., 1:]) / AB_SCALE
    shown = quantize_8bit(lab_to_rgb(jnp.concatenate([lightness, ab], -1)))
    differences = ciede2000(rgb_to_lab(shown), true)
    vivid = colorfulness(shown)
    return {
        "mse": jnp.square(apart).mean((1, 2, 3)),
        "mae": jnp.abs(apart).mean((1, 2, 3)),
        "psnr": mse_to_psnr(mse(shown, originals)),
        "ssim": ssim(shown, originals),
        "ciede2000": differences.mean((1, 2)),
        "within_5": (differences <= NEAR_CIEDE2000).astype(jnp.float32).mean((1, 2)),
        "colourfulness": vivid,
        "colourfulness_error": jnp.abs(vivid - colorfulness(originals)),
    }


def colorfulness(pictures: Array) -> Array:
    """0 of grey pictures; 15 is slightly, 45 averagely, 82 highly colourful.

    Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images": with rg = R - G and yb = (R + G) / 2 - B of
    0 to 255, the length of their standard deviations and 0.3 times that of their means.
    """
    red, green, blue = (255 * pictures[..., channel] for channel in range(3))
    opponent = jnp.stack([red - green, (red + green) / 2 - blue], -1)
    spread, mean = opponent.std((1, 2)), opponent.mean((1, 2))  # [n 2]
    return jnp.linalg.norm(spread, axis=-1) + 0.3 * jnp.linalg.norm(mean, axis=-1)


def flicker(greys: Array, later_greys: Array, ab: Array, later_ab: Array) -> tuple[Array, Array]:
    """(summed change of colour, pixels), each [n]: of pairs of neighbouring frames, on pixels whose grey stays.

    A pixel stays if its greys [n h w 1] in [0, 1] differ by less than half a step of 8 bits; its change is the distance
    of the two answers in the plane of a and b, in CIELAB's units. The flicker of clips is the sum over all pairs of the
    first, divided by that of the second: 0 for a colouring that never changes where the picture doesn't. The originals
    have a flicker of their own, where two colours of one grey take turns.
    """
    still = jnp.abs(greys - later_greys)[..., 0] < SAME_GRAY
    change = jnp.sqrt(jnp.square(ab - later_ab).sum(-1))
    return jnp.where(still, change, 0).sum((1, 2)), still.astype(jnp.float32).sum((1, 2))
