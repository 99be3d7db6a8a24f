"""What else is done to a picture when it becomes an array: cut to its box, denoised, enlarged.

Host-side pure functions, run once, before the cache is written. Some come before the resize and work on
pictures as they came, the others after it, on uint8 [h w c].
"""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gv_jax.data.box import NO_BOX, Box
from gv_jax.errors import UserError, unknown

TRANSFORMS_VERSION = (
    1  # of what this file does to pixels: a cache made by another version is not used
)
DENOISE_WEIGHT = (
    0.1  # of denoising: scikit-image's default, as the published project names no other
)

Upscale = Callable[[np.ndarray], np.ndarray]  # uint8 [h w 3] -> uint8 [2h 2w 3]


@dataclass(frozen=True)
class TransformPipeline:
    """A picture and its box -> uint8 [h w c]: all of `before`, `resize`, all of `after`, each in order."""

    before: tuple[Callable[[Image.Image, Box], Image.Image], ...]
    resize: Callable[[Image.Image], np.ndarray]
    after: tuple[Callable[[np.ndarray], np.ndarray], ...]

    def __call__(self, image: Image.Image, box: Box) -> np.ndarray:
        for cut in self.before:
            image = cut(image, box)
        pixels = self.resize(image)
        for change in self.after:
            pixels = change(pixels)
        return pixels


def crop_to_box(image: Image.Image, box: Box) -> Image.Image:
    """What is inside of the box; the whole picture if it has none."""
    top, left, bottom, right = box
    return image if box == NO_BOX else image.crop((left, top, right, bottom))


def denoise(pixels: np.ndarray) -> np.ndarray:
    """uint8 [h w c], each channel but alpha by total variation at WEIGHT, on the scale of 0 to 1.

    A. Chambolle, "An algorithm for total variation minimization and applications", 2004; scikit-image's.
    """
    from skimage.restoration import denoise_tv_chambolle  # an extra, and slow to import

    colours = pixels[..., :3]
    smooth = denoise_tv_chambolle(
        colours.astype(np.float32) / 255, weight=DENOISE_WEIGHT, channel_axis=-1
    )
    return np.concatenate([np.rint(smooth * 255).astype(np.uint8), pixels[..., 3:]], axis=-1)


def upscale_with(enlarge: Upscale) -> Upscale:
    """`enlarge`, held to what it promises."""

    def checked(pixels: np.ndarray) -> np.ndarray:
        height, width, channels = pixels.shape
        large = enlarge(pixels)
        if large.dtype != np.uint8 or large.shape != (2 * height, 2 * width, channels):
            raise ValueError(f"enlarge made {large.dtype} {large.shape} of uint8 {pixels.shape}")
        return large

    return checked


BEFORE_RESIZE = {"crop": crop_to_box}
AFTER_RESIZE = {"denoise": denoise}
SUPER_RESOLUTION = "super_resolution"
PREPROCESSINGS = ("none", *BEFORE_RESIZE, *AFTER_RESIZE, SUPER_RESOLUTION)


def parse_preprocess(text: str) -> tuple[str, ...]:
    """Names of PREPROCESSINGS, as written with + between them; vanilla, which adds nothing, is left out.

    Raises:
        UserError: a name that is not known, one that comes twice, or a crop after what needs the resize.
    """
    names = [name.strip() for name in text.split("+")] if text else []
    for name in names:
        if name not in PREPROCESSINGS:
            raise unknown("preprocessing (--config.data.preprocess)", name, PREPROCESSINGS)
    if len(set(names)) < len(names):
        raise UserError(f"--config.data.preprocess={text}: name each preprocessing once.")
    names = [name for name in names if name != "none"]
    ordered = sorted(
        names, key=lambda name: name not in BEFORE_RESIZE
    )  # stable: the rest stays as written
    if names != ordered:
        raise UserError(
            f"--config.data.preprocess={text}: crop works on the picture before its resize, so write it first: "
            f"{'+'.join(ordered)}."
        )
    return tuple(names)


def build_transforms(
    names: Sequence[str],
    resize: Callable[[Image.Image], np.ndarray],
    enlarge: Upscale | None = None,
) -> TransformPipeline:
    """The pipeline of what `parse` gave.

    Raises:
        UserError: there is no scikit-image to denoise with, or nothing to enlarge with.
    """
    if "denoise" in names and importlib.util.find_spec("skimage") is None:
        raise UserError(
            "--config.data.preprocess=denoise needs scikit-image: pip install -e '.[image]'"
        )
    if SUPER_RESOLUTION in names and enlarge is None:
        raise UserError(
            f"--config.data.preprocess={SUPER_RESOLUTION} needs a trained network: say which run made it with "
            "--config.data.super_resolution=RUN_FOLDER."
        )
    after = (
        AFTER_RESIZE
        if enlarge is None
        else {**AFTER_RESIZE, SUPER_RESOLUTION: upscale_with(enlarge)}
    )
    return TransformPipeline(
        before=tuple(BEFORE_RESIZE[name] for name in names if name in BEFORE_RESIZE),
        resize=resize,
        after=tuple(after[name] for name in names if name in after),
    )


def output_size(names: Sequence[str], size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the arrays, when pictures are resized to `size`."""
    scale = 2 if SUPER_RESOLUTION in names else 1
    return scale * size[0], scale * size[1]
