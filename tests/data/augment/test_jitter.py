"""Color arithmetic against colorsys and Pillow."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gv_jax.data.augment.jitter import blend, clip_keep_alpha, shift_hue, to_gray
from tests.data.augment.batches import noise

CORNERS = [[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)]
TIES = [[0.7, 0.7, 0.2], [0.2, 0.7, 0.7], [0.7, 0.2, 0.7], [0.2, 0.2, 0.7], [0.5, 0.5, 0.5]]


def make_colors():
    """Random colors, all corners of the cube, grays, and ties of two channels.  # [1 1 m 3]"""
    random_colors = np.random.default_rng(0).random((200, 3))
    colors = np.concatenate([random_colors, CORNERS, TIES])
    return jnp.float32(colors).reshape(1, 1, -1, 3)


def shift_with_colorsys(color, turns):
    hue, saturation, value = colorsys.rgb_to_hsv(*(float(channel) for channel in color))
    return colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value)


@pytest.mark.parametrize("turns", [-0.5, -0.21, 0.0, 0.1, 1 / 3, 0.5])
def test_hue_agrees_with_colorsys(turns):
    colors = make_colors()
    shifted = jax.jit(shift_hue)(colors, jnp.full((1, 1, 1, 1), turns))[0, 0]
    expected = [shift_with_colorsys(color, turns) for color in np.asarray(colors[0, 0])]
    np.testing.assert_allclose(shifted, expected, atol=2e-5)


def test_every_image_has_its_own_turn():
    red = jnp.zeros((3, 1, 1, 3)).at[..., 0].set(1)
    shifted = shift_hue(red, jnp.array([0.0, 1 / 3, -1 / 3]).reshape(3, 1, 1, 1))
    np.testing.assert_allclose(shifted[:, 0, 0], np.eye(3), atol=1e-6)


def test_alpha_is_unchanged():
    images = noise(2, 3, 3, 4)
    weight = jnp.full((2, 1, 1, 1), 0.3)
    for changed in (
        shift_hue(images, weight),
        blend(images, to_gray(images), weight),
        clip_keep_alpha(images, 2 * images),
    ):
        np.testing.assert_array_equal(changed[..., 3], images[..., 3])
        assert not np.allclose(changed[..., :3], images[..., :3])


def test_gray_agrees_with_pillow():
    image = np.asarray(255 * make_colors()[0]).astype(np.uint8)
    expected = np.asarray(Image.fromarray(image).convert("L"))
    gray = 255 * to_gray(jnp.float32(image[None]) / 255)[0, ..., 0]
    np.testing.assert_allclose(gray, expected, atol=0.51)


def test_gray_of_gray_is_itself():
    images = noise(2, 3, 3, 1)
    np.testing.assert_array_equal(to_gray(images), images)


def test_colors_are_clipped():
    colors = jnp.array([-0.5, 0.5, 1.5]).reshape(1, 1, 1, 3)
    clipped = clip_keep_alpha(jnp.zeros((1, 1, 1, 3)), colors)
    np.testing.assert_array_equal(clipped[0, 0, 0], [0, 0.5, 1])
