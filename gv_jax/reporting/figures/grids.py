"""Sheets of pictures with a caption below each, in the style of `figures`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from gv_jax.reporting.figures.charts import DPI, FIGURE_WIDTH, RULE, with_style
from gv_jax.reporting.figures.fonts import FONT_FAMILY, ellipsize, has_bold, text_width

GAP, LINE_HEIGHT = 0.1, 0.135  # inches between pictures, and of a line of text
FONT_POINTS = 7
CHECKER_PX = 8  # pixels of the checkerboard that shows through transparent parts
LIGHT, DARK = 255, 226


class CaptionLine(NamedTuple):
    """Of a caption: `before` stands whole, `name` is shortened to what room is left."""

    name: str
    colour: str
    before: str = ""


def to_pil(array: np.ndarray) -> Image.Image:
    """An RGBA picture of uint8 or [0, 1] float numbers [h w] or [h w c] with 1, 3 or 4 channels."""
    array = np.asarray(array)
    if array.dtype != np.uint8:
        array = np.round(np.clip(np.nan_to_num(array), 0, 1) * 255).astype(np.uint8)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return Image.fromarray(array).convert("RGBA")


def fit_in_box(picture: Image.Image, width: int, height: int) -> Image.Image:
    """`picture` as large as the box holds: enlarged with hard edges, made smaller by averaging."""
    scale = min(width / picture.width, height / picture.height)
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    if scale > 1:
        times = int(np.ceil(scale))
        picture = picture.resize(
            (picture.width * times, picture.height * times), Image.Resampling.NEAREST
        )
    return picture.resize(size, Image.Resampling.BOX)


def checkerboard(width: int, height: int) -> Image.Image:
    """Where nothing is: squares that no picture is likely to have of itself."""
    rows, columns = np.arange(height)[:, None] // CHECKER_PX, np.arange(width)[None] // CHECKER_PX
    squares = np.where((rows + columns) % 2, DARK, LIGHT).astype(np.uint8)
    return Image.fromarray(squares).convert("RGBA")


@with_style()
def image_grid(
    pictures: Sequence[np.ndarray], captions: Sequence[Sequence[CaptionLine]], columns: int = 3
) -> Figure:
    """`pictures` in rows of `columns`, below each the lines of its caption, the first in bold.

    Save it as it is: pictures are drawn pixel by pixel for `DPI`.
    """
    shown = [to_pil(picture) for picture in pictures]
    lines = max(len(caption) for caption in captions)
    side = (FIGURE_WIDTH - GAP * (columns + 1)) / columns
    tallest = side * min(max(max(picture.height / picture.width for picture in shown), 0.4), 1.4)
    pitch = tallest + LINE_HEIGHT * lines + 0.06 + GAP
    rows = -(-len(shown) // columns)
    height = GAP + rows * pitch
    figure = Figure((FIGURE_WIDTH, height), dpi=DPI)
    canvas = Image.new("RGB", (round(FIGURE_WIDTH * DPI), round(height * DPI)), "white")
    for place, (picture, caption) in enumerate(zip(shown, captions, strict=True)):
        left, top = GAP + (place % columns) * (side + GAP), GAP + (place // columns) * pitch
        _paste(canvas, picture, (left, top, side, tallest))
        for number, line in enumerate(caption):
            below = top + tallest + 0.05 + number * LINE_HEIGHT
            room = side * (0.88 if number == 0 else 1.0) - text_width(
                line.before, FONT_POINTS
            )  # bold is wider
            text = line.before + ellipsize(line.name, FONT_POINTS, room)
            place = left / FIGURE_WIDTH, 1 - below / height
            drawn = figure.text(*place, text, fontsize=FONT_POINTS, color=line.colour, va="top")
            if number == 0 and has_bold(text):
                drawn.set(family=FONT_FAMILY, weight="bold")
    figure.figimage(np.asarray(canvas), zorder=-1)
    return figure


def _paste(
    canvas: Image.Image, picture: Image.Image, box: tuple[float, float, float, float]
) -> None:
    """Pastes `picture` with a thin frame, in the bottom middle of `box`: left, top, width, height in inches."""
    left, top, width, height = (round(inches * DPI) for inches in box)
    scaled = fit_in_box(picture, width, height)
    x, y = left + (width - scaled.width) // 2, top + height - scaled.height
    ground = checkerboard(*scaled.size)
    ground.alpha_composite(scaled)
    canvas.paste(ground.convert("RGB"), (x, y))
    ImageDraw.Draw(canvas).rectangle(
        (x - 1, y - 1, x + scaled.width, y + scaled.height), outline=RULE
    )
