"""What a picture looks like in 3 kB: enough to tell copies of it from other pictures."""

import hashlib
from dataclasses import dataclass

import imagehash
import numpy as np
from PIL import Image

from gv_jax.data import decode
from gv_jax.data.duplicates.index import THUMBNAIL_CELLS

HASH_VERSION = 1  # of what this file makes of a picture
SMALL_SIDE = (
    2 * THUMBNAIL_CELLS
)  # pixels a side at which a picture is looked at; resized smoothly, so that its own size matters little


@dataclass(frozen=True)
class Signature:
    """digest: equal for pictures with the same pixels, whatever file they were in; colours under alpha 0 do
    not count. hash: bool [64], the signs of low frequencies (imagehash's phash, after N. Krawetz). light:
    uint8 [2 CELLS*CELLS], brightness and opacity. colour: uint8 [4 CELLS/2*CELLS/2], RGBA times alpha, at
    half the resolution as in a JPEG, which smears colours. constant: all pixels are equal. size: (width,
    height). mode: L, LA, RGB or RGBA.
    """

    digest: str
    hash: np.ndarray
    light: np.ndarray
    colour: np.ndarray
    constant: bool
    size: tuple[int, int]
    mode: str


def image_signature(image: Image.Image) -> Signature:
    """The signature of a picture as `preprocess.open_picture` gives it."""
    plain = composite(image)
    pixels = plain.tobytes()
    small = plain.convert("RGBa" if plain.mode == "RGBA" else "RGB").resize(
        (SMALL_SIDE, SMALL_SIDE), Image.Resampling.BILINEAR
    )
    cells = np.asarray(small)
    alpha = cells[..., 3] if plain.mode == "RGBA" else np.full(cells.shape[:2], 255, np.uint8)
    shade = Image.fromarray(np.ascontiguousarray(cells[..., :3])).convert("L")
    grey = (
        np.asarray(shade) + (255 - alpha) // 2
    )  # over mid-grey: neither the black nor the white of outlines
    return Signature(
        digest=hashlib.sha256(f"{plain.size} {plain.mode} ".encode() + pixels).hexdigest()[:32],
        hash=imagehash.phash(Image.fromarray(grey)).hash.ravel(),
        light=block_means(np.dstack([grey, alpha]), THUMBNAIL_CELLS),
        colour=block_means(np.dstack([cells[..., :3], alpha]), THUMBNAIL_CELLS // 2),
        constant=pixels == pixels[: len(plain.mode)] * (plain.width * plain.height),
        size=image.size,
        mode=image.mode,
    )


def composite(image: Image.Image) -> Image.Image:
    """The picture as RGB if nothing of it is transparent, else RGBA without colours under alpha 0."""
    if image.mode in ("LA", "RGBA"):
        pixels = decode.to_channels(image, 4, (0, 0, 0))
        if pixels[..., 3].min() < 255:
            return Image.fromarray(pixels)
    return image.convert("RGB")


def block_means(cells: np.ndarray, side: int) -> np.ndarray:
    """uint8 [SMALL SMALL c] -> uint8 [c side*side]."""
    times = SMALL_SIDE // side
    return (
        cells.reshape(side, times, side, times, -1)
        .mean(axis=(1, 3))
        .round()
        .astype(np.uint8)
        .reshape(side * side, -1)
        .T
    )
