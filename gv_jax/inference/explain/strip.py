"""Images side by side with a caption below each, as one image."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gv_jax.inference.explain.overlay import MIN_SIDE, enlarge, to_rgb
from gv_jax.inference.files.path_text import escape_path
from gv_jax.inference.stored.neighbors import Neighbor
from gv_jax.reporting.figures.fonts import MISSING_GLYPH, can_draw, font_families, glyphs

FONT_PX, LINE_PX, GAP = 14, 18, 8  # pixels
THUMBNAIL_SIDE = MIN_SIDE // 2  # pixels; smaller thumbnails are enlarged to at least this
PAGE, INK = (255, 255, 255), (32, 32, 32)
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def draw_neighbors(neighbors: Sequence[Neighbor]) -> np.ndarray:
    """The thumbnails of training images with label, distance and id; uint8 [H W 3]."""
    missing = np.full((THUMBNAIL_SIDE, THUMBNAIL_SIDE, 3), PAGE, np.uint8)
    images, captions = [], []
    for neighbor in neighbors:
        stored = neighbor.thumbnail
        if stored is not None:
            pixels = stored[..., None] if stored.ndim == 2 else stored
            stored = enlarge(to_rgb(pixels), THUMBNAIL_SIDE)
        images.append(missing if stored is None else stored)
        captions.append([neighbor.label, f"distance {neighbor.distance:.2f}", neighbor.id])
    return draw_strip(images, captions)


def draw_strip(images: Sequence[np.ndarray], captions: Sequence[Sequence[str]]) -> np.ndarray:
    """A row of images with captions.

    Args:
        images: At least one, uint8 [h w 3], of any sizes.
        captions: Lines below each; what does not fit loses its middle.

    Returns:
        uint8 [H W 3].
    """
    widths = [max(image.shape[1], THUMBNAIL_SIDE) for image in images]
    height = max(image.shape[0] for image in images)
    lines = max(map(len, captions))
    page = Image.new(
        "RGB", (sum(widths) + GAP * (len(widths) + 1), height + LINE_PX * lines + 3 * GAP), PAGE
    )
    draw = ImageDraw.Draw(page)
    left = GAP
    for image, width, texts in zip(images, widths, captions, strict=True):
        page.paste(Image.fromarray(image), (left, GAP + height - image.shape[0]))
        for line, text in enumerate(texts):
            top = height + 2 * GAP + line * LINE_PX
            shown = "".join(char if can_draw(char) else MISSING_GLYPH for char in escape_path(text))
            font = find_font(shown)
            draw.text((left, top), shorten(shown, font, width), INK, font)
        left += width + GAP
    return np.asarray(page)


def find_font(text: str) -> ImageFont.FreeTypeFont:
    """The first font that has all characters; the preferred one if none has."""
    families = font_families()
    complete = (name for name in families if all(ord(char) in glyphs(name) for char in text))
    return load_font(next(complete, families[0]))


@cache
def load_font(family: str) -> ImageFont.FreeTypeFont:
    from matplotlib import font_manager  # slow to import

    return ImageFont.truetype(font_manager.findfont(family), FONT_PX)


def shorten(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """The text, or as much of its start and end as `width` pixels hold."""
    kept = len(text)
    shown = text
    while font.getlength(shown) > width and kept > 1:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}{ELLIPSIS}{text[len(text) - kept // 2 :]}"
    return shown
