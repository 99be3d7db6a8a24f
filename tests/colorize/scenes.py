"""Frames to colour, uint8 [h w 3], and what is grey in them."""

import numpy as np
from skimage.color import rgb2lab


def scene(number, height=16, width=24):
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2], picture[height // 2 :] = (40, 90, 220), (60, 120, 30)
    left = number % (width - 6)
    picture[height // 2 : height - 3, left : left + 6] = (230, 190, 60)
    return picture


def greys(picture):
    """Of RGB, by scikit-image: L of a grey that is as light, looked up."""
    lights = rgb2lab(np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, -1))[:, 0, 0]
    borders = (lights[1:] + lights[:-1]) / 2
    return np.searchsorted(borders, rgb2lab(picture[..., :3])[..., 0])
