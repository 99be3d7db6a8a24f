"""sRGB and CIELAB: float32 [... 3], on the host and inside a compiled step.

sRGB is in [0, 1] (IEC 61966-2-1). L is in [0, 100]; for the colors of sRGB, a is in about
[-86, 98] and b in [-108, 94]. White is D65 for the 2 degree observer with scikit-image's constants;
the values agree with scikit-image to 1e-3. A gray image has one channel [... 1] of sRGB values;
a gray has the L of the colors that it stands for. Written in jnp because libraries compute it on
the host only, and models need it inside the step.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gv_jax.image.resample import quantize_8bit

WHITE = np.array([0.95047, 1.0, 1.08883])  # X, Y, Z
XYZ_FROM_RGB = np.array(  # linear; Poynton, "Frequently asked questions about color", 1997
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
OPPONENT = np.array(  # L + 16, a, b of f(X), f(Y), f(Z)
    [[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]]
)
KNEE = 6 / 29  # CIE's f is linear below KNEE**3 and the cube root above


def to_linear(srgb: Array) -> Array:
    """Converts sRGB values to linear light, in [0, 1]; any number of channels."""
    curve = (jnp.maximum(srgb, 0.04045) + 0.055) / 1.055
    return jnp.where(srgb > 0.04045, curve**2.4, srgb / 12.92)


def from_linear(light: Array) -> Array:
    """Converts linear light, clipped to [0, 1], to sRGB values."""
    light = jnp.clip(light, 0, 1)
    curve = jnp.maximum(light, 0.0031308) ** (1 / 2.4)
    return jnp.where(light > 0.0031308, 1.055 * curve - 0.055, 12.92 * light)


def rgb_to_lab(rgb: Array) -> Array:
    """Converts sRGB [... 3] in [0, 1] to L, a, b."""
    xyz = _matmul(to_linear(rgb), XYZ_FROM_RGB / WHITE[:, None])  # 1 for white
    lab = _matmul(cie_f(xyz), OPPONENT)
    return lab - jnp.asarray([16.0, 0.0, 0.0], lab.dtype).reshape((1,) * (lab.ndim - 1) + (3,))


def rgb8_to_lab(colors: np.ndarray) -> np.ndarray:
    """Converts sRGB, uint8 [k 3], to CIELAB, float32 [k 3], on the host; works inside a trace.

    Padded to a power of two, as JAX compiles each operation for each shape: 0.5 s for a new k.
    """
    padded = np.zeros((1 << max(len(colors) - 1, 0).bit_length(), 3), np.float32)
    padded[: len(colors)] = colors
    with jax.ensure_compile_time_eval():
        return np.asarray(rgb_to_lab(jnp.asarray(padded) / 255))[: len(colors)]


def lab_to_rgb(lab: Array) -> Array:
    """Converts L, a, b to sRGB [... 3] in [0, 1].

    A color outside of sRGB is clipped channel by channel in linear light, which changes its chroma
    and, a little, its L. Rounded to 8 bits, this inverts `rgb_to_lab` exactly for all 8-bit colors.
    """
    return from_linear(lab_to_linear(lab))


def lab_to_display_rgb(lab: Array) -> Array:
    """Converts L, a, b to 8-bit sRGB in [0, 1]; colors outside of sRGB keep their L and hue."""
    return quantize_8bit(lab_to_rgb(map_to_gamut(lab)))


def lab_to_linear(lab: Array) -> Array:
    """Converts L, a, b to linear RGB, which is in [0, 1] for the colors of sRGB."""
    lab = lab + jnp.asarray([16.0, 0.0, 0.0], lab.dtype).reshape((1,) * (lab.ndim - 1) + (3,))
    xyz = cie_f_inv(_matmul(lab, np.linalg.inv(OPPONENT)))
    return _matmul(xyz, np.linalg.inv(XYZ_FROM_RGB / WHITE[:, None]))


def map_to_gamut(lab: Array) -> Array:
    """Reduces the chroma of colors outside of sRGB until they fit; L and hue stay.

    Colors of sRGB are unchanged. The factor of a and b is found by bisection to 1/1024.
    """
    factor, step = jnp.ones_like(lab[..., :1]), 0.5
    factor = jnp.where(in_gamut(lab), factor, 0.0)
    for _ in range(10):
        larger = jnp.where(factor < 1, factor + step, factor)
        candidate = jnp.concatenate([lab[..., :1], larger * lab[..., 1:]], -1)
        factor, step = jnp.where(in_gamut(candidate), larger, factor), step / 2
    return jnp.concatenate([lab[..., :1], factor * lab[..., 1:]], -1)


def in_gamut(lab: Array) -> Array:
    """Whether sRGB has a color, to a third of the first 8-bit step: [... 3] -> bool [... 1]."""
    light = lab_to_linear(lab)
    return ((light >= -1e-4) & (light <= 1 + 1e-4)).all(-1, keepdims=True)


def gray_to_lightness(gray: Array) -> Array:
    """Converts gray values in [0, 1] to L in [0, 100]."""
    return 116 * cie_f(to_linear(gray)) - 16


def lightness_to_gray(lightness: Array) -> Array:
    """Converts L in [0, 100] to gray values in [0, 1]."""
    return from_linear(cie_f_inv((lightness + 16) / 116))


def cie_f(light: Array) -> Array:
    """CIE's f: the cube root, linear near black."""
    root = jnp.cbrt(jnp.maximum(light, KNEE**3))
    return jnp.where(light > KNEE**3, root, light / (3 * KNEE**2) + 4 / 29)


def cie_f_inv(root: Array) -> Array:
    """The inverse of `cie_f`."""
    return jnp.where(root > KNEE, root**3, 3 * KNEE**2 * (root - 4 / 29))


def _matmul(colors: Array, matrix: np.ndarray) -> Array:
    """The matrix times every color [3], in full precision where the default is bfloat16."""
    return jnp.matmul(colors, jnp.asarray(matrix.T, colors.dtype), precision=lax.Precision.HIGHEST)
