"""Charts that remain readable in gray, for color-blind readers and on a phone. Inches and points.

Every function returns a matplotlib Figure that no global state refers to; `style.save_figure`
writes it. Class names may be long and in any script: they are ellipsized, with a box for every
character that no installed font has.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from gv_jax.evaluation.metrics import is_fraction
from gv_jax.reporting.figures.fonts import ellipsize, replace_missing_glyphs, text_width
from gv_jax.reporting.figures.style import (
    BLUE,
    CONFUSION_CMAP,
    DASHED,
    DOTTED,
    FIGURE_WIDTH,
    INK,
    MUTED,
    ORANGE,
    PALE,
    RED,
    RULE,
    SPLIT_LINES,
    axes_in_inches,
    with_style,
)
from gv_jax.reporting.formatting import humanize

MIN_HISTOGRAM_RANGE = 0.3  # below it, labels of the axis would need many digits
MAX_BALANCE_ROWS = 60  # classes in a chart of the class balance
LOG_SCALE_RATIO = 20  # of the largest to the smallest value, from which on an axis is logarithmic


@with_style()
def plot_curves(
    rows: Sequence[Mapping[str, Any]],
    metric: str,
    baseline: float | None = None,
    best_step: int | None = None,
) -> Figure:
    """Plots a metric of every split over epochs.

    The axis is logarithmic if positive values span a factor of 20, except for fractions and
    learning rates.

    Args:
        rows: Rows of metrics.jsonl.
        metric: Name of the metric.
        baseline: Value of a horizontal line.
        best_step: The step of the best checkpoint; its epoch is marked on the valid split.
    """
    figure = Figure((FIGURE_WIDTH, 2.5))
    axes = axes_in_inches(figure, 0.68, 0.42, FIGURE_WIDTH - 0.78, 1.76)
    rows = [row for row in rows if metric in row]
    for split in dict.fromkeys(row["split"] for row in rows):
        split_rows = [row for row in rows if row["split"] == split]
        epochs = [row["epoch"] for row in split_rows]
        values = [row[metric] for row in split_rows]
        color, line_style = SPLIT_LINES.get(split, (INK, "-"))
        marker = "" if len(split_rows) > 2 else "."
        axes.plot(epochs, values, color=color, ls=line_style, marker=marker, label=split)
    best = [row for row in rows if row["split"] == "valid" and row["step"] == best_step]
    if best:
        epoch, value = best[0]["epoch"], best[0][metric]
        axes.axvline(epoch, color=RULE, lw=0.8, zorder=0)
        axes.plot(epoch, value, "o", color=BLUE, ms=5, mec="white", label=f"best: epoch {epoch:,}")
    if baseline is not None:
        axes.axhline(baseline, color=ORANGE, lw=1, ls=DOTTED, label="baseline")
    low, high = min(row[metric] for row in rows), max(row[metric] for row in rows)
    if is_fraction(metric):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif metric != "learning_rate" and low > 0 and high / low >= LOG_SCALE_RATIO:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 500 else (1,)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    if metric == "learning_rate":  # without a factor above the axis, where the legend is
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if len({row["epoch"] for row in rows}) == 1:
        axes.set_xticks([rows[0]["epoch"]])
    axes.set_xlabel("epoch")
    axes.set_ylabel(humanize(metric))
    axes.grid(axis="y")
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.06, 1.0),
        ncols=4,
        handlelength=1.4,
        handletextpad=0.5,
        columnspacing=1,
    )
    return figure


@with_style()
def plot_confusion(matrix: np.ndarray, names: Sequence[str], fractions: bool = False) -> Figure:
    """Plots a confusion matrix with the true classes in rows.

    The color scale of counts is a square root, so that rare errors are visible. Numbers are written
    if they fit their cells, else there is a color bar.

    Args:
        matrix: Confusion matrix [k k].
        names: Class names.
        fractions: Whether `matrix` is normalized, to be shown in percent.
    """
    count = len(names)
    cell = min(max(3.6 / count, 0.17), 0.5, 12 / count)
    points = 8 if count <= 10 else 7 if count <= 20 else 6.5
    texts = [ellipsize(name, points, 1.1) for name in replace_missing_glyphs(names)]
    longest = max(text_width(text, points) for text in texts)
    slanted = longest > cell * 0.9
    left, bottom, side = 0.36 + longest, 0.36 + longest * 0.72 if slanted else 0.42, cell * count
    values = 100 * matrix if fractions else matrix
    font_size = fit_font_size(values, cell)
    figure = Figure((left + side + (0.15 if font_size else 0.72), bottom + side + 0.12))
    axes = axes_in_inches(figure, left, bottom, side, side)
    maximum = max(float(values.max()), 1.0)
    norm = PowerNorm(0.7, 0, 100) if fractions else PowerNorm(0.5, 0, maximum)
    image = axes.imshow(values, cmap=CONFUSION_CMAP, norm=norm, interpolation="nearest")
    axes.set_xlabel("predicted", labelpad=2 if slanted else 5)
    axes.set_ylabel("true", labelpad=2)
    rotation = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    ticks = range(0, count, max(1, round(0.12 / cell)))
    axes.set_xticks(ticks, [texts[index] for index in ticks], fontsize=points, **rotation)
    axes.set_yticks(ticks, [texts[index] for index in ticks], fontsize=points)
    axes.tick_params(length=0, pad=2)
    axes.spines[:].set_visible(False)
    if cell > 0.05:
        lines = np.arange(count + 1) - 0.5
        axes.hlines(lines, -0.5, count - 0.5, color=RULE, lw=0.4, clip_on=False)
        axes.vlines(lines, -0.5, count - 0.5, color=RULE, lw=0.4, clip_on=False)
    if font_size:
        write_cells(axes, values, font_size, norm)
    else:
        height = min(side, 2)
        bar_axes = axes_in_inches(figure, left + side + 0.1, bottom + side - height, 0.1, height)
        figure.colorbar(image, cax=bar_axes, label="%" if fractions else "count")
        bar_axes.spines[:].set_visible(False)
    return figure


def fit_font_size(values: np.ndarray, cell: float) -> float:
    """Points at which all `values` fit cells of `cell` inches; 0 if that is too small to read."""
    widest = f"{values.max():.0f}"
    for points in (7.5, 7.0, 6.5, 6.0, 5.5):
        if text_width(widest, points) <= cell * 0.86 and points / 72 <= cell * 0.6:
            return points
    return 0


def write_cells(axes: Axes, values: np.ndarray, points: float, norm: PowerNorm) -> None:
    """Writes every number that does not round to 0 into its cell, white on dark ones."""
    for row, column in np.argwhere(np.round(values)):
        color = "white" if norm(values[row, column]) > 0.6 else INK
        text = axes.text(column, row, f"{values[row, column]:.0f}", fontsize=points, color=color)
        text.set(ha="center", va="center_baseline")


@with_style()
def plot_balance(counts: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    """Plots the number of images of every class in every split, most frequent class first.

    Args:
        counts: Split -> number of images of each class [k].
        names: Class names. Of more than 60, the 30 most and 30 least frequent ones are shown.
    """
    order = np.argsort(-next(iter(counts.values())), kind="stable")
    if len(order) > MAX_BALANCE_ROWS:
        half = MAX_BALANCE_ROWS // 2
        order = np.concatenate([order[:half], order[-half:]])
    texts = replace_missing_glyphs(names)
    texts = [ellipsize(texts[index], 7, 1.05) for index in order]
    left, height = 0.12 + max(text_width(text, 7) for text in texts), 0.165 * len(order)
    pitch = (FIGURE_WIDTH - left - 0.02) / len(counts)
    width = pitch - 0.06
    figure = Figure((FIGURE_WIDTH, height + 0.42))
    for column, (split, split_counts) in enumerate(counts.items()):
        axes = axes_in_inches(figure, left + column * pitch, 0.08, width, height)
        axes.barh(range(len(order)), split_counts[order], height=0.72, color=PALE)
        for row, value in enumerate(split_counts[order]):
            color = INK if value else RED
            axes.text(value, row, f" {value:,}", fontsize=6.5, va="center_baseline", color=color)
        maximum = max(int(split_counts.max()), 1)
        bar_fraction = 1 - (text_width(f" {maximum:,}", 6.5) + 0.04) / width  # rest: for numbers
        axes.set_xlim(0, maximum / max(bar_fraction, 0.1))
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.set_title(f"{split}  {split_counts.sum():,}", loc="left", fontsize=8, pad=4)
        axes.set_xticks([])
        axes.set_yticks(range(len(order)), texts if column == 0 else [""] * len(order), fontsize=7)
        axes.tick_params(length=0, pad=3)
        axes.spines["bottom"].set_visible(False)
    return figure


@with_style()
def plot_reliability(bins: Sequence[Mapping[str, Any]]) -> Figure:
    """Plots accuracy over confidence, and the histogram of confidences.

    Args:
        bins: The bins of `class_metrics.calibration`.
    """
    figure = Figure((FIGURE_WIDTH, 3.3))
    upper = axes_in_inches(figure, 0.6, 1.22, FIGURE_WIDTH - 0.78, 1.82)
    lower = axes_in_inches(figure, 0.6, 0.42, FIGURE_WIDTH - 0.78, 0.62)
    filled = [row for row in bins if row["count"]]
    total = sum(row["count"] for row in bins)
    accuracies = [row["accuracy"] for row in filled]
    confidences = [row["confidence"] for row in filled]
    bar_style = {"width": bins[0]["to"] - bins[0]["from"], "align": "edge", "lw": 0.6}
    edges = [row["from"] for row in filled]
    upper.bar(edges, accuracies, **bar_style, color="#a9cbe8", ec=BLUE)
    upper.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=DASHED, label="confidence = accuracy")
    upper.plot(confidences, accuracies, "o", color=BLUE, ms=3, mec="white", mew=0.5, clip_on=False)
    upper.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), handlelength=1.8)
    upper.set_ylabel("accuracy")
    upper.set_ylim(0, 1)
    upper.tick_params(labelbottom=False)
    fractions = [row["count"] / total for row in filled]
    lower.bar(edges, fractions, **bar_style, color=MUTED, ec="white")
    lower.set_ylabel("fraction")
    lower.set_xlabel("confidence")
    lower.yaxis.set_major_locator(MaxNLocator(2))
    for axes in (upper, lower):
        axes.set_xlim(0, 1)
        axes.grid(axis="y")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, 0))
    figure.align_ylabels((upper, lower))
    return figure


@with_style()
def plot_histogram(values: np.ndarray, label: str) -> Figure:
    """Plots the histogram of differences [n], negative ones in red, with their median.

    Args:
        values: Differences [n].
        label: Their name and unit, for the axis.
    """
    figure = Figure((FIGURE_WIDTH, 2.1))
    axes = axes_in_inches(figure, 0.55, 0.42, FIGURE_WIDTH - 0.65, 1.42)
    width = max(float(np.ptp(values)), MIN_HISTOGRAM_RANGE) / 30
    first, last = (int(np.floor(value / width)) for value in (values.min(), values.max()))
    counts, edges = np.histogram(values, width * np.arange(first, last + 2))  # an edge lies on 0
    colors = np.where(edges[:-1] < 0, RED, PALE)
    axes.bar(edges[:-1], counts, width, align="edge", color=colors, ec="white", lw=0.4)
    median = float(np.median(values))
    axes.axvline(median, color=INK, lw=1, ls=DASHED, label=f"median {median:+.2f}")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), handlelength=1.8)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlim(*np.add(axes.get_xlim(), (-2 * width, 2 * width)))
    axes.set_xlabel(label)
    axes.set_ylabel("images")
    axes.grid(axis="y")
    return figure
