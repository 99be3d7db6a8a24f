"""Color augmentations against Pillow's ImageEnhance."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tests.data.augment.batches import augment, make_batch


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
def test_alpha_is_unchanged(name):
    images, targets = make_batch(channels=4)
    augmented, _ = augment(name, images, targets)
    np.testing.assert_array_equal(augmented[..., 3], images[..., 3])


@pytest.mark.parametrize(
    ("name", "enhancer"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
def test_factors_are_those_of_pillow(name, enhancer):
    draws = np.random.default_rng(0)
    pixels = draws.integers(90, 160, (32, 6, 7, 3), np.uint8)  # nothing is clipped
    augmented = 255 * np.asarray(augment(name, jnp.float32(pixels) / 255, jnp.eye(32), 0.4)[0])
    factors = []
    for new, old in zip(augmented, pixels, strict=True):
        base = np.asarray(enhancer(Image.fromarray(old)).enhance(0.0), np.float32)
        direction = old - base
        factors.append(((new - base) * direction).sum() / (direction**2).sum())  # least squares
        expected = enhancer(Image.fromarray(old)).enhance(float(factors[-1]))
        np.testing.assert_allclose(new, np.asarray(expected, np.float32), atol=1.6)
    assert 0.59 < min(factors) < 0.75 < 1.25 < max(factors) < 1.41


def test_hue_rotates_in_both_directions_within_its_range():
    red = jnp.zeros((64, 1, 1, 3)).at[..., 0].set(1)
    augmented = np.asarray(augment("hue", red, jnp.eye(64), 0.1)[0])[:, 0, 0]
    turns = (augmented[:, 1] - augmented[:, 2]) / 6  # near red, either green or blue rises
    np.testing.assert_allclose(augmented[:, 0], 1)
    assert -0.1001 < turns.min() < -0.07 < 0.07 < turns.max() < 0.1001
