"""Picture files as they come, to be coloured and written back: of any size, with alpha, palettes or 16 bits."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gv_jax.data.decode import open_checked

PLAIN_MODES = {
    "1": "L",
    "L": "L",
    "LA": "LA",
    "RGB": "RGB",
    "RGBA": "RGBA",
}  # of modes without transparency of other kinds


def read_image(path: Path) -> np.ndarray:
    """uint8 [h w c], upright, of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 channels (RGBA): the first frame.

    Palettes become what they stand for. Of 16 bits a grey is rounded to 8, red, green and blue keep the upper 8.

    Raises:
        BrokenPicture: no picture, cut short, or above MAX_PIXELS.
    """
    with open_checked(path, lambda image: None) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):  # grey of 16 bits
            deep = np.asarray(upright).astype(np.uint32)
            return ((deep * 255 + 32767) // 65535).astype(np.uint8)[..., None]
        clear = upright.has_transparency_data
        mode = (
            ("LA" if upright.mode in ("1", "L", "LA") else "RGBA")
            if clear
            else PLAIN_MODES.get(upright.mode, "RGB")
        )
        pixels = np.asarray(upright.convert(mode))
    return pixels.reshape(*pixels.shape[:2], -1)


def write_image(path: Path, picture: np.ndarray) -> None:
    """Writes uint8 [h w 3 or 4] as PNG; a kill leaves the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    Image.fromarray(picture).save(partial, "PNG")
    partial.replace(path)


def is_animated(path: Path) -> bool:
    """Whether a GIF has more than one frame."""
    with open_checked(path, lambda image: None) as image:
        return getattr(image, "n_frames", 1) > 1
