"""Plots of a study."""

import numpy as np

from gv_jax.ablation import charts


def test_a_variant_keeps_its_colour_where_others_have_no_curve():
    epochs = np.arange(3)
    variants = ["plain", "probe", "mixed"]
    for shown in (variants, ["plain", "mixed"], ["mixed"]):
        series = {name: (epochs, np.zeros((2, 3))) for name in shown}
        lines = charts.plot_learning_curves(series, variants, "loss", "train").axes[0].get_lines()
        found = {str(line.get_label()): line.get_color() for line in lines}
        assert found == {name: charts.LINE_COLORS[variants.index(name)] for name in shown}


def test_curves_that_span_much_are_drawn_by_their_logarithm():
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
