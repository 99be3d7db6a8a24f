"""The colours of pictures, counted, and the few that stand for them."""

import numpy as np

from gv_jax.image.palette import ColorHistogram, color_histogram, fit_palette


def test_a_census_counts_every_colour_of_every_picture():
    images = np.random.default_rng(0).integers(0, 3, (70, 4, 5, 3), dtype=np.uint8) * 120
    found = color_histogram(images)
    colours, counts = np.unique(images.reshape(-1, 3), axis=0, return_counts=True)
    np.testing.assert_array_equal(found.colours, colours)
    np.testing.assert_array_equal(found.counts, counts)


def test_few_colours_are_the_palette_themselves():
    found = ColorHistogram(
        np.array([[0, 0, 0], [0, 0, 1], [200, 10, 10]], np.uint8), np.array([5, 1, 2])
    )
    np.testing.assert_array_equal(fit_palette(found, 3), found.colours)


def test_shades_of_few_colours_are_put_together_and_rare_ones_kept_apart():
    draws = np.random.default_rng(0)
    red, green, blue = ([210, 40, 40], [30, 150, 60], [50, 60, 200])
    shades = [np.add(colour, draws.integers(-4, 5, (30, 3))) for colour in (red, green, blue)]
    colours, places = np.unique(np.concatenate(shades).astype(np.uint8), axis=0, return_index=True)
    counts = np.repeat([1000, 1000, 5], 30)[places]  # blue is rare
    found = fit_palette(ColorHistogram(colours, counts), 3)
    assert found.shape == (3, 3)
    for colour in (red, green, blue):
        assert np.abs(found.astype(int) - colour).max(1).min() <= 4
