"""Metrics by tiles against those of whole images."""

import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.image.color import rgb_to_lab
from gv_jax.image.color_metrics import color_metrics, flicker
from gv_jax.image.tiled_metrics import TILE, compare_frames, compare_images


def make_pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A smooth image and one that differs in some places, uint8 [h w 3]."""
    rng = np.random.default_rng(height * width)
    rows, columns = np.mgrid[:height, :width]
    planes = [rows * 255 // height, columns * 255 // width, (rows + columns) % 256]
    original = np.stack(planes, -1).astype(np.uint8)
    noise = rng.integers(-40, 41, original.shape) * (rng.random((height, width, 1)) < 0.3)
    return np.clip(original + noise, 0, 255).astype(np.uint8), original


@pytest.mark.parametrize("size", [(11, 40), (TILE, TILE), (TILE + 1, 2 * TILE + 9), (300, 17)])
def test_metrics_are_those_of_the_whole_image(size):
    image, original = make_pair(*size)
    rgb, true_rgb = (jnp.asarray(pixels[None], jnp.float32) / 255 for pixels in (image, original))
    lab = rgb_to_lab(rgb)
    expected = color_metrics(lab[..., :1], lab[..., 1:], true_rgb)
    metrics = compare_images(image, original)
    assert metrics.keys() == expected.keys()
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(float(value[0]), rel=2e-4, abs=2e-4), name


def test_equal_images():
    _, original = make_pair(20, 30)
    metrics = compare_images(original, original)
    assert (metrics["ciede2000"], metrics["within_5"], metrics["psnr"]) == (0, 1, 100)
    assert metrics["ssim"] == pytest.approx(1)


def test_small_images_have_no_ssim():
    metrics = compare_images(*make_pair(10, 40))
    assert "ssim" not in metrics
    assert metrics["ciede2000"] > 0


@pytest.mark.parametrize("size", [(16, 20), (TILE + 30, TILE + 2)])
def test_flicker_is_that_of_whole_frames(size):
    frames = make_pair(*size)
    gray = np.random.default_rng(0).integers(0, 2, (2, *size), dtype=np.uint8)
    rgb = [jnp.asarray(frame[None], jnp.float32) / 255 for frame in frames]
    grays = [jnp.asarray(plane[None, ..., None], jnp.float32) / 255 for plane in gray]
    change, pixels = flicker(*grays, *(rgb_to_lab(image)[..., 1:] for image in rgb))
    result = compare_frames(frames, (gray[0], gray[1]))
    assert result == (pytest.approx(float(change[0]), rel=1e-4), int(pixels[0]))


def test_grays_have_no_colorfulness():
    grays = np.repeat(np.random.default_rng(0).integers(0, 256, (20, 30, 1), dtype=np.uint8), 3, -1)
    assert compare_images(grays, grays)["colorfulness"] == 0
