"""Bicubic resampling against PIL, in floats."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gv_jax.image.resample import downsample_2x, resize_bicubic, upsample_2x


@pytest.mark.parametrize(
    ("size", "target"), [((24, 30), (12, 15)), ((13, 9), (26, 18)), ((20, 31), (7, 50))]
)
def test_bicubic_agrees_with_pil(size, target):
    image = np.random.default_rng(0).random(size).astype(np.float32)
    expected = np.asarray(Image.fromarray(image).resize(target[::-1], Image.Resampling.BICUBIC))
    resized = resize_bicubic(jnp.asarray(image)[None, :, :, None], *target)[0, :, :, 0]
    np.testing.assert_allclose(resized, expected, atol=2e-6)


def test_channels_and_images_do_not_mix():
    images = np.random.default_rng(0).random((2, 8, 6, 3)).astype(np.float32)
    resized = resize_bicubic(jnp.asarray(images), 4, 3)
    alone = resize_bicubic(jnp.asarray(images[1:, :, :, 2:]), 4, 3)
    np.testing.assert_allclose(resized[1:, :, :, 2:], alone, atol=1e-6)


def test_2x_resampling_gives_8_bit_values():
    images = jnp.asarray(np.random.default_rng(0).random((2, 8, 6, 3)).astype(np.float32))
    for resized, shape in (
        (downsample_2x(images), (2, 4, 3, 3)),
        (upsample_2x(images), (2, 16, 12, 3)),
    ):
        assert resized.shape == shape
        np.testing.assert_allclose(
            np.asarray(resized) * 255, np.round(np.asarray(resized) * 255), atol=1e-4
        )
        assert 0 <= float(resized.min()) <= float(resized.max()) <= 1
