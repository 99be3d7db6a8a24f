"""Premultiplied pixels: as Pillow's, and back."""

import numpy as np
from PIL import Image

from gv_jax.evaluation.generation.pixels import premultiply, unpremultiply


def test_all_colors_and_alphas_are_premultiplied_as_by_pillow():
    color, alpha = np.meshgrid(np.arange(256), np.arange(256))
    images = np.stack([color, 255 - color, color, alpha], -1).astype(np.uint8)
    expected = np.asarray(Image.fromarray(images, "RGBA").convert("RGBa"))
    np.testing.assert_array_equal(premultiply(images), expected)


def test_images_without_alpha_are_unchanged():
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), np.uint8)
    np.testing.assert_array_equal(premultiply(images), images)
    np.testing.assert_array_equal(unpremultiply(images.astype(np.float32)), images)


def test_unpremultiply_restores_what_is_visible():
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 4), np.uint8)
    images[0, ..., 3] = 0
    alpha = images[..., 3:].astype(float)
    exact = np.concatenate([images[..., :3] * alpha / 255, alpha], -1)
    restored = unpremultiply(exact)
    np.testing.assert_array_equal(restored, np.where(alpha > 0, images, 0))


def test_values_out_of_range_are_clipped():
    values = np.array([[[[300.0, -5.0, 100.0, 50.0], [9.0, 9.0, 9.0, -1.0]]]])
    np.testing.assert_array_equal(unpremultiply(values), [[[[255, 0, 255, 50], [0, 0, 0, 0]]]])
