"""Images as a page or sheet shows them: enlarged with hard edges, on a checkerboard."""

import numpy as np
from PIL import Image

CHECKER_PX = 8  # pixels of the squares of the checkerboard behind transparent images
LIGHT, DARK = 255, 226  # gray values of the squares


def to_pil(array: np.ndarray) -> Image.Image:
    """An RGBA image of uint8, or floats in [0, 1], [h w] or [h w c] with 1, 3 or 4 channels."""
    array = np.asarray(array)
    if array.dtype != np.uint8:
        array = np.round(np.clip(np.nan_to_num(array), 0, 1) * 255).astype(np.uint8)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return Image.fromarray(array).convert("RGBA")


def fit_in_box(image: Image.Image, width: int, height: int) -> Image.Image:
    """The image as large as the box holds: enlarged with hard edges, reduced by averaging."""
    scale = min(width / image.width, height / image.height)
    size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
    if scale > 1:
        factor = int(np.ceil(scale))
        enlarged = (image.width * factor, image.height * factor)
        image = image.resize(enlarged, Image.Resampling.NEAREST)
    return image.resize(size, Image.Resampling.BOX)


def checkerboard(width: int, height: int) -> Image.Image:
    """The background of transparent images."""
    rows, columns = np.arange(height)[:, None] // CHECKER_PX, np.arange(width)[None] // CHECKER_PX
    squares = np.where((rows + columns) % 2, DARK, LIGHT).astype(np.uint8)
    return Image.fromarray(squares).convert("RGBA")
