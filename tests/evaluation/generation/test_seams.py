"""The seam score of textures whose steps are known."""

import numpy as np
import pytest

from gv_jax.evaluation.generation.seams import seam_score


def gray_image(values):
    return np.repeat(np.asarray(values)[None, ..., None], 3, -1).astype(np.uint8)


def test_a_periodic_wave_has_no_seam():
    wave = 128 + 100 * np.sin(2 * np.pi * np.arange(32) / 16)
    image = gray_image((wave[:, None] + wave[None]) / 2)
    shifted = np.concatenate([np.roll(image, (shift, shift), (1, 2)) for shift in range(16)])
    assert seam_score(shifted) == pytest.approx(1, abs=0.01)
    assert seam_score(shifted[:, :20, :20]) > 1.2


def test_a_ramp_has_the_seam_of_its_height():
    # Across the border 7 * 10 on one axis, 0 on the other; inside 10 on one axis, 0 on the other
    ramp = gray_image(np.tile(10 * np.arange(8), (8, 1)))
    assert seam_score(ramp) == pytest.approx((70 / 2) / (10 / 2))
    assert seam_score(ramp.swapaxes(1, 2)) == pytest.approx(7)


def test_sizes_of_both_axes_count():
    image = gray_image(np.tile(10 * np.arange(4), (2, 1)))  # 2 rows of 0, 10, 20, 30
    seam = 2 * 30 / (2 + 4)
    inside = 2 * 3 * 10 / (2 * 3 + 1 * 4)
    assert seam_score(image) == pytest.approx(seam / inside)


def test_flat_images_count_as_1_and_change_no_other():
    flat, ramp = gray_image(np.full((8, 8), 9)), gray_image(np.tile(10 * np.arange(8), (8, 1)))
    assert seam_score(flat) == 1
    assert seam_score(np.concatenate([flat, ramp, flat, flat])) == seam_score(ramp)


def test_colors_under_alpha_0_do_not_count():
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 4), np.uint8)
    image[..., 3] = 0
    assert seam_score(image) == 1
