"""Orientation of a decoded image, from its Exif block or XMP packet.

Pillow raises for a block that it cannot parse. Here everything unreadable means upright.
"""

import re
import struct

from PIL import Image

ORIENTATION_TAG = 0x0112
INTEGER_TYPES = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l"}  # TIFF type -> struct code
TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def transpose(image: Image.Image, orientation: int) -> Image.Image:
    """The upright image of a stored one whose orientation is 1 to 8."""
    return image if orientation == 1 else image.transpose(TRANSPOSES[orientation])


def read_orientation(image: Image.Image) -> int:
    """The orientation, 1 to 8, of an opened image; 1 if it has none or an unreadable one.

    The Exif block comes first, then `tiff:Orientation` of the XMP packet.
    """
    if not image.info:
        return 1
    block = image.info.get("exif") or _raw_profile(image)
    found = parse_orientation(block) if isinstance(block, bytes) else None
    found = _xmp_orientation(image) if found is None else found
    return found if found is not None and 1 <= found <= 8 else 1


def parse_orientation(block: bytes) -> int | None:
    """The first value of the orientation tag of an Exif block; None if it cannot be found."""
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    try:
        if order is None:
            return None
        (directory,) = struct.unpack_from(order + "L", block, 4)
        (count,) = struct.unpack_from(order + "H", block, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, values = struct.unpack_from(order + "HHL", block, entry)
            if tag == ORIENTATION_TAG:
                return _first_value(block, order, kind, values, entry + 8)
    except struct.error:  # an offset beyond the end
        pass
    return None


def _first_value(block: bytes, order: str, kind: int, count: int, offset: int) -> int | None:
    if kind not in INTEGER_TYPES or not count:
        return None
    code = order + INTEGER_TYPES[kind]
    if count * struct.calcsize(code) > 4:
        (offset,) = struct.unpack_from(order + "L", block, offset)
    return struct.unpack_from(code, block, offset)[0]


def _raw_profile(image: Image.Image) -> bytes:
    """The Exif block that ImageMagick writes as text into PNG: a name, its length, hex digits."""
    text = image.info.get("Raw profile type exif")
    try:
        return bytes.fromhex("".join(text.split("\n")[3:])) if text else b""
    except (ValueError, AttributeError):
        return b""


def _xmp_orientation(image: Image.Image) -> int | None:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if not packet:
        return None
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "replace")
    match = re.search(rb'tiff:Orientation(?:="|>)([0-9])', packet)
    return int(match[1]) if match else None
