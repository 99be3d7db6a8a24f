"""Degradations of gray images before colorization: few gray levels, blur, noise, compression.

Each is `f(key, grays) -> grays`: float32 [n h w 1] in [0, 1], sRGB values of 0 to 255 divided by
255. They run inside the compiled step on the network inputs, not on the targets. Every image has
its own random numbers.

They are written by hand because Pillow and scipy, which the tests compare with, cannot run in the
compiled step.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import Array, lax, random

from gv_jax.errors import UserError, unknown
from gv_jax.image.resample import apply_separable, quantize_8bit

Degradation = Callable[[Array, Array], Array]

JPEG_BLOCK = 8  # side of a JPEG block in pixels
LUMINANCE_TABLE = np.array(  # quantization table of quality 50: ITU-T T.81, table K.1
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)


def posterize(levels: int) -> Degradation:
    """Rounds to the nearest of `levels` gray levels, evenly spaced in sRGB from black to white.

    Four levels, as on a Game Boy, are 0, 85, 170 and 255 of 255, with boundaries at 42.5, 127.5 and
    212.5.
    """
    if levels != int(levels) or not 2 <= levels <= 256:
        raise UserError(
            f"config.degrade.gray_levels={levels} must be a whole number from 2 to 256; 0 is off."
        )
    return lambda key, grays: jnp.round(grays * (levels - 1)) / (levels - 1)


def gaussian_blur(sigma: float) -> Degradation:
    """Convolution with a Gaussian of standard deviation `sigma` in pixels; edges are repeated."""
    if not 0 < sigma <= 20:
        raise UserError(
            f"config.degrade.blur={sigma} must be above 0 and at most 20 pixels; 0 is off."
        )

    def apply(key: Array, grays: Array) -> Array:
        _, h, w, _ = grays.shape
        return apply_separable(grays, blur_matrix(h, sigma), blur_matrix(w, sigma))

    return apply


def gaussian_noise(deviation: float) -> Degradation:
    """Independent Gaussian noise per pixel, `deviation` in units of white; clipped to [0, 1]."""
    if not 0 < deviation <= 1:
        raise UserError(
            f"config.degrade.noise={deviation} must be above 0 and at most 1; 0 is off."
        )

    def apply(key: Array, grays: Array) -> Array:
        return jnp.clip(grays + deviation * random.normal(key, grays.shape, grays.dtype), 0, 1)

    return apply


def jpeg_compress(quality: int) -> Degradation:
    """JPEG compression and decompression with a quality of 1 to 100, as libjpeg defines it.

    The discrete cosine transform of 8x8 blocks is rounded to multiples of the luminance table. The
    entropy coding that follows in a file is lossless. Sides that are no multiple of 8 are padded by
    repeating the edge. Input and output are rounded to 8 bits.
    """
    if quality != int(quality) or not 1 <= quality <= 100:
        raise UserError(
            f"config.degrade.jpeg={quality} must be a whole number from 1 to 100; 0 is off."
        )

    def apply(key: Array, grays: Array) -> Array:
        n, h, w, _ = grays.shape
        rows, columns = -h % JPEG_BLOCK, -w % JPEG_BLOCK
        centered = quantize_8bit(grays)[..., 0] * 255 - 128
        pixels = jnp.pad(centered, ((0, 0), (0, rows), (0, columns)), mode="edge")
        blocks = pixels.reshape(
            n, (h + rows) // JPEG_BLOCK, JPEG_BLOCK, (w + columns) // JPEG_BLOCK, JPEG_BLOCK
        )
        table = jnp.asarray(quantization_table(quality), grays.dtype).reshape(
            1, 1, JPEG_BLOCK, 1, JPEG_BLOCK
        )
        coefficients = jnp.round(dct2(blocks, dct_basis()) / table) * table
        pixels = dct2(coefficients, dct_basis().T).reshape(pixels.shape)[:, :h, :w, None]
        return quantize_8bit((pixels + 128) / 255)

    return apply


# In the order in which `build_degradation` applies them: the console draws few gray levels, a
# capture blurs, adds noise and compresses.
DEGRADATIONS: dict[str, Callable[..., Degradation]] = {
    "gray_levels": posterize,
    "blur": gaussian_blur,
    "noise": gaussian_noise,
    "jpeg": jpeg_compress,
}


def chain_degradations(degradations: Sequence[Degradation]) -> Degradation:
    """Applies the degradations in order, each with its own key; without any, changes nothing."""

    def apply(key: Array, grays: Array) -> Array:
        keys = random.split(key, len(degradations))
        for degradation_key, degrade in zip(keys, degradations, strict=True):
            grays = degrade(degradation_key, grays)
        return grays

    return apply if degradations else lambda key, grays: grays


def build_degradation(strengths: Mapping[str, float]) -> Degradation:
    """The chain of all degradations with a strength other than 0, in the order of DEGRADATIONS.

    Args:
        strengths: Name -> strength; 0 is off.

    Raises:
        UserError: An unknown name, or a strength out of range.
    """
    for name in strengths:
        if name not in DEGRADATIONS:
            raise unknown("degradation", name, DEGRADATIONS)
    return chain_degradations(
        [make(strengths[name]) for name, make in DEGRADATIONS.items() if strengths.get(name)]
    )


@lru_cache(maxsize=16)
def blur_matrix(size: int, sigma: float) -> np.ndarray:
    """The Gaussian, truncated at 4 sigma, centered at every pixel: float32 [size size]."""
    radius = max(1, round(4 * sigma))
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    matrix = np.zeros((size, size))
    columns = np.clip(np.arange(size)[:, None] + offsets, 0, size - 1)
    np.add.at(matrix, (np.arange(size)[:, None], columns), kernel / kernel.sum())
    return matrix.astype(np.float32)


def quantization_table(quality: int) -> np.ndarray:
    """The luminance table for a quality, scaled as libjpeg does: int [8 8]."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((LUMINANCE_TABLE * scale + 50) // 100, 1, 255)


@lru_cache(maxsize=1)
def dct_basis() -> np.ndarray:
    """The orthonormal cosine transform: float32 [8 8], frequency by position."""
    frequency, position = np.arange(JPEG_BLOCK)[:, None], np.arange(JPEG_BLOCK)
    angles = (2 * position + 1) * frequency * np.pi / (2 * JPEG_BLOCK)
    matrix = np.sqrt(2 / JPEG_BLOCK) * np.cos(angles)
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


def dct2(blocks: Array, matrix: np.ndarray) -> Array:
    """Applies `matrix` [8 8] to the rows and columns of every block.  # [n y 8 x 8]"""
    m = jnp.asarray(matrix, blocks.dtype)
    return jnp.einsum("ui,vj,nyixj->nyuxv", m, m, blocks, precision=lax.Precision.HIGHEST)
