"""Fonts of figures: which characters can be drawn, text widths, and shortening of names."""

import functools
import unicodedata
from collections.abc import Sequence

from PIL import ImageFont

FONT_FAMILY = "DejaVu Sans"  # part of matplotlib
FALLBACK_FONTS = (  # used if installed, for characters that it lacks
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
)
MISSING_GLYPH = "□"


@functools.cache
def font_families() -> tuple[str, ...]:
    """The installed fonts, the preferred one first."""
    from matplotlib import font_manager  # slow to import

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return FONT_FAMILY, *(name for name in FALLBACK_FONTS if name in installed)


@functools.cache
def glyphs(family: str, weight: str = "normal") -> frozenset[int]:
    """Code points that a font has."""
    from matplotlib import font_manager  # slow to import

    file = font_manager.findfont(font_manager.FontProperties(family=family, weight=weight))
    return frozenset(font_manager.get_font(file).get_charmap())


def can_draw(character: str) -> bool:
    """Whether any font has it; fallback fonts are opened only if the first one lacks it."""
    return any(ord(character) in glyphs(family) for family in font_families())


def has_bold(text: str) -> bool:
    """Whether the first font has all characters of `text` in bold."""
    return all(ord(character) in glyphs(FONT_FAMILY, "bold") for character in text)


def replace_missing_glyphs(names: Sequence[str]) -> list[str]:
    """`names` on one line each, with a box for every character that no font has.

    Such a name is followed by its number, from 1, which keeps it distinguishable.
    """
    texts = []
    for number, name in enumerate(names, 1):
        line = " ".join(unicodedata.normalize("NFC", name).split())
        text = "".join(character if can_draw(character) else MISSING_GLYPH for character in line)
        texts.append(text if text == line else f"{text} (no. {number})")
    return texts


@functools.cache
def measuring_font() -> ImageFont.FreeTypeFont:
    """The first font at 100 points."""
    from matplotlib import font_manager  # slow to import

    return ImageFont.truetype(font_manager.findfont(FONT_FAMILY), 100)


def text_width(text: str, points: float) -> float:
    """Width of `text` in inches; characters of fallback fonts count as square."""
    measurable = "".join(character for character in text if ord(character) in glyphs(FONT_FAMILY))
    ems = measuring_font().getlength(measurable) / 100 + len(text) - len(measurable)
    return ems * points / 72


def ellipsize(text: str, points: float, inches: float) -> str:
    """Replaces the middle of `text` by an ellipsis if it is wider than `inches`."""
    if text_width(text, points) <= inches:
        return text
    for num_kept in range(len(text) - 1, 1, -1):
        start = text[: (num_kept + 1) // 2].rstrip()
        end = text[len(text) - num_kept // 2 :].lstrip()
        if text_width(f"{start}…{end}", points) <= inches:
            return f"{start}…{end}"
    return "…"
