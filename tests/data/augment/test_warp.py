"""Rotation and shear against numpy, scipy and Pillow."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from PIL import Image

from gv_jax.data.augment.warp import rotate, sample_bilinear, shear
from tests.data.augment.batches import noise


def angles(*degrees):
    return jnp.array([math.radians(angle) for angle in degrees], jnp.float32)


def test_rotation_by_a_right_angle():
    images = noise(2, 5, 5, 3)
    rotated = rotate(images, angles(90, -90))
    np.testing.assert_allclose(rotated[0], np.rot90(images[0]), atol=1e-5)
    np.testing.assert_allclose(rotated[1], np.rot90(images[1], -1), atol=1e-5)


def test_rotation_of_a_rectangle_by_180_degrees():
    images = noise(1, 4, 7, 1)
    np.testing.assert_allclose(rotate(images, angles(180)), images[:, ::-1, ::-1], atol=1e-5)


def test_zero_angles_change_nothing():
    images = noise(2, 6, 9, 4)
    np.testing.assert_array_equal(rotate(images, angles(0, 0)), images)
    np.testing.assert_array_equal(shear(images, angles(0, 0)), images)


@pytest.mark.parametrize("degrees", [-40, 3, 25])
def test_rotation_agrees_with_scipy(degrees):
    images = noise(1, 16, 11, 3)
    expected = scipy.ndimage.rotate(images[0], degrees, order=1, mode="nearest", reshape=False)
    np.testing.assert_allclose(rotate(images, angles(degrees))[0], expected, atol=1e-4)


def test_rotation_agrees_with_pillow_inside():
    pixels = np.asarray(255 * noise(24, 24)).astype(np.uint8)
    expected = np.asarray(Image.fromarray(pixels).rotate(20, Image.Resampling.BILINEAR))
    rotated = 255 * rotate(jnp.float32(pixels[None, ..., None]) / 255, angles(20))[0, ..., 0]
    inner = slice(6, -6)
    np.testing.assert_allclose(rotated[inner, inner], expected[inner, inner], atol=1.01)


def test_shear_by_hand():
    line = jnp.float32([[0, 1, 0]] * 3).reshape(1, 3, 3, 1)
    sheared = shear(line, angles(45))[0, ..., 0]
    np.testing.assert_allclose(sheared, [[0, 0, 1], [0, 1, 0], [1, 0, 0]], atol=1e-6)


def test_shear_agrees_with_scipy():
    images, slope = noise(1, 9, 12, 3), math.tan(math.radians(15))
    matrix = np.eye(4)
    matrix[1] = [slope, 1, 0, -4 * slope]  # about row 4, the middle
    expected = scipy.ndimage.affine_transform(images[0], matrix, order=1, mode="nearest")
    np.testing.assert_allclose(shear(images, angles(15))[0], expected, atol=1e-5)


def test_every_image_has_its_own_angle():
    images = noise(2, 8, 8, 3)
    for warp in (rotate, shear):
        both = warp(images, angles(10, -30))
        np.testing.assert_allclose(both[0], warp(images[:1], angles(10))[0], atol=1e-6)
        np.testing.assert_allclose(both[1], warp(images[1:], angles(-30))[0], atol=1e-6)


def test_outside_is_the_nearest_edge_pixel():
    image = jnp.float32([[1, 2], [3, 4]]).reshape(1, 2, 2, 1) / 4
    rows, columns = jnp.full((1, 1, 3), -5.0), jnp.array([[[-9.0, 0.5, 7.0]]])
    samples = sample_bilinear(image, rows, columns)[0, 0, :, 0]
    np.testing.assert_allclose(samples, [0.25, 0.375, 0.5])
