"""Images of any kind as the uint8 arrays that a run was trained on."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from gv_jax.data.box import NO_BOX
from gv_jax.data.decode import to_array
from gv_jax.data.formats.header import CorruptImageError
from gv_jax.data.transforms import SUPER_RESOLUTION, build_transforms, parse_preprocess
from gv_jax.errors import UserError
from gv_jax.inference.image_file import read_image
from gv_jax.inference.upscale import load_upscaler

ImageInput = str | os.PathLike[str] | Image.Image | np.ndarray
IMAGE_KINDS = "an image is a file, a PIL image or a uint8 array [height, width, 1 to 4]"


def make_preparation(
    data: Mapping[str, Any], image_size: tuple[int, int]
) -> Callable[[ImageInput], np.ndarray]:
    """The function from an image to the array uint8 [h w c] that the network is given.

    An image without a bounding box is not cropped to one. The function raises CorruptImageError
    for a file that is no image, and UserError for an array that is none.

    Args:
        data: The section config.data of the run.
        image_size: (height, width) of the images of the run.

    Raises:
        UserError: The preprocessing needs a run or a package that is not there.
    """
    steps = parse_preprocess(data["preprocess"])
    upscaler = load_upscaler(data["super_resolution"]) if SUPER_RESOLUTION in steps else None
    height, width = image_size
    scale = 2 if upscaler else 1
    resize = partial(
        to_array,
        size=(height // scale, width // scale),
        channels=data["channels"],
        resize_mode=data["resize_mode"],
        interpolation=data["interpolation"],
        background=tuple(data["background"]),
        crop_pct=data["crop_pct"],
    )
    transform = build_transforms(steps, resize, upscaler)
    return lambda image: transform(to_pil(image), NO_BOX)


def to_pil(image: ImageInput) -> Image.Image:
    """The image of mode L, LA, RGB or RGBA.

    Args:
        image: A file, a PIL image, or an array uint8 [h w] or [h w c] with 1 to 4 channels: gray,
            gray and alpha, RGB, RGBA.

    Raises:
        CorruptImageError: The file is no image, or there is none; the message names it.
        UserError: The array is no image, or it is of another type.
    """
    return from_array(to_pixels(image))


def to_pixels(image: ImageInput) -> np.ndarray:
    """The image as uint8 [h w c], 1 to 4 channels; as of `to_pil`."""
    if isinstance(image, str | os.PathLike):
        try:
            return read_image(Path(image)).pixels
        except CorruptImageError as error:
            raise CorruptImageError(f"{os.fspath(image)} {error}") from error
    if isinstance(image, Image.Image):
        return from_pil(image)
    if not isinstance(image, np.ndarray):
        raise UserError(f"{IMAGE_KINDS}, and this is of type {type(image).__name__}")
    pixels = image
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or not 1 <= pixels.shape[-1] <= 4:
        raise UserError(f"{IMAGE_KINDS}, and this is {image.dtype} {list(image.shape)}")
    if min(pixels.shape[:2]) < 1:
        raise UserError(f"an image of {pixels.shape[0]}x{pixels.shape[1]} pixels is empty")
    return pixels


def from_pil(image: Image.Image) -> np.ndarray:
    """A PIL image, upright, as uint8 [h w c]."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16-bit gray
        gray = (np.asarray(upright).astype(np.uint32) * 255 + 32767) // 65535
        return gray.astype(np.uint8)[..., None]
    gray_modes = {"1": "L", "L": "L", "LA": "LA", "La": "LA"}
    mode = gray_modes.get(upright.mode, "RGB")
    if upright.has_transparency_data:
        mode = "LA" if upright.mode in gray_modes else "RGBA"
    pixels = np.asarray(upright.convert(mode))
    return pixels.reshape(*pixels.shape[:2], -1)


def from_array(pixels: np.ndarray) -> Image.Image:
    """uint8 [h w c] as an image of mode L, LA, RGB or RGBA."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
