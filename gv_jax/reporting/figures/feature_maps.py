"""What a network sees in a picture."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from gv_jax.reporting.figures.charts import FIGURE_WIDTH, INK, MUTED, axes_in_inches, with_style
from gv_jax.reporting.figures.grids import to_pil

MAPS_PER_LAYER = 8  # of a layer, those that differ most from place to place
SIDE, GAP, HEAD = 0.74, 0.05, 0.2  # inches


@with_style()
def plot_feature_maps(
    pictures: Sequence[np.ndarray], layers: Mapping[str, np.ndarray], names: Sequence[str]
) -> Figure:
    """Below the name of each picture, the picture and, a row for each layer, the MAPS most varied of its feature maps.

    pictures: n of uint8 [h w c]. layers: name -> [n h w c]. Every map is scaled by itself, white is its highest value;
    the same maps are shown for every picture.
    """
    chosen = {
        name: np.sort(np.argsort(-maps.std((1, 2)).mean(0), kind="stable")[:MAPS_PER_LAYER])
        for name, maps in layers.items()
    }
    height, width = pictures[0].shape[:2]
    tall = SIDE * min(height / width, 1.5)
    row, block = tall + GAP, HEAD + len(layers) * (tall + GAP + 0.12)
    figure = Figure(
        (
            max(2 * FIGURE_WIDTH, (1 + MAPS_PER_LAYER) * (SIDE + GAP) + 0.1),
            len(pictures) * block + 0.05,
        )
    )
    top = figure.get_size_inches()[1]
    for number, picture in enumerate(pictures):
        start = top - number * block - HEAD
        figure.text(
            0.05 / figure.get_size_inches()[0],
            (start + 0.05) / top,
            names[number],
            fontsize=8,
            color=INK,
        )
        show_map(figure, 0.05, start - row + GAP, tall, np.asarray(to_pil(picture)), None)
        for depth, (name, maps) in enumerate(layers.items()):
            below = start - depth * (row + 0.12) - row + GAP
            left = 0.05 + SIDE + GAP
            figure.text(
                left / figure.get_size_inches()[0],
                (below - 0.11) / top,
                name,
                fontsize=6.5,
                color=MUTED,
            )
            for place, channel in enumerate(chosen[name]):
                show_map(
                    figure,
                    left + place * (SIDE + GAP),
                    below,
                    tall,
                    maps[number, :, :, channel],
                    "gray",
                )
    return figure


def show_map(
    figure: Figure, left: float, bottom: float, tall: float, pixels: np.ndarray, colours: str | None
) -> None:
    """One picture or map in its place, in inches."""
    axes = axes_in_inches(figure, left, bottom, SIDE, tall)
    axes.imshow(pixels, cmap=colours, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
