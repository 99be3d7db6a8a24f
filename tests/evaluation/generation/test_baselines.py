"""Baselines: what each keeps of the training images, and what not."""

import numpy as np
import pytest

from gv_jax.evaluation.generation.baselines import (
    BASELINES,
    blend_neighbors,
    sample_gaussians,
    shuffle_pixels,
)


def sorted_pixels(image):
    return sorted(map(tuple, image.reshape(-1, image.shape[-1]).tolist()))


@pytest.fixture(scope="module")
def tiles():
    """60 RGBA images: class 0 is dark and has holes, class 1 is bright, class 2 is one image."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [30, 29, 1])
    images = rng.integers(0, 100, (60, 8, 6, 4), np.uint8)
    images[labels > 0, ..., :3] += 150
    images[..., 3] = 255
    images[labels == 0, :3, :, 3] = 0
    return images, labels


@pytest.mark.parametrize("make", BASELINES.values(), ids=BASELINES)
def test_images_are_of_the_requested_classes_and_of_the_seed(tiles, make):
    images, labels = tiles
    requested = np.array([1, 0, 2, 0, 1, 1])
    made = make(images, labels, requested, 3)
    assert (made.shape, made.dtype) == ((6, 8, 6, 4), np.uint8)
    opaque = made[..., 3] > 200
    for image, mask, label in zip(made, opaque, requested, strict=True):
        assert (image[mask][:, :3].mean() > 125) == (label > 0)
    np.testing.assert_array_equal(made, make(images, labels, requested, 3))
    assert not np.array_equal(made, make(images, labels, requested, 4))
    with pytest.raises(ValueError, match="label 5"):
        make(images, labels, np.array([5]), 0)


def test_shuffled_images_have_the_pixels_of_training_images(tiles):
    images, labels = tiles
    made = shuffle_pixels(images, labels, np.repeat([0, 1], 5), 0)
    for image, label in zip(made, np.repeat([0, 1], 5), strict=True):
        originals = [sorted_pixels(other) for other in images[labels == label]]
        assert sorted_pixels(image) in originals
        assert not (image == images).all((1, 2, 3)).any()


def test_blends_are_means_of_an_image_and_a_near_one():
    levels = np.array([0, 4, 8, 100, 104, 108, 200, 204, 208], np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (9, 4, 4, 3)).copy()
    made = blend_neighbors(images, np.zeros(9, int), np.zeros(200, int), 0)
    values = made[:, 0, 0, 0].astype(int)
    nearest = [np.argsort(np.abs(levels.astype(int) - level))[1:6] for level in levels]
    allowed = {
        (int(a) + int(levels[j])) / 2 for a, row in zip(levels, nearest, strict=True) for j in row
    }
    assert set(values.tolist()) <= allowed
    assert len(set(values.tolist())) > 12
    assert (made == made[:, :1, :1, :1]).all()


def test_blends_are_of_premultiplied_colors():
    images = np.zeros((2, 2, 2, 4), np.uint8)
    images[0] = 200, 100, 0, 255
    images[1] = 255, 255, 255, 0  # transparent: its color has no weight
    made = blend_neighbors(images, np.zeros(2, int), np.zeros(3, int), 0)
    np.testing.assert_allclose(made.reshape(-1, 4), np.tile([200, 100, 0, 128], (12, 1)), atol=1)


def test_gaussians_have_mean_and_covariance_of_their_class():
    rng = np.random.default_rng(0)
    mix = rng.normal(0, 12, (2, 12))
    values = 128 + rng.normal(size=(300, 2)) @ mix  # two components only
    images = np.rint(values).clip(0, 255).astype(np.uint8).reshape(300, 2, 2, 3)
    labels = np.zeros(300, int)
    made = sample_gaussians(images, labels, np.zeros(4000, int), 0).reshape(4000, -1).astype(float)
    flat = images.reshape(300, -1).astype(float)
    np.testing.assert_allclose(made.mean(0), flat.mean(0), atol=1.5)
    np.testing.assert_allclose(np.cov(made.T), np.cov(flat.T), rtol=0.1, atol=15)


def test_gaussians_do_not_mix_classes():
    images = np.repeat(np.uint8([10, 20, 200, 210]), 27).reshape(4, 3, 3, 3)
    labels = np.array([0, 0, 1, 1])
    made = sample_gaussians(images, labels, np.repeat([0, 1], 50), 0)
    assert made[:50].mean() == pytest.approx(15, abs=4)
    assert made[50:].mean() == pytest.approx(205, abs=4)


def test_a_class_of_one_image_is_that_image(tiles):
    images, labels = tiles
    for make in (blend_neighbors, sample_gaussians):
        made = make(images, labels, np.array([2, 2]), 0)
        np.testing.assert_array_equal(made, images[[59, 59]])
