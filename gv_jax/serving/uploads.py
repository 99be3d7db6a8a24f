"""Bytes from a client -> uint8 arrays; the first bytes of a file say what it is, not its name."""

import base64
import io
import re
from pathlib import PurePosixPath, PureWindowsPath

import numpy as np
from PIL import Image

from gv_jax.data.formats.first_frame import open_header
from gv_jax.data.formats.header import CorruptImageError
from gv_jax.errors import UserError
from gv_jax.inference.image_file import read_image

IMAGE_KINDS = ("png", "jpeg", "gif", "webp", "bmp")
CLIP_SUFFIXES = {"mp4": ".mp4", "webm": ".webm", "gif": ".gif", "png": ".png", "webp": ".webp"}
SIGNATURES = {
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "gif": re.compile(rb"GIF8[79]a"),
    "webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "bmp": re.compile(rb"BM"),
    "mp4": re.compile(rb"\x00\x00..ftyp", re.DOTALL),
    "webm": re.compile(rb"\x1a\x45\xdf\xa3"),
}
START_OF_SCAN = b"\xff\xda"
MAX_SCANS = 100  # of a progressive JPEG; each costs as much as decoding a whole image
UNSAFE_CHARACTERS = re.compile(r"[^\w .,()\[\]{}+=@~#-]")
RESERVED_NAMES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")  # devices of Windows
MAX_NAME_LENGTH = 100
FORMULA_CHARACTERS = ("=", "+", "-", "@", "\t", "\r")


class UploadError(UserError):
    """Why an upload is not used.

    Attributes:
        status: The HTTP status of the response.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def find_kind(data: bytes) -> str | None:
    """The kind of a file by its first bytes, a name in SIGNATURES; None for any other."""
    return next((kind for kind, start in SIGNATURES.items() if start.match(data)), None)


def decode_image(data: bytes, max_pixels: int) -> np.ndarray:
    """The first frame of an image file, upright: uint8 [h w c], 1 to 4 channels.

    Raises:
        UploadError: It is of another kind, damaged, or too large; nothing is decoded then.
    """
    kind = find_kind(data)
    if kind not in IMAGE_KINDS:
        raise UploadError(415, "this is no image: give PNG, JPEG, GIF, WebP or BMP")
    if kind == "jpeg" and data.count(START_OF_SCAN) > MAX_SCANS:
        raise UploadError(422, "the image is damaged: it has too many scans")
    try:
        with open_header(io.BytesIO(data)) as image:
            width, height = image.size
        if width * height > max_pixels:
            raise UploadError(
                413,
                f"the image has {width}x{height} pixels: give at most {max_pixels / 1e6:g} million",
            )
        return read_image(io.BytesIO(data)).pixels
    except CorruptImageError as error:
        raise UploadError(422, f"the image {error}") from error


def encode_png(pixels: np.ndarray) -> bytes:
    """A PNG file of uint8 [h w] or [h w c]."""
    single = pixels.ndim == 3 and pixels.shape[-1] == 1
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if single else pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def to_data_uri(png: bytes) -> str:
    """A PNG file as the address of an image in a page."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def clean_name(name: str | None, default: str = "image") -> str:
    """The last part of a file name, in characters that no system gives a meaning to.

    It is for display and for entries of archives; the server opens no file by it.
    """
    last = PurePosixPath(PureWindowsPath(name or "").as_posix()).name
    cleaned = UNSAFE_CHARACTERS.sub("_", last).lstrip(". ").rstrip(". ")
    if RESERVED_NAMES.match(cleaned):
        cleaned = f"_{cleaned}"
    stem, dot, suffix = cleaned.rpartition(".")
    if dot and len(suffix) <= 8:
        return stem[: MAX_NAME_LENGTH - len(suffix)] + dot + suffix
    return cleaned[:MAX_NAME_LENGTH] or default


def escape_formula(text: str) -> str:
    """A CSV cell that a spreadsheet shows as text, not runs as a formula."""
    return f"'{text}" if text.startswith(FORMULA_CHARACTERS) else text
