"""Metrics of predicted colors against scikit-image, and cases worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import color, metrics

from gv_jax.image.color import rgb_to_lab
from gv_jax.image.color_metrics import color_metrics, colorfulness, flicker

COMPILED = jax.jit(color_metrics)


def in_8_bits(images: np.ndarray) -> np.ndarray:
    return (np.round(np.clip(images, 0, 1) * 255) / 255).astype(np.float32)


@pytest.fixture(scope="module")
def originals():
    rng = np.random.default_rng(0)
    patches = np.kron(rng.random((3, 4, 5, 3)), np.ones((1, 6, 6, 1)))
    return in_8_bits(patches + rng.normal(0, 0.02, patches.shape))


def test_metrics_agree_with_scikit_image(originals):
    predicted = np.asarray(rgb_to_lab(jnp.asarray(originals)))[..., 1:] * np.float32(
        0.7
    ) + np.float32(3)
    true = np.stack([color.rgb2lab(image) for image in originals.astype(np.float64)])
    values = COMPILED(jnp.float32(true[..., :1]), jnp.asarray(predicted), jnp.asarray(originals))
    assert set(values) == {
        *("mse", "mae", "psnr", "ssim", "ciede2000", "within_5"),
        *("colorfulness", "colorfulness_error"),
    }
    for n, image in enumerate(originals):
        lab = np.concatenate([true[n, ..., :1], predicted[n]], -1)
        rounded = in_8_bits(color.lab2rgb(lab))
        errors = (predicted[n] - true[n, ..., 1:]) / 128
        difference = color.deltaE_ciede2000(color.rgb2lab(rounded.astype(np.float64)), true[n])
        wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        expected = {
            "mse": np.square(errors).mean(),
            "mae": np.abs(errors).mean(),
            "psnr": metrics.peak_signal_noise_ratio(image, rounded, data_range=1),
            "ssim": metrics.structural_similarity(
                image, rounded, data_range=1, channel_axis=-1, **wang
            ),
            "ciede2000": difference.mean(),
            "within_5": (difference <= 5).mean(),
        }
        for name, value in expected.items():
            np.testing.assert_allclose(values[name][n], value, rtol=2e-3, err_msg=name)
        assert 0 < expected["within_5"] < 1


def test_original_colors_are_perfect(originals):
    lab = rgb_to_lab(jnp.asarray(originals))
    values = {
        name: np.asarray(value)
        for name, value in COMPILED(lab[..., :1], lab[..., 1:], originals).items()
    }
    np.testing.assert_allclose(values["psnr"], 100, rtol=1e-6)
    np.testing.assert_allclose(values["within_5"], 1)
    for name in ("mse", "mae", "ciede2000", "colorfulness_error"):
        np.testing.assert_allclose(values[name], 0, atol=1e-4, err_msg=name)


def test_colorfulness_by_hand():
    # half red, half black: rg is 255 or 0, yb 127.5 or 0
    image = jnp.zeros((1, 2, 4, 3)).at[:, 0, :, 0].set(1)
    std, mean = np.hypot(127.5, 63.75), np.hypot(127.5, 63.75)
    np.testing.assert_allclose(jax.jit(colorfulness)(image), std + 0.3 * mean, rtol=1e-5)
    np.testing.assert_allclose(
        jax.jit(colorfulness)(jnp.full((2, 3, 3, 3), 0.3)), [0, 0], atol=1e-5
    )


def test_flicker_counts_still_pixels_only():
    grays = jnp.zeros((2, 1, 3, 1)).at[:, 0, 2].set(0.5)
    next_grays = grays.at[0, 0, 1].set(1 / 255).at[1, 0, 0].set(0.001)  # one 8-bit step
    ab = jnp.zeros((2, 1, 3, 2))
    next_ab = ab.at[:, 0, 0].set(jnp.array([3.0, -4.0])).at[:, 0, 1].set(jnp.array([100.0, 0.0]))
    change, pixels = flicker(grays, next_grays, ab, next_ab)
    np.testing.assert_allclose(change, [5, 105])
    np.testing.assert_array_equal(pixels, [2, 3])
