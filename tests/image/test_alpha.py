"""Premultiplied alpha: inverse of each other where anything is visible."""

import jax.numpy as jnp
import numpy as np

from gv_jax.image.alpha import premultiply, unpremultiply


def test_visible_colors_survive_and_hidden_ones_become_black():
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(2, 4, 4, 4)).astype(np.float32)
    images[..., 3] = rng.choice([0, 0.5, 1], size=(2, 4, 4))
    restored = np.asarray(unpremultiply(premultiply(jnp.asarray(images))))
    visible = images[..., 3] > 0
    np.testing.assert_allclose(restored[visible], images[visible], atol=1e-6)
    np.testing.assert_array_equal(restored[~visible], 0)


def test_a_snapped_alpha_keeps_the_color():
    image = jnp.array([0.5, 0.25, 0.0, 0.5]).reshape(1, 1, 1, 4)
    snapped = unpremultiply(image, jnp.ceil)
    np.testing.assert_allclose(snapped.ravel(), [1.0, 0.5, 0.0, 1.0])


def test_images_without_alpha_are_unchanged():
    image = jnp.full((1, 2, 2, 3), 0.3)
    np.testing.assert_array_equal(premultiply(image), image)
    np.testing.assert_array_equal(unpremultiply(image), image)
