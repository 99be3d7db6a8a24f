"""Plots of a search."""

import numpy as np

from gv_jax.search import charts


def test_the_heatmap_is_darkest_at_the_best_trial_and_shows_statuses():
    table = {
        ("1", "0"): (0.5, ""),
        ("1", "9"): (0.9, ""),
        ("2", "0"): (0.7, "pruned"),
        ("2", "9"): (0.1, ""),
    }
    for maximize, metric in ((True, "accuracy"), (False, "loss")):
        axes = charts.plot_heatmap(table, ("rate", "momentum"), metric, maximize).axes[0]
        shown = np.ma.filled(axes.images[0].get_array(), np.nan)
        best = (0, 1) if maximize else (1, 1)
        assert np.unravel_index(np.nanargmax(shown), shown.shape) == best
        assert np.isnan(shown[1, 0])
        assert [text.get_text() for text in axes.texts][2] == "pruned"
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "9"]


def test_a_single_trial_has_one_tick():
    (axes,) = charts.plot_history([0], [0.5], [True], "accuracy", maximize=True).axes
    assert axes.get_xticks().tolist() == [0]
