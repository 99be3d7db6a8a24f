"""What decoding an image file shows, without any effect, so that threads can do it."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from gv_jax.data import decode


class ImageCheck(NamedTuple):
    """What decoding an image showed.

    Attributes:
        size: (width, height) in pixels; (0, 0) if it cannot be decoded.
        remarks: what is not preserved of it.
        problem: why it cannot be decoded; "" if it can.
    """

    size: tuple[int, int]
    remarks: tuple[str, ...] = ()
    problem: str = ""


def open_checked(path: Path) -> tuple[Image.Image | None, ImageCheck]:
    """The decoded image, None if it cannot be decoded, and what that showed."""
    try:
        image, remarks = decode.open_with_remarks(path)
    except decode.CorruptImageError as error:
        return None, ImageCheck((0, 0), problem=str(error))
    return image, ImageCheck(image.size, remarks)


def check_image(path: Path) -> ImageCheck:
    """Decodes an image, without keeping it."""
    return open_checked(path)[1]
