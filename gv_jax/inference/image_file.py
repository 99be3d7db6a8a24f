"""Reads image files of any kind for inference, and writes the results."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gv_jax.data.decode import open_checked

EXACT_MODES = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA"}  # without loss


def read_image(path: Path) -> np.ndarray:
    """Reads the first frame, upright: uint8 [h w c], gray, gray and alpha, RGB or RGBA.

    Palettes are resolved. Of 16 bits, gray is rounded to 8, and RGB keeps the upper 8.

    Raises:
        CorruptImageError: The file is no image, is truncated, or has more than MAX_PIXELS.
    """
    with open_checked(path, lambda image: None) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):  # 16-bit gray
            pixels = np.asarray(upright).astype(np.uint32)
            return ((pixels * 255 + 32767) // 65535).astype(np.uint8)[..., None]
        if upright.has_transparency_data:
            mode = "LA" if upright.mode in ("1", "L", "LA") else "RGBA"
        else:
            mode = EXACT_MODES.get(upright.mode, "RGB")
        pixels = np.asarray(upright.convert(mode))
    return pixels.reshape(*pixels.shape[:2], -1)


def write_image(path: Path, image: np.ndarray) -> None:
    """Writes uint8 [h w 3 or 4] as PNG; a kill leaves the complete file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    Image.fromarray(image).save(partial, "PNG")
    partial.replace(path)


def is_animated(path: Path) -> bool:
    """Whether an image file has more than one frame."""
    with open_checked(path, lambda image: None) as image:
        return getattr(image, "n_frames", 1) > 1
