"""Plots of a search: scores in the order of the trials, over a field's values, over two fields. Inches and points."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from gv_jax.reporting.figures.charts import (
    BLUE,
    FIGURE_WIDTH,
    INK,
    MUTED,
    axes_in_inches,
    with_style,
)
from gv_jax.reporting.figures.fonts import ellipsize, replace_missing_glyphs, text_width
from gv_jax.reporting.formatting import format_value, humanize, is_fraction

PAPER_TO_BLUE = LinearSegmentedColormap.from_list("paper_to_blue", ["#ffffff", BLUE])


def make_axes(metric: str) -> tuple[Figure, Axes]:
    """Axes with the score upwards."""
    figure = Figure((FIGURE_WIDTH, 2.3))
    axes = axes_in_inches(figure, 0.62, 0.46, FIGURE_WIDTH - 0.76, 1.72)
    axes.set_ylabel(humanize(metric))
    axes.grid(axis="y")
    if is_fraction(metric):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    return figure, axes


def plot_dots(
    axes: Axes, places: Sequence[float] | np.ndarray, scores: Sequence[float], whole: Sequence[bool]
) -> None:
    """A dot for each trial, full where it came to its end."""
    colours = [BLUE if each else "white" for each in whole]
    axes.scatter(
        places,
        scores,
        s=16,
        c=colours,
        edgecolors=[BLUE if each else MUTED for each in whole],
        lw=0.8,
        zorder=3,
    )


@with_style()
def plot_history(
    numbers: Sequence[int],
    scores: Sequence[float],
    whole: Sequence[bool],
    metric: str,
    maximized: bool,
) -> Figure:
    """Scores in the order of the trials, and the best so far of those that came to their end."""
    figure, axes = make_axes(metric)
    plot_dots(axes, numbers, scores, whole)
    ended = [
        (number, score) for number, score, each in zip(numbers, scores, whole, strict=True) if each
    ]
    if ended:
        places, values = zip(*ended, strict=True)
        best = np.maximum.accumulate(values) if maximized else np.minimum.accumulate(values)
        axes.step(places, best, where="post", color=BLUE, lw=1)
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


@with_style()
def plot_scatter(
    values: Sequence[Any],
    scores: Sequence[float],
    whole: Sequence[bool],
    name: str,
    metric: str,
    log: bool,
) -> Figure:
    """Scores over the values of a field: numbers on a scale, anything else side by side."""
    figure, axes = make_axes(metric)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        plot_dots(axes, values, scores, whole)
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(
                LogLocator(subs=(1, 3) if max(values) > 10 * min(values) else (1, 2, 5))
            )
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        texts = list(dict.fromkeys(map(str, values)))
        plot_dots(axes, [texts.index(str(value)) for value in values], scores, whole)
        axes.set_xticks(
            range(len(texts)),
            [ellipsize(text, 8, 2.6 / len(texts)) for text in replace_missing_glyphs(texts)],
        )
        axes.set_xlim(-0.5, len(texts) - 0.5)
    axes.set_xlabel(name)
    return figure


@with_style()
def plot_heatmap(
    table: Mapping[tuple[str, str], tuple[float, str]],
    names: tuple[str, str],
    metric: str,
    maximized: bool,
) -> Figure:
    """The scores of a grid over two fields, the darker the better.

    table: (value of the first field, of the second) -> score, and how the trial ended ("" where it came to its end);
    values from above downwards and from left to right in the order in which they come first.
    """
    down, across = (list(dict.fromkeys(key[place] for key in table)) for place in (0, 1))
    left = 0.5 + max(text_width(text, 8) for text in replace_missing_glyphs(down))
    figure = Figure((FIGURE_WIDTH, 0.62 + 0.32 * len(down)))
    axes = axes_in_inches(figure, left, 0.5, FIGURE_WIDTH - left - 0.1, 0.32 * len(down))
    scores = np.full((len(down), len(across)), np.nan)
    for (first, second), (score, end) in table.items():
        row, column = down.index(first), across.index(second)
        scores[row, column] = np.nan if end else score if maximized else -score
        axes.text(
            column,
            row,
            end or format_value(metric, score),
            ha="center",
            va="center_baseline",
            fontsize=7.5,
        )
    axes.imshow(scores, cmap=PAPER_TO_BLUE, aspect="auto", interpolation="nearest")
    middle = (np.nanmin(scores) + np.nanmax(scores)) / 2
    for text in axes.texts:
        column, row = text.get_position()
        dark = scores[int(row), int(column)] > middle
        text.set_color(
            "white" if dark else MUTED if np.isnan(scores[int(row), int(column)]) else INK
        )
    axes.set_yticks(range(len(down)), replace_missing_glyphs(down))
    axes.set_xticks(range(len(across)), replace_missing_glyphs(across))
    axes.set_ylabel(names[0])
    axes.set_xlabel(names[1])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure
