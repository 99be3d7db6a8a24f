"""Plots of a search: scores by trial, by a field, by two fields. Inches and points."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from gv_jax.evaluation.metrics import is_fraction
from gv_jax.reporting.figures.fonts import ellipsize, replace_missing_glyphs, text_width
from gv_jax.reporting.figures.style import (
    BLUE,
    FIGURE_WIDTH,
    INK,
    MUTED,
    axes_in_inches,
    with_style,
)
from gv_jax.reporting.formatting import format_value, humanize

SCORES_CMAP = LinearSegmentedColormap.from_list("scores", ["#ffffff", BLUE])


def make_axes(metric: str) -> tuple[Figure, Axes]:
    """Axes with the score as y."""
    figure = Figure((FIGURE_WIDTH, 2.3))
    axes = axes_in_inches(figure, 0.62, 0.46, FIGURE_WIDTH - 0.76, 1.72)
    axes.set_ylabel(humanize(metric))
    axes.grid(axis="y")
    if is_fraction(metric):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    return figure, axes


def plot_dots(
    axes: Axes, x: Sequence[float], scores: Sequence[float], completed: Sequence[bool]
) -> None:
    """Draws a dot for each trial, filled if it completed."""
    colors = [BLUE if done else "white" for done in completed]
    edges = [BLUE if done else MUTED for done in completed]
    axes.scatter(x, scores, s=16, c=colors, edgecolors=edges, lw=0.8, zorder=3)


@with_style()
def plot_history(
    numbers: Sequence[int],
    scores: Sequence[float],
    completed: Sequence[bool],
    metric: str,
    maximize: bool,
) -> Figure:
    """Scores by trial, and the best completed one so far.

    Args:
        numbers: of the trials, ascending.
        scores: of the trials.
        completed: whether each trial completed.
        metric: name without split.
        maximize: whether higher scores are better.
    """
    figure, axes = make_axes(metric)
    plot_dots(axes, numbers, scores, completed)
    mask = np.array(completed, bool)
    if mask.any():
        best = (np.maximum if maximize else np.minimum).accumulate(np.array(scores)[mask])
        axes.step(np.array(numbers)[mask], best, where="post", color=BLUE, lw=1)
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if len(numbers) == 1:
        axes.set_xticks(numbers)
    return figure


@with_style()
def plot_scatter(
    values: Sequence[Any],
    scores: Sequence[float],
    completed: Sequence[bool],
    name: str,
    metric: str,
    log: bool,
) -> Figure:
    """Scores by the value of a field: numbers on a scale, other values as categories.

    Args:
        values: of the field in each trial.
        scores: of the trials.
        completed: whether each trial completed.
        name: of the field.
        metric: name without split.
        log: whether the scale of numbers is logarithmic.
    """
    figure, axes = make_axes(metric)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        plot_dots(axes, values, scores, completed)
        if log:
            axes.set_xscale("log")
            ticks = (1, 3) if max(values) > 10 * min(values) else (1, 2, 5)
            axes.xaxis.set_major_locator(LogLocator(subs=ticks))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        texts = list(dict.fromkeys(map(str, values)))
        plot_dots(axes, [texts.index(str(value)) for value in values], scores, completed)
        labels = [ellipsize(text, 8, 2.6 / len(texts)) for text in replace_missing_glyphs(texts)]
        axes.set_xticks(range(len(texts)), labels)
        axes.set_xlim(-0.5, len(texts) - 0.5)
    axes.set_xlabel(name)
    return figure


@with_style()
def plot_heatmap(
    table: Mapping[tuple[str, str], tuple[float, str]],
    names: tuple[str, str],
    metric: str,
    maximize: bool,
) -> Figure:
    """The scores of a grid over two fields; darker is better.

    Args:
        table: (value of the first field, value of the second field) -> (score, status of the trial,
            "" if it completed). Rows and columns are in order of appearance.
        names: of the fields.
        metric: name without split.
        maximize: whether higher scores are better.
    """
    rows, columns = (list(dict.fromkeys(key[axis] for key in table)) for axis in (0, 1))
    left = 0.5 + max(text_width(text, 8) for text in replace_missing_glyphs(rows))
    figure = Figure((FIGURE_WIDTH, 0.62 + 0.32 * len(rows)))
    axes = axes_in_inches(figure, left, 0.5, FIGURE_WIDTH - left - 0.1, 0.32 * len(rows))
    scores = np.full((len(rows), len(columns)), np.nan)
    for (first, second), (score, status) in table.items():
        if not status:
            scores[rows.index(first), columns.index(second)] = score if maximize else -score
    middle = (np.nanmin(scores) + np.nanmax(scores)) / 2
    for (first, second), (score, status) in table.items():
        row, column = rows.index(first), columns.index(second)
        color = MUTED if status else "white" if scores[row, column] > middle else INK
        text = {"ha": "center", "va": "center_baseline", "fontsize": 7.5, "color": color}
        axes.text(column, row, status or format_value(metric, score), **text)
    axes.imshow(scores, cmap=SCORES_CMAP, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(rows)), replace_missing_glyphs(rows))
    axes.set_xticks(range(len(columns)), replace_missing_glyphs(columns))
    axes.set_ylabel(names[0])
    axes.set_xlabel(names[1])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure
