"""Plots of a study: scores, differences, learning curves with bands, classes. Inches and points, as in figures.py."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from gv_jax.ablation.comparison import VariantResult
from gv_jax.reporting.figures.charts import (
    FIGURE_WIDTH,
    INK,
    MUTED,
    ORANGE,
    RULE,
    axes_in_inches,
    with_style,
)
from gv_jax.reporting.figures.fonts import ellipsize, replace_missing_glyphs, text_width
from gv_jax.reporting.formatting import humanize, is_fraction

# Okabe & Ito 2008, told apart by the colour-blind; then the same again, dashed
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
LOG_SCALE_RATIO = 30  # times the smallest value: curves that span more are drawn by their logarithm
BETTER_WORSE = LinearSegmentedColormap.from_list("better_worse", ["#b3400f", "#ffffff", "#1665a8"])


def line_style(number: int) -> dict:
    """Colour and dashes of the variant of that number."""
    return {
        "color": LINE_COLORS[number % len(LINE_COLORS)],
        "ls": LINE_DASHES[number // len(LINE_COLORS) % len(LINE_DASHES)],
    }


def row_axes(names: Sequence[str], below: float = 0.42) -> tuple[Figure, Axes]:
    """Axes with a row for each name."""
    texts = [ellipsize(name, 8, 1.5) for name in replace_missing_glyphs(names)]
    left, height = 0.14 + max(text_width(text, 8) for text in texts), 0.24 * len(names) + 0.1
    figure = Figure((FIGURE_WIDTH, height + below + 0.3))
    axes = axes_in_inches(figure, left, below, FIGURE_WIDTH - left - 0.14, height)
    axes.set_yticks(range(len(names)), texts)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    return figure, axes


def legend_above(figure: Figure, axes: Axes) -> None:
    """The legend in one line, as far left as the names of the rows reach."""
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="upper left",
        bbox_to_anchor=(0, 1),
        ncols=3,
        handlelength=1.2,
    )


@with_style()
def plot_scores(
    variants: Sequence[VariantResult], metric: str, floors: Mapping[str, float]
) -> Figure:
    """Every seed a dot, the mean a line with its 95 % interval, each variant's floor dotted."""
    shown = [variant for variant in variants if variant.summary]
    figure, axes = row_axes([variant.name for variant in shown])
    for place, variant in enumerate(shown):
        assert variant.summary is not None
        centre, half = variant.summary.mean, variant.summary.half_width
        if half is not None:
            axes.plot(
                [centre - half, centre + half],
                [place, place],
                color=line_style(0)["color"],
                lw=1.6,
                zorder=2,
            )
        axes.plot(
            [centre, centre],
            [place - 0.28, place + 0.28],
            color=line_style(0)["color"],
            lw=2.2,
            zorder=3,
        )
        axes.plot(
            variant.values,
            [place] * len(variant.values),
            "o",
            color=INK,
            ms=3.2,
            mec="white",
            mew=0.4,
            zorder=4,
        )
        if variant.name in floors:
            axes.plot(
                [floors[variant.name]] * 2,
                [place - 0.5, place + 0.5],
                color=ORANGE,
                lw=1,
                ls=(0, (1, 1.5)),
            )
    if floors:
        axes.plot([], [], color=ORANGE, lw=1, ls=(0, (1, 1.5)), label="floor")
    axes.plot([], [], "o", color=INK, ms=3.2, label="one seed")
    axes.plot([], [], color=line_style(0)["color"], lw=1.6, label="mean, 95 % interval")
    legend_above(figure, axes)
    axes.set_xlabel(humanize(metric))
    if is_fraction(metric):
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, None))
        low, high = axes.get_xlim()
        axes.set_xlim(max(low, -0.01), min(high, 1.01))
    return figure


@with_style()
def plot_differences(variants: Sequence[VariantResult], metric: str, reference: str) -> Figure:
    """Differences from the reference with their intervals over seeds (upper line) and over pictures (lower)."""
    shown = [variant for variant in variants if variant.against_seeds]
    figure, axes = row_axes([variant.name for variant in shown])
    for place, variant in enumerate(shown):
        for number, gap in enumerate((variant.against_seeds, variant.against_pictures)):
            if gap is not None:
                height, colour = place + (-0.14, 0.14)[number], line_style(number)["color"]
                axes.plot(gap.mean, height, "o", color=colour, ms=4, mec="white", mew=0.5, zorder=3)
                if gap.low is not None and gap.high is not None:
                    axes.plot([gap.low, gap.high], [height, height], color=colour, lw=1.8)
    axes.axvline(0, color=MUTED, lw=0.8)
    for number, label in enumerate(("over seeds", "over pictures")):
        axes.plot([], [], color=line_style(number)["color"], lw=1.8, label=label)
    legend_above(figure, axes)
    axes.set_xlabel(
        f"{humanize(metric)} less that of {reference}" + (", points" if is_fraction(metric) else "")
    )
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
    """Mean and standard deviation over seeds by epoch. series: variant -> (epochs [e], values [seeds e]).

    variants: of the whole study, so that one has the same colour in every plot.
    """
    texts = replace_missing_glyphs(list(series))
    columns = 2 if max(text_width(text, 8) for text in texts) < 1.1 else 1
    legend = 0.17 * -(-len(series) // columns) + 0.08
    figure = Figure((FIGURE_WIDTH, 2.18 + legend))
    axes = axes_in_inches(figure, 0.68, 0.42, FIGURE_WIDTH - 0.78, 1.74)
    for text, (name, (epochs, values)) in zip(texts, series.items(), strict=True):
        number, centre, spread = variants.index(name), values.mean(0), values.std(0)
        axes.plot(
            epochs,
            centre,
            **line_style(number),
            lw=1.4,
            label=text,
            marker="" if len(epochs) > 2 else ".",
        )
        axes.fill_between(
            epochs,
            centre - spread,
            centre + spread,
            color=line_style(number)["color"],
            alpha=0.16,
            lw=0,
        )
    means = np.concatenate([values.mean(0) for _, values in series.values()])
    if is_fraction(metric):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif means.min() > 0 and means.max() > LOG_SCALE_RATIO * means.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"{humanize(metric)}, {split}")
    axes.grid(axis="y")
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.2, 1.0),
        ncols=columns,
        handlelength=1.6,
        columnspacing=1,
    )
    return figure


@with_style()
def plot_class_differences(
    gaps: np.ndarray, names: Sequence[str], variants: Sequence[str]
) -> Figure:
    """How much better (blue) or worse (red) each class [k] is found by each variant [v]: gaps [k v], shares of 1."""
    texts = [ellipsize(name, 7.5, 1.1) for name in replace_missing_glyphs(names)]
    heads = [ellipsize(name, 7.5, 1.4) for name in replace_missing_glyphs(variants)]
    slanted = [0.72 * text_width(text, 7.5) for text in heads]  # widths and heights
    left, top = 0.14 + max(text_width(text, 7.5) for text in texts), 0.2 + max(slanted)
    cell = min(0.5, max(0.26, (FIGURE_WIDTH - left - 0.5) / len(variants)))
    right = 0.1 + max(
        width - (len(variants) - place - 0.5) * cell for place, width in enumerate(slanted)
    )
    height = 0.19 * len(names)
    figure = Figure((max(left + cell * len(variants) + max(right, 0.1), 2.2), top + height + 0.1))
    axes = axes_in_inches(figure, left, 0.1, cell * len(variants), height)
    most = max(0.05, float(np.abs(gaps).max()))
    axes.imshow(
        100 * gaps,
        cmap=BETTER_WORSE,
        vmin=-100 * most,
        vmax=100 * most,
        aspect="auto",
        interpolation="nearest",
    )
    for row, column in np.ndindex(gaps.shape):
        value = float(100 * gaps[row, column])
        colour = "white" if abs(value) > 65 * most else INK
        axes.text(
            column,
            row,
            f"{value:+.0f}" if round(value) else "0",
            fontsize=6.5,
            ha="center",
            va="center_baseline",
            color=colour,
        )
    axes.set_yticks(range(len(names)), texts, fontsize=7.5)
    axes.xaxis.tick_top()
    axes.set_xticks(
        range(len(variants)), heads, fontsize=7.5, rotation=45, ha="left", rotation_mode="anchor"
    )
    axes.tick_params(length=0, pad=2)
    axes.spines[:].set_visible(False)
    axes.hlines(np.arange(len(names) + 1) - 0.5, -0.5, len(variants) - 0.5, color=RULE, lw=0.4)
    return figure
