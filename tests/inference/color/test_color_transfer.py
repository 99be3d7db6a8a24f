"""Color transfer: preserved grays, colors that end at edges, and changes over time."""

import jax
import numpy as np
import pytest
from skimage import color

from gv_jax.inference.color import color_transfer
from gv_jax.inference.color.color_transfer import (
    TEMPORAL_WEIGHT,
    ChromaUpsampler,
    FrameState,
    LowResChroma,
    is_cut,
)

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def strict():
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.debug_nans(True),
    ):
        yield


@pytest.fixture(scope="module")
def upsampler():
    return ChromaUpsampler(capacity=5000)


def gray_by_definition(rgb):
    """IEC 61966-2-1 in float64: the 8-bit gray of the same luminance."""
    values = rgb / 255
    light = np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)
    luminance = light @ [0.212671, 0.715160, 0.072169]
    gray = np.where(
        luminance > 0.0031308, 1.055 * luminance ** (1 / 2.4) - 0.055, 12.92 * luminance
    )
    return np.rint(255 * gray)


def uniform_chroma(grays, ab):
    return LowResChroma(grays, np.broadcast_to(np.float32(ab), (*grays.shape, 2)))


def test_every_gray_is_preserved_for_any_color(upsampler):
    grays = np.repeat(np.arange(256, dtype=np.uint8), 16).reshape(64, 64)
    for std in (5, 40, 90):
        ab = RNG.normal(0, std, (64, 64, 2)).astype(np.float32)
        rgb = upsampler(grays, LowResChroma(grays, ab))
        np.testing.assert_array_equal(gray_by_definition(rgb), grays)
        assert (rgb.max(-1) > rgb.min(-1)).mean() > 0.9
    np.testing.assert_array_equal(upsampler.to_gray(rgb), grays)


def test_colors_of_srgb_are_reproduced(upsampler):
    original = RNG.integers(40, 200, (40, 50, 3), dtype=np.uint8)
    ab = color.rgb2lab(original)[..., 1:].astype(np.float32)
    grays = gray_by_definition(original).astype(np.uint8)
    rgb = color.rgb2lab(upsampler(grays, LowResChroma(grays, ab)))
    assert np.abs(rgb[..., 1:] - ab).max() < 2  # 8-bit rounding
    assert np.abs(rgb[..., 0] - color.rgb2lab(original)[..., 0]).max() < 0.8


def test_colors_end_at_the_edges_of_the_image(upsampler):
    """An edge inside of a low-resolution pixel, whose gray is that of one side."""
    grays = np.full((8, 12), 60, np.uint8)
    grays[:, 8:] = 190
    small = np.array([[60, 60, 60, 190]] * 2, np.uint8)  # each is 4 rows, 3 columns of the image
    ab = np.where(small[..., None] == 60, np.float32([40, 0]), np.float32([0, 40]))
    rgb = color.rgb2lab(upsampler(grays, LowResChroma(small, ab)))
    np.testing.assert_allclose(rgb[:, :8, 1:], np.broadcast_to([40, 0], (8, 8, 2)), atol=1)
    np.testing.assert_allclose(rgb[:, 8:, 1:], np.broadcast_to([0, 40], (8, 4, 2)), atol=1)


def test_between_pixels_of_one_gray_colors_are_bilinear(upsampler):
    grays = np.full((1, 8), 120, np.uint8)
    chroma = LowResChroma(grays[:, :2], np.float32([[[0, 0], [32, 0]]]))
    _, frame = upsampler.next_frame(None, grays, chroma)
    np.testing.assert_allclose(frame.ab[:, 0], [0, 0, 4, 12, 20, 28, 32, 32], atol=1e-4)


def test_chunks_do_not_change_the_result(monkeypatch):
    grays = RNG.integers(0, 256, (30, 41), dtype=np.uint8)
    chroma = LowResChroma(grays[::2, ::2], RNG.normal(0, 20, (15, 21, 2)).astype(np.float32))
    whole = ChromaUpsampler(400)(grays, chroma)
    monkeypatch.setattr(color_transfer, "CHUNK_PIXELS", 128)
    np.testing.assert_array_equal(ChromaUpsampler(400)(grays, chroma), whole)


def test_colors_are_averaged_over_time_where_grays_are_still(upsampler):
    previous = FrameState(np.uint8([[100, 100, 100, 200]]), np.full((4, 2), 10, np.float32))
    grays = np.uint8([[100, 102, 103, 100]])  # two are within STILL_TOLERANCE
    _, frame = upsampler.next_frame(previous, grays, uniform_chroma(grays, [-10, 20]))
    averaged = [
        TEMPORAL_WEIGHT * 10 + (1 - TEMPORAL_WEIGHT) * -10,
        TEMPORAL_WEIGHT * 10 + (1 - TEMPORAL_WEIGHT) * 20,
    ]
    np.testing.assert_allclose(frame.ab, [averaged, averaged, [-10, 20], [-10, 20]], rtol=1e-5)
    np.testing.assert_array_equal(frame.grays, grays)


def test_averaging_restarts_at_a_cut(upsampler):
    grays = np.full((10, 10), 30, np.uint8)
    previous = FrameState(grays, np.full((100, 2), 10, np.float32))
    later = np.full((10, 10), 220, np.uint8)
    later[0] = 30
    _, frame = upsampler.next_frame(previous, later, uniform_chroma(later, [5, 5]))
    np.testing.assert_allclose(frame.ab, 5, rtol=1e-5)


def test_a_cut_is_another_scene_not_motion():
    scene = np.kron(RNG.integers(0, 256, (6, 8), dtype=np.uint8), np.ones((8, 8), np.uint8))
    assert not is_cut(scene, np.roll(scene, 13, 1))
    assert not is_cut(scene, np.minimum(scene, 250) + 3)
    assert is_cut(scene // 4, 255 - scene // 4)
