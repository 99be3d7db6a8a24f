"""Plots in one quiet style: readable in grey, by the colour-blind, and on a phone. Inches and points.

Every function returns a matplotlib Figure that nothing else holds; `save` writes it. Names of classes may be
long and in any script: they come out shortened, with a box for every letter that no installed font has.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from gv_jax.reporting.figures.fonts import (
    ellipsize,
    font_families,
    replace_missing_glyphs,
    text_width,
)
from gv_jax.reporting.formatting import humanize, is_fraction

FIGURE_WIDTH = 3.7  # of a plain figure: a phone's screen
DPI = 192
INK, MUTED, RULE = "#1f2733", "#5b6675", "#d9dee5"
BLUE, ORANGE, RED, PALE = "#1665a8", "#c07512", "#b3400f", "#7fa8cc"
SPLIT_COLORS = {
    "train": (MUTED, (0, (4, 1.5))),
    "valid": (BLUE, "-"),
    "test": (ORANGE, (0, (1, 1))),
}
CONFUSION_CMAP = LinearSegmentedColormap.from_list(
    "shades", ["#ffffff", "#d3e3f3", "#7fb0da", "#1f6db3", "#08305f"]
)
RC_PARAMS: dict[Any, Any] = {
    "font.size": 8,
    "text.color": INK,
    "text.usetex": False,
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}


@dataclass(frozen=True)
class ReportFigure:
    """A picture file of a run and what a report says of it; `photos`: its colours are not to be touched."""

    file: Path
    section: str
    title: str
    caption: str
    photos: bool = False


@contextmanager
def with_style() -> Iterator[None]:
    """The style, inside of this only; also a decorator."""
    with matplotlib.rc_context({**RC_PARAMS, "font.family": list(font_families())}):
        yield


@with_style()
def save_figure(figure: Figure, file: Path) -> None:
    """Writes a PNG."""
    figure.savefig(file, dpi=DPI)


def axes_in_inches(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


@with_style()
def plot_curves(
    rows: Sequence[Mapping[str, Any]],
    metric: str,
    floor: float | None = None,
    best_step: int | None = None,
) -> Figure:
    """`metric` of every split over epochs, from rows of metrics.jsonl; the epoch of `best_step` is marked.

    The axis is logarithmic where positive numbers span a factor of 20, but not for shares and learning rates.
    """
    figure = Figure((FIGURE_WIDTH, 2.5))
    axes = axes_in_inches(figure, 0.68, 0.42, FIGURE_WIDTH - 0.78, 1.76)
    rows = [row for row in rows if metric in row]
    for split in dict.fromkeys(row["split"] for row in rows):
        mine = [row for row in rows if row["split"] == split]
        epochs, values = [row["epoch"] for row in mine], [row[metric] for row in mine]
        colour, dashes = SPLIT_COLORS.get(split, (INK, "-"))
        axes.plot(
            epochs,
            values,
            color=colour,
            ls=dashes,
            marker="" if len(mine) > 2 else ".",
            label=split,
        )
    best = [row for row in rows if row["split"] == "valid" and row["step"] == best_step]
    if best:
        epoch, value = best[0]["epoch"], best[0][metric]
        axes.axvline(epoch, color=RULE, lw=0.8, zorder=0)
        axes.plot(epoch, value, "o", color=BLUE, ms=5, mec="white", label=f"kept: epoch {epoch:,}")
    if floor is not None:
        axes.axhline(floor, color=ORANGE, lw=1, ls=(0, (1, 1.5)), label="floor")
    low, high = min(row[metric] for row in rows), max(row[metric] for row in rows)
    if is_fraction(metric):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif metric != "learning_rate" and low > 0 and high / low >= 20:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 500 else (1,)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel(humanize(metric))
    axes.grid(axis="y")
    corner = {"loc": "lower left", "bbox_to_anchor": (-0.06, 1.0)}
    axes.legend(**corner, ncols=4, handlelength=1.4, handletextpad=0.5, columnspacing=1)
    return figure


@with_style()
def plot_confusion(matrix: np.ndarray, names: Sequence[str], shares: bool = False) -> Figure:
    """A confusion matrix [k k], true classes in rows; `shares`: its rows are shares of 1, shown in percent.

    Colours of counts grow with their square root, so that rare mistakes show. Numbers only where they can be
    read, else a scale.
    """
    count = len(names)
    cell = min(max(3.6 / count, 0.17), 0.5, 12 / count)
    points = 8 if count <= 10 else 7 if count <= 20 else 6.5
    texts = [ellipsize(name, points, 1.1) for name in replace_missing_glyphs(names)]
    longest = max(text_width(text, points) for text in texts)
    slanted = longest > cell * 0.9
    left, bottom, side = 0.36 + longest, 0.36 + longest * 0.72 if slanted else 0.42, cell * count
    values = 100 * matrix if shares else matrix
    size = text_color(values, cell)
    figure = Figure((left + side + (0.15 if size else 0.72), bottom + side + 0.12))
    axes = axes_in_inches(figure, left, bottom, side, side)
    norm = PowerNorm(0.7, 0, 100) if shares else PowerNorm(0.5, 0, max(float(values.max()), 1.0))
    image = axes.imshow(values, cmap=CONFUSION_CMAP, norm=norm, interpolation="nearest")
    axes.set_xlabel("predicted", labelpad=2 if slanted else 5)
    axes.set_ylabel("true", labelpad=2)
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    shown = range(0, count, max(1, round(0.12 / cell)))
    axes.set_xticks(shown, [texts[index] for index in shown], fontsize=points, **turned)
    axes.set_yticks(shown, [texts[index] for index in shown], fontsize=points)
    axes.tick_params(length=0, pad=2)
    axes.spines[:].set_visible(False)
    if cell > 0.05:
        lines = np.arange(count + 1) - 0.5
        axes.hlines(lines, -0.5, count - 0.5, color=RULE, lw=0.4, clip_on=False)
        axes.vlines(lines, -0.5, count - 0.5, color=RULE, lw=0.4, clip_on=False)
    if size:
        write_cells(axes, values, size, norm)
    else:
        scale = axes_in_inches(
            figure, left + side + 0.1, bottom + side - min(side, 2), 0.1, min(side, 2)
        )
        figure.colorbar(image, cax=scale, label="%" if shares else "count")
        scale.spines[:].set_visible(False)
    return figure


def text_color(values: np.ndarray, cell: float) -> float:
    """Points in which the widest of `values` fits a cell of so many inches; 0 where that is too small to read."""
    widest = f"{values.max():.0f}"
    for size in (7.5, 7.0, 6.5, 6.0, 5.5):
        if text_width(widest, size) <= cell * 0.86 and size / 72 <= cell * 0.6:
            return size
    return 0


def write_cells(axes: Axes, values: np.ndarray, size: float, norm: PowerNorm) -> None:
    """Every number that doesn't round to 0, in its cell; white on dark."""
    for row, column in np.argwhere(np.round(values)):
        colour = "white" if norm(values[row, column]) > 0.6 else INK
        text = axes.text(column, row, f"{values[row, column]:.0f}", fontsize=size, color=colour)
        text.set(ha="center", va="center_baseline")


@with_style()
def plot_balance(counts: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    """Pictures of every class [k] in every split, most frequent first; of many classes both ends only."""
    order = np.argsort(-next(iter(counts.values())), kind="stable")
    if len(order) > 60:
        order = np.concatenate([order[:30], order[-30:]])
    texts = replace_missing_glyphs(names)
    texts = [ellipsize(texts[index], 7, 1.05) for index in order]
    left, height = 0.12 + max(text_width(text, 7) for text in texts), 0.165 * len(order)
    step = (FIGURE_WIDTH - left - 0.02) / len(counts)
    figure = Figure((FIGURE_WIDTH, height + 0.42))
    for place, (split, numbers) in enumerate(counts.items()):
        axes = axes_in_inches(figure, left + place * step, 0.08, step - 0.06, height)
        axes.barh(range(len(order)), numbers[order], height=0.72, color=PALE)
        for row, value in enumerate(numbers[order]):
            colour = INK if value else RED
            axes.text(value, row, f" {value:,}", fontsize=6.5, va="center_baseline", color=colour)
        most = max(int(numbers.max()), 1)
        room = 1 - (text_width(f" {most:,}", 6.5) + 0.04) / (
            step - 0.06
        )  # share that bars may take
        axes.set_xlim(0, most / max(room, 0.1))
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.set_title(f"{split}  {numbers.sum():,}", loc="left", fontsize=8, pad=4)
        axes.set_xticks([])
        axes.set_yticks(range(len(order)), texts if place == 0 else [""] * len(order), fontsize=7)
        axes.tick_params(length=0, pad=3)
        axes.spines["bottom"].set_visible(False)
    return figure


@with_style()
def plot_reliability(bins: Sequence[Mapping[str, Any]]) -> Figure:
    """Accuracy over confidence and the histogram of confidences, from the bins of `metrics.calibration`."""
    figure = Figure((FIGURE_WIDTH, 3.3))
    upper = axes_in_inches(figure, 0.6, 1.22, FIGURE_WIDTH - 0.78, 1.82)
    lower = axes_in_inches(figure, 0.6, 0.42, FIGURE_WIDTH - 0.78, 0.62)
    filled = [row for row in bins if row["count"]]
    total = sum(row["count"] for row in bins)
    accuracies, confidences = (
        [row["accuracy"] for row in filled],
        [row["confidence"] for row in filled],
    )
    bars = {"width": bins[0]["to"] - bins[0]["from"], "align": "edge", "lw": 0.6}
    edges = [row["from"] for row in filled]
    upper.bar(edges, accuracies, **bars, color="#a9cbe8", ec=BLUE)
    upper.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (4, 1.5)), label="confidence = accuracy")
    upper.plot(confidences, accuracies, "o", color=BLUE, ms=3, mec="white", mew=0.5, clip_on=False)
    upper.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), handlelength=1.8)
    upper.set_ylabel("accuracy")
    upper.set_ylim(0, 1)
    upper.tick_params(labelbottom=False)
    lower.bar(edges, [row["count"] / total for row in filled], **bars, color=MUTED, ec="white")
    lower.set_ylabel("share")
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
    """How often differences occur: those above 0 in blue, those below in red; the median is marked."""
    figure = Figure((FIGURE_WIDTH, 2.1))
    axes = axes_in_inches(figure, 0.55, 0.42, FIGURE_WIDTH - 0.65, 1.42)
    width = max(float(np.ptp(values)), 1e-6) / 30
    first, last = (int(np.floor(value / width)) for value in (values.min(), values.max()))
    counts, edges = np.histogram(values, width * np.arange(first, last + 2))  # an edge lies on 0
    axes.bar(
        edges[:-1],
        counts,
        width,
        align="edge",
        color=np.where(edges[:-1] < 0, RED, PALE),
        ec="white",
        lw=0.4,
    )
    median = float(np.median(values))
    axes.axvline(median, color=INK, lw=1, ls=(0, (4, 1.5)), label=f"median {median:+.2f}")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), handlelength=1.8)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel(label)
    axes.set_ylabel("pictures")
    axes.grid(axis="y")
    return figure
