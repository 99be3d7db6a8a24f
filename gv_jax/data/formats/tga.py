"""TGA: recognition without a magic number, and alpha that Pillow inverts or invents."""

import struct
from pathlib import Path

from PIL import Image, ImageChops

FOOTER = b"TRUEVISION-XFILE.\0"
HEADER_SIZE = 18
DEPTHS = {1: (8,), 2: (16, 24, 32), 3: (8, 16)}  # image type without the bit of RLE
RUN_LENGTH = 8


def is_tga(data: bytes, path: Path | None) -> bool:
    """Whether these bytes are a TGA file.

    A file without the suffix .tga needs a footer, or pixels that fit into it without RLE.

    Args:
        data: the whole file.
        path: of the file, if it has one.
    """
    if len(data) < HEADER_SIZE:
        return False
    id_size, has_map, kind, _, map_size, map_depth = struct.unpack_from("<BBBHHB", data)
    width, height, depth = struct.unpack_from("<HHB", data, 12)
    plain = kind & ~RUN_LENGTH
    if has_map > 1 or (has_map == 0 and plain == 1) or depth not in DEPTHS.get(plain, ()):
        return False
    if not width or not height:
        return False
    if data.endswith(FOOTER) or (path is not None and path.suffix.lower() == ".tga"):
        return True
    entry = (map_depth + 7) // 8
    needed = HEADER_SIZE + id_size + has_map * map_size * entry + width * height * (depth // 8)
    return not kind & RUN_LENGTH and needed <= len(data)


def fix_alpha(image: Image.Image, header: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    """A decoded TGA with the alpha that its header announces, and remarks.

    Of 16 bits the upper one is alpha if the header counts an alpha bit; Pillow inverts it. Alpha 0
    everywhere comes from writers without alpha.

    Args:
        image: as Pillow decodes it.
        header: the first 18 bytes of the file.
    """
    if image.mode != "RGBA":
        return image, ()
    depth, alpha_bits = header[16], header[17] & 15
    alpha = image.getchannel("A")
    if depth == 16:
        alpha = ImageChops.invert(alpha)
        if not alpha_bits:
            return image.convert("RGB"), ()
        image.putalpha(alpha)
    if alpha.getextrema() == (0, 0):
        return image.convert("RGB"), ("has alpha 0 everywhere; it is read as opaque",)
    return image, ()
