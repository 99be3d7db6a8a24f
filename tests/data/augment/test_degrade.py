"""Degradations against Pillow's JPEG, scipy's Gaussian, and cases by hand."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random
from PIL import Image
from scipy.ndimage import gaussian_filter

from gv_jax.data.augment import degrade
from gv_jax.errors import UserError

KEY = random.key(0)


def make_image(height: int = 40, width: int = 52) -> np.ndarray:
    """uint8 [h w]: slopes, edges and texture."""
    y, x = np.mgrid[:height, :width]
    step = (x > width / 2) * (y > height / 3)
    image = 100 + 60 * np.sin(x / 7) + 40 * np.cos(y / 5) + 50 * step
    noise = np.random.default_rng(0).normal(0, 4, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def to_batch(image: np.ndarray) -> jax.Array:
    return jnp.float32(image)[None, :, :, None] / 255


def encode_jpeg(image: np.ndarray, quality: int) -> Image.Image:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return Image.open(file)


def test_four_gray_levels():
    values = np.array([[0, 42, 43, 127, 128, 212, 213, 255]])
    rounded = degrade.posterize(4)(KEY, to_batch(values))[0, :, :, 0] * 255
    np.testing.assert_allclose(rounded, [[0, 0, 85, 85, 170, 170, 255, 255]], atol=1e-4)


@pytest.mark.parametrize("levels", [2, 3, 16, 256])
def test_number_of_gray_levels(levels):
    values = jnp.linspace(0, 1, 4097).reshape(1, 1, -1, 1)
    distinct = np.unique(degrade.posterize(levels)(KEY, values))
    np.testing.assert_allclose(distinct, np.linspace(0, 1, levels), atol=1e-6)


def test_blur_agrees_with_scipy():
    batch = to_batch(make_image())
    blurred = degrade.gaussian_blur(1.3)(KEY, batch)[0, :, :, 0]
    expected = gaussian_filter(np.asarray(batch[0, :, :, 0]), 1.3, mode="nearest")
    np.testing.assert_allclose(blurred, expected, atol=2e-5)


def test_noise_has_its_standard_deviation_and_depends_on_the_key():
    batch = jnp.full((2, 100, 100, 1), 0.5)
    noisy = degrade.gaussian_noise(0.05)(KEY, batch)
    np.testing.assert_allclose(noisy.std(), 0.05, rtol=0.02)
    np.testing.assert_allclose(noisy.mean(), 0.5, atol=0.002)
    assert not np.allclose(noisy[0], noisy[1])
    np.testing.assert_array_equal(noisy, degrade.gaussian_noise(0.05)(KEY, batch))
    assert not np.allclose(noisy, degrade.gaussian_noise(0.05)(random.key(1), batch))
    clipped = degrade.gaussian_noise(1.0)(KEY, batch)
    assert (clipped.min(), clipped.max()) == (0, 1)


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 95, 100])
def test_quantization_tables_are_those_of_pillow(quality):
    expected = encode_jpeg(make_image(), quality).quantization[0]
    np.testing.assert_array_equal(degrade.quantization_table(quality).ravel(), expected)


@pytest.mark.parametrize("quality", [5, 30, 75, 95])
def test_jpeg_agrees_with_pillow(quality):
    image = make_image(43, 50)
    expected = np.asarray(encode_jpeg(image, quality))
    compress = jax.jit(degrade.jpeg_compress(quality))
    compressed = np.round(np.asarray(compress(KEY, to_batch(image)))[0, :, :, 0] * 255)
    error = np.abs(compressed - expected)
    assert error.max() <= 4  # a coefficient rounded the other way: Pillow's integer transform
    assert error.mean() < 0.4
    assert np.abs(expected - image.astype(float)).mean() > 2 * error.mean()


@pytest.mark.parametrize(("quality", "expected"), [(50, 104), (10, 128 - 160 / 8)])
def test_jpeg_of_one_block_by_hand(quality, expected):
    """The DC coefficient 8 (104 - 128) = -192 is rounded to a multiple of 16 or 80."""
    constant = jnp.full((1, 8, 8, 1), 104 / 255)
    compressed = jax.jit(degrade.jpeg_compress(quality))(KEY, constant) * 255
    np.testing.assert_allclose(compressed, expected, atol=1e-4)


def test_build_applies_all_in_the_order_of_the_table():
    strengths = {"noise": 0.02, "gray_levels": 4, "blur": 0.5}
    batch = to_batch(make_image(17, 11))
    degraded = jax.jit(degrade.build_degradation(strengths))(KEY, batch)
    for key, name in zip(random.split(KEY, 3), ("gray_levels", "blur", "noise"), strict=True):
        batch = jax.jit(degrade.DEGRADATIONS[name](strengths[name]))(key, batch)
    np.testing.assert_allclose(degraded, batch, atol=1e-5)
    assert list(degrade.DEGRADATIONS) == ["gray_levels", "blur", "noise", "jpeg"]


def test_build_without_degradations_changes_nothing():
    batch = to_batch(make_image())
    off = {"gray_levels": 0, "blur": 0.0, "noise": 0.0, "jpeg": 0}
    np.testing.assert_array_equal(degrade.build_degradation(off)(KEY, batch), batch)


@pytest.mark.parametrize(
    ("strengths", "field"),
    [
        ({"gray_levels": 1}, r"config\.degrade\.gray_levels=1 "),
        ({"gray_levels": 2.5}, r"config\.degrade\.gray_levels=2\.5"),
        ({"blur": -1.0}, r"config\.degrade\.blur=-1\.0"),
        ({"noise": 1.5}, r"config\.degrade\.noise=1\.5"),
        ({"jpeg": 101}, r"config\.degrade\.jpeg=101"),
        ({"jepg": 10}, "'jepg'.*'jpeg'"),
    ],
)
def test_invalid_strengths(strengths, field):
    with pytest.raises(UserError, match=field):
        degrade.build_degradation(strengths)
