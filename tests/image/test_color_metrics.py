"""Measures of colouring against scikit-image's, and cases worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import color, metrics

from gv_jax.image.color import rgb_to_lab
from gv_jax.image.color_metrics import color_metrics, colorfulness, flicker

MEASURE = jax.jit(color_metrics)


def in_8_bits(pictures: np.ndarray) -> np.ndarray:
    return (np.round(np.clip(pictures, 0, 1) * 255) / 255).astype(np.float32)


@pytest.fixture(scope="module")
def originals():
    draws = np.random.default_rng(0)
    patches = np.kron(draws.random((3, 4, 5, 3)), np.ones((1, 6, 6, 1)))
    return in_8_bits(patches + draws.normal(0, 0.02, patches.shape))


def test_every_measure_by_other_means(originals):
    answered = np.asarray(rgb_to_lab(jnp.asarray(originals)))[..., 1:] * np.float32(
        0.7
    ) + np.float32(3)
    true = np.stack([color.rgb2lab(picture) for picture in originals.astype(np.float64)])
    found = MEASURE(jnp.float32(true[..., :1]), jnp.asarray(answered), jnp.asarray(originals))
    assert set(found) == {
        "mse", "mae", "psnr", "ssim", "ciede2000", "within_5", "colourfulness", "colourfulness_error"
    }  # fmt: skip
    for n, picture in enumerate(originals):
        lab = np.concatenate([true[n, ..., :1], answered[n]], -1)
        shown = in_8_bits(color.lab2rgb(lab))
        apart = (answered[n] - true[n, ..., 1:]) / 128
        difference = color.deltaE_ciede2000(color.rgb2lab(shown.astype(np.float64)), true[n])
        wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        expected = {
            "mse": np.square(apart).mean(),
            "mae": np.abs(apart).mean(),
            "psnr": metrics.peak_signal_noise_ratio(picture, shown, data_range=1),
            "ssim": metrics.structural_similarity(
                picture, shown, data_range=1, channel_axis=-1, **wang
            ),
            "ciede2000": difference.mean(),
            "within_5": (difference <= 5).mean(),
        }
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][n], value, rtol=2e-3, err_msg=name)
        assert 0 < expected["within_5"] < 1


def test_the_original_colours_are_perfect(originals):
    lab = rgb_to_lab(jnp.asarray(originals))
    found = {
        name: np.asarray(value)
        for name, value in MEASURE(lab[..., :1], lab[..., 1:], originals).items()
    }
    np.testing.assert_allclose(found["psnr"], 100, rtol=1e-6)
    np.testing.assert_allclose(found["within_5"], 1)
    for name in ("mse", "mae", "ciede2000", "colourfulness_error"):
        np.testing.assert_allclose(found[name], 0, atol=1e-4, err_msg=name)


def test_colourfulness_by_hand():
    # half red, half black: rg is 255 or 0, yb 127.5 or 0
    picture = jnp.zeros((1, 2, 4, 3)).at[:, 0, :, 0].set(1)
    spread, mean = np.hypot(127.5, 63.75), np.hypot(127.5, 63.75)
    np.testing.assert_allclose(jax.jit(colorfulness)(picture), spread + 0.3 * mean, rtol=1e-5)
    np.testing.assert_allclose(
        jax.jit(colorfulness)(jnp.full((2, 3, 3, 3), 0.3)), [0, 0], atol=1e-5
    )


def test_flicker_counts_still_pixels_alone():
    greys = jnp.zeros((2, 1, 3, 1)).at[:, 0, 2].set(0.5)
    later = (
        greys.at[0, 0, 1].set(1 / 255).at[1, 0, 0].set(0.001)
    )  # the first moves by a step of 8 bits
    ab = jnp.zeros((2, 1, 3, 2))
    later_ab = ab.at[:, 0, 0].set(jnp.array([3.0, -4.0])).at[:, 0, 1].set(jnp.array([100.0, 0.0]))
    change, pixels = flicker(greys, later, ab, later_ab)
    np.testing.assert_allclose(change, [5, 105])
    np.testing.assert_array_equal(pixels, [2, 3])
