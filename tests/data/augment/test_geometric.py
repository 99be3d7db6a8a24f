"""Geometric augmentations against numpy and Pillow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gv_jax.data.augment.geometric import random_crop
from gv_jax.errors import UserError
from tests.data.augment.batches import augment, make_batch


@pytest.mark.parametrize("name", ["resized_crop", "pad_crop", "flip", "rotate", "shear"])
def test_alpha_moves_with_the_colors(name):
    images, targets = make_batch()
    rgba = jnp.concatenate([images, images[..., :1]], axis=-1)
    augmented, _ = augment(name, rgba, targets)
    np.testing.assert_allclose(augmented[..., 3], augmented[..., 0], atol=1e-6)


def test_random_crops_are_parts_of_their_own_image_at_all_positions():
    n, height, width = 60, 7, 9
    images = jnp.arange(n * height * width, dtype=jnp.float32).reshape(n, height, width, 1)
    crops, targets = jax.jit(random_crop(5))(jax.random.key(0), images, jnp.eye(n))
    assert crops.shape == (n, 5, 5, 1)
    np.testing.assert_array_equal(targets, np.eye(n))
    corners = np.asarray(crops)[:, 0, 0, 0].astype(int)
    index, top, left = np.unravel_index(corners, (n, height, width))
    np.testing.assert_array_equal(index, np.arange(n))
    assert set(top) == set(range(3))
    assert set(left) == set(range(5))
    for i in range(n):
        part = images[i, top[i] : top[i] + 5, left[i] : left[i] + 5]
        np.testing.assert_array_equal(crops[i], part)


def test_random_crop_larger_than_the_images():
    with pytest.raises(UserError, match=r"config\.augment\.random_crop=8 .*7x9"):
        random_crop(8)(jax.random.key(0), jnp.zeros((1, 7, 9, 3)), jnp.zeros((1, 0)))


def test_flip():
    images, targets = make_batch()
    np.testing.assert_array_equal(augment("flip", images, targets, 1)[0], images[:, :, ::-1])
    augmented, _ = augment("flip", images, targets, 0.5)
    pairs = list(zip(np.asarray(augmented), np.asarray(images), strict=True))
    mirrored = [np.array_equal(new, old[:, ::-1]) for new, old in pairs]
    unchanged = [np.array_equal(new, old) for new, old in pairs]
    assert all(a != b for a, b in zip(mirrored, unchanged, strict=True))
    assert 2 < sum(mirrored) < 14


def test_pad_crop_is_a_crop_of_the_padded_image():
    images, targets = make_batch(n=40)
    augmented, _ = augment("pad_crop", images, targets, 2)
    shifts = []
    for new, old in zip(np.asarray(augmented), np.asarray(images), strict=True):
        padded = np.pad(old, ((2, 2), (2, 2), (0, 0)), mode="edge")
        crops = {(y, x): padded[y : y + 10, x : x + 12] for y in range(5) for x in range(5)}
        shifts.append(next(shift for shift, crop in crops.items() if np.array_equal(new, crop)))
    assert {y for y, _ in shifts} == {x for _, x in shifts} == set(range(5))


def test_pad_crop_must_be_below_the_sides():
    with pytest.raises(UserError, match=r"config\.augment\.pad_crop=10 .*10x12"):
        augment("pad_crop", *make_batch(), strength=10)


def measure_slopes(images):
    """Rise of a plane per pixel downwards and per pixel to the right.  # [n] and [n]"""
    middle = np.asarray(images)[:, 4:7, 5:8, 0]
    down = (middle[:, 2] - middle[:, 0]).mean(axis=1) / 2
    right = (middle[:, :, 2] - middle[:, :, 0]).mean(axis=1) / 2
    return down, right


@pytest.mark.parametrize("name", ["rotate", "shear"])
def test_angles_fill_the_range_in_both_directions(name):
    ramp = jnp.broadcast_to(jnp.linspace(0, 1, 12).reshape(1, 1, 12, 1), (64, 11, 12, 1))
    down, right = measure_slopes(augment(name, ramp, jnp.eye(64), 20)[0])
    angles = np.degrees(np.arctan(down / right))
    assert abs(angles).max() < 20.1
    assert angles.min() < -15
    assert angles.max() > 15


def test_resized_crop_agrees_with_pillow():
    """Two ramps, y and x in [0, 1], show which part of the image was cropped."""
    n, height, width = 48, 10, 12
    y = (jnp.arange(height, dtype=jnp.float32).reshape(1, -1, 1) + 0.5) / height
    x = (jnp.arange(width, dtype=jnp.float32).reshape(1, 1, -1) + 0.5) / width
    noise = make_batch(n, height, width, 1)[0][..., 0]
    ramps = jnp.broadcast_to(y, noise.shape), jnp.broadcast_to(x, noise.shape)
    images = jnp.stack([*ramps, noise], axis=-1)
    augmented = np.asarray(augment("resized_crop", images, jnp.eye(n), 0.3)[0])
    areas, ratios = [], []
    for new, old in zip(augmented, np.asarray(noise), strict=True):
        crop_height = (new[5, 5, 0] - new[4, 5, 0]) * height  # fractions of the sides
        crop_width = (new[5, 6, 1] - new[5, 5, 1]) * width
        top, left = new[4, 5, 0] - 0.45 * crop_height, new[4, 5, 1] - 5.5 / 12 * crop_width
        bottom, right = top + crop_height, left + crop_width
        assert min(top, left) > -1e-4
        assert max(bottom, right) < 1 + 1e-4
        box = np.clip([left, top, right, bottom], 0, 1) * [width, height, width, height]
        expected = Image.fromarray(old).resize(
            (width, height), Image.Resampling.BILINEAR, tuple(box)
        )
        np.testing.assert_allclose(new[..., 2], np.asarray(expected), atol=1e-3)
        areas.append(crop_height * crop_width)
        ratios.append(crop_width / crop_height)
    assert 0.25 < min(areas) < 0.4 < 0.9 < max(areas) < 1.001
    assert 0.749 < min(ratios) < 0.85 < 1.2 < max(ratios) < 1.334
