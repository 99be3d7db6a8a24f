"""Colour spaces against scikit-image's."""

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
    """uint8 [m 3]: a grid over all colours with its corners, every grey, and 200,000 others drawn at random."""
    steps = np.append(np.arange(0, 255, 6), 255)
    grid = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    greys = np.arange(256).repeat(3).reshape(-1, 3)
    others = np.random.default_rng(0).integers(0, 256, (200_000, 3))
    return np.concatenate([grid, greys, others]).astype(np.uint8)


def test_lab_is_scikit_images_over_the_cube():
    colours = cube()
    found = np.asarray(TO_LAB(jnp.float32(colours) / 255))
    np.testing.assert_allclose(found, rgb2lab(colours), atol=1e-3, rtol=0)


def test_eight_bits_come_back_exactly():
    colours = jnp.asarray(cube())
    back = jnp.round(TO_RGB(TO_LAB(jnp.float32(colours) / 255)) * 255).astype(jnp.uint8)
    np.testing.assert_array_equal(back, colours)


def test_colours_outside_srgb_are_clipped_as_scikit_image_clips_them():
    draws = np.random.default_rng(0)
    lab = np.column_stack(
        [draws.uniform(5, 95, 2000), *draws.uniform(-100, 100, (2, 2000))]
    ).astype(np.float32)
    lab = lab[
        (lab[:, 0] + 16) / 116 > lab[:, 2] / 200
    ]  # of others scikit-image cuts the negative Z off first
    expected = np.clip(lab2rgb(lab), 0, 1)
    assert ((expected == 0) | (expected == 1)).any(1).mean() > 0.5
    np.testing.assert_allclose(TO_RGB(jnp.asarray(lab)), expected, atol=2e-4)


def test_fading_keeps_lightness_and_hue():
    draws = np.random.default_rng(0)
    lab = np.column_stack(
        [draws.uniform(0, 100, 3000), *draws.uniform(-100, 100, (2, 3000))]
    ).astype(np.float32)
    found = np.asarray(jax.jit(map_to_gamut)(jnp.asarray(lab)))
    shown = np.asarray(TO_LAB(TO_RGB(jnp.asarray(found))))
    np.testing.assert_array_equal(found[:, 0], lab[:, 0])
    np.testing.assert_allclose(shown[:, 0], lab[:, 0], atol=0.1)
    share = found[:, 1:] / lab[:, 1:]
    np.testing.assert_allclose(share[:, 0], share[:, 1], rtol=1e-4)
    more = np.concatenate([found[:, :1], np.minimum(share[:, :1] + 0.01, 1) * lab[:, 1:]], 1)
    clipped = np.abs(np.asarray(TO_LAB(TO_RGB(jnp.asarray(more)))) - more).max(1)
    assert (
        clipped[(share[:, 0] < 0.98) & (share[:, 0] > 0)] > 0.01
    ).mean() > 0.95  # a little more and sRGB has it not
    plain = np.abs(np.asarray(TO_LAB(TO_RGB(jnp.asarray(lab)))) - lab).max(1) < 1e-3
    np.testing.assert_array_equal(found[plain], lab[plain])
    assert 0.1 < plain.mean() < 0.5


def test_black_white_and_shapes():
    found = rgb_to_lab(jnp.array([0.0, 1.0]).reshape(2, 1, 1, 1) * jnp.ones((2, 2, 3, 3)))
    assert found.shape == (2, 2, 3, 3)
    np.testing.assert_allclose(found[0], 0, atol=1e-4)
    np.testing.assert_allclose(found[1, ..., 0], 100, atol=1e-4)
    np.testing.assert_allclose(
        found[1, ..., 1:], 0, atol=0.01
    )  # the published numbers of white are rounded


def test_a_grey_is_as_light_as_its_colour():
    greys = jnp.arange(256, dtype=jnp.float32).reshape(1, 16, 16, 1) / 255
    light = gray_to_lightness(greys)
    np.testing.assert_allclose(
        light, rgb2lab(np.repeat(np.asarray(greys), 3, -1))[..., :1], atol=1e-3
    )
    np.testing.assert_array_equal(jnp.round(255 * lightness_to_gray(light)), jnp.round(255 * greys))


def test_light_there_and_back():
    values = jnp.linspace(0, 1, 1001)
    np.testing.assert_allclose(from_linear(to_linear(values)), values, atol=1e-6)
    np.testing.assert_allclose(from_linear(jnp.array([-1.0, 2.0])), [0, 1], atol=1e-6)


def test_no_gradient_is_lost_at_black():
    slope = jax.grad(lambda rgb: lab_to_rgb(rgb_to_lab(rgb)).sum())(jnp.zeros((1, 1, 1, 3)))
    assert np.isfinite(slope).all()
