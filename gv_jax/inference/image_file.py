"""Reads image files of any kind for inference, and writes the results."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from gv_jax.data.formats.exif import transpose
from gv_jax.data.formats.first_frame import read_first_frame
from gv_jax.inference.partial_file import write_partial

EXACT_MODES = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA"}  # without loss


def read_image(source: Path | BinaryIO) -> np.ndarray:
    """Reads the first frame, upright: uint8 [h w c], gray, gray and alpha, RGB or RGBA.

    Palettes are resolved. Of 16 bits, gray is rounded to 8, and RGB keeps the upper 8.

    Raises:
        CorruptImageError: The file is no image, is truncated, or has more than MAX_PIXELS.
    """
    frame = read_first_frame(source, lambda header: None)
    upright = transpose(frame.image, frame.orientation)
    if upright.mode.startswith("I"):  # 16-bit gray
        return _round_gray(np.asarray(upright), frame.image.info.get("transparency"))
    if frame.image.has_transparency_data:
        mode = "LA" if upright.mode in ("1", "L", "LA") else "RGBA"
    else:
        mode = EXACT_MODES.get(upright.mode, "RGB")
    pixels = np.asarray(upright.convert(mode))
    return pixels.reshape(*pixels.shape[:2], -1)


def _round_gray(pixels: np.ndarray, transparent: int | None) -> np.ndarray:
    """Gray of 16 bits as uint8 [h w 1], or [h w 2] with alpha 0 for the transparent value."""
    gray = ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    if transparent is None:
        return gray[..., None]
    return np.stack([gray, np.where(pixels == transparent, 0, 255).astype(np.uint8)], -1)


def write_image(path: Path, image: np.ndarray) -> None:
    """Writes uint8 [h w 3 or 4] as PNG; a kill leaves the complete file or none."""
    with write_partial(path) as partial:
        Image.fromarray(image).save(partial, "PNG")
