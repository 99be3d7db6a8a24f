"""A sheet with small versions of images, a block of rows for each class."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gv_jax.reporting.figures.enlarged import checkerboard, fit_in_box, to_pil

COLUMNS = 12
MAX_ROWS = 10  # of one class, if it is the only one
SIDE = 64  # least length of the longer side of an image, in pixels
GAP = 6
TITLE_HEIGHT = 22
MAX_IMAGES = 1200  # on a sheet


class ContactSheet:
    """Collects the first images of each class.

    Args:
        classes: Class names, in the order of their blocks.
        size: (height, width) of the images.
    """

    def __init__(self, classes: Sequence[str], size: tuple[int, int]) -> None:
        self._images: dict[str, list[np.ndarray]] = {name: [] for name in classes}
        rows = max(min(MAX_ROWS, MAX_IMAGES // COLUMNS // max(len(classes), 1)), 1)
        self._limit = COLUMNS * (rows if len(classes) == 1 else 1)
        height, width = size
        scale = -(-SIDE // max(height, width))  # whole, so that pixels stay squares of one size
        self._box = (width * scale, height * scale)

    def has_room(self, label: str) -> bool:
        """Whether another image of a class is shown."""
        return len(self._images[label]) < self._limit

    def add(self, label: str, image: np.ndarray) -> None:
        """Adds an image, uint8 [h w c], if there is room for it."""
        if self.has_room(label):
            self._images[label].append(image)

    def draw(self) -> Image.Image:
        """The sheet, RGB."""
        width, height = self._box
        counts = {name: len(images) for name, images in self._images.items() if images}
        rows = sum(-(-count // COLUMNS) for count in counts.values())
        columns = min(max(counts.values(), default=1), COLUMNS)
        canvas_size = (
            GAP + columns * (width + GAP),
            GAP + rows * (height + GAP) + len(counts) * TITLE_HEIGHT,
        )
        canvas = Image.new("RGB", canvas_size, "white")
        pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
        top = GAP
        for name in counts:
            pen.text((GAP, top), name, "black", font)
            top += TITLE_HEIGHT
            for position, image in enumerate(self._images[name]):
                row, column = divmod(position, COLUMNS)
                scaled = fit_in_box(to_pil(image), width, height)
                background = checkerboard(*scaled.size)
                background.alpha_composite(scaled)
                place = (GAP + column * (width + GAP), top + row * (height + GAP))
                canvas.paste(background.convert("RGB"), place)
            top += -(-counts[name] // COLUMNS) * (height + GAP)
        return canvas
