"""Plots of an ablation: metrics, differences, learning curves, classes. Inches and points."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from gv_jax.ablation.comparison import VariantResult
from gv_jax.evaluation.metrics import is_fraction
from gv_jax.reporting.figures.fonts import ellipsize, replace_missing_glyphs, text_width
from gv_jax.reporting.figures.style import (
    DOTTED,
    FIGURE_WIDTH,
    INK,
    MUTED,
    ORANGE,
    RULE,
    axes_in_inches,
    with_style,
)
from gv_jax.reporting.formatting import humanize

# Okabe & Ito 2008, distinguishable with color blindness; then the same colors with other dashes
LINE_COLORS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#5b6675",
    "#a38f00",
)
LINE_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)))
LOG_CURVES_RATIO = 30  # curves whose largest mean is more than this times the smallest: log scale
MIN_COLOR_RANGE = 0.05  # difference of recall at which the colors saturate, at least
WORSE_BETTER_CMAP = LinearSegmentedColormap.from_list(
    "worse_better", ["#b3400f", "#ffffff", "#1665a8"]
)


def line_style(index: int) -> dict[str, Any]:
    """Color and dashes of the variant with this index."""
    return {
        "color": LINE_COLORS[index % len(LINE_COLORS)],
        "ls": LINE_DASHES[index // len(LINE_COLORS) % len(LINE_DASHES)],
    }


def row_axes(names: Sequence[str], bottom: float = 0.42) -> tuple[Figure, Axes]:
    """Axes with a row for each name."""
    texts = [ellipsize(name, 8, 1.5) for name in replace_missing_glyphs(names)]
    left, height = 0.14 + max(text_width(text, 8) for text in texts), 0.24 * len(names) + 0.1
    figure = Figure((FIGURE_WIDTH, height + bottom + 0.3))
    axes = axes_in_inches(figure, left, bottom, FIGURE_WIDTH - left - 0.14, height)
    axes.set_yticks(range(len(names)), texts)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    return figure, axes


def legend_above(figure: Figure, axes: Axes) -> None:
    """Adds the legend in one line at the left edge of the figure."""
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="upper left",
        bbox_to_anchor=(0, 1),
        ncols=3,
        handlelength=1.2,
    )


@with_style()
def plot_scores(
    variants: Sequence[VariantResult], metric: str, baselines: Mapping[str, float]
) -> Figure:
    """A dot for every seed, the mean with its 95 % confidence interval, the baselines dotted.

    Args:
        variants: those with results are shown.
        metric: name without split.
        baselines: variant -> its baseline.
    """
    shown = [variant for variant in variants if variant.summary]
    figure, axes = row_axes([variant.name for variant in shown])
    color = line_style(0)["color"]
    for row, variant in enumerate(shown):
        assert variant.summary is not None
        mean, low, high = variant.summary.mean, variant.summary.low, variant.summary.high
        if low is not None and high is not None:
            axes.plot([low, high], [row, row], color=color, lw=1.6, zorder=2)
        axes.plot([mean, mean], [row - 0.28, row + 0.28], color=color, lw=2.2, zorder=3)
        dots = {"color": INK, "ms": 3.2, "mec": "white", "mew": 0.4, "zorder": 4}
        axes.plot(variant.values, [row] * len(variant.values), "o", **dots)
        if variant.name in baselines:
            baseline = baselines[variant.name]
            axes.plot([baseline] * 2, [row - 0.5, row + 0.5], color=ORANGE, lw=1, ls=DOTTED)
    if baselines:
        axes.plot([], [], color=ORANGE, lw=1, ls=DOTTED, label="baseline")
    axes.plot([], [], "o", color=INK, ms=3.2, label="one seed")
    axes.plot([], [], color=color, lw=1.6, label="mean, 95 % CI")
    legend_above(figure, axes)
    axes.set_xlabel(humanize(metric))
    if is_fraction(metric):
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, None))
        low, high = axes.get_xlim()
        axes.set_xlim(max(low, -0.01), min(high, 1.01))
    return figure


@with_style()
def plot_differences(compared: Mapping[str, VariantResult], metric: str, reference: str) -> Figure:
    """Differences from the reference with intervals over seeds (upper) and over images (lower).

    Args:
        compared: name of the row -> variant with differences.
        metric: name without split.
        reference: variant with which all of them are compared; "" for several.
    """
    figure, axes = row_axes(list(compared))
    for row, variant in enumerate(compared.values()):
        for index, diff in enumerate((variant.diff_over_seeds, variant.diff_over_images)):
            if diff is None:
                continue
            y, color = row + (-0.14, 0.14)[index], line_style(index)["color"]
            axes.plot(diff.mean, y, "o", color=color, ms=4, mec="white", mew=0.5, zorder=3)
            if diff.low is not None and diff.high is not None:
                axes.plot([diff.low, diff.high], [y, y], color=color, lw=1.8)
    axes.axvline(0, color=MUTED, lw=0.8)
    for index, label in enumerate(("over seeds", "over images")):
        axes.plot([], [], color=line_style(index)["color"], lw=1.8, label=label)
    legend_above(figure, axes)
    unit = " (percentage points)" if is_fraction(metric) else ""
    axes.set_xlabel(f"{humanize(metric)}, difference from {reference or 'the reference'}{unit}")
    if is_fraction(metric):
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{100 * value:+.3g}" if value else "0")
        )
    return figure


@with_style()
def plot_learning_curves(
    series: Mapping[str, tuple[np.ndarray, np.ndarray]],
    variants: Sequence[str],
    metric: str,
    split: str,
) -> Figure:
    """Mean and standard deviation of a metric over seeds, by epoch.

    Args:
        series: variant -> (epochs [e], values [seeds e]).
        variants: all of the ablation, so that each has the same color in every plot.
        metric: name without split.
        split: of the metric.
    """
    texts = replace_missing_glyphs(list(series))
    columns = 2 if max(text_width(text, 8) for text in texts) < 1.1 else 1
    legend_height = 0.17 * -(-len(series) // columns) + 0.08
    figure = Figure((FIGURE_WIDTH, 2.18 + legend_height))
    axes = axes_in_inches(figure, 0.68, 0.42, FIGURE_WIDTH - 0.78, 1.74)
    for text, (name, (epochs, values)) in zip(texts, series.items(), strict=True):
        style, mean, std = line_style(variants.index(name)), values.mean(0), values.std(0)
        marker = "" if len(epochs) > 2 else "."
        axes.plot(epochs, mean, **style, lw=1.4, label=text, marker=marker)
        axes.fill_between(epochs, mean - std, mean + std, color=style["color"], alpha=0.16, lw=0)
    means = np.concatenate([values.mean(0) for _, values in series.values()])
    if is_fraction(metric):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif means.min() > 0 and means.max() > LOG_CURVES_RATIO * means.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    shown = {epoch for epochs, _ in series.values() for epoch in epochs}
    if len(shown) == 1:
        axes.set_xticks(list(shown))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"{humanize(metric)}, {split}")
    axes.grid(axis="y")
    corner = {"loc": "lower left", "bbox_to_anchor": (-0.2, 1.0)}
    axes.legend(**corner, ncols=columns, handlelength=1.6, columnspacing=1)
    return figure


@with_style()
def plot_class_differences(
    differences: np.ndarray, classes: Sequence[str], variants: Sequence[str]
) -> Figure:
    """Differences of recall by class: blue is better, red is worse.

    Args:
        differences: in [-1, 1], by class and variant [k v].
        classes: names [k].
        variants: names [v].
    """
    texts = [ellipsize(name, 7.5, 1.1) for name in replace_missing_glyphs(classes)]
    heads = [ellipsize(name, 7.5, 1.4) for name in replace_missing_glyphs(variants)]
    slanted = [0.72 * text_width(text, 7.5) for text in heads]  # widths and heights
    left, top = 0.14 + max(text_width(text, 7.5) for text in texts), 0.2 + max(slanted)
    cell = min(0.5, max(0.26, (FIGURE_WIDTH - left - 0.5) / len(variants)))
    right = 0.1 + max(
        width - (len(variants) - index - 0.5) * cell for index, width in enumerate(slanted)
    )
    height, width = 0.19 * len(classes), cell * len(variants)
    figure = Figure((max(left + width + max(right, 0.1), 2.2), top + height + 0.1))
    axes = axes_in_inches(figure, left, 0.1, width, height)
    limit = 100 * max(MIN_COLOR_RANGE, float(np.abs(differences).max()))
    points = 100 * differences
    colors = {"cmap": WORSE_BETTER_CMAP, "vmin": -limit, "vmax": limit}
    axes.imshow(points, **colors, aspect="auto", interpolation="nearest")
    for row, column in np.ndindex(points.shape):
        value = float(points[row, column])
        color = "white" if abs(value) > 0.65 * limit else INK
        text = f"{value:+.0f}" if round(value) else "0"
        center: dict[str, Any] = {"ha": "center", "va": "center_baseline"}
        axes.text(column, row, text, fontsize=6.5, color=color, **center)
    axes.set_yticks(range(len(classes)), texts, fontsize=7.5)
    axes.xaxis.tick_top()
    turned = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"}
    axes.set_xticks(range(len(variants)), heads, fontsize=7.5, **turned)
    axes.tick_params(length=0, pad=2)
    axes.spines[:].set_visible(False)
    axes.hlines(np.arange(len(classes) + 1) - 0.5, -0.5, len(variants) - 0.5, color=RULE, lw=0.4)
    return figure
