"""Color histograms and palettes."""

import numpy as np

from gv_jax.image.palette import ColorHistogram, color_histogram, fit_palette


def test_the_histogram_counts_every_color_of_every_image():
    images = np.random.default_rng(0).integers(0, 3, (70, 4, 5, 3), dtype=np.uint8) * 120
    histogram = color_histogram(images)
    colors, counts = np.unique(images.reshape(-1, 3), axis=0, return_counts=True)
    np.testing.assert_array_equal(histogram.colors, colors)
    np.testing.assert_array_equal(histogram.counts, counts)


def test_few_colors_are_the_palette():
    histogram = ColorHistogram(
        np.array([[0, 0, 0], [0, 0, 1], [200, 10, 10]], np.uint8), np.array([5, 1, 2])
    )
    np.testing.assert_array_equal(fit_palette(histogram, 3), histogram.colors)


def test_shades_are_merged_and_rare_colors_kept():
    rng = np.random.default_rng(0)
    red, green, blue = ([210, 40, 40], [30, 150, 60], [50, 60, 200])
    shades = [np.add(color, rng.integers(-4, 5, (30, 3))) for color in (red, green, blue)]
    colors, index = np.unique(np.concatenate(shades).astype(np.uint8), axis=0, return_index=True)
    counts = np.repeat([1000, 1000, 5], 30)[index]  # blue is rare
    palette = fit_palette(ColorHistogram(colors, counts), 3)
    assert palette.shape == (3, 3)
    for color in (red, green, blue):
        assert np.abs(palette.astype(int) - color).max(1).min() <= 4


def test_k_means_gives_the_same_palette_every_time():
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    histogram = color_histogram(images)
    np.testing.assert_array_equal(fit_palette(histogram, 16), fit_palette(histogram, 16))
