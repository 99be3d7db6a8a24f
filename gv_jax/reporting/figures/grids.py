"""Grids of images with a caption below each, in the style of all figures."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from gv_jax.reporting.figures.enlarged import checkerboard, fit_in_box, to_pil
from gv_jax.reporting.figures.fonts import FONT_FAMILY, ellipsize, has_bold, text_width
from gv_jax.reporting.figures.style import DPI, FIGURE_WIDTH, RULE, with_style

GRID_GAP, LINE_HEIGHT = 0.1, 0.135  # inches between images; inches of a line of text
FONT_POINTS = 7
SHEET_SCALE = 1.4  # size of captions of a sheet, relative to those of a plain figure
BOLD_WIDTH = 0.88  # width of regular text relative to bold


class CaptionLine(NamedTuple):
    """A line of a caption: `prefix` in full, then `text`, ellipsized to the remaining width."""

    text: str
    color: str
    prefix: str = ""


@with_style()
def image_grid(
    images: Sequence[np.ndarray],
    captions: Sequence[Sequence[CaptionLine]],
    columns: int = 3,
    width: float = FIGURE_WIDTH,
) -> Figure:
    """Draws images in rows, with captions below them.

    The images are drawn pixel by pixel for the resolution DPI, so save the figure without scaling.

    Args:
        images: Images as of `to_pil`, of any sizes.
        captions: The lines below each image; the first one is bold.
        columns: Images per row.
        width: Inches of the figure. A sheet of several times FIGURE_WIDTH has larger captions.
    """
    scale = SHEET_SCALE if width > FIGURE_WIDTH else 1.0
    points, line_height = scale * FONT_POINTS, scale * LINE_HEIGHT
    pil_images = [to_pil(image) for image in images]
    num_lines = max(len(caption) for caption in captions)
    side = (width - GRID_GAP * (columns + 1)) / columns
    aspect = max(image.height / image.width for image in pil_images)
    tallest = side * min(max(aspect, 0.4), 1.4)
    pitch = tallest + line_height * num_lines + 0.06 + GRID_GAP
    height = GRID_GAP + -(-len(pil_images) // columns) * pitch
    figure = Figure((width, height), dpi=DPI)
    canvas = Image.new("RGB", (round(width * DPI), round(height * DPI)), "white")
    for index, (image, caption) in enumerate(zip(pil_images, captions, strict=True)):
        row, column = divmod(index, columns)
        left, top = GRID_GAP + column * (side + GRID_GAP), GRID_GAP + row * pitch
        _paste(canvas, image, (left, top, side, tallest))
        for line_index, line in enumerate(caption):
            below = top + tallest + 0.05 + line_index * line_height
            room = side * (BOLD_WIDTH if line_index == 0 else 1.0)
            room -= text_width(line.prefix, points)
            content = line.prefix + ellipsize(line.text, points, room)
            position = left / width, 1 - below / height
            text = figure.text(*position, content, fontsize=points, color=line.color, va="top")
            if line_index == 0 and has_bold(content):
                text.set(family=FONT_FAMILY, weight="bold")
    figure.figimage(np.asarray(canvas), zorder=-1)
    return figure


def _paste(canvas: Image.Image, image: Image.Image, box: tuple[float, float, float, float]) -> None:
    """Pastes an image with a thin frame at the bottom center of a box.

    Args:
        canvas: The image that is changed.
        image: The image that is pasted.
        box: left, top, width and height in inches.
    """
    left, top, width, height = (round(inches * DPI) for inches in box)
    scaled = fit_in_box(image, width, height)
    x, y = left + (width - scaled.width) // 2, top + height - scaled.height
    background = checkerboard(*scaled.size)
    background.alpha_composite(scaled)
    canvas.paste(background.convert("RGB"), (x, y))
    frame = (x - 1, y - 1, x + scaled.width, y + scaled.height)
    ImageDraw.Draw(canvas).rectangle(frame, outline=RULE)
