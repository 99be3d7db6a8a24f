"""The common style of all plots: colors, fonts, sizes in inches and points."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from gv_jax.reporting.figures.fonts import font_families

FIGURE_WIDTH = 3.7  # inches of a plain figure, which fits the screen of a phone
SHEET_WIDTH = 11.5  # inches of a sheet of images, as wide as a page on a desktop
DPI = 192
INK, MUTED, RULE = "#1f2733", "#5b6675", "#d9dee5"
BLUE, ORANGE, RED, PALE = "#1665a8", "#c07512", "#b3400f", "#7fa8cc"
DASHED, DOTTED = (0, (4, 1.5)), (0, (1, 1.5))
SPLIT_LINES = {  # color and line style
    "train": (MUTED, DASHED),
    "valid": (BLUE, "-"),
    "test": (ORANGE, (0, (1, 1))),
}
CONFUSION_CMAP = LinearSegmentedColormap.from_list(
    "confusion", ["#ffffff", "#d3e3f3", "#7fb0da", "#1f6db3", "#08305f"]
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


@contextmanager
def with_style() -> Iterator[None]:
    """Applies the style inside of a `with` block, or of a function that it decorates."""
    with matplotlib.rc_context({**RC_PARAMS, "font.family": list(font_families())}):
        yield


@with_style()
def save_figure(figure: Figure, file: Path) -> None:
    """Writes a PNG file."""
    figure.savefig(file, dpi=DPI)


def axes_in_inches(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Adds axes at a position given in inches."""
    figure_width, figure_height = figure.get_size_inches()
    return figure.add_axes(
        (left / figure_width, bottom / figure_height, width / figure_width, height / figure_height)
    )
