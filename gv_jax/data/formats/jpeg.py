"""JPEG files that Pillow rejects although all of their pixels are there."""

import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

MAGIC = b"\xff\xd8"
END_OF_IMAGE = b"\xff\xd9"
START_OF_SCAN = 0xDA
STANDALONE = (0x01, *range(0xD0, 0xD9))  # markers without a length
IGNORED = (*range(0xE2, 0xEE), 0xEF, 0xFE)  # keeps JFIF (E0), Exif (E1) and Adobe's color (EE)
# Bits of every kind, so that a decoder that needs more data finds different ones
FILLINGS = (b"\x00", b"\x55", b"\xaa", b"\x5a\x3c\x96", b"\xc3\x1d\x68\x0e")
FILLING_LENGTH = 4096
MAX_ZEROS = 16  # at the end of the data of a plain area; more are padding of a truncated file


def iter_repairs(data: bytes) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """JPEG files with the same pixels, but without metadata and with an end mark.

    Yields:
        A file, and remarks on what is missing in it.
    """
    head, scans = split_segments(data)
    yield head + scans, ()
    trimmed = trim_end(scans)
    if is_complete(head, trimmed):
        yield head + trimmed + END_OF_IMAGE, ()


def split_segments(data: bytes) -> tuple[bytes, bytes]:
    """(segments before the first scan, without metadata; everything from the first scan)."""
    kept, position = [MAGIC], len(MAGIC)
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == START_OF_SCAN:
            break
        length = 2
        if marker not in STANDALONE:
            length += struct.unpack_from(">H", data, position + 2)[0]
        if marker not in IGNORED:
            kept.append(data[position : position + length])
        position += length
    return b"".join(kept), data[position:]


def trim_end(scans: bytes) -> bytes:
    """The scans without most of the zeros that fill up a file, and without half an end mark."""
    data = scans.rstrip(b"\0")
    kept = data + scans[len(data) : len(data) + MAX_ZEROS]
    return kept[:-1] if kept.endswith(b"\xff") else kept


def is_complete(head: bytes, scans: bytes) -> bool:
    """Whether the scans hold all pixels: then whatever follows them changes none.

    A progressive image also needs the scans of the last bit of every coefficient.
    """
    if not has_all_scans(scans):
        return False
    decoded = []
    for filling in FILLINGS:
        padding = (filling * FILLING_LENGTH)[:FILLING_LENGTH]
        try:
            with Image.open(io.BytesIO(head + scans + padding + END_OF_IMAGE)) as image:
                decoded.append(np.array(image))
        except Exception:  # decoders raise many kinds
            return False
    return all(np.array_equal(decoded[0], other) for other in decoded[1:])


def has_all_scans(scans: bytes) -> bool:
    """Whether every coefficient of every component of the scans comes with its last bit."""
    missing: dict[int, set[int]] = {}
    position = 0
    while (position := scans.find(b"\xff\xda", position)) >= 0:
        try:
            count = scans[position + 4]
            components = scans[position + 5 : position + 5 + 2 * count : 2]
            first, last, bits = scans[position + 5 + 2 * count : position + 8 + 2 * count]
        except (IndexError, ValueError):
            return False
        for component in components:
            left = missing.setdefault(component, set(range(64)))
            if not bits & 15:
                left -= set(range(first, last + 1))
        position += 2
    return bool(missing) and not any(missing.values())
