import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gv_jax.data.augment.jitter import blend, clip_keep_alpha, shift_hue, to_gray

CORNERS = [[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)]


def pixels():
    """Random colours, all corners of the cube, greys, and ties between two channels.  # [1 1 m 3]"""
    generator = np.random.default_rng(0)
    ties = [[0.7, 0.7, 0.2], [0.2, 0.7, 0.7], [0.7, 0.2, 0.7], [0.2, 0.2, 0.7], [0.5, 0.5, 0.5]]
    return jnp.float32(np.concatenate([generator.random((200, 3)), CORNERS, ties])).reshape(
        1, 1, -1, 3
    )


def noise(*shape):
    return jnp.asarray(np.random.default_rng(0).random(shape, np.float32))


def turned(color, turns):
    hue, saturation, value = colorsys.rgb_to_hsv(*(float(c) for c in color))
    return colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value)


@pytest.mark.parametrize("turns", [-0.5, -0.21, 0.0, 0.1, 1 / 3, 0.5])
def test_hue_agrees_with_colorsys(turns):
    found = jax.jit(shift_hue)(pixels(), jnp.full((1, 1, 1, 1), turns))[0, 0]
    np.testing.assert_allclose(found, [turned(color, turns) for color in pixels()[0, 0]], atol=2e-5)


def test_every_picture_has_its_own_turn():
    red = jnp.zeros((3, 1, 1, 3)).at[..., 0].set(1)
    found = shift_hue(red, jnp.array([0.0, 1 / 3, -1 / 3]).reshape(3, 1, 1, 1))
    np.testing.assert_allclose(found[:, 0, 0], np.eye(3), atol=1e-6)


def test_alpha_is_left_alone():
    images = noise(2, 3, 3, 4)
    share = jnp.full((2, 1, 1, 1), 0.3)
    changed = [
        shift_hue(images, share),
        blend(images, to_gray(images), share),
        clip_keep_alpha(images, 2 * images),
    ]
    for found in changed:
        np.testing.assert_array_equal(found[..., 3], images[..., 3])
        assert not np.allclose(found[..., :3], images[..., :3])


def test_grey_agrees_with_pillow():
    image = np.asarray(255 * pixels()[0]).astype(np.uint8)
    expected = np.asarray(Image.fromarray(image).convert("L"))
    np.testing.assert_allclose(
        255 * to_gray(jnp.float32(image[None]) / 255)[0, ..., 0], expected, atol=0.51
    )


def test_grey_of_grey_is_itself():
    images = noise(2, 3, 3, 1)
    np.testing.assert_array_equal(to_gray(images), images)


def test_colours_are_clipped():
    found = clip_keep_alpha(
        jnp.zeros((1, 1, 1, 3)), jnp.array([-0.5, 0.5, 1.5]).reshape(1, 1, 1, 3)
    )
    np.testing.assert_array_equal(found[0, 0, 0], [0, 0.5, 1])
