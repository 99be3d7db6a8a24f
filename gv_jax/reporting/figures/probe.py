"""The cross-validation of a linear probe's penalty. Inches and points."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter

from gv_jax.evaluation.metrics import is_fraction
from gv_jax.reporting.figures.style import (
    BLUE,
    FIGURE_WIDTH,
    RULE,
    axes_in_inches,
    with_style,
)
from gv_jax.reporting.formatting import humanize


@with_style()
def plot_penalties(rows: Sequence[Mapping[str, Any]], metric: str) -> Figure:
    """Plots the held-out score by penalty; the penalty that is used is marked.

    Args:
        rows: {"penalty", metric, "used"} of every penalty.
        metric: name of the score.
    """
    figure = Figure((FIGURE_WIDTH, 2.3))
    axes = axes_in_inches(figure, 0.68, 0.46, FIGURE_WIDTH - 0.82, 1.72)
    ordered = sorted(rows, key=lambda row: row["penalty"])
    axes.plot(
        [row["penalty"] for row in ordered], [row[metric] for row in ordered], ".-", color=BLUE
    )
    for row in ordered:
        if row["used"]:
            axes.axvline(row["penalty"], color=RULE, lw=0.8, zorder=0)
            axes.plot(row["penalty"], row[metric], "o", color=BLUE, ms=6, mec="white")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=7))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    if is_fraction(metric):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(humanize("penalty"))
    axes.set_ylabel(humanize(metric))
    axes.grid(axis="y")
    return figure
