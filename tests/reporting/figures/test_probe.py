"""The chart of a probe's penalties."""

from gv_jax.reporting.figures.probe import plot_penalties


def test_penalties_are_plain_numbers():
    rows = [{"penalty": 10.0**power, "accuracy": 0.5, "used": power == 1} for power in range(-1, 5)]
    figure = plot_penalties(rows, "accuracy")
    figure.canvas.draw()
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    labels = [
        label.get_text()
        for label, tick in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)
        if low <= tick <= high
    ]
    assert labels == ["0.1", "1", "10", "100", "1000", "10000"]
