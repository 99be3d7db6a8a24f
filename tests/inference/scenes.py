"""Frames to colorize, and their grays."""

import numpy as np
from skimage.color import rgb2lab


def scene(index, height=16, width=24):
    """A box that moves over a two-colored background, uint8 [h w 3]."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2], image[height // 2 :] = (40, 90, 220), (60, 120, 30)
    left = index % (width - 6)
    image[height // 2 : height - 3, left : left + 6] = (230, 190, 60)
    return image


def to_gray(image):
    """The 8-bit gray of the same L, by scikit-image: a search over the L of all grays."""
    lightness = rgb2lab(np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, -1))[:, 0, 0]
    borders = (lightness[1:] + lightness[:-1]) / 2
    return np.searchsorted(borders, rgb2lab(image[..., :3])[..., 0])
