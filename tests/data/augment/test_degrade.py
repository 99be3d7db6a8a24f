"""Degradations against Pillow's JPEG, scipy's Gaussian, and cases worked by hand."""

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


def scene(height: int = 40, width: int = 52) -> np.ndarray:
    """uint8 [h w]: slopes, edges and texture."""
    y, x = np.mgrid[:height, :width]
    picture = (
        100 + 60 * np.sin(x / 7) + 40 * np.cos(y / 5) + 50 * (x > width / 2) * (y > height / 3)
    )
    return np.clip(picture + np.random.default_rng(0).normal(0, 4, picture.shape), 0, 255).astype(
        np.uint8
    )


def greys(picture: np.ndarray) -> jax.Array:
    return jnp.float32(picture)[None, :, :, None] / 255


def test_four_shades():
    values = np.array([[0, 42, 43, 127, 128, 212, 213, 255]])
    found = degrade.posterize(4)(KEY, greys(values))[0, :, :, 0] * 255
    np.testing.assert_allclose(found, [[0, 0, 85, 85, 170, 170, 255, 255]], atol=1e-4)


@pytest.mark.parametrize("levels", [2, 3, 16, 256])
def test_as_many_shades_as_asked_for(levels):
    values = jnp.linspace(0, 1, 4097).reshape(1, 1, -1, 1)
    found = np.unique(degrade.posterize(levels)(KEY, values))
    np.testing.assert_allclose(found, np.linspace(0, 1, levels), atol=1e-6)


def test_blur_is_scipys():
    picture = greys(scene())
    found = degrade.gaussian_blur(1.3)(KEY, picture)[0, :, :, 0]
    expected = gaussian_filter(np.asarray(picture[0, :, :, 0]), 1.3, mode="nearest")
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_noise_has_the_deviation_asked_for_and_follows_the_key():
    picture = jnp.full((2, 100, 100, 1), 0.5)
    found = degrade.gaussian_noise(0.05)(KEY, picture)
    np.testing.assert_allclose(found.std(), 0.05, rtol=0.02)
    np.testing.assert_allclose(found.mean(), 0.5, atol=0.002)
    assert not np.allclose(found[0], found[1])
    np.testing.assert_array_equal(found, degrade.gaussian_noise(0.05)(KEY, picture))
    assert not np.allclose(found, degrade.gaussian_noise(0.05)(random.key(1), picture))
    strong = degrade.gaussian_noise(1.0)(KEY, picture)
    assert (strong.min(), strong.max()) == (0, 1)


def test_quantisation_tables_are_the_ones_in_pillows_files():
    for quality in (1, 10, 49, 50, 75, 95, 100):
        stored = Image.open(saved(scene(), quality)).quantization[0]
        np.testing.assert_array_equal(degrade.quantization_table(quality).ravel(), stored)


@pytest.mark.parametrize("quality", [5, 30, 75, 95])
def test_jpeg_is_pillows_to_a_rounding(quality):
    picture = scene(43, 50)
    expected = np.asarray(Image.open(saved(picture, quality)))
    found = np.round(
        np.asarray(jax.jit(degrade.jpeg_compress(quality))(KEY, greys(picture)))[0, :, :, 0] * 255
    )
    apart = np.abs(found - expected)
    assert apart.max() <= 4  # one wave rounded the other way: Pillow's transform is in integers
    assert apart.mean() < 0.4
    assert np.abs(expected - picture.astype(float)).mean() > 2 * apart.mean()


def test_jpeg_of_one_block_by_hand():
    # one shade has one wave, 8 (104 - 128) = -192; quality 50 rounds it to a multiple of 16, quality 10 of 80
    flat = jnp.full((1, 8, 8, 1), 104 / 255)
    np.testing.assert_allclose(jax.jit(degrade.jpeg_compress(50))(KEY, flat) * 255, 104, atol=1e-4)
    np.testing.assert_allclose(
        jax.jit(degrade.jpeg_compress(10))(KEY, flat) * 255, 128 - 160 / 8, atol=1e-4
    )


def test_all_together_in_their_order_in_a_compiled_step():
    told = {"noise": 0.02, "gray_levels": 4, "blur": 0.5}
    picture = greys(scene(17, 11))
    found = jax.jit(degrade.build_degradation(told))(KEY, picture)
    for key, name in zip(random.split(KEY, 3), ("gray_levels", "blur", "noise"), strict=True):
        picture = jax.jit(degrade.DEGRADATIONS[name](told[name]))(key, picture)
    np.testing.assert_allclose(found, picture, atol=1e-5)
    assert list(degrade.DEGRADATIONS) == ["gray_levels", "blur", "noise", "jpeg"]


def test_nothing_asked_for_changes_nothing():
    picture = greys(scene())
    off = {"gray_levels": 0, "blur": 0.0, "noise": 0.0, "jpeg": 0}
    np.testing.assert_array_equal(degrade.build_degradation(off)(KEY, picture), picture)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"gray_levels": 1}, "gray_levels is 1: it must be 2 to 256"),
        ({"gray_levels": 2.5}, "gray_levels is 2.5"),
        ({"blur": -1.0}, "blur is -1.0"),
        ({"noise": 1.5}, "noise is 1.5"),
        ({"jpeg": 101}, "jpeg is 101: it must be a quality of 1 to 100"),
        ({"jepg": 10}, "did you mean 'jpeg'"),
    ],
)
def test_what_a_user_can_get_wrong(told, message):
    with pytest.raises(UserError, match=message):
        degrade.build_degradation(told)


def saved(picture: np.ndarray, quality: int) -> io.BytesIO:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    file.seek(0)
    return file
