"""Plots of a search: scores in the order of the trials and over a field's values. Inches and points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from gv_jax.evaluation.figures import BLUE, MUTED, WIDTH, axes_in, style
from gv_jax.evaluation.lettering import drawable, shortened
from gv_jax.evaluation.words import is_share, phrase


def frame(metric: str) -> tuple[Figure, Axes]:
    """Axes with the score upwards."""
    figure = Figure((WIDTH, 2.3))
    axes = axes_in(figure, 0.62, 0.46, WIDTH - 0.76, 1.72)
    axes.set_ylabel(phrase(metric))
    axes.grid(axis="y")
    if is_share(metric):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    return figure, axes


def dots(axes: Axes, places: Sequence[float] | np.ndarray, scores: Sequence[float], whole: Sequence[bool]) -> None:
    """A dot for each trial, full where it came to its end."""
    colours = [BLUE if each else "white" for each in whole]
    axes.scatter(
        places, scores, s=16, c=colours, edgecolors=[BLUE if each else MUTED for each in whole], lw=0.8, zorder=3
    )


@style()
def history(
    numbers: Sequence[int], scores: Sequence[float], whole: Sequence[bool], metric: str, maximized: bool
) -> Figure:
    """Scores in the order of the trials, and the best so far of those that came to their end."""
    figure, axes = frame(metric)
    dots(axes, numbers, scores, whole)
    ended = [(number, score) for number, score, each in zip(numbers, scores, whole, strict=True) if each]
    if ended:
        places, values = zip(*ended, strict=True)
        best = np.maximum.accumulate(values) if maximized else np.minimum.accumulate(values)
        axes.step(places, best, where="post", color=BLUE, lw=1)
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


@style()
def field(
    values: Sequence[Any], scores: Sequence[float], whole: Sequence[bool], name: str, metric: str, log: bool
) -> Figure:
    """Scores over the values of a field: numbers on a scale, anything else side by side."""
    figure, axes = frame(metric)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        dots(axes, values, scores, whole)
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if max(values) > 10 * min(values) else (1, 2, 5)))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        texts = list(dict.fromkeys(map(str, values)))
        dots(axes, [texts.index(str(value)) for value in values], scores, whole)
        axes.set_xticks(range(len(texts)), [shortened(text, 8, 2.6 / len(texts)) for text in drawable(texts)])
        axes.set_xlim(-0.5, len(texts) - 0.5)
    axes.set_xlabel(name)
    return figure
