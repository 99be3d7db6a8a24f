"""Image file -> uint8 array: decoding with checks, resizing and conversion of channels.

Decoded images are PIL images of mode L, LA, RGB or RGBA; arrays are uint8 [h w c]. Everything here
runs on the host, once per image.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from gv_jax.data.formats import jpeg, png
from gv_jax.data.formats.exif import read_orientation, transpose
from gv_jax.data.formats.first_frame import open_header, read_first_frame, read_header
from gv_jax.data.formats.header import CorruptImageError, Header
from gv_jax.errors import UserError, unknown

DECODE_VERSION = 3  # version of the resulting pixels; caches of another version are not used
IMAGE_MODES = ("L", "LA", "RGB", "RGBA")
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}
RESIZE_MODES = ("stretch", "crop", "pad")
CHANNEL_MODES = (1, 3, 4)


def open_image(source: Path | BinaryIO) -> Image.Image:
    """The first frame, decoded and upright (EXIF), of mode L, LA, RGB or RGBA with exact colors.

    Raises:
        CorruptImageError: No image, truncated, above MAX_PIXELS (read from the header, not
            decoded), below 2x2, or in a mode that 8-bit gray or RGB cannot represent exactly
            (16 bits, float, CMYK).
    """
    return open_with_remarks(source)[0]


def open_with_remarks(source: Path | BinaryIO) -> tuple[Image.Image, tuple[str, ...]]:
    """`open_image`, and a remark "has ...; ..." on all that the image does not preserve."""
    frame = read_first_frame(source, _check_header)
    image = frame.image.convert(_plain_mode(frame.image.mode, frame.image.has_transparency_data))
    return transpose(image, frame.orientation), frame.remarks


def encode_for_storage(path: Path) -> bytes:
    """The bytes of an upright PNG or JPEG without palette; other files are encoded as PNG."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorruptImageError(f"cannot be read ({error.strerror})") from error
    if data.startswith(jpeg.MAGIC) and data.endswith(jpeg.END_OF_IMAGE):
        with open_header(io.BytesIO(data)) as image:  # not decoded, for speed
            header = read_header(image)
            upright = read_orientation(image) == 1
        if upright and header.mode == _plain_mode(header.mode, header.transparent):
            return data
    elif data.startswith(png.MAGIC):
        frame = read_first_frame(io.BytesIO(data), _check_header)
        mode = _plain_mode(frame.header.mode, frame.header.transparent)
        if frame.orientation == 1 and frame.header.mode == mode and not frame.remarks:
            return data
    buffer = io.BytesIO()
    open_image(path).save(buffer, "PNG")
    return buffer.getvalue()


def _check_header(header: Header) -> None:
    width, height = header.size
    if width < 2 or height < 2:
        raise CorruptImageError(f"has only {width}x{height} pixels")
    if header.deep:  # PIL would silently drop the lower 8 bits of RGB
        raise CorruptImageError("has 16 bits per channel; save it with 8")
    _plain_mode(header.mode, header.transparent)


def _plain_mode(mode: str, transparent: bool) -> str:
    """The mode of IMAGE_MODES that represents the image exactly; palettes become their colors."""
    match mode:
        case "1" | "L":
            return "LA" if transparent else "L"
        case "P" | "PA" | "RGB":
            return "RGBA" if transparent else "RGB"
        case "LA" | "RGBA":
            return mode
    raise CorruptImageError(f"has color mode {mode}; save it as 8-bit gray, RGB or RGBA")


def check_options(
    size: Sequence[int],
    channels: int,
    resize_mode: str,
    interpolation: str,
    background: Sequence[int],
) -> None:
    """Raises UserError for options of `to_array` that are not valid; names the field."""
    if len(size) != 2 or min(size) < 0 or (0 in size and tuple(size) != (0, 0)):
        raise UserError(
            f"--config.data.size={size!r} must be (height, width) in pixels, or (0, 0) for "
            "unchanged."
        )
    if channels not in CHANNEL_MODES:
        raise UserError(
            f"--config.data.channels={channels!r} must be 1 (gray), 3 (RGB) or 4 (RGBA)."
        )
    if resize_mode not in RESIZE_MODES:
        raise unknown("value of config.data.resize_mode", resize_mode, RESIZE_MODES)
    if interpolation not in INTERPOLATIONS:
        raise unknown("value of config.data.interpolation", interpolation, INTERPOLATIONS)
    if len(background) != 3 or any(value not in range(256) for value in background):
        raise UserError(
            f"--config.data.background={background!r} must be (red, green, blue), each 0 to 255."
        )


def to_array(
    image: Image.Image,
    *,
    size: tuple[int, int],
    channels: int,
    resize_mode: str,
    interpolation: str,
    background: tuple[int, int, int],
    crop_pct: float = 1.0,
) -> np.ndarray:
    """uint8 [h w c]: `center_crop`, `resize` and `to_channels`.

    Channels come last, so that padding gets the background as transparent pixels do.

    Args:
        image: A decoded image.
        size: (height, width) in pixels; (0, 0) for unchanged.
        channels: 1 gray, 3 RGB, 4 RGBA.
        resize_mode: "stretch", "crop" or "pad", see `resize`.
        interpolation: A name in INTERPOLATIONS.
        background: RGB under transparent pixels, each 0 to 255.
        crop_pct: Fraction of both sides kept by a center crop before the resize.
    """
    return to_channels(
        resize(center_crop(image, crop_pct), size, resize_mode, interpolation), channels, background
    )


def center_crop(image: Image.Image, fraction: float) -> Image.Image:
    """The center of the image: this fraction of both sides, rounded to whole pixels."""
    width, height = (max(1, round(fraction * side)) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image if fraction == 1 else image.crop((left, top, left + width, top + height))


def resize(
    image: Image.Image, size: tuple[int, int], resize_mode: str, interpolation: str
) -> Image.Image:
    """Resizes an image; colors under alpha 0 do not bleed, because PIL premultiplies.

    Args:
        image: A decoded image.
        size: (height, width) in pixels; (0, 0) for unchanged.
        resize_mode: "stretch" changes the aspect ratio. "crop" fills the size and cuts the longer
            side equally at both ends. "pad" adds transparent margins, so the mode becomes LA or
            RGBA.
        interpolation: A name in INTERPOLATIONS.
    """
    height, width = size
    if size in ((0, 0), (image.height, image.width)):
        return image
    method = INTERPOLATIONS[interpolation]
    if resize_mode == "stretch":
        return image.resize((width, height), method)
    if resize_mode == "crop":
        scale = max(width / image.width, height / image.height)
        left, top = (image.width - width / scale) / 2, (image.height - height / scale) / 2
        box = (
            max(left, 0),
            max(top, 0),
            min(image.width - left, image.width),
            min(image.height - top, image.height),
        )
        return image.resize((width, height), method, box)
    scale = min(width / image.width, height / image.height)
    inner_width = max(1, round(image.width * scale))
    inner_height = max(1, round(image.height * scale))
    canvas = Image.new("LA" if image.mode in ("L", "LA") else "RGBA", (width, height))
    offset = (width - inner_width) // 2, (height - inner_height) // 2
    canvas.paste(image.resize((inner_width, inner_height), method), offset)
    return canvas


def to_channels(image: Image.Image, channels: int, background: tuple[int, int, int]) -> np.ndarray:
    """The image as an array with a given number of channels.

    Args:
        image: A decoded image.
        channels: 1 gray (ITU-R BT.601) or 3 RGB, composited over `background`; 4 RGBA, with
            `background` as the color of fully transparent pixels.
        background: RGB, each 0 to 255.

    Returns:
        uint8 [h w c].
    """
    if channels == 4:
        pixels = np.array(image.convert("RGBA"))
        pixels[pixels[..., 3] == 0, :3] = background
        return pixels
    if image.mode in ("LA", "RGBA"):
        canvas = Image.new("RGBA", image.size, (*background, 255))
        image = Image.alpha_composite(canvas, image.convert("RGBA"))
    pixels = np.array(image.convert("RGB" if channels == 3 else "L"))
    return pixels.reshape(*pixels.shape[:2], channels)
