"""Images for exported functions."""

import numpy as np
from PIL import Image


def smooth_images(count, height, width, channels=3):
    """Random smooth images, uint8 [n h w c]."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(count):
        small = rng.integers(0, 256, (4, 5, channels), np.uint8)
        layers = [
            np.asarray(Image.fromarray(small[..., c]).resize((width, height), Image.BICUBIC))
            for c in range(channels)
        ]
        images.append(np.stack(layers, -1))
    return np.stack(images)
