"""What grey pictures go through before anyone colours them: few shades, blur, noise, compression.

Each is `f(key, greys) -> greys`: float32 [n h w 1] in [0, 1], sRGB's values of 0 to 255 divided by 255. They run
inside the compiled step, on what a network is told; what it should answer stays as it was. Every picture gets draws of
its own.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import Array, lax, random

from gv_jax.errors import UserError, unknown
from gv_jax.image.resample import apply_separable, quantize_8bit

Degradation = Callable[[Array, Array], Array]

JPEG_BLOCK = 8  # pixels: the side of JPEG's blocks
LUMINANCE_TABLE = np.array(  # quantisation of quality 50: ITU-T T.81, table K.1
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
    """Rounds to the nearest of `levels` shades, evenly spaced from black to white in sRGB's values.

    4, a Game Boy's: 0, 85, 170 and 255 of 255, with the borders at 42.5, 127.5 and 212.5.
    """
    if levels != int(levels) or not 2 <= levels <= 256:
        raise UserError(
            f"config.degrade.gray_levels is {levels}: it must be 2 to 256 shades, or 0 for all"
        )
    return lambda key, greys: jnp.round(greys * (levels - 1)) / (levels - 1)


def gaussian_blur(sigma: float) -> Degradation:
    """A Gaussian of `sigma` pixels; what is outside of the picture repeats its edge."""
    if not 0 < sigma <= 20:
        raise UserError(
            f"config.degrade.blur is {sigma}: it must be at most 20 pixels, or 0 for none"
        )

    def apply(key: Array, greys: Array) -> Array:
        _, h, w, _ = greys.shape
        return apply_separable(greys, blur_matrix(h, sigma), blur_matrix(w, sigma))

    return apply


def gaussian_noise(deviation: float) -> Degradation:
    """Gaussian noise of this standard deviation on every pixel alone, as a share of white; clipped to [0, 1]."""
    if not 0 < deviation <= 1:
        raise UserError(f"config.degrade.noise is {deviation}: it must be at most 1, or 0 for none")
    return lambda key, greys: jnp.clip(
        greys + deviation * random.normal(key, greys.shape, greys.dtype), 0, 1
    )


def jpeg_compress(quality: int) -> Degradation:
    """What is left after JPEG of this quality, 1 to 100, as the Independent JPEG Group counts it.

    Blocks of 8x8 pixels, their cosine transform rounded to multiples of the table of luminance; the entropy coding that
    follows in a file loses nothing. Sides that are no multiple of 8 are filled by repeating the edge. In 8 bits.
    """
    if quality != int(quality) or not 1 <= quality <= 100:
        raise UserError(
            f"config.degrade.jpeg is {quality}: it must be a quality of 1 to 100, or 0 for none"
        )

    def apply(key: Array, greys: Array) -> Array:
        n, h, w, _ = greys.shape
        rows, columns = -h % JPEG_BLOCK, -w % JPEG_BLOCK
        pixels = jnp.pad(
            quantize_8bit(greys)[..., 0] * 255 - 128, ((0, 0), (0, rows), (0, columns)), mode="edge"
        )
        blocks = pixels.reshape(
            n, (h + rows) // JPEG_BLOCK, JPEG_BLOCK, (w + columns) // JPEG_BLOCK, JPEG_BLOCK
        )
        table = jnp.asarray(quantization_table(quality), greys.dtype).reshape(
            1, 1, JPEG_BLOCK, 1, JPEG_BLOCK
        )
        waves = jnp.round(dct2(blocks, dct_basis()) / table) * table
        pixels = dct2(waves, dct_basis().T).reshape(pixels.shape)[:, :h, :w, None]
        return quantize_8bit((pixels + 128) / 255)

    return apply


# In the order in which `build` applies them: the console draws few shades, a capture blurs, adds noise and compresses
DEGRADATIONS: dict[str, Callable[..., Degradation]] = {
    "gray_levels": posterize,
    "blur": gaussian_blur,
    "noise": gaussian_noise,
    "jpeg": jpeg_compress,
}


def chain_degradations(degradations: Sequence[Degradation]) -> Degradation:
    """One after the other, each with a key of its own; none leaves the greys as they are."""

    def apply(key: Array, greys: Array) -> Array:
        for one, degrade in zip(random.split(key, len(degradations)), degradations, strict=True):
            greys = degrade(one, greys)
        return greys

    return apply if degradations else lambda key, greys: greys


def build_degradation(strengths: Mapping[str, float]) -> Degradation:
    """All of `strengths` (name -> strength) that are not 0, chained in the order of `DEGRADATIONS`."""
    for name in strengths:
        if name not in DEGRADATIONS:
            raise unknown("degradation", name, DEGRADATIONS)
    return chain_degradations(
        [make(strengths[name]) for name, make in DEGRADATIONS.items() if strengths.get(name)]
    )


@lru_cache(maxsize=16)
def blur_matrix(size: int, sigma: float) -> np.ndarray:
    """float32 [size size]: the Gaussian, cut off at 4 sigma, at every place."""
    reach = max(1, round(4 * sigma))
    offsets = np.arange(-reach, reach + 1)
    window = np.exp(-0.5 * (offsets / sigma) ** 2)
    matrix = np.zeros((size, size))
    places = np.clip(np.arange(size)[:, None] + offsets, 0, size - 1)
    np.add.at(matrix, (np.arange(size)[:, None], places), window / window.sum())
    return matrix.astype(np.float32)


def quantization_table(quality: int) -> np.ndarray:
    """int [8 8]: what cosine coefficients are rounded to multiples of, as libjpeg scales LUMINANCE."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((LUMINANCE_TABLE * scale + 50) // 100, 1, 255)


@lru_cache(maxsize=1)
def dct_basis() -> np.ndarray:
    """float32 [8 8]: the orthonormal cosine transform, frequencies by places."""
    frequency, place = np.arange(JPEG_BLOCK)[:, None], np.arange(JPEG_BLOCK)
    matrix = np.sqrt(2 / JPEG_BLOCK) * np.cos(
        (2 * place + 1) * frequency * np.pi / (2 * JPEG_BLOCK)
    )
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


def dct2(blocks: Array, matrix: np.ndarray) -> Array:
    """`matrix` applied to rows and columns of every block.  # [n y 8 x 8]"""
    m = jnp.asarray(matrix, blocks.dtype)
    return jnp.einsum("ui,vj,nyixj->nyuxv", m, m, blocks, precision=lax.Precision.HIGHEST)
