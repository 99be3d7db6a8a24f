"""sRGB and CIELAB: float32 [... 3], usable on the host and inside a compiled step.

sRGB is in [0, 1] (IEC 61966-2-1); L runs from 0 to 100, a and b over about [-86, 98] and [-108, 94] for the colours of
sRGB. White is D65 for the 2 degree observer, with the numbers of scikit-image, whose values these are to 1e-3.
A grey is one channel [... 1] of sRGB's values; it is as light as the colours of its L.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

WHITE = np.array([0.95047, 1.0, 1.08883])  # X, Y, Z
XYZ_FROM_RGB = np.array(  # linear; Poynton, "Frequently asked questions about color", 1997
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
OPPONENT = np.array(
    [[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]]
)  # L + 16, a, b of f(X), f(Y), f(Z)
KNEE = 6 / 29  # of CIE's f, which is a straight line below KNEE ** 3 and the cube root above


def to_linear(srgb: Array) -> Array:
    """sRGB's values as amounts of light, in [0, 1]; any number of channels."""
    bent = (jnp.maximum(srgb, 0.04045) + 0.055) / 1.055
    return jnp.where(srgb > 0.04045, bent**2.4, srgb / 12.92)


def from_linear(light: Array) -> Array:
    """Amounts of light as sRGB's values; those outside of [0, 1] are clipped."""
    light = jnp.clip(light, 0, 1)
    bent = jnp.maximum(light, 0.0031308) ** (1 / 2.4)
    return jnp.where(light > 0.0031308, 1.055 * bent - 0.055, 12.92 * light)


def rgb_to_lab(rgb: Array) -> Array:
    """sRGB [... 3] in [0, 1] -> L, a, b."""
    light = _matmul(to_linear(rgb), XYZ_FROM_RGB / WHITE[:, None])  # X, Y, Z, each of white 1
    lab = _matmul(cie_f(light), OPPONENT)
    return lab - jnp.asarray([16.0, 0.0, 0.0], lab.dtype).reshape((1,) * (lab.ndim - 1) + (3,))


def lab_to_rgb(lab: Array) -> Array:
    """L, a, b -> sRGB [... 3] in [0, 1].

    A colour that sRGB does not have is clipped channel by channel, as amounts of light: it gets paler and may become a
    little lighter or darker than its L. Rounded to 8 bits, `rgb_to_lab` is inverted exactly for every colour of 8 bits.
    """
    return from_linear(lab_to_linear(lab))


def lab_to_linear(lab: Array) -> Array:
    """L, a, b -> amounts of red, green and blue light, in [0, 1] for the colours of sRGB."""
    lab = lab + jnp.asarray([16.0, 0.0, 0.0], lab.dtype).reshape((1,) * (lab.ndim - 1) + (3,))
    light = cie_f_inv(_matmul(lab, np.linalg.inv(OPPONENT)))
    return _matmul(light, np.linalg.inv(XYZ_FROM_RGB / WHITE[:, None]))


def map_to_gamut(lab: Array) -> Array:
    """Colours with as much of their a and b as sRGB can show at their L, 0 to 100; those that it has stay as they are.

    Unlike clipping this keeps lightness and hue; the share kept is found to 1/1024.
    """
    share, step = jnp.ones_like(lab[..., :1]), 0.5
    share = jnp.where(in_gamut(lab), share, 0.0)
    for _ in range(10):
        further = jnp.where(share < 1, share + step, share)
        tried = jnp.concatenate([lab[..., :1], further * lab[..., 1:]], -1)
        share, step = jnp.where(in_gamut(tried), further, share), step / 2
    return jnp.concatenate([lab[..., :1], share * lab[..., 1:]], -1)


def in_gamut(lab: Array) -> Array:
    """Whether sRGB has a colour, to a third of the first step of 8 bits.  # bool [... 1]"""
    light = lab_to_linear(lab)
    return ((light >= -1e-4) & (light <= 1 + 1e-4)).all(-1, keepdims=True)


def gray_to_lightness(grey: Array) -> Array:
    """The L, 0 to 100, of greys in [0, 1]."""
    return 116 * cie_f(to_linear(grey)) - 16


def lightness_to_gray(light: Array) -> Array:
    """The grey, in [0, 1], of an L from 0 to 100: how a picture looks without its colours."""
    return from_linear(cie_f_inv((light + 16) / 116))


def cie_f(light: Array) -> Array:
    """CIE's f: the cube root, but near black."""
    root = jnp.cbrt(jnp.maximum(light, KNEE**3))
    return jnp.where(light > KNEE**3, root, light / (3 * KNEE**2) + 4 / 29)


def cie_f_inv(root: Array) -> Array:
    """The inverse of `compressed`."""
    return jnp.where(root > KNEE, root**3, 3 * KNEE**2 * (root - 4 / 29))


def _matmul(colours: Array, matrix: np.ndarray) -> Array:
    """Every colour [3] times the matrix, in full precision also where a product is a bfloat16 one by default."""
    return jnp.matmul(
        colours, jnp.asarray(matrix.T, colours.dtype), precision=lax.Precision.HIGHEST
    )
