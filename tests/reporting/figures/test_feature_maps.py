"""Feature maps: those of the largest variance, each at its position."""

import numpy as np

from gv_jax.reporting.figures.feature_maps import MAPS_PER_LAYER, plot_feature_maps
from gv_jax.reporting.figures.style import save_figure


def test_maps_of_the_largest_variance_are_drawn_for_every_image(tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (12, 16, 3), dtype=np.uint8) for _ in range(2)]
    maps = np.zeros((2, 6, 8, 20))
    varying = [1, 3, 4, 8, 12, 13, 17, 19]
    maps[..., varying] = rng.random((2, 6, 8, len(varying)))
    figure = plot_feature_maps(images, {"conv1": maps, "conv2": maps[..., :3]}, ["cat", "dog"])
    drawn = [axes.images[0].get_array() for axes in figure.axes]
    per_image = 1 + MAPS_PER_LAYER + 3
    assert len(drawn) == 2 * per_image
    for index, channel in enumerate(varying):
        np.testing.assert_array_equal(drawn[1 + index], maps[0, :, :, channel])
        np.testing.assert_array_equal(drawn[per_image + 1 + index], maps[1, :, :, channel])
    texts = [text.get_text() for text in figure.texts]
    assert texts == ["cat", "conv1", "conv2", "dog", "conv1", "conv2"]
    save_figure(figure, tmp_path / "maps.png")


def test_constant_maps_are_drawn(tmp_path):
    image = np.zeros((4, 4, 4), np.uint8)
    figure = plot_feature_maps([image], {"conv1": np.zeros((1, 2, 2, 1))}, ["x"])
    save_figure(figure, tmp_path / "maps.png")
