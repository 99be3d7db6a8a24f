"""The largest image of a Windows icon (.ico).

Pillow takes the image of the lowest color depth where several have the largest size.
"""

import struct

import numpy as np
from PIL import Image

from gv_jax.data.formats import png
from gv_jax.data.formats.header import CorruptImageError

MAGIC = b"\0\0\1\0"
HEADER, ENTRY = struct.Struct("<4sH"), struct.Struct("<BBBBHHLL")


def extract_largest(data: bytes) -> tuple[bytes, int]:
    """The image with the most pixels, of equal ones that of the highest color depth.

    Returns:
        The bytes of a PNG file, or of an icon with this image only; and the number of images.

    Raises:
        CorruptImageError: The icon has no image, or one beyond the end of the file.
    """
    if len(data) < HEADER.size:
        raise CorruptImageError("is damaged in its header")
    _, count = HEADER.unpack_from(data)
    if not count or len(data) < HEADER.size + count * ENTRY.size:
        raise CorruptImageError("is damaged in its header")
    entries = [ENTRY.unpack_from(data, HEADER.size + i * ENTRY.size) for i in range(count)]
    best = max(entries, key=lambda entry: ((entry[0] or 256) * (entry[1] or 256), entry[5]))
    *fields, size, offset = best
    image = data[offset : offset + size]
    if not size or len(image) < size:
        raise CorruptImageError("is truncated")
    if image.startswith(png.MAGIC):
        return image, count
    start = HEADER.size + ENTRY.size
    return HEADER.pack(MAGIC, 1) + ENTRY.pack(*fields, size, start) + image, count


def fix_alpha(image: Image.Image, data: bytes) -> Image.Image:
    """A decoded image with the alpha of its mask, as Windows shows it, if its own is 0 everywhere.

    Args:
        image: Decoded from `data`.
        data: As of `extract_largest`.
    """
    if (
        data.startswith(png.MAGIC)
        or image.mode != "RGBA"
        or image.getchannel("A").getextrema() != (0, 0)
    ):
        return image
    row_size = (image.width + 31) // 32 * 4
    rows = np.frombuffer(data[-row_size * image.height :], np.uint8).reshape(-1, row_size)
    hidden = np.unpackbits(rows, axis=1)[::-1, : image.width]  # from the bottom row up
    fixed = image.copy()
    fixed.putalpha(Image.fromarray((1 - hidden) * np.uint8(255)))
    return fixed
