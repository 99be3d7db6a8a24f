"""CIEDE2000, a perceptual color difference; about 1 is just noticeable side by side."""

import jax.numpy as jnp
from jax import Array

DEGREE = jnp.pi / 180


def ciede2000(colors: Array, others: Array) -> Array:
    """The difference of CIELAB colors, float32 [... 3] each -> [...]; k_L = k_C = k_H = 1.

    Sharma, Wu and Dalal 2005, "The CIEDE2000 color-difference formula: implementation notes,
    supplementary test data, and mathematical observations", with their symbols. The formula itself
    is discontinuous where two hues are opposite. Written in jnp because it is evaluated inside the
    compiled evaluation step.
    """
    (l1, a1, b1), (l2, a2, b2) = (tuple(jnp.moveaxis(lab, -1, 0)) for lab in (colors, others))
    g = 0.5 * (1 - _chroma_factor((jnp.hypot(a1, b1) + jnp.hypot(a2, b2)) / 2))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = jnp.hypot(a1, b1), jnp.hypot(a2, b2)
    h1, h2 = _hue_angle(a1, b1), _hue_angle(a2, b2)

    gray = c1 * c2 == 0  # a gray has no hue
    turn = h2 - h1
    turn = jnp.where(turn > 180, turn - 360, jnp.where(turn < -180, turn + 360, turn))
    dl, dc = l2 - l1, c2 - c1
    dh = 2 * jnp.sqrt(c1 * c2) * jnp.sin(jnp.where(gray, 0, turn) / 2 * DEGREE)

    lightness, chroma, hue_sum = (l1 + l2) / 2, (c1 + c2) / 2, h1 + h2
    far = jnp.abs(h1 - h2) > 180
    wrapped = jnp.where(hue_sum < 360, hue_sum + 360, hue_sum - 360)
    hue = jnp.where(gray, hue_sum, jnp.where(far, wrapped, hue_sum) / 2)

    t = (
        1
        - 0.17 * _cos_degrees(hue - 30)
        + 0.24 * _cos_degrees(2 * hue)
        + 0.32 * _cos_degrees(3 * hue + 6)
        - 0.2 * _cos_degrees(4 * hue - 63)
    )
    s_l = 1 + 0.015 * jnp.square(lightness - 50) / jnp.sqrt(20 + jnp.square(lightness - 50))
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    rotation = 60 * jnp.exp(-jnp.square((hue - 275) / 25))  # 2 delta theta; near blue only
    r_t = -2 * _chroma_factor(chroma) * jnp.sin(rotation * DEGREE)
    x, y, z = dl / s_l, dc / s_c, dh / s_h
    return jnp.sqrt(jnp.maximum(x * x + y * y + z * z + r_t * y * z, 0))


def _chroma_factor(chroma: Array) -> Array:
    """sqrt(C^7 / (C^7 + 25^7)), of C / 25 so that no power leaves float32."""
    seventh = (chroma / 25) ** 7
    return jnp.sqrt(seventh / (seventh + 1))


def _hue_angle(a: Array, b: Array) -> Array:
    """The hue in degrees, in [0, 360); 0 for a gray."""
    angle = jnp.arctan2(b, a) / DEGREE
    angle = jnp.where(angle < 0, angle + 360, angle)
    return jnp.where((a == 0) & (b == 0), 0, angle)


def _cos_degrees(degrees: Array) -> Array:
    return jnp.cos(degrees * DEGREE)
