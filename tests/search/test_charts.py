"""Plots of a search."""

import numpy as np

from gv_jax.search import charts


def test_a_grid_over_two_fields_is_darkest_at_its_best_and_says_how_trials_ended():
    table = {
        ("1", "0"): (0.5, ""),
        ("1", "9"): (0.9, ""),
        ("2", "0"): (0.7, "cut short"),
        ("2", "9"): (0.1, ""),
    }
    for maximized, metric in ((True, "accuracy"), (False, "loss")):
        axes = charts.plot_heatmap(table, ("rate", "momentum"), metric, maximized).axes[0]
        drawn = np.ma.filled(axes.images[0].get_array(), np.nan)
        best = (0, 1) if maximized else (1, 1)
        assert np.unravel_index(np.nanargmax(drawn), drawn.shape) == best
        assert np.isnan(drawn[1, 0])
        assert [text.get_text() for text in axes.texts][2] == "cut short"
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "9"]
