"""Feature maps of the first layers of a network."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from gv_jax.reporting.figures.enlarged import to_pil
from gv_jax.reporting.figures.style import FIGURE_WIDTH, INK, MUTED, axes_in_inches, with_style

MAPS_PER_LAYER = 8  # maps of the largest variance over positions
MAP_SIDE, MAP_GAP = 0.74, 0.05  # inches of a map and between maps
TITLE_HEIGHT, LAYER_TITLE_HEIGHT = 0.2, 0.12  # inches


@with_style()
def plot_feature_maps(
    images: Sequence[np.ndarray], layers: Mapping[str, np.ndarray], names: Sequence[str]
) -> Figure:
    """Plots each image with, in a row per layer, the feature maps of the largest variance.

    Each map has its own scale, with white for its highest value. The same maps are shown for every
    image.

    Args:
        images: n images, uint8 [h w c].
        layers: Layer name -> feature maps [n h w c].
        names: Name above each image.
    """
    channels = {
        name: np.sort(np.argsort(-maps.std((1, 2)).mean(0), kind="stable")[:MAPS_PER_LAYER])
        for name, maps in layers.items()
    }
    height, width = images[0].shape[:2]
    map_height = MAP_SIDE * min(height / width, 1.5)
    row_height = map_height + MAP_GAP + LAYER_TITLE_HEIGHT
    block_height = TITLE_HEIGHT + len(layers) * row_height
    figure_width = max(2 * FIGURE_WIDTH, (1 + MAPS_PER_LAYER) * (MAP_SIDE + MAP_GAP) + 0.1)
    figure_height = len(images) * block_height + 0.05
    figure = Figure((figure_width, figure_height))

    def write(left: float, bottom: float, text: str, fontsize: float, color: str) -> None:
        figure.text(
            left / figure_width, bottom / figure_height, text, fontsize=fontsize, color=color
        )

    for index, image in enumerate(images):
        top = figure_height - index * block_height - TITLE_HEIGHT
        write(0.05, top + 0.05, names[index], 8, INK)
        show_map(figure, 0.05, top - map_height, map_height, np.asarray(to_pil(image)), None)
        for depth, (name, maps) in enumerate(layers.items()):
            bottom = top - depth * row_height - map_height
            left = 0.05 + MAP_SIDE + MAP_GAP
            write(left, bottom - 0.11, name, 6.5, MUTED)
            for column, channel in enumerate(channels[name]):
                position = left + column * (MAP_SIDE + MAP_GAP)
                show_map(
                    figure, position, bottom, map_height, maps[index, :, :, channel], cmap="gray"
                )
    return figure


def show_map(
    figure: Figure, left: float, bottom: float, height: float, pixels: np.ndarray, cmap: str | None
) -> None:
    """Draws an image or a map, at a position in inches.

    Args:
        figure: The figure that is changed.
        left: Inches from the left.
        bottom: Inches from the bottom.
        height: Inches; the width is MAP_SIDE.
        pixels: Values [h w] or colors [h w c].
        cmap: Name of the color map of values.
    """
    axes = axes_in_inches(figure, left, bottom, MAP_SIDE, height)
    axes.imshow(pixels, cmap=cmap, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
