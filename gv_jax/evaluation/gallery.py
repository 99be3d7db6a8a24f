"""Sheets of pictures with a caption below each, in the style of `figures`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from gv_jax.evaluation.figures import DPI, RULE, WIDTH, style
from gv_jax.evaluation.lettering import FONT, has_bold, shortened, width_of

GAP, LINE = 0.1, 0.135  # inches between pictures, and of a line of text
POINTS = 7
SQUARE = 8  # pixels of the checkerboard that shows through transparent parts
LIGHT, DARK = 255, 226


class Line(NamedTuple):
    """Of a caption: `before` stands whole, `name` is shortened to what room is left."""

    name: str
    colour: str
    before: str = ""


def to_picture(array: np.ndarray) -> Image.Image:
    """An RGBA picture of uint8 or [0, 1] float numbers [h w] or [h w c] with 1, 3 or 4 channels."""
    array = np.asarray(array)
    if array.dtype != np.uint8:
        array = np.round(np.clip(np.nan_to_num(array), 0, 1) * 255).astype(np.uint8)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return Image.fromarray(array).convert("RGBA")


def fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """`picture` as large as the box holds: enlarged with hard edges, made smaller by averaging."""
    scale = min(width / picture.width, height / picture.height)
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    if scale > 1:
        times = int(np.ceil(scale))
        picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    return picture.resize(size, Image.Resampling.BOX)


def checkerboard(width: int, height: int) -> Image.Image:
    """Where nothing is: squares that no picture is likely to have of itself."""
    rows, columns = np.arange(height)[:, None] // SQUARE, np.arange(width)[None] // SQUARE
    squares = np.where((rows + columns) % 2, DARK, LIGHT).astype(np.uint8)
    return Image.fromarray(squares).convert("RGBA")


@style()
def sheet(pictures: Sequence[np.ndarray], captions: Sequence[Sequence[Line]], columns: int = 3) -> Figure:
    """`pictures` in rows of `columns`, below each the lines of its caption, the first in bold.

    Save it as it is: pictures are drawn pixel by pixel for `DPI`.
    """
    shown = [to_picture(picture) for picture in pictures]
    lines = max(len(caption) for caption in captions)
    side = (WIDTH - GAP * (columns + 1)) / columns
    tallest = side * min(max(max(picture.height / picture.width for picture in shown), 0.4), 1.4)
    pitch = tallest + LINE * lines + 0.06 + GAP
    rows = -(-len(shown) // columns)
    height = GAP + rows * pitch
    figure = Figure((WIDTH, height), dpi=DPI)
    canvas = Image.new("RGB", (round(WIDTH * DPI), round(height * DPI)), "white")
    for place, (picture, caption) in enumerate(zip(shown, captions, strict=True)):
        left, top = GAP + (place % columns) * (side + GAP), GAP + (place // columns) * pitch
        put(canvas, picture, (left, top, side, tallest))
        for number, line in enumerate(caption):
            below = top + tallest + 0.05 + number * LINE
            room = side * (0.88 if number == 0 else 1.0) - width_of(line.before, POINTS)  # bold is wider
            text = line.before + shortened(line.name, POINTS, room)
            place = left / WIDTH, 1 - below / height
            drawn = figure.text(*place, text, fontsize=POINTS, color=line.colour, va="top")
            if number == 0 and has_bold(text):
                drawn.set(family=FONT, weight="bold")
    figure.figimage(np.asarray(canvas), zorder=-1)
    return figure


def put(canvas: Image.Image, picture: Image.Image, box: tuple[float, float, float, float]) -> None:
    """Pastes `picture` with a thin frame, in the bottom middle of `box`: left, top, width, height in inches."""
    left, top, width, height = (round(inches * DPI) for inches in box)
    scaled = fitted(picture, width, height)
    x, y = left + (width - scaled.width) // 2, top + height - scaled.height
    ground = checkerboard(*scaled.size)
    ground.alpha_composite(scaled)
    canvas.paste(ground.convert("RGB"), (x, y))
    ImageDraw.Draw(canvas).rectangle((x - 1, y - 1, x + scaled.width, y + scaled.height), outline=RULE)
