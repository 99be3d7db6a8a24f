"""Why a class is predicted for an image."""

from dataclasses import dataclass

import numpy as np

from gv_jax.inference.stored.neighbors import Neighbor


@dataclass(frozen=True)
class Explanation:
    """Which pixels, or which training images, the prediction of a class is based on.

    Attributes:
        method: A name in METHODS.
        label: The explained class.
        probability: Predicted for it; calibrated.
        layer: The feature map that it is based on; "" for methods that use none.
        map: Importance of each pixel, float32 [h w] in [0, 1], of the size of `image`; the largest
            value is 1 unless all are 0. All 0 if the method makes no map.
        image: The network input, uint8 [h w c].
        overlay: The map over the image, enlarged; for nearest images, a row of these; uint8
            [H W 3].
        neighbors: The nearest training images, the nearest first; for that method only.
    """

    method: str
    label: str
    probability: float
    layer: str
    map: np.ndarray
    image: np.ndarray
    overlay: np.ndarray
    neighbors: tuple[Neighbor, ...] = ()
