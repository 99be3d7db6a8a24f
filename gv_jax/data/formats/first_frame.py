"""First frame of an image file of any supported format, with exact pixels and transparency."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError

from gv_jax.data.formats import avif, bmp, ico, jpeg, png, tga
from gv_jax.data.formats.exif import read_orientation
from gv_jax.data.formats.header import CorruptImageError, Header
from gv_jax.data.formats.silence import silence_warnings

MAX_PIXELS = 50_000_000  # far above any game image; PIL itself would decode up to 178 million
IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "TGA", "DDS", "AVIF", "ICO")
# BMP has a reader of its own, of ICO one image is extracted; TGA has no magic number, so Pillow
# takes much else for it
PILLOW_FORMATS = tuple(name for name in IMAGE_FORMATS if name not in ("BMP", "ICO", "TGA"))
FORMAT_NAMES = "PNG, JPEG, BMP, GIF, WebP, TIFF, TGA, DDS, AVIF or ICO"
DEEP = re.compile(r"(?<!BGR);16|BC6")  # of the arguments of Pillow's decoders
REPAIRS = {png.MAGIC: png.iter_repairs, jpeg.MAGIC: jpeg.iter_repairs}
ANIMATED_FORMATS = ("PNG", "GIF", "WEBP", "TIFF", "AVIF")
Check = Callable[[Header], None]


@dataclass(frozen=True)
class FirstFrame:
    """A decoded image as it is stored: palettes not resolved, not upright.

    Attributes:
        image: its `info["transparency"]` is in units of its pixels.
        header: of the file.
        orientation: 1 to 8, see `exif.transpose`.
        remarks: what of the file the image does not preserve, each "has ...; ...".
    """

    image: Image.Image
    header: Header
    orientation: int = 1
    remarks: tuple[str, ...] = ()


def read_first_frame(source: Path | BinaryIO, check: Check) -> FirstFrame:
    """Decodes the first frame of an image file.

    Files that Pillow cannot read because of metadata or a missing end mark are repaired in memory.

    Args:
        source: file, or a binary stream with an image only.
        check: called before decoding; may raise CorruptImageError.

    Raises:
        CorruptImageError: no image, truncated, or above MAX_PIXELS (read from the header, not
            decoded).
    """

    def check_all(header: Header) -> None:
        width, height = header.size
        if width * height > MAX_PIXELS:
            raise CorruptImageError(
                f"has {width}x{height} pixels, above the limit of {MAX_PIXELS:,}"
            )
        check(header)

    with _explain_errors(), _open(source) as stream:
        prefix = stream.read(tga.HEADER_SIZE)
        stream.seek(0)
        if prefix.startswith(b"BM"):
            return FirstFrame(*_read_bmp(stream.read(), check_all))
        if prefix.startswith(ico.MAGIC):  # of TGA, this would be a palette image without one
            return _read_ico(stream.read(), check_all)
        try:
            return _decode(stream, check_all, PILLOW_FORMATS)
        except (CorruptImageError, Image.DecompressionBombError):
            raise
        except Exception as error:  # decoders raise struct.error, IndexError, SyntaxError, ...
            failure = error
        stream.seek(0)
        frame = _retry(stream.read(), source, prefix, check_all)
        if frame is None:
            if prefix.startswith(tuple(REPAIRS)) and isinstance(failure, UnidentifiedImageError):
                raise CorruptImageError("is damaged in its header") from failure
            raise failure
        return frame


@contextmanager
def open_header(source: Path | BinaryIO) -> Iterator[ImageFile.ImageFile]:
    """Opens an image without decoding it; errors in the body become CorruptImageErrors too.

    Raises:
        CorruptImageError: Pillow cannot open it.
    """
    with _explain_errors(), _open_image(source, IMAGE_FORMATS) as image:
        yield image


def read_header(image: ImageFile.ImageFile) -> Header:
    """The header of an opened image that is not decoded yet."""
    deep = image.mode.startswith("I;16") or any(DEEP.search(str(tile.args)) for tile in image.tile)
    transparent = image.has_transparency_data
    return Header(str(image.format), image.size, image.mode, transparent, deep)


def _read_bmp(data: bytes, check: Check) -> tuple[Image.Image, Header, int, tuple[str, ...]]:
    image, header, remarks = bmp.read_bmp(data, check)
    return image, header, 1, remarks


def _read_ico(data: bytes, check: Check) -> FirstFrame:
    image, count = ico.extract_largest(data)
    frame = _decode(io.BytesIO(image), check, ("ICO", "PNG"))
    fixed = ico.fix_alpha(frame.image, image)
    remarks = (f"has {count} sizes; only the largest is used",) * (count > 1)
    return replace(frame, image=fixed, remarks=(*remarks, *frame.remarks))


def _retry(data: bytes, source: object, prefix: bytes, check: Check) -> FirstFrame | None:
    """The frame of a file that Pillow rejects at first, or None."""
    path = source if isinstance(source, Path) else None
    for magic, iter_repairs in REPAIRS.items():
        if not prefix.startswith(magic):
            continue
        for repaired, remarks in iter_repairs(data):
            try:
                frame = _decode(io.BytesIO(repaired), check, PILLOW_FORMATS)
            except CorruptImageError:
                raise
            except Exception:  # also damaged in another way
                continue
            return replace(frame, remarks=(*remarks, *frame.remarks))
        return None
    if not tga.is_tga(data, path):
        return None
    frame = _decode(io.BytesIO(data), check, ("TGA",))
    image, remarks = tga.fix_alpha(frame.image, prefix)
    return replace(frame, image=image, remarks=(*remarks, *frame.remarks))


def _decode(stream: BinaryIO, check: Check, formats: tuple[str, ...]) -> FirstFrame:
    with _open_image(stream, formats) as image:
        is_png = image.format == "PNG"
        transparency = png.read_transparency(image, stream) if is_png else None
        header = read_header(image)
        check(header)
        image.load()
        if is_png and transparency is None:
            image.info.pop("transparency", None)  # of a chunk behind the pixels
        elif is_png:
            image.info["transparency"] = transparency
        orientation = read_orientation(image)
        if is_png and header.deep and isinstance(transparency, tuple):
            image.putalpha(Image.fromarray(png.read_deep_alpha(stream, transparency)))
        # Pillow looks for a second frame of these by seeking, which discards the first
        first = image.copy() if image.format in ("GIF", "TIFF") else image
        remarks = ("has further frames; only the first is used",) * _is_animated(image)
    return FirstFrame(first, header, orientation, remarks)


def _open_image(source: Path | BinaryIO, formats: tuple[str, ...]) -> ImageFile.ImageFile:
    """Opens an image with Pillow; an AVIF whose Exif block cannot be parsed without that block."""
    try:
        return Image.open(source, formats=formats)
    except (UnidentifiedImageError, ValueError):  # the latter of libavif
        if isinstance(source, Path):
            data = source.read_bytes()
        else:
            source.seek(0)
            data = source.read()
        repaired = avif.remove_exif(data)
        if repaired is None:
            raise
        return Image.open(io.BytesIO(repaired), formats=formats)


def _is_animated(image: ImageFile.ImageFile) -> bool:
    if image.format not in ANIMATED_FORMATS:
        return False
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # the second frame is damaged
        return True


@contextmanager
def _open(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        with open(source, "rb") as stream:
            yield stream
    else:
        yield source


@contextmanager
def _explain_errors() -> Iterator[None]:
    """Turns every error into a CorruptImageError, and silences warnings."""
    try:
        with silence_warnings():  # PIL warns about palettes and EXIF that do no harm
            yield
    except CorruptImageError:
        raise
    except UnidentifiedImageError as error:
        raise CorruptImageError(f"is not a readable image ({FORMAT_NAMES})") from error
    except Image.DecompressionBombError as error:
        raise CorruptImageError(
            f"has a number of pixels above the limit of {MAX_PIXELS:,}"
        ) from error
    except OSError as error:
        raise CorruptImageError(f"cannot be read ({error.strerror or error})") from error
    except Exception as error:  # decoders also raise struct.error, IndexError, SyntaxError, ...
        raise CorruptImageError(f"cannot be decoded ({error})") from error
