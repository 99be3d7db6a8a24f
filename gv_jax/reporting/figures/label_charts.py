"""Plots of answers on several labels, a small panel for each, in the style of `figures`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from gv_jax.evaluation.class_metrics import safe_divide
from gv_jax.evaluation.multilabel_metrics import average_precision, precision_recall_curve
from gv_jax.reporting.figures.charts import (
    BLUE,
    FIGURE_WIDTH,
    INK,
    MUTED,
    ORANGE,
    SPLIT_COLORS,
    axes_in_inches,
    with_style,
)
from gv_jax.reporting.figures.fonts import ellipsize, replace_missing_glyphs

PANEL_COLUMNS, PANEL_HEIGHT = 3, 1.3  # panels in a row; inches of a panel with its title
MAX_PANELS = 24  # labels that are drawn, the most frequent ones


def most_frequent(truth: np.ndarray) -> np.ndarray:
    """The labels that are drawn, in their own order."""
    return np.sort(np.argsort(-truth.sum(0), kind="stable")[:MAX_PANELS])


def make_panels(count: int, head: float) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels with scales from 0 to 100 %, below `head` inches for a legend."""
    rows = -(-count // PANEL_COLUMNS)
    height = rows * PANEL_HEIGHT + 0.42 + head
    figure = Figure((FIGURE_WIDTH, height))
    wide = (FIGURE_WIDTH - 0.5) / PANEL_COLUMNS
    found = []
    for place in range(count):
        row, column = divmod(place, PANEL_COLUMNS)
        axes = axes_in_inches(
            figure,
            0.46 + column * wide,
            height - head - (row + 1) * PANEL_HEIGHT + 0.06,
            wide - 0.08,
            PANEL_HEIGHT - 0.3,
        )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xticks([0, 0.5, 1])
        axes.set_yticks([0, 0.5, 1])
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, 0, symbol=""))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, 0, symbol=""))
        axes.grid(axis="both")
        axes.tick_params(labelsize=6.5, labelleft=column == 0, labelbottom=False)
        if place + PANEL_COLUMNS >= count:
            axes.tick_params(labelbottom=True)
            first, *_, last = axes.get_xticklabels()
            first.set_horizontalalignment("left")  # or it would touch that of the next panel
            last.set_horizontalalignment("right")
        found.append(axes)
    return figure, found


def set_title(axes: Axes, name: str, number: str) -> None:
    """The name of a label and its number above a panel."""
    axes.set_title(
        f"{ellipsize(name, 7, 0.72)}  {number}", loc="left", fontsize=7, pad=2, color=INK
    )


def set_labels(figure: Figure, across: str, up: str) -> None:
    """What both axes of all panels are."""
    width, height = figure.get_size_inches()
    figure.text(0.5, 0.08 / height, across, ha="center", fontsize=8)
    figure.text(0.06 / width, 0.5, up, va="center", rotation=90, fontsize=8)


@with_style()
def plot_precision_recall(
    probabilities: np.ndarray, truth: np.ndarray, thresholds: np.ndarray, names: Sequence[str]
) -> Figure:
    """Precision over recall in percent, with the average precision; the dot is at the threshold, dots the base rate."""
    shown, texts = most_frequent(truth), replace_missing_glyphs(names)
    figure, every = make_panels(len(shown), 0.05)
    for axes, label in zip(every, shown, strict=True):
        precision, recall, lowest = precision_recall_curve(probabilities[:, label], truth[:, label])
        axes.step([0, *recall], [precision[0], *precision], where="pre", color=BLUE, lw=1.2)
        axes.axhline(truth[:, label].mean(), color=ORANGE, lw=1, ls=(0, (1, 1.5)))
        said = lowest >= thresholds[label]
        if said.any():
            place = int(said.sum()) - 1
            axes.plot(
                recall[place],
                precision[place],
                "o",
                color=INK,
                ms=4,
                mec="white",
                clip_on=False,
                zorder=4,
            )
        score = average_precision(probabilities[:, label], truth[:, label])
        set_title(axes, texts[label], f"{100 * score:.0f}")
    set_labels(figure, "recall, %", "precision, %")
    return figure


@with_style()
def plot_thresholds(
    answers: Mapping[str, np.ndarray],
    truths: Mapping[str, np.ndarray],
    thresholds: np.ndarray,
    names: Sequence[str],
) -> Figure:
    """F1 in percent over the threshold, for splits by name; the line is where each label's threshold stands."""
    shown, texts = most_frequent(next(iter(truths.values()))), replace_missing_glyphs(names)
    figure, every = make_panels(len(shown), 0.25)
    for axes, label in zip(every, shown, strict=True):
        for split, found in answers.items():
            precision, recall, lowest = precision_recall_curve(
                found[:, label], truths[split][:, label]
            )
            f1 = safe_divide(2 * precision * recall, precision + recall)
            colour, dashes = SPLIT_COLORS[split]
            axes.step(
                [0, *lowest[::-1], 1],
                [f1[-1], *f1[::-1], 0],
                where="pre",
                color=colour,
                ls=dashes,
                lw=1.2,
                label=split,
            )
        axes.axvline(float(thresholds[label]), color=INK, lw=0.8)
        set_title(axes, texts[label], f"{100 * thresholds[label]:.0f}")
    every[0].legend(
        loc="lower left", bbox_to_anchor=(-0.1, 1.16), ncols=3, handlelength=1.6, labelcolor=MUTED
    )
    set_labels(figure, "threshold, %", "F1, %")
    return figure
