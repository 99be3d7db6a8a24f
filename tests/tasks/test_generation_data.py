"""What is kept of the training images of a generator."""

import numpy as np

from gv_jax.data.arrays import Split
from gv_jax.evaluation.generation.seams import seam_score
from gv_jax.models.diffusion.flow_inputs import REGION
from gv_jax.tasks.generation_data import (
    BINARY,
    OPAQUE,
    SMOOTH,
    choose_seamless,
    find_alpha,
    find_layouts,
    roll_at_random,
)
from tests.tasks.configs import make_dataset

SIDE = 4 * REGION


def test_alpha_of_each_class():
    images = np.full((40, 4, 4, 4), 255, np.uint8)
    images[10:20, :, :2, 3] = 0
    images[20:30, ..., 3] = np.arange(10)[:, None, None] * 20
    labels = np.repeat(np.arange(4), 10).astype(np.int32)
    labels[30:] = 0
    split = Split(images, labels, [str(index) for index in range(40)])
    assert find_alpha(split, 4) == (OPAQUE, BINARY, SMOOTH, SMOOTH)
    assert find_alpha(Split(images[..., :3], labels, split.ids), 2) == (OPAQUE, OPAQUE)


def make_tiles(count):
    """Stripes of one period, all rolled differently, and as many ramps, which have a seam."""
    ramps = np.broadcast_to(np.linspace(0, 200, SIDE), (SIDE, SIDE))
    stripes = 100 + 90 * np.sin(np.arange(SIDE) / SIDE * 2 * np.pi)
    images = [np.broadcast_to(np.roll(stripes, shift), (SIDE, SIDE)) for shift in range(count)]
    pairs = [tile for stripe in images for tile in (ramps, stripe)]
    return np.repeat(np.array(pairs)[..., None], 3, -1).astype(np.uint8)


def test_layouts_of_tileable_classes_are_of_images_without_seams():
    images = make_tiles(6)
    labels = np.arange(12) // 2 % 2  # each class: three ramps and three stripes
    dataset = make_dataset(images, labels, classes=("wall", "item"))
    layouts = find_layouts(dataset, 10, (True, False))
    assert layouts.counts.tolist() == [3, 6]
    own = layouts.colors[0, :3].astype(float)
    means = own.mean(0, keepdims=True)
    np.testing.assert_allclose(own.mean((1, 2, 3)), 100, atol=2)  # stripes; of ramps 93
    assert np.abs(own - means).max() > 10  # rolled differently
    items = layouts.colors[1].astype(float)
    expected = images[labels == 1].reshape(6, 4, REGION, 4, REGION, 3).mean((2, 4))
    np.testing.assert_allclose(items, expected, atol=0.6)
    assert find_layouts(dataset, 1, (True, False)).counts.tolist() == [1, 1]
    assert find_layouts(dataset, 0, (True, False)) is None


def test_the_half_with_matching_borders_is_kept_in_order():
    images = make_tiles(5)
    np.testing.assert_array_equal(choose_seamless(images), images[1::2])
    assert choose_seamless(images[:3]).shape == (2, SIDE, SIDE, 3)
    assert choose_seamless(images[:0]).shape == (0, SIDE, SIDE, 3)
    assert seam_score(images[1:2]) < seam_score(images[:1])


def test_images_are_rolled_as_a_whole_and_the_same_every_time():
    images = np.random.default_rng(3).integers(0, 256, (8, 12, 8, 4), dtype=np.uint8)
    rolled = roll_at_random(images)
    for image, other in zip(images, rolled, strict=True):
        shifts = [(y, x) for y in range(12) for x in range(8)]
        assert any((np.roll(image, shift, (0, 1)) == other).all() for shift in shifts)
    assert (rolled != images).any()
    np.testing.assert_array_equal(roll_at_random(images), rolled)
    assert roll_at_random(images[:0]).shape == (0, 12, 8, 4)
