"""Reads image files of any kind for inference, and writes the results."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from gv_jax.data.formats.exif import transpose
from gv_jax.data.formats.first_frame import FirstFrame, read_first_frame
from gv_jax.inference.partial_file import write_partial

SRGB = re.compile(b"s\0?R\0?G\0?B")  # in the name of a color profile, ASCII or UTF-16
FURTHER_FRAMES = "has further frames"  # how a remark begins
EXACT_MODES = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA"}  # without loss


@dataclass(frozen=True)
class ReadImage:
    """An image that was read for inference.

    Attributes:
        pixels: uint8 [h w c], upright: gray, gray and alpha, RGB or RGBA.
        losses: What of the file the pixels do not preserve, such as "further frames".
        remarks: How a defect of the file was handled, each "has ...; ...".
    """

    pixels: np.ndarray
    losses: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def read_image(source: Path | BinaryIO) -> ReadImage:
    """Reads the first frame.

    Palettes are resolved. Of 16 bits, gray is rounded to 8, and RGB keeps the upper 8.

    Raises:
        CorruptImageError: The file is no image, is truncated, or has more than MAX_PIXELS.
    """
    frame = read_first_frame(source, lambda header: None)
    remarks = tuple(line for line in frame.remarks if not line.startswith(FURTHER_FRAMES))
    return ReadImage(_to_pixels(frame), tuple(_find_losses(frame)), remarks)


def _find_losses(frame: FirstFrame) -> Iterator[str]:
    if any(line.startswith(FURTHER_FRAMES) for line in frame.remarks):
        yield "further frames"
    if frame.header.deep or frame.image.mode == "F":
        yield "more than 8 bits per channel"
    if frame.image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        yield f"the color mode {frame.image.mode} (converted to RGB)"
    profile = frame.image.info.get("icc_profile")
    if isinstance(profile, bytes) and profile and not SRGB.search(profile):
        yield "the color profile"


def _to_pixels(frame: FirstFrame) -> np.ndarray:
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
