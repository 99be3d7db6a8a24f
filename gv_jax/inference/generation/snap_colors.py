"""Replaces the colors of images by those of a palette."""

import re
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from gv_jax.data.formats.header import CorruptImageError
from gv_jax.errors import UserError
from gv_jax.image.color import rgb8_to_lab
from gv_jax.image.palette import color_histogram, fit_palette
from gv_jax.inference.image_file import read_image

MAX_PALETTE = 4096  # colors of a palette file
TEXT_SUFFIXES = (".hex", ".gpl", ".pal", ".txt")
HEX_COLOR = re.compile(r"^\s*#?([0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?)\s*$")
ARGB_HEADER = ";paint.net"  # first line of files whose colors are AARRGGBB
RGB_COLOR = re.compile(r"^\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})(?:\s.*)?$")


def snap_colors(images: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Replaces each color by the nearest one in CIELAB; alpha is kept.

    Args:
        images: uint8 [n h w c], gray, RGB or RGBA.
        palette: uint8 [k 3].

    Returns:
        uint8 [n h w c]; of gray images, the mean of the color's channels.
    """
    channels = images.shape[-1]
    colors = np.repeat(images, 3, -1) if channels == 1 else images[..., :3]
    distinct, index = np.unique(colors.reshape(-1, 3), axis=0, return_inverse=True)
    nearest = KDTree(rgb8_to_lab(palette)).query(rgb8_to_lab(distinct))[1]
    snapped = palette[nearest][index.reshape(-1)].reshape(colors.shape)
    if channels == 1:
        return snapped.mean(-1, keepdims=True).round().astype(np.uint8)
    if channels == 3:
        return snapped
    snapped = np.where(images[..., 3:] > 0, snapped, np.uint8(0))
    return np.concatenate([snapped, images[..., 3:]], -1)


def limit_colors(images: np.ndarray, count: int) -> np.ndarray:
    """Reduces each image, uint8 [n h w c], to `count` colors of its own, chosen by k-means."""
    return np.concatenate([images[:0], *(_limit_one(image, count) for image in images)])


def _limit_one(image: np.ndarray, count: int) -> np.ndarray:
    channels = image.shape[-1]
    shown = image[image[..., 3] > 0] if channels == 4 else image.reshape(-1, channels)
    if not len(shown):
        return image[None]
    colors = np.repeat(shown, 3, -1) if channels == 1 else shown[:, :3]
    return snap_colors(image[None], fit_palette(color_histogram(colors[None, None]), count))


def read_palette(file: Path) -> np.ndarray:
    """The colors of a palette file, uint8 [k 3].

    Args:
        file: An image, whose colors are taken, or a text file: a color per line as RRGGBB (of
            Paint.NET as AARRGGBB), or as three numbers from 0 to 255 (GIMP's .gpl, JASC's .pal).

    Raises:
        UserError: It cannot be read, or has no colors or more than MAX_PALETTE.
    """
    try:
        if file.suffix.lower() in TEXT_SUFFIXES:
            colors = _parse_colors(file.read_text("utf-8-sig", "replace"))
        else:
            colors = _image_colors(read_image(file).pixels)
    except OSError as error:
        raise _make_error(file, f"cannot be read ({error.strerror})") from error
    except CorruptImageError as error:
        raise _make_error(file, str(error)) from error
    if not len(colors):
        raise _make_error(file, "has no colors")
    if len(colors) > MAX_PALETTE:
        raise UserError(
            f"palette {file} has {len(colors):,} colors: give one of 1 to {MAX_PALETTE:,}"
        )
    return colors


def _make_error(file: Path, defect: str) -> UserError:
    return UserError(
        f"palette {file} {defect}: give an image, or a text file ({', '.join(TEXT_SUFFIXES)}) "
        "with a color per line, as in ff8800 or 255 136 0"
    )


def _image_colors(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[-1] in (2, 4):
        pixels = pixels[pixels[..., -1] > 0][:, :-1]
    colors = pixels.reshape(-1, pixels.shape[-1])
    colors = np.repeat(colors, 3, -1) if colors.shape[-1] == 1 else colors
    return np.unique(colors, axis=0)


def _parse_colors(text: str) -> np.ndarray:
    colors = []
    skipped = 2 if text.lower().startswith(ARGB_HEADER) else 0  # digits of alpha
    for line in text.splitlines():
        if match := HEX_COLOR.match(line):
            digits = match[1] if len(match[1]) == 6 else match[1][skipped:][:6]
            colors.append(tuple(bytes.fromhex(digits)))
        elif match := RGB_COLOR.match(line):
            values = tuple(map(int, match.groups()))
            if max(values) <= 255:
                colors.append(values)
    return np.array(list(dict.fromkeys(colors)), np.uint8).reshape(-1, 3)
