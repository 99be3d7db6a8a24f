"""From a picture file to the uint8 array that a network gets: checked, resized, with the channels asked for.

Pictures are PIL images of mode L, LA, RGB or RGBA; arrays are uint8 [h w c]. Everything here runs on the
host, once.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

DECODE_VERSION = 1  # of what this file does to pixels: a cache made by another version is not used
MAX_PIXELS = 50_000_000  # far above any game picture; left alone, PIL would decode 178 million
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
    """The message says what is wrong with the picture and leaves its name to the caller."""


def open_image(source: Path | BinaryIO) -> Image.Image:
    """The first frame, decoded, upright (EXIF), of mode L, LA, RGB or RGBA with exactly the file's colours.

    Raises:
        BrokenPicture: no picture, cut short, above MAX_PIXELS (found in the header, never decoded), below
            2x2, or of a kind that 8 bits of grey or RGB cannot hold exactly (16 bits, float, CMYK).
    """
    with open_checked(source, _check_header) as image:
        image.load()
        return ImageOps.exif_transpose(image.convert(_plain_mode(image)))


def encode_for_storage(path: Path) -> bytes:
    """What a prepared set keeps of a file: its own bytes if a plain PNG or JPEG, else the picture as PNG."""
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
    """The picture before decoding, which `check` may refuse; what goes wrong in the body is put down to it too.

    Raises:
        BrokenPicture: no picture, cut short, or above MAX_PIXELS (found in the header, never decoded).
    """
    try:
        with (
            warnings.catch_warnings()
        ):  # PIL's remarks on palettes and EXIF are of no use to anyone here
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(source, formats=IMAGE_FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    size = f"{width}x{height} pixels, more than {MAX_PIXELS:,}"
                    raise CorruptImageError(f"claims to have {size}, and was not decoded")
                check(image)
                yield image
    except CorruptImageError:
        raise
    except UnidentifiedImageError as error:
        raise CorruptImageError(
            "is no picture that can be read (PNG, JPEG, BMP, GIF, WebP)"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise CorruptImageError(
            f"claims to have more than {MAX_PIXELS:,} pixels, and was not decoded"
        ) from error
    except OSError as error:
        raise CorruptImageError(f"cannot be read ({error.strerror or error})") from error
    except (
        Exception
    ) as error:  # decoders raise whatever comes of the bytes: struct.error, IndexError, SyntaxError
        raise CorruptImageError(f"cannot be decoded ({error})") from error


def _check_header(image: ImageFile.ImageFile) -> None:
    width, height = image.size
    if width < 2 or height < 2:
        raise CorruptImageError(f"has only {width}x{height} pixels")
    if any(
        ";16B" in str(tile) for tile in image.tile
    ):  # PIL would silently drop the lower half of RGB
        raise CorruptImageError("has 16 bits a channel; save it with 8")
    _plain_mode(image)


def _plain_mode(image: Image.Image) -> str:
    """The mode of MODES that holds the picture exactly; palettes become what they stand for."""
    clear = image.has_transparency_data
    match image.mode:
        case "1" | "L":
            return "LA" if clear else "L"
        case "P" | "PA" | "RGB":
            return "RGBA" if clear else "RGB"
        case "LA" | "RGBA":
            return image.mode
    raise CorruptImageError(f"has the colour mode {image.mode}; save it as 8-bit grey, RGB or RGBA")


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
    """uint8 [h w c]: `middle`, `resize`, `to_channels`, so that padding gets the background as clear parts do."""
    return to_channels(
        resize(center_crop(image, crop_pct), size, resize_mode, interpolation), channels, background
    )


def center_crop(image: Image.Image, share: float) -> Image.Image:
    """That share of both sides of the picture, from its middle, in whole pixels."""
    width, height = (max(1, round(share * side)) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image if share == 1 else image.crop((left, top, left + width, top + height))


def resize(
    image: Image.Image, size: tuple[int, int], resize_mode: str, interpolation: str
) -> Image.Image:
    """To size (height, width), (0, 0) for as it is; colours hidden under alpha 0 do not bleed (PIL
    premultiplies).

    fit: "stretch" changes the proportions, "crop" fills the size and cuts the longer side equally at both
    ends, "pad" shows all of the picture between transparent margins (so its mode becomes LA or RGBA).
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
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    canvas = Image.new("LA" if image.mode in ("L", "LA") else "RGBA", (width, height))
    canvas.paste(image.resize(inner, method), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return canvas


def to_channels(image: Image.Image, channels: int, background: tuple[int, int, int]) -> np.ndarray:
    """uint8 [h w c]. 4: RGBA, with `background` as the colour of what is fully transparent.

    3: RGB, and 1: grey (ITU-R 601), of the picture laid over `background`.
    """
    if channels == 4:
        pixels = np.array(image.convert("RGBA"))
        pixels[pixels[..., 3] == 0, :3] = background
        return pixels
    if image.mode in ("LA", "RGBA"):
        behind = Image.new("RGBA", image.size, (*background, 255))
        image = Image.alpha_composite(behind, image.convert("RGBA"))
    pixels = np.array(image.convert("RGB" if channels == 3 else "L"))
    return pixels.reshape(*pixels.shape[:2], channels)
