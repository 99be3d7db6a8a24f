"""Bicubic resampling against PIL's, in floats."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gv_jax.image.resample import downsample_2x, resize_bicubic, upsample_2x


@pytest.mark.parametrize(
    ("size", "target"), [((24, 30), (12, 15)), ((13, 9), (26, 18)), ((20, 31), (7, 50))]
)
def test_bicubic_is_pils(size, target):
    picture = np.random.default_rng(0).random(size).astype(np.float32)
    expected = np.asarray(Image.fromarray(picture).resize(target[::-1], Image.Resampling.BICUBIC))
    found = resize_bicubic(jnp.asarray(picture)[None, :, :, None], *target)[0, :, :, 0]
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_channels_and_pictures_do_not_mix():
    pictures = np.random.default_rng(0).random((2, 8, 6, 3)).astype(np.float32)
    found = resize_bicubic(jnp.asarray(pictures), 4, 3)
    alone = resize_bicubic(jnp.asarray(pictures[1:, :, :, 2:]), 4, 3)
    np.testing.assert_allclose(found[1:, :, :, 2:], alone, atol=1e-6)


def test_halved_and_doubled_are_what_a_file_would_hold():
    pictures = jnp.asarray(np.random.default_rng(0).random((2, 8, 6, 3)).astype(np.float32))
    for found, shape in (
        (downsample_2x(pictures), (2, 4, 3, 3)),
        (upsample_2x(pictures), (2, 16, 12, 3)),
    ):
        assert found.shape == shape
        np.testing.assert_allclose(
            np.asarray(found) * 255, np.round(np.asarray(found) * 255), atol=1e-4
        )
        assert 0 <= float(found.min()) <= float(found.max()) <= 1
