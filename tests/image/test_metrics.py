"""Likeness of pictures against scikit-image's."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage import metrics as sk

from gv_jax.errors import UserError
from gv_jax.image.metrics import mse, psnr, ssim


@pytest.fixture
def pairs():
    """Pictures, and the same with more and more noise."""
    draws = np.random.default_rng(0)
    pictures = draws.random((4, 1, 1, 3)) + 0.3 * np.sin(
        np.arange(40 * 26 * 3).reshape(1, 40, 26, 3) / 50
    )
    noise = draws.normal(size=pictures.shape) * np.array([0.01, 0.05, 0.2, 0.5]).reshape(4, 1, 1, 1)
    return [np.clip(values, 0, 1).astype(np.float32) for values in (pictures + noise, pictures)]


def test_numbers_are_scikit_images(pairs):
    found = [np.asarray(measure(*map(jnp.asarray, pairs))) for measure in (mse, psnr, ssim)]
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for number, (image, target) in enumerate(zip(*pairs, strict=True)):
        expected = (
            sk.mean_squared_error(target, image),
            sk.peak_signal_noise_ratio(target, image, data_range=1),
            sk.structural_similarity(target, image, data_range=1, channel_axis=-1, **wang),
        )
        np.testing.assert_allclose([values[number] for values in found], expected, rtol=2e-4)


def test_equal_pictures_are_a_hundred_decibels_and_alike():
    pictures = jnp.full((2, 16, 16, 1), 0.25)
    np.testing.assert_allclose(psnr(pictures, pictures), [100, 100], rtol=1e-6)
    np.testing.assert_allclose(ssim(pictures, pictures), [1, 1], rtol=1e-5)


def test_ten_times_the_difference_is_twenty_decibels_less():
    black = jnp.zeros((1, 4, 4, 3))
    np.testing.assert_allclose(
        psnr(black, black + 0.01) - psnr(black, black + 0.1), [20], rtol=1e-5
    )


def test_too_small_to_compare():
    pictures = jnp.zeros((1, 10, 40, 3))
    with pytest.raises(UserError, match="10x40 are too small"):
        ssim(pictures, pictures)
