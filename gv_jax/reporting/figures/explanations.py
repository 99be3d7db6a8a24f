"""The figure of explained predictions: images, maps over them and nearest training images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gv_jax.reporting.figures.common import save_report_figure
from gv_jax.reporting.figures.fonts import replace_missing_glyphs
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.reporting.figures.report_figure import ReportFigure
from gv_jax.reporting.figures.style import FIGURE_WIDTH, INK, MUTED

NUM_SHOWN = 3  # nearest training images per row
SHEET_WIDTHS = 2  # widths of a plain figure
CAPTION = (
    "Held-out images, wrong predictions first: true class, and below it the predicted class with "
    "its confidence. Beside each, what supports the predicted class: Grad-CAM of the feature map "
    "{layer} (Selvaraju et al. 2017) and integrated gradients (Sundararajan et al. 2017), each "
    "divided by its maximum."
)
NEAREST_CAPTION = (
    " Then the training images with the nearest features, by the Euclidean distance of features of "
    "length 1: identical ones have 0, unrelated ones about 1.4."
)


@dataclass(frozen=True)
class ExplainedImage:
    """A row of the figure.

    Attributes:
        image: uint8 [h w c].
        caption: Its classes.
        overlays: Title, of one or more lines -> map over the image, uint8 [H W 3].
        neighbors: (label, distance, thumbnail uint8 [h w c]) of the nearest training images.
    """

    image: np.ndarray
    caption: Sequence[CaptionLine]
    overlays: dict[str, np.ndarray]
    neighbors: Sequence[tuple[str, float, np.ndarray]]


def draw_explanations(rows: Sequence[ExplainedImage], layer: str, folder: Path) -> ReportFigure:
    """Writes explanations.png.

    Args:
        rows: At least one; all have as many overlays and neighbors.
        layer: Name of the feature map of Grad-CAM.
        folder: Of the file.
    """
    images, captions = [], []
    for row in rows:
        images += [row.image, *row.overlays.values()]
        titles = [title.splitlines() for title in row.overlays]
        captions += [
            row.caption,
            *([CaptionLine(line, MUTED) for line in title] for title in titles),
        ]
        for label, distance, thumbnail in row.neighbors[:NUM_SHOWN]:
            images.append(thumbnail)
            (name,) = replace_missing_glyphs([label])
            lines = [CaptionLine(name, INK), CaptionLine(f"distance {distance:.2f}", MUTED)]
            captions.append(lines)
    columns = len(images) // len(rows)
    figure = image_grid(images, captions, columns, SHEET_WIDTHS * FIGURE_WIDTH)
    caption = CAPTION.format(layer=layer) + NEAREST_CAPTION * bool(rows[0].neighbors)
    file = folder / "explanations.png"
    return save_report_figure(figure, file, "explanations", "Explanations", caption, photos=True)
