"""Maps drawn over images, readable at 32 and at 224 pixels."""

import jax
import numpy as np

MIN_SIDE = 224  # pixels; smaller images are enlarged to at least this by a whole factor
COLORS = "inferno"  # colormap of matplotlib
DARKEST = 0.35  # start in COLORS: darker colors are those of the image
OPACITY = 0.6  # of the color where the map is 1
OPACITY_POWER = 0.8
SATURATION = 0.35  # that is left to the image, so that the colors of the map stand out
PAPER = 232  # gray under transparent pixels
SMOOTH_FROM = 64  # pixels; maps of smaller images are enlarged as squares, as the pixels are
GRAY_WEIGHTS = (0.299, 0.587, 0.114)  # of R, G and B in luma


def draw_overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A map over an image.

    Args:
        image: uint8 [h w c], 1 to 4 channels.
        heat: [h w] in [0, 1].

    Returns:
        uint8 [H W 3], the image enlarged as by `enlarge`.
    """
    from matplotlib import colormaps  # slow to import

    pixels = to_rgb(image).astype(np.float32)
    gray = (pixels @ np.array(GRAY_WEIGHTS, np.float32))[..., None]
    base = gray + SATURATION * (pixels - gray)
    colors = 255 * colormaps[COLORS](DARKEST + (1 - DARKEST) * heat)[..., :3]
    opacity = OPACITY * heat[..., None] ** OPACITY_POWER
    blended = base + opacity * (colors - base)
    return enlarge(np.clip(np.rint(blended), 0, 255).astype(np.uint8))


def to_rgb(image: np.ndarray) -> np.ndarray:
    """uint8 [h w c], 1 to 4 channels (gray, gray and alpha, RGB, RGBA), as RGB over PAPER."""
    colors, alpha = image, None
    if image.shape[-1] in (2, 4):
        colors, alpha = image[..., :-1], image[..., -1:].astype(np.float32) / 255
    rgb = np.broadcast_to(colors, (*image.shape[:2], 3))
    if alpha is None:
        return np.ascontiguousarray(rgb)
    return np.rint(PAPER + alpha * (rgb.astype(np.float32) - PAPER)).astype(np.uint8)


def enlarge(image: np.ndarray, side: int = MIN_SIDE) -> np.ndarray:
    """Repeats pixels [h w ...] by a whole factor so that the larger side has `side` or more."""
    factor = -(-side // max(image.shape[:2]))
    return image.repeat(factor, 0).repeat(factor, 1)


def resize_map(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map [h' w'] at the size (h, w) of an image: in squares if that is small, else smooth."""
    if heat.shape == size:
        return heat
    method = "nearest" if min(size) < SMOOTH_FROM else "linear"
    return np.asarray(jax.image.resize(heat, size, method))


def normalize_map(heat: np.ndarray) -> np.ndarray:
    """A map float32 in [0, 1]: without negative values, divided by its maximum."""
    positive = np.maximum(heat, 0).astype(np.float32)
    peak = positive.max(initial=0)
    return positive / peak if peak > 0 else positive
