"""Whole pictures of a network's small ones: their greys, where colours end, and how they change along time."""

import jax
import numpy as np
import pytest
from skimage import color

from gv_jax.inference import color_transfer
from gv_jax.inference.color_transfer import (
    TEMPORAL_WEIGHT,
    ChromaUpsampler,
    FrameState,
    LowResChroma,
    is_cut,
)

DRAWS = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def strict():
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.debug_nans(True),
    ):
        yield


@pytest.fixture(scope="module")
def paint():
    return ChromaUpsampler(capacity=5000)


def greys_by_definition(rgb):
    """IEC 61966-2-1 in float64: the grey of the same luminance, in 8 bits."""
    values = rgb / 255
    light = np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)
    luminance = light @ [0.212671, 0.715160, 0.072169]
    grey = np.where(
        luminance > 0.0031308, 1.055 * luminance ** (1 / 2.4) - 0.055, 12.92 * luminance
    )
    return np.rint(255 * grey)


def still(greys, ab):
    return LowResChroma(greys, np.broadcast_to(np.float32(ab), (*greys.shape, 2)))


def test_every_grey_stays_whatever_the_colour(paint):
    greys = np.repeat(np.arange(256, dtype=np.uint8), 16).reshape(64, 64)
    for spread in (5, 40, 90):
        ab = DRAWS.normal(0, spread, (64, 64, 2)).astype(np.float32)
        made = paint(greys, LowResChroma(greys, ab))
        np.testing.assert_array_equal(greys_by_definition(made), greys)
        assert (made.max(-1) > made.min(-1)).mean() > 0.9
    np.testing.assert_array_equal(paint.greys(made), greys)


def test_colours_that_srgb_has_are_those_asked_for(paint):
    original = DRAWS.integers(40, 200, (40, 50, 3), dtype=np.uint8)
    ab = color.rgb2lab(original)[..., 1:].astype(np.float32)
    greys = greys_by_definition(original).astype(np.uint8)
    made = color.rgb2lab(paint(greys, LowResChroma(greys, ab)))
    assert np.abs(made[..., 1:] - ab).max() < 2  # of what 8 bits can hold
    assert np.abs(made[..., 0] - color.rgb2lab(original)[..., 0]).max() < 0.8


def test_colours_end_where_the_picture_has_its_edge(paint):
    """An edge inside of a pixel of the sketch, whose grey there is that of one of both sides."""
    greys = np.full((8, 12), 60, np.uint8)
    greys[:, 8:] = 190
    small = np.array(
        [[60, 60, 60, 190]] * 2, np.uint8
    )  # each four rows, three columns of the picture
    ab = np.where(small[..., None] == 60, np.float32([40, 0]), np.float32([0, 40]))
    made = color.rgb2lab(paint(greys, LowResChroma(small, ab)))
    np.testing.assert_allclose(made[:, :8, 1:], np.broadcast_to([40, 0], (8, 8, 2)), atol=1)
    np.testing.assert_allclose(made[:, 8:, 1:], np.broadcast_to([0, 40], (8, 4, 2)), atol=1)


def test_between_alike_pixels_colours_are_bilinear(paint):
    greys = np.full((1, 8), 120, np.uint8)
    sketch = LowResChroma(greys[:, :2], np.float32([[[0, 0], [32, 0]]]))
    _, frame = paint.after(None, greys, sketch)
    np.testing.assert_allclose(frame.ab[:, 0], [0, 0, 4, 12, 20, 28, 32, 32], atol=1e-4)


def test_pictures_of_many_pieces_are_of_one_piece(monkeypatch):
    greys = DRAWS.integers(0, 256, (30, 41), dtype=np.uint8)
    sketch = LowResChroma(greys[::2, ::2], DRAWS.normal(0, 20, (15, 21, 2)).astype(np.float32))
    whole = ChromaUpsampler(400)(greys, sketch)
    monkeypatch.setattr(color_transfer, "CHUNK_PIXELS", 128)
    np.testing.assert_array_equal(ChromaUpsampler(400)(greys, sketch), whole)


def test_colours_are_carried_on_where_greys_stay(paint):
    before = FrameState(np.uint8([[100, 100, 100, 200]]), np.full((4, 2), 10, np.float32))
    greys = np.uint8([[100, 102, 103, 100]])  # two are within compression's steps
    _, frame = paint.after(before, greys, still(greys, [-10, 20]))
    carried = [
        TEMPORAL_WEIGHT * 10 + (1 - TEMPORAL_WEIGHT) * -10,
        TEMPORAL_WEIGHT * 10 + (1 - TEMPORAL_WEIGHT) * 20,
    ]
    np.testing.assert_allclose(frame.ab, [carried, carried, [-10, 20], [-10, 20]], rtol=1e-5)
    np.testing.assert_array_equal(frame.greys, greys)


def test_nothing_is_carried_over_a_cut(paint):
    greys = np.full((10, 10), 30, np.uint8)
    before = FrameState(greys, np.full((100, 2), 10, np.float32))
    later = np.full((10, 10), 220, np.uint8)
    later[0] = 30
    _, frame = paint.after(before, later, still(later, [5, 5]))
    np.testing.assert_allclose(frame.ab, 5, rtol=1e-5)


def test_a_cut_is_another_picture_not_one_that_moves():
    scene = np.kron(DRAWS.integers(0, 256, (6, 8), dtype=np.uint8), np.ones((8, 8), np.uint8))
    assert not is_cut(scene, np.roll(scene, 13, 1))
    assert not is_cut(scene, np.minimum(scene, 250) + 3)
    assert is_cut(scene // 4, 255 - scene // 4)
