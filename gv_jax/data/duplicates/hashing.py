"""The signature of an image, from which duplicates of the image can be recognized."""

import hashlib
from dataclasses import dataclass

import imagehash
import numpy as np
from PIL import Image

from gv_jax.data import decode
from gv_jax.data.duplicates.index import THUMBNAIL_CELLS
from gv_jax.data.duplicates.raster import SMALL_PIXELS, make_raster

HASH_VERSION = 2  # version of the resulting signatures
# Side of the small copy that is compared, in pixels. The resize is smooth, so that the size of the
# image has little influence.
SMALL_SIDE = 2 * THUMBNAIL_CELLS
MODES = ("L", "LA", "RGB", "RGBA")


@dataclass(frozen=True)
class Thumbnail:
    """What is compared of a large image.

    Attributes:
        hash: bool [64], the signs of low frequencies: imagehash's phash, after N. Krawetz.
        gray_alpha: uint8 [2 n], n = THUMBNAIL_CELLS**2: brightness and opacity.
        rgba: uint8 [4 n/4]: RGB times alpha, and alpha, at half the resolution, as JPEG blurs
            colors.
    """

    hash: np.ndarray
    gray_alpha: np.ndarray
    rgba: np.ndarray


@dataclass(frozen=True)
class Signature:
    """What is compared of an image.

    Attributes:
        digest: Equal for images with equal pixels, in any file format; colors under alpha 0 are
            ignored.
        thumbnail: of a large image; None of a small one, whose raster has all of its pixels.
        raster: uint8 [h w 4], see `raster`.
        constant: Whether all pixels are equal.
        size: (width, height) in pixels.
        mode: L, LA, RGB or RGBA.
    """

    digest: str
    thumbnail: Thumbnail | None
    raster: np.ndarray
    constant: bool
    size: tuple[int, int]
    mode: str


def image_signature(image: Image.Image) -> Signature:
    """The signature of an image that `decode.open_image` returned."""
    normalized = normalize_mode(image)
    pixels = normalized.tobytes()
    header = f"{normalized.size} {normalized.mode} ".encode()
    first_pixel = pixels[: len(normalized.mode)]
    return Signature(
        digest=hashlib.sha256(header + pixels).hexdigest()[:32],
        thumbnail=make_thumbnail(normalized) if max(image.size) > SMALL_PIXELS else None,
        raster=make_raster(normalized),
        constant=pixels == first_pixel * (normalized.width * normalized.height),
        size=image.size,
        mode=image.mode,
    )


def make_thumbnail(image: Image.Image) -> Thumbnail:
    """The thumbnail of an image that `normalize_mode` returned."""
    transparent = image.mode == "RGBA"
    small = image.convert("RGBa" if transparent else "RGB").resize(
        (SMALL_SIDE, SMALL_SIDE), Image.Resampling.BILINEAR
    )
    cells = np.asarray(small)
    alpha = cells[..., 3] if transparent else np.full(cells.shape[:2], 255, np.uint8)
    premultiplied = np.asarray(Image.fromarray(np.ascontiguousarray(cells[..., :3])).convert("L"))
    # Composited over mid-gray, which is the color of no outline, unlike black and white.
    gray = premultiplied + (255 - alpha) // 2
    return Thumbnail(
        hash=imagehash.phash(Image.fromarray(gray)).hash.ravel(),
        gray_alpha=block_means(np.dstack([gray, alpha]), THUMBNAIL_CELLS),
        rgba=block_means(np.dstack([cells[..., :3], alpha]), THUMBNAIL_CELLS // 2),
    )


def normalize_mode(image: Image.Image) -> Image.Image:
    """The image as RGB if it is opaque, otherwise as RGBA with black under alpha 0."""
    if image.mode in ("LA", "RGBA"):
        pixels = decode.to_channels(image, 4, (0, 0, 0))
        if pixels[..., 3].min() < 255:
            return Image.fromarray(pixels)
    return image.convert("RGB")


def block_means(cells: np.ndarray, side: int) -> np.ndarray:
    """Means of side x side equal blocks: uint8 [SMALL_SIDE SMALL_SIDE c] -> uint8 [c side*side]."""
    block = SMALL_SIDE // side
    # Sums of slices take a fifth of the time of a mean over axes.
    sums = np.zeros((side, side, cells.shape[-1]), np.uint16)
    for row, column in np.ndindex(block, block):
        sums += cells[row::block, column::block]
    return np.rint(sums / block**2).astype(np.uint8).reshape(side * side, -1).T
