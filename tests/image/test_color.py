"""Color conversions against scikit-image."""

import jax
import jax.numpy as jnp
import numpy as np
from skimage.color import lab2rgb, rgb2lab

from gv_jax.image.color import (
    from_linear,
    gray_to_lightness,
    lab_to_rgb,
    lightness_to_gray,
    map_to_gamut,
    rgb_to_lab,
    to_linear,
)

TO_LAB, TO_RGB = jax.jit(rgb_to_lab), jax.jit(lab_to_rgb)


def cube() -> np.ndarray:
    """uint8 [m 3]: a grid of colors with its corners, all grays, and 200,000 random colors."""
    steps = np.append(np.arange(0, 255, 6), 255)
    grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    grays = np.arange(256).repeat(3).reshape(-1, 3)
    others = np.random.default_rng(0).integers(0, 256, (200_000, 3))
    return np.concatenate([grid, grays, others]).astype(np.uint8)


def test_lab_agrees_with_scikit_image():
    colors = cube()
    lab = np.asarray(TO_LAB(jnp.float32(colors) / 255))
    np.testing.assert_allclose(lab, rgb2lab(colors), atol=1e-3, rtol=0)


def test_8_bit_colors_survive_the_round_trip():
    colors = jnp.asarray(cube())
    back = jnp.round(TO_RGB(TO_LAB(jnp.float32(colors) / 255)) * 255).astype(jnp.uint8)
    np.testing.assert_array_equal(back, colors)


def test_colors_outside_srgb_are_clipped_as_in_scikit_image():
    rng = np.random.default_rng(0)
    lab = np.column_stack([rng.uniform(5, 95, 2000), *rng.uniform(-100, 100, (2, 2000))]).astype(
        np.float32
    )
    lab = lab[(lab[:, 0] + 16) / 116 > lab[:, 2] / 200]  # scikit-image clips a negative Z before
    expected = np.clip(lab2rgb(lab), 0, 1)
    assert ((expected == 0) | (expected == 1)).any(1).mean() > 0.5
    np.testing.assert_allclose(TO_RGB(jnp.asarray(lab)), expected, atol=2e-4)


def test_gamut_mapping_preserves_lightness_and_hue():
    rng = np.random.default_rng(0)
    lab = np.column_stack([rng.uniform(0, 100, 3000), *rng.uniform(-100, 100, (2, 3000))]).astype(
        np.float32
    )
    mapped = np.asarray(jax.jit(map_to_gamut)(jnp.asarray(lab)))
    displayed = np.asarray(TO_LAB(TO_RGB(jnp.asarray(mapped))))
    np.testing.assert_array_equal(mapped[:, 0], lab[:, 0])
    np.testing.assert_allclose(displayed[:, 0], lab[:, 0], atol=0.1)
    factor = mapped[:, 1:] / lab[:, 1:]
    np.testing.assert_allclose(factor[:, 0], factor[:, 1], rtol=1e-4)
    more = np.concatenate([mapped[:, :1], np.minimum(factor[:, :1] + 0.01, 1) * lab[:, 1:]], 1)
    clipped = np.abs(np.asarray(TO_LAB(TO_RGB(jnp.asarray(more)))) - more).max(1)
    assert (
        clipped[(factor[:, 0] < 0.98) & (factor[:, 0] > 0)] > 0.01
    ).mean() > 0.95  # slightly more chroma is outside of sRGB
    inside = np.abs(np.asarray(TO_LAB(TO_RGB(jnp.asarray(lab)))) - lab).max(1) < 1e-3
    np.testing.assert_array_equal(mapped[inside], lab[inside])
    assert 0.1 < inside.mean() < 0.5


def test_black_white_and_shapes():
    lab = rgb_to_lab(jnp.array([0.0, 1.0]).reshape(2, 1, 1, 1) * jnp.ones((2, 2, 3, 3)))
    assert lab.shape == (2, 2, 3, 3)
    np.testing.assert_allclose(lab[0], 0, atol=1e-4)
    np.testing.assert_allclose(lab[1, ..., 0], 100, atol=1e-4)
    np.testing.assert_allclose(lab[1, ..., 1:], 0, atol=0.01)  # the published white is rounded


def test_gray_to_lightness_and_back():
    grays = jnp.arange(256, dtype=jnp.float32).reshape(1, 16, 16, 1) / 255
    lightness = gray_to_lightness(grays)
    np.testing.assert_allclose(
        lightness, rgb2lab(np.repeat(np.asarray(grays), 3, -1))[..., :1], atol=1e-3
    )
    np.testing.assert_array_equal(
        jnp.round(255 * lightness_to_gray(lightness)), jnp.round(255 * grays)
    )


def test_linear_light_and_back():
    values = jnp.linspace(0, 1, 1001)
    np.testing.assert_allclose(from_linear(to_linear(values)), values, atol=1e-6)
    np.testing.assert_allclose(from_linear(jnp.array([-1.0, 2.0])), [0, 1], atol=1e-6)


def test_gradient_at_black_is_finite():
    gradient = jax.grad(lambda rgb: lab_to_rgb(rgb_to_lab(rgb)).sum())(jnp.zeros((1, 1, 1, 3)))
    assert np.isfinite(gradient).all()
