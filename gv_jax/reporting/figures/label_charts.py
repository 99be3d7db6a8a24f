"""Charts of multi-label predictions: a small panel per label."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from gv_jax.evaluation.class_metrics import safe_divide
from gv_jax.evaluation.multilabel_metrics import average_precision, precision_recall_curve
from gv_jax.reporting.figures.fonts import ellipsize, replace_missing_glyphs
from gv_jax.reporting.figures.style import (
    BLUE,
    DOTTED,
    FIGURE_WIDTH,
    INK,
    MUTED,
    ORANGE,
    SPLIT_LINES,
    axes_in_inches,
    with_style,
)

PANEL_COLUMNS, PANEL_HEIGHT = 3, 1.3  # panels per row; inches of a panel with its title
MAX_PANELS = 24  # labels that are drawn


def most_frequent(targets: np.ndarray) -> np.ndarray:
    """The most frequent labels of `targets` [n k], up to MAX_PANELS, in their own order."""
    return np.sort(np.argsort(-targets.sum(0), kind="stable")[:MAX_PANELS])


def make_panels(count: int, legend_height: float) -> tuple[Figure, list[Axes]]:
    """A figure of panels with axes from 0 to 100 %.

    Args:
        count: Number of panels.
        legend_height: Inches above them.
    """
    num_rows = -(-count // PANEL_COLUMNS)
    height = num_rows * PANEL_HEIGHT + 0.42 + legend_height
    figure = Figure((FIGURE_WIDTH, height))
    width = (FIGURE_WIDTH - 0.5) / PANEL_COLUMNS
    panels = []
    for index in range(count):
        row, column = divmod(index, PANEL_COLUMNS)
        bottom = height - legend_height - (row + 1) * PANEL_HEIGHT + 0.06
        axes = axes_in_inches(
            figure, 0.46 + column * width, bottom, width - 0.08, PANEL_HEIGHT - 0.3
        )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xticks([0, 0.5, 1])
        axes.set_yticks([0, 0.5, 1])
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, 0, symbol=""))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, 0, symbol=""))
        axes.grid(axis="both")
        axes.tick_params(labelsize=6.5, labelleft=column == 0, labelbottom=False)
        if index + PANEL_COLUMNS >= count:
            axes.tick_params(labelbottom=True)
            first, *_, last = axes.get_xticklabels()
            first.set_horizontalalignment("left")  # else it touches that of the next panel
            last.set_horizontalalignment("right")
        panels.append(axes)
    return figure, panels


def set_title(axes: Axes, name: str, number: str) -> None:
    """Writes the name of a label and its number above a panel."""
    title = f"{ellipsize(name, 7, 0.72)}  {number}"
    axes.set_title(title, loc="left", fontsize=7, pad=2, color=INK)


def set_axis_labels(figure: Figure, x_label: str, y_label: str) -> None:
    """Labels the axes of all panels at once."""
    width, height = figure.get_size_inches()
    figure.text(0.5, 0.08 / height, x_label, ha="center", fontsize=8)
    figure.text(0.06 / width, 0.5, y_label, va="center", rotation=90, fontsize=8)


@with_style()
def plot_precision_recall(
    probs: np.ndarray, targets: np.ndarray, thresholds: np.ndarray, names: Sequence[str]
) -> Figure:
    """Plots precision over recall with average precision, base rate and chosen threshold.

    Args:
        probs: Probabilities [n k].
        targets: 0 or 1 [n k].
        thresholds: Probability from which on each label is predicted [k].
        names: Names of the labels.
    """
    labels, texts = most_frequent(targets), replace_missing_glyphs(names)
    figure, panels = make_panels(len(labels), legend_height=0.05)
    for axes, label in zip(panels, labels, strict=True):
        label_probs, label_targets = probs[:, label], targets[:, label]
        precision, recall, lowest = precision_recall_curve(label_probs, label_targets)
        axes.step([0, *recall], [precision[0], *precision], where="pre", color=BLUE, lw=1.2)
        axes.axhline(label_targets.mean(), color=ORANGE, lw=1, ls=DOTTED)
        above = lowest >= thresholds[label]
        if above.any():
            last = int(above.sum()) - 1
            marker = {"color": INK, "ms": 4, "mec": "white", "clip_on": False, "zorder": 4}
            axes.plot(recall[last], precision[last], "o", **marker)
        score = average_precision(label_probs, label_targets)
        set_title(axes, texts[label], f"{100 * score:.0f}")
    set_axis_labels(figure, "recall, %", "precision, %")
    return figure


@with_style()
def plot_thresholds(
    probs: Mapping[str, np.ndarray],
    targets: Mapping[str, np.ndarray],
    thresholds: np.ndarray,
    names: Sequence[str],
) -> Figure:
    """Plots F1 over the threshold; a line marks the chosen threshold.

    Args:
        probs: Split -> probabilities [n k].
        targets: Split -> 0 or 1 [n k].
        thresholds: Chosen threshold of each label [k].
        names: Names of the labels.
    """
    labels, texts = most_frequent(next(iter(targets.values()))), replace_missing_glyphs(names)
    figure, panels = make_panels(len(labels), legend_height=0.25)
    for axes, label in zip(panels, labels, strict=True):
        for split, split_probs in probs.items():
            curve = precision_recall_curve(split_probs[:, label], targets[split][:, label])
            precision, recall, lowest = curve
            f1 = safe_divide(2 * precision * recall, precision + recall)
            color, line_style = SPLIT_LINES[split]
            x, y = [0, *lowest[::-1], 1], [f1[-1], *f1[::-1], 0]
            axes.step(x, y, where="pre", color=color, ls=line_style, lw=1.2, label=split)
        axes.axvline(float(thresholds[label]), color=INK, lw=0.8)
        set_title(axes, texts[label], f"{100 * thresholds[label]:.0f}")
    panels[0].legend(
        loc="lower left", bbox_to_anchor=(-0.1, 1.16), ncols=3, handlelength=1.6, labelcolor=MUTED
    )
    set_axis_labels(figure, "threshold, %", "F1, %")
    return figure
