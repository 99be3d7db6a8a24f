"""RGBA pixels with their color multiplied by alpha: under alpha 0, colors have no meaning.

Images are [... c], 0 to 255, with c = 4, or 3 without alpha, which nothing changes.
"""

import numpy as np

ALPHA = 3  # index of the channel


def premultiply(images: np.ndarray) -> np.ndarray:
    """uint8 images [... c] with colors times alpha / 255, rounded to uint8 as Pillow does."""
    if images.shape[-1] <= ALPHA:
        return images
    weights = np.repeat(images[..., ALPHA], images.shape[-1], -1).reshape(images.shape)
    weights[..., ALPHA] = 255
    products = images * weights.astype(np.uint16) + np.uint16(128)
    return ((products + (products >> 8)) >> 8).astype(np.uint8)  # / 255; a division is slower


def unpremultiply(values: np.ndarray) -> np.ndarray:
    """uint8 images of premultiplied values [... c], float; values out of range are clipped.

    Colors under alpha 0 become 0.
    """
    if values.shape[-1] <= ALPHA:
        return np.rint(values.clip(0, 255)).astype(np.uint8)
    alpha = np.rint(values[..., ALPHA:].clip(0, 255))
    colors = values[..., :ALPHA] * (255 / np.maximum(alpha, 1)) * (alpha > 0)
    colors = np.rint(colors.clip(0, 255))
    return np.concatenate([colors, alpha], -1).astype(np.uint8)
