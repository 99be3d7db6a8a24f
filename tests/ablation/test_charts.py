"""Plots of a study."""

import numpy as np

from gv_jax.ablation import charts


def test_a_variant_keeps_its_colour_where_others_have_no_curve():
    epochs = np.arange(3)
    variants = ["plain", "probe", "mixed"]
    for shown in (variants, ["plain", "mixed"], ["mixed"]):
        series = {name: (epochs, np.zeros((2, 3))) for name in shown}
        lines = charts.curves(series, variants, "loss", "train").axes[0].get_lines()
        found = {str(line.get_label()): line.get_color() for line in lines}
        assert found == {name: charts.COLOURS[variants.index(name)] for name in shown}
