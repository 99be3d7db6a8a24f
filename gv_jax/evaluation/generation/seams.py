"""Whether images continue across their border when they are tiled."""

import numpy as np

from gv_jax.evaluation.generation.pixels import premultiply

FLAT = 1.0  # score of images without any difference


def seam_score(images: np.ndarray) -> float:
    """The mean step across the wrapped border, by that between neighbors inside.

    1 for a texture that repeats without a seam. It is the ratio of sums over images, so it is that
    of the images with structure: flat ones add nothing to either sum. 1 if all are flat.

    Args:
        images: uint8 [n h w c], premultiplied here.
    """
    seam, inside = (values.sum() for values in border_differences(images))
    return float(seam / inside) if inside else FLAT


def border_differences(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean absolute differences of neighbors, across the border and inside, float64 [n] each."""
    pixels = premultiply(images).astype(np.float64)
    _, h, w, c = pixels.shape
    steps = [np.abs(np.roll(pixels, -1, axis) - pixels) for axis in (1, 2)]  # the last ones wrap
    seam = steps[0][:, -1].sum((1, 2)) + steps[1][:, :, -1].sum((1, 2))
    total = steps[0].sum((1, 2, 3)) + steps[1].sum((1, 2, 3))
    inside_pairs = (h - 1) * w + h * (w - 1)
    return seam / (c * (h + w)), (total - seam) / (c * inside_pairs)
