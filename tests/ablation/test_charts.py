"""Plots of an ablation."""

import numpy as np

from gv_jax.ablation import charts


def test_a_variant_has_the_same_color_in_every_plot():
    epochs = np.arange(3)
    variants = ["plain", "probe", "mixed"]
    for shown in (variants, ["plain", "mixed"], ["mixed"]):
        series = {name: (epochs, np.zeros((2, 3))) for name in shown}
        lines = charts.plot_learning_curves(series, variants, "loss", "train").axes[0].get_lines()
        colors = {str(line.get_label()): line.get_color() for line in lines}
        assert colors == {name: charts.LINE_COLORS[variants.index(name)] for name in shown}


def test_a_wide_range_has_a_logarithmic_scale():
    series = {"plain": (np.arange(2), np.array([[1.0, 0.01]]))}
    figure = charts.plot_learning_curves(series, ["plain"], "mse", "valid")
    assert figure.axes[0].get_yscale() == "log"
    figure.draw_without_rendering()
    assert {"0.01", "1"} <= {
        label.get_text() for label in figure.axes[0].get_yticklabels(which="both")
    }
    assert (
        charts.plot_learning_curves(series, ["plain"], "accuracy", "valid").axes[0].get_yscale()
        == "linear"
    )
