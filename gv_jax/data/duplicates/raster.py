"""Rasters: the pixels of an image, few enough to keep those of a whole data set.

A raster is uint8 [h w 4]: RGB times alpha, and alpha.
"""

from functools import lru_cache

import numpy as np
from PIL import Image
from scipy import ndimage

SMALL_PIXELS = 64  # longest side of a small image; its raster has all of its pixels
MEDIUM_PIXELS = 128  # up to this longest side, the raster is as large as a small image
LARGE_RASTER_PIXELS = 32  # longest side of the raster of any larger image
BORDER_FRACTION = 0.7  # of the border pixels must have the color of a background
BACKGROUND_TOLERANCE = 20  # of 255: pixels this close to the color of the background belong to it
MIN_BACKGROUND = 0.05  # of all pixels: less is no background


def raster_size(size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the raster of an image of (width, height) pixels."""
    width, height = size
    longest = max(size)
    if longest <= SMALL_PIXELS:
        return height, width
    limit = SMALL_PIXELS if longest <= MEDIUM_PIXELS else LARGE_RASTER_PIXELS
    return max(1, round(height * limit / longest)), max(1, round(width * limit / longest))


def make_raster(image: Image.Image) -> np.ndarray:
    """The raster of an image of mode RGB or RGBA."""
    premultiplied = image.convert("RGBA").convert("RGBa")
    height, width = raster_size(image.size)
    if premultiplied.size != (width, height):
        # Pillow resizes RGBa channel by channel, so colors under alpha 0 do not count.
        premultiplied = premultiplied.resize((width, height), Image.Resampling.BOX)
    return np.array(premultiplied)


def find_background(raster: np.ndarray) -> np.ndarray | None:
    """The pixels of an opaque raster that belong to a background of one color; None without one.

    The background is connected with the border, most of which has its color.

    Args:
        raster: uint8 [h w 4].

    Returns:
        bool [h w].
    """
    colors = raster[..., :3].astype(np.int16)
    border = np.concatenate([colors[0], colors[-1], colors[1:-1, 0], colors[1:-1, -1]])
    color = np.median(border, axis=0)
    if (np.abs(border - color).max(axis=-1) <= BACKGROUND_TOLERANCE).mean() < BORDER_FRACTION:
        return None
    similar = np.abs(colors - color).max(axis=-1) <= BACKGROUND_TOLERANCE
    labels = np.empty(similar.shape, np.int32)
    ndimage.label(similar, output=labels)
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    background = np.isin(labels, edges[edges > 0])
    fraction = background.mean()
    return background if MIN_BACKGROUND <= fraction < 1 else None


def cut_out(raster: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The raster with a transparent background, given as bool [h w]."""
    return np.where(background[..., None], np.uint8(0), raster)


def paint(raster: np.ndarray, value: int) -> np.ndarray:
    """The raster over a background of the color (value, value, value), opaque."""
    added = (255 - raster[..., 3:].astype(np.uint16)) * value // 255
    return np.dstack([raster[..., :3] + added, np.full_like(raster[..., :1], 255)]).astype(np.uint8)


@lru_cache(maxsize=4096)
def resize_matrix(target: int, source: int, method: str) -> np.ndarray:
    """The linear map of Pillow's resize along one axis: float32 [target source].

    Args:
        target: Number of pixels of the result.
        source: Number of pixels of the image.
        method: A method of Pillow in lower case, such as "bicubic", or "even" or "odd": nearest
            with the first or last of the candidates for a pixel, at whole factors.
    """
    if method in ("even", "odd"):
        step = source // target
        first = 0 if method == "even" else step - 1
        return np.eye(source, dtype=np.float32)[first::step][:target]
    unit = Image.fromarray(np.eye(source, dtype=np.float32))
    resized = unit.resize((source, target), Image.Resampling[method.upper()])
    return np.array(resized)


def resize_planes(planes: np.ndarray, size: tuple[int, int], method: str) -> np.ndarray:
    """Planes float32 [n h w c] resized to `size` (height, width): float32 [n h' w' c]."""
    vertical = resize_matrix(size[0], planes.shape[1], method)
    return apply_matrices(planes, vertical, resize_matrix(size[1], planes.shape[2], method))


def apply_matrices(planes: np.ndarray, vertical: np.ndarray, horizontal: np.ndarray) -> np.ndarray:
    """Linear maps of both axes: [n h w c], [h' h], [w' w] -> [n h' w' c]."""
    channels_first = np.ascontiguousarray(planes.transpose(0, 3, 1, 2))
    return (vertical @ channels_first @ horizontal.T).transpose(0, 2, 3, 1)
