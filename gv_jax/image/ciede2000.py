"""How different two colours look: CIEDE2000, in units of which about 1 is just noticed side by side."""

import jax.numpy as jnp
from jax import Array

DEGREE = jnp.pi / 180


def ciede2000(colours: Array, others: Array) -> Array:
    """The difference of CIELAB colours, float32 [... 3] each, with all weights (k_L, k_C, k_H) at 1.  # [...]

    Sharma, Wu and Dalal 2005, "The CIEDE2000 color-difference formula: implementation notes, supplementary test data,
    and mathematical observations"; symbols are theirs. It jumps where two hues are opposite, as theirs does.
    """
    (l1, a1, b1), (l2, a2, b2) = (tuple(jnp.moveaxis(lab, -1, 0)) for lab in (colours, others))
    g = 0.5 * (1 - _chroma_factor((jnp.hypot(a1, b1) + jnp.hypot(a2, b2)) / 2))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = jnp.hypot(a1, b1), jnp.hypot(a2, b2)
    h1, h2 = _hue_angle(a1, b1), _hue_angle(a2, b2)

    grey = c1 * c2 == 0  # such a colour has no hue
    turn = h2 - h1
    turn = jnp.where(turn > 180, turn - 360, jnp.where(turn < -180, turn + 360, turn))
    dl, dc = l2 - l1, c2 - c1
    dh = 2 * jnp.sqrt(c1 * c2) * jnp.sin(jnp.where(grey, 0, turn) / 2 * DEGREE)

    lightness, chroma, both = (l1 + l2) / 2, (c1 + c2) / 2, h1 + h2
    far = jnp.abs(h1 - h2) > 180
    mean = jnp.where(far, jnp.where(both < 360, both + 360, both - 360), both) / 2
    mean = jnp.where(grey, both, mean)

    t = (
        1
        - 0.17 * _cos_degrees(mean - 30)
        + 0.24 * _cos_degrees(2 * mean)
        + 0.32 * _cos_degrees(3 * mean + 6)
        - 0.2 * _cos_degrees(4 * mean - 63)
    )
    s_l = 1 + 0.015 * jnp.square(lightness - 50) / jnp.sqrt(20 + jnp.square(lightness - 50))
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    turned = 60 * jnp.exp(
        -jnp.square((mean - 275) / 25)
    )  # twice the angle of the rotation, in the blues alone
    r_t = -2 * _chroma_factor(chroma) * jnp.sin(turned * DEGREE)
    light, c, h = dl / s_l, dc / s_c, dh / s_h
    return jnp.sqrt(jnp.maximum(light * light + c * c + h * h + r_t * c * h, 0))


def _chroma_factor(chroma: Array) -> Array:
    """sqrt(C^7 / (C^7 + 25^7)), of a scaled C so that no power leaves float32."""
    seventh = (chroma / 25) ** 7
    return jnp.sqrt(seventh / (seventh + 1))


def _hue_angle(a: Array, b: Array) -> Array:
    """The angle of a colour in degrees, 0 to 360; 0 of a grey."""
    angle = jnp.arctan2(b, a) / DEGREE
    angle = jnp.where(angle < 0, angle + 360, angle)
    return jnp.where((a == 0) & (b == 0), 0, angle)


def _cos_degrees(degrees: Array) -> Array:
    return jnp.cos(degrees * DEGREE)
