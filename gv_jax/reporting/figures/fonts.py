"""Which letters can be drawn, how wide they come out, and what to do with names that don't fit."""

import functools
import unicodedata
from collections.abc import Sequence

from matplotlib import font_manager
from PIL import ImageFont

FONT_FAMILY = "DejaVu Sans"  # comes with matplotlib
FALLBACK_FONTS = (  # for letters that it lacks, where they are installed
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
    """Fonts to draw with: for each letter the first that has it."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return FONT_FAMILY, *(name for name in FALLBACK_FONTS if name in installed)


@functools.cache
def glyphs(family: str, weight: str = "normal") -> frozenset[int]:
    """Code points of all letters of a font."""
    file = font_manager.findfont(font_manager.FontProperties(family=family, weight=weight))
    return frozenset(font_manager.get_font(file).get_charmap())


def can_draw(letter: str) -> bool:
    """Whether a font has it; other fonts are only opened for letters that the first one lacks."""
    return any(ord(letter) in glyphs(family) for family in font_families())


def has_bold(text: str) -> bool:
    """Whether the first font has all of `text` in bold."""
    return all(ord(letter) in glyphs(FONT_FAMILY, "bold") for letter in text)


def replace_missing_glyphs(names: Sequence[str]) -> list[str]:
    """`names` on one line each, a box for every letter that no font has; behind those the name's place, from 1."""
    texts = []
    for place, name in enumerate(names, 1):
        flat = " ".join(unicodedata.normalize("NFC", name).split())
        text = "".join(letter if can_draw(letter) else MISSING_GLYPH for letter in flat)
        texts.append(text if text == flat else f"{text} (no. {place})")
    return texts


@functools.cache
def measuring_font() -> ImageFont.FreeTypeFont:
    """The font at 100 points."""
    return ImageFont.truetype(font_manager.findfont(FONT_FAMILY), 100)


def text_width(text: str, points: float) -> float:
    """Inches that `text` takes; letters of other fonts are taken for as wide as high."""
    own = "".join(letter for letter in text if ord(letter) in glyphs(FONT_FAMILY))
    return (measuring_font().getlength(own) / 100 + len(text) - len(own)) * points / 72


def ellipsize(text: str, points: float, inches: float) -> str:
    """`text` without so much of its middle that it fits."""
    if text_width(text, points) <= inches:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = text[: (kept + 1) // 2].rstrip() + "…" + text[len(text) - kept // 2 :].lstrip()
        if text_width(short, points) <= inches:
            return short
    return "…"
