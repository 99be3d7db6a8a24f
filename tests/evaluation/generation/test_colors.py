"""Distinct colors against a set of tuples."""

import numpy as np

from gv_jax.evaluation.generation.colors import count_colors


def count_tuples(image):
    return len({(0, 0, 0, 0) if len(p) == 4 and p[3] == 0 else tuple(p) for p in image.tolist()})


def test_counts_are_those_of_sets():
    rng = np.random.default_rng(0)
    for channels in (3, 4):
        images = rng.choice(np.uint8([0, 1, 255]), (5, 6, 7, channels))
        expected = [count_tuples(image.reshape(-1, channels)) for image in images]
        np.testing.assert_array_equal(count_colors(images), expected)
        assert len(set(expected)) > 1


def test_transparent_pixels_are_one_color_and_black_is_another():
    image = np.zeros((1, 1, 4, 4), np.uint8)
    image[0, 0, 0] = 9, 9, 9, 0
    image[0, 0, 1] = 0, 0, 0, 255
    assert count_colors(image).tolist() == [2]
    assert count_colors(np.zeros((1, 2, 2, 4), np.uint8)).tolist() == [1]


def test_the_highest_channels_are_told_apart():
    image = np.zeros((1, 1, 3, 4), np.uint8)
    image[0, 0, :, 3] = 255, 254, 255
    image[0, 0, :, 2] = 0, 0, 255
    assert count_colors(image).tolist() == [3]
