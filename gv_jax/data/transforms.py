"""Preprocessing besides the resize: crop to the bounding box, denoising, super-resolution.

Pure functions on the host, run once per image before the cache is written. Those before the resize
take decoded images, those after it uint8 arrays [h w c].
"""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from gv_jax.data import decode
from gv_jax.data.box import NO_BOX, Box
from gv_jax.errors import UserError, unknown

TRANSFORMS_VERSION = 1  # version of the resulting pixels; caches of another version are not used
DENOISE_WEIGHT = 0.1  # scikit-image's default; the published project names no other

DataSection = Any  # config.data, a ConfigDict whose fields are known at run time only, or a mapping
Upscale = Callable[[np.ndarray], np.ndarray]  # uint8 [h w 3] -> uint8 [2h 2w 3]


@dataclass(frozen=True)
class TransformPipeline:
    """Image and bounding box -> uint8 [h w c]: `before`, `resize` and `after`, each in order."""

    before: tuple[Callable[[Image.Image, Box], Image.Image], ...]
    resize: Callable[[Image.Image], np.ndarray]
    after: tuple[Callable[[np.ndarray], np.ndarray], ...]

    def __call__(self, image: Image.Image, box: Box) -> np.ndarray:
        for transform in self.before:
            image = transform(image, box)
        pixels = self.resize(image)
        for transform in self.after:
            pixels = transform(pixels)
        return pixels


def crop_to_box(image: Image.Image, box: Box) -> Image.Image:
    """The part of the image inside the box; the whole image for NO_BOX."""
    top, left, bottom, right = box
    return image if box == NO_BOX else image.crop((left, top, right, bottom))


def denoise(pixels: np.ndarray) -> np.ndarray:
    """Total-variation denoising of every channel but alpha: uint8 [h w c] -> uint8 [h w c].

    scikit-image's, with DENOISE_WEIGHT on the scale of 0 to 1; A. Chambolle 2004, "An algorithm for
    total variation minimization and applications".
    """
    from skimage.restoration import denoise_tv_chambolle  # an extra, and slow to import

    scaled = pixels[..., :3].astype(np.float32) / 255
    smooth = denoise_tv_chambolle(scaled, weight=DENOISE_WEIGHT, channel_axis=-1)
    return np.concatenate([np.rint(smooth * 255).astype(np.uint8), pixels[..., 3:]], axis=-1)


def check_upscaler(upscaler: Upscale) -> Upscale:
    """`upscaler` with a check of the shape and dtype that it returns."""

    def upscale(pixels: np.ndarray) -> np.ndarray:
        height, width, channels = pixels.shape
        upscaled = upscaler(pixels)
        if upscaled.dtype != np.uint8 or upscaled.shape != (2 * height, 2 * width, channels):
            raise ValueError(
                f"the upscaler returned {upscaled.dtype} {upscaled.shape} for uint8 "
                f"{pixels.shape}; expected uint8 with both sides doubled"
            )
        return upscaled

    return upscale


BEFORE_RESIZE = {"crop": crop_to_box}
AFTER_RESIZE: dict[str, Callable[[np.ndarray], np.ndarray]] = {"denoise": denoise}
SUPER_RESOLUTION = "super_resolution"
PREPROCESSINGS = ("none", *BEFORE_RESIZE, *AFTER_RESIZE, SUPER_RESOLUTION)


def parse_preprocess(text: str) -> tuple[str, ...]:
    """Names in PREPROCESSINGS without "none", from a text that joins them by +.

    Raises:
        UserError: An unknown name, a repeated name, or "crop" after a name that needs the resize.
    """
    names = [name.strip() for name in text.split("+")] if text else []
    for name in names:
        if name not in PREPROCESSINGS:
            raise unknown("preprocessing (--config.data.preprocess)", name, PREPROCESSINGS)
    if len(set(names)) < len(names):
        raise UserError(f"--config.data.preprocess={text}: name each preprocessing only once.")
    names = [name for name in names if name != "none"]
    ordered = sorted(names, key=lambda name: name not in BEFORE_RESIZE)  # stable
    if names != ordered:
        raise UserError(
            f"--config.data.preprocess={text}: crop is applied before the resize, so it must come "
            f"first: {'+'.join(ordered)}."
        )
    return tuple(names)


def build_transforms(
    names: Sequence[str],
    resize: Callable[[Image.Image], np.ndarray],
    upscaler: Upscale | None = None,
) -> TransformPipeline:
    """The pipeline of preprocessings around the resize.

    Args:
        names: Result of `parse_preprocess`.
        resize: Image -> uint8 [h w c], as `decode.to_array`.
        upscaler: uint8 [h w 3] -> uint8 [2h 2w 3], for super_resolution.

    Raises:
        UserError: denoise without scikit-image, or super_resolution without an upscaler.
    """
    if "denoise" in names and importlib.util.find_spec("skimage") is None:
        raise UserError(
            "--config.data.preprocess=denoise needs scikit-image: pip install -e '.[image]'"
        )
    if SUPER_RESOLUTION in names and upscaler is None:
        raise UserError(
            f"--config.data.preprocess={SUPER_RESOLUTION} needs a trained upscaler: name the "
            "directory of its run with --config.data.super_resolution=RUN_DIR."
        )
    after = dict(AFTER_RESIZE)
    if upscaler is not None:
        after[SUPER_RESOLUTION] = check_upscaler(upscaler)
    return TransformPipeline(
        before=tuple(BEFORE_RESIZE[name] for name in names if name in BEFORE_RESIZE),
        resize=resize,
        after=tuple(after[name] for name in names if name in after),
    )


def transform_from_section(data: DataSection, upscaler: Upscale | None) -> TransformPipeline:
    """The pipeline from a decoded image to the array that `load_dataset` has of it.

    Args:
        data: The section config.data.
        upscaler: As of `build_transforms`.
    """
    resize = partial(
        decode.to_array,
        size=tuple(data["size"]),
        channels=data["channels"],
        resize_mode=data["resize_mode"],
        interpolation=data["interpolation"],
        background=tuple(data["background"]),
        crop_pct=data["crop_pct"],
    )
    return build_transforms(parse_preprocess(data["preprocess"]), resize, upscaler)


def output_size(data: DataSection) -> tuple[int, int]:
    """(height, width) of the arrays of `load_dataset`; (0, 0) for images of unchanged size.

    Args:
        data: The section config.data.
    """
    return scale_size(parse_preprocess(data["preprocess"]), tuple(data["size"]))


def scale_size(names: Sequence[str], size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the arrays for images resized to `size`, after the preprocessings."""
    scale = 2 if SUPER_RESOLUTION in names else 1
    return scale * size[0], scale * size[1]
