"""Feature maps: the ones that vary, drawn where they belong."""

import numpy as np

from gv_jax.reporting.figures import charts
from gv_jax.reporting.figures.feature_maps import MAPS_PER_LAYER, plot_feature_maps


def test_the_maps_that_vary_most_are_shown_for_every_picture(tmp_path):
    draws = np.random.default_rng(0)
    pictures = [draws.integers(0, 255, (12, 16, 3), dtype=np.uint8) for _ in range(2)]
    maps = np.zeros((2, 6, 8, 20))
    varied = [1, 3, 4, 8, 12, 13, 17, 19]
    maps[..., varied] = draws.random((2, 6, 8, len(varied)))
    figure = plot_feature_maps(pictures, {"conv1": maps, "conv2": maps[..., :3]}, ["cat", "dog"])
    drawn = [axes.images[0].get_array() for axes in figure.axes]
    assert len(drawn) == 2 * (1 + MAPS_PER_LAYER + 3)
    for place, channel in enumerate(varied):
        np.testing.assert_array_equal(drawn[1 + place], maps[0, :, :, channel])
        np.testing.assert_array_equal(
            drawn[1 + MAPS_PER_LAYER + 3 + 1 + place], maps[1, :, :, channel]
        )
    texts = [text.get_text() for text in figure.texts]
    assert texts == ["cat", "conv1", "conv2", "dog", "conv1", "conv2"]
    charts.save_figure(figure, tmp_path / "maps.png")


def test_flat_maps_are_drawn_too(tmp_path):
    picture = np.zeros((4, 4, 4), np.uint8)
    charts.save_figure(
        plot_feature_maps([picture], {"conv1": np.zeros((1, 2, 2, 1))}, ["x"]),
        tmp_path / "maps.png",
    )
