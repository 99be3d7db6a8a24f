"""Image file -> uint8 array: decoding with checks, resizing and conversion of channels.

Decoded images are PIL images of mode L, LA, RGB or RGBA; arrays are uint8 [h w c]. Everything here
runs on the host, once per image.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

DECODE_VERSION = 1  # version of the resulting pixels; caches of another version are not used
MAX_PIXELS = 50_000_000  # far above any game image; PIL itself would decode up to 178 million
IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
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


class CorruptImageError(Exception):
    """An image that cannot be used. The caller puts the file name before the message."""


def open_image(source: Path | BinaryIO) -> Image.Image:
    """The first frame, decoded and upright (EXIF), of mode L, LA, RGB or RGBA with exact colors.

    Raises:
        CorruptImageError: No image, truncated, above MAX_PIXELS (read from the header, not
            decoded), below 2x2, or in a mode that 8-bit gray or RGB cannot represent exactly
            (16 bits, float, CMYK).
    """
    with open_checked(source, _check_header) as image:
        image.load()
        return ImageOps.exif_transpose(image.convert(_plain_mode(image)))


def encode_for_storage(path: Path) -> bytes:
    """The bytes of an upright PNG or JPEG without palette; other files are encoded as PNG."""
    with open_checked(path, _check_header) as image:
        upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
        if upright and image.mode == _plain_mode(image) and image.format in ("PNG", "JPEG", "MPO"):
            return path.read_bytes()
    buffer = io.BytesIO()
    open_image(path).save(buffer, "PNG")
    return buffer.getvalue()


@contextmanager
def open_checked(
    source: Path | BinaryIO, check: Callable[[ImageFile.ImageFile], None]
) -> Iterator[ImageFile.ImageFile]:
    """Opens an image; errors in the body of the `with` statement become CorruptImageErrors too.

    Args:
        source: File, or a binary stream.
        check: Called with the image before decoding; may raise CorruptImageError.

    Raises:
        CorruptImageError: No image, truncated, or above MAX_PIXELS (read from the header, not
            decoded).
    """
    try:
        with warnings.catch_warnings():  # PIL warns about palettes and EXIF that do no harm
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(source, formats=IMAGE_FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise CorruptImageError(
                        f"has {width}x{height} pixels, above the limit of {MAX_PIXELS:,}"
                    )
                check(image)
                yield image
    except CorruptImageError:
        raise
    except UnidentifiedImageError as error:
        raise CorruptImageError("is not a readable image (PNG, JPEG, BMP, GIF or WebP)") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise CorruptImageError(
            f"has a number of pixels above the limit of {MAX_PIXELS:,}"
        ) from error
    except OSError as error:
        raise CorruptImageError(f"cannot be read ({error.strerror or error})") from error
    except Exception as error:  # decoders also raise struct.error, IndexError, SyntaxError, ...
        raise CorruptImageError(f"cannot be decoded ({error})") from error


def _check_header(image: ImageFile.ImageFile) -> None:
    width, height = image.size
    if width < 2 or height < 2:
        raise CorruptImageError(f"has only {width}x{height} pixels")
    # PIL would silently drop the lower 8 bits of RGB.
    if any(";16B" in str(tile) for tile in image.tile):
        raise CorruptImageError("has 16 bits per channel; save it with 8")
    _plain_mode(image)


def _plain_mode(image: Image.Image) -> str:
    """The mode of IMAGE_MODES that represents the image exactly; palettes become their colors."""
    transparent = image.has_transparency_data
    match image.mode:
        case "1" | "L":
            return "LA" if transparent else "L"
        case "P" | "PA" | "RGB":
            return "RGBA" if transparent else "RGB"
        case "LA" | "RGBA":
            return image.mode
    raise CorruptImageError(f"has color mode {image.mode}; save it as 8-bit gray, RGB or RGBA")


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
