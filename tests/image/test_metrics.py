"""Image metrics against scikit-image."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage import metrics as sk

from gv_jax.errors import UserError
from gv_jax.image.metrics import mse, psnr, ssim


@pytest.fixture
def pairs():
    """Images with increasing noise, and without."""
    rng = np.random.default_rng(0)
    images = rng.random((4, 1, 1, 3)) + 0.3 * np.sin(
        np.arange(40 * 26 * 3).reshape(1, 40, 26, 3) / 50
    )
    noise = rng.normal(size=images.shape) * np.array([0.01, 0.05, 0.2, 0.5]).reshape(4, 1, 1, 1)
    return [np.clip(values, 0, 1).astype(np.float32) for values in (images + noise, images)]


def test_metrics_agree_with_scikit_image(pairs):
    values = [np.asarray(metric(*map(jnp.asarray, pairs))) for metric in (mse, psnr, ssim)]
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for index, (image, target) in enumerate(zip(*pairs, strict=True)):
        expected = (
            sk.mean_squared_error(target, image),
            sk.peak_signal_noise_ratio(target, image, data_range=1),
            sk.structural_similarity(target, image, data_range=1, channel_axis=-1, **wang),
        )
        np.testing.assert_allclose([value[index] for value in values], expected, rtol=2e-4)


def test_equal_images_have_100_db_and_ssim_1():
    images = jnp.full((2, 16, 16, 1), 0.25)
    np.testing.assert_allclose(psnr(images, images), [100, 100], rtol=1e-6)
    np.testing.assert_allclose(ssim(images, images), [1, 1], rtol=1e-5)


def test_ten_times_the_error_is_20_db_less():
    black = jnp.zeros((1, 4, 4, 3))
    np.testing.assert_allclose(
        psnr(black, black + 0.01) - psnr(black, black + 0.1), [20], rtol=1e-5
    )


def test_images_smaller_than_the_ssim_window_are_refused():
    images = jnp.zeros((1, 10, 40, 3))
    with pytest.raises(UserError, match=r"11x11.*10x40"):
        ssim(images, images)
