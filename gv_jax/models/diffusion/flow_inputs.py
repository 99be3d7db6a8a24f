"""What a velocity network takes: noisy images, their times, what they show, how they tile."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

REGION = 4  # side of the regions of a layout, in pixels; divides `multiple` of all networks


class FlowInputs(NamedTuple):
    """A batch on the way from noise (time 0) to images (time 1).

    Attributes:
        images: [n h w c], (1 - t) * noise + t * image, of images in [-1, 1].
        times: t in [0, 1], float32 [n].
        labels: int32 [n], the class of each image; the number of classes stands for none.
        layouts: [n h/r w/r c], r = REGION, (1 - s) * noise + s * the mean colors of the regions of
            the image, in [-1, 1]; 0 without a class.
        layout_times: s in [0, 1], float32 [n]; 0 without a class.
        wraps: float32 [n], 1 for images that repeat without a seam, else 0.
    """

    images: Array
    times: Array
    labels: Array
    layouts: Array
    layout_times: Array
    wraps: Array


def append_layouts(inputs: FlowInputs) -> Array:
    """The images with their layouts as further channels, [n h w 2c], as Ho et al. 2022 do."""
    layouts = inputs.layouts.repeat(REGION, 1).repeat(REGION, 2)
    return jnp.concatenate([inputs.images, layouts.astype(inputs.images.dtype)], -1)
