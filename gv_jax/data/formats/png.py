"""PNG: what Pillow gets wrong about transparent colors, and files that it rejects needlessly."""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageFile

from gv_jax.data.formats.header import CorruptImageError

MAGIC = b"\x89PNG\r\n\x1a\n"
ANIMATION = (b"acTL", b"fcTL", b"fdAT")
PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf", *ANIMATION)
XMP_KEYWORD = b"XML:com.adobe.xmp\0\0"  # not compressed
# Pillow's notes on the decoding, which a text chunk with such a keyword overwrites
RESERVED_KEYS = frozenset(
    ("transparency", "interlace", "bbox", "default_image", "disposal", "blend")
)
GRAY_SCALES = {  # raw mode -> (mask of a sample, factor to the decoded pixels)
    "1": (1, 255),
    "L;2": (3, 85),
    "L;4": (15, 17),
    "L": (255, 1),
    "I;16B": (65535, 1),
}


class Chunk(NamedTuple):
    name: bytes
    data: bytes
    intact: bool  # complete, with the right checksum
    raw: bytes  # with length, name and checksum


def read_transparency(
    image: ImageFile.ImageFile, stream: BinaryIO
) -> bytes | int | tuple[int, ...] | None:
    """The transparent color of an opened PNG in units of its decoded pixels.

    The tRNS chunk has samples of the depth of the file, whose upper bits do not count. Pillow
    compares them with decoded pixels, which have 8 bits.

    Args:
        image: opened from `stream`, not decoded yet.
        stream: the file; its position is kept.

    Returns:
        A gray value, RGB (16 bits each for an image of 16 bits), the palette entry or the alpha of
        every palette entry, or None.

    Raises:
        CorruptImageError: indices without a palette.
        ValueError: a text chunk has overwritten what Pillow knows of the image.
    """
    if image.mode == "P" and image.palette is None:
        raise CorruptImageError("has no palette")
    for key in RESERVED_KEYS.intersection(image.info):
        if isinstance(image.info[key], str):
            raise ValueError(f"a text chunk is named {key}")
    stored = image.info.get("transparency")
    if stored is None or image.mode == "P":
        return stored
    raw_mode = str(image.tile[0].args)
    if raw_mode in GRAY_SCALES:
        sample_mask, scale = GRAY_SCALES[raw_mode]
        sample = _read_sample(stream) if raw_mode == "1" else stored
        return (sample & sample_mask) * scale
    return tuple(sample & (0xFFFF if is_deep(image) else 0xFF) for sample in stored)


def _read_sample(stream: BinaryIO) -> int:
    """The gray sample of the tRNS chunk, which Pillow turns into 0 or 255 for one bit."""
    position = stream.tell()
    stream.seek(0)
    chunk = next(chunk for chunk in iter_chunks(stream.read()) if chunk.name == b"tRNS")
    stream.seek(position)
    return int.from_bytes(chunk.data[:2], "big")


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether an opened image that is not decoded yet has 16 bits per channel."""
    return any(";16" in str(tile.args) for tile in image.tile)


def read_deep_alpha(stream: BinaryIO, color: tuple[int, ...]) -> np.ndarray:
    """uint8 [h w]: 0 where an RGB image of 16 bits has exactly this color, else 255.

    Pillow decodes the upper bytes only. A raw mode of the other byte order decodes the lower ones.
    """
    equal = None
    for raw_mode, shift in (("RGB;16B", 8), ("RGB;16L", 0)):
        stream.seek(0)
        with Image.open(stream, formats=("PNG",)) as image:
            assert isinstance(image, ImageFile.ImageFile)
            image.tile = [tile._replace(args=raw_mode) for tile in image.tile]
            image.load()
            target = [sample >> shift & 0xFF for sample in color]
            same = (np.asarray(image) == target).all(-1)
        equal = same if equal is None else equal & same
    return np.where(equal, 0, 255).astype(np.uint8)


def iter_repairs(data: bytes) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """PNG files with the same pixels but without what may keep Pillow from reading this one.

    Chunks without influence on the pixels are left out, such as text and color profiles, and so are
    damaged ones that are not critical. The second file is a still image.

    Yields:
        A file, and remarks on what is missing in it.
    """
    chunks = list(iter_chunks(data))
    animated = all(chunk.intact for chunk in chunks if chunk.name in ANIMATION)
    for animation in (True, False) if animated else (False,):
        kept, remarks = [MAGIC], []
        for chunk in chunks:
            if chunk.name == b"tRNS" and not _usable_transparency(chunk, chunks[0]):
                remarks.append("has a damaged tRNS chunk; its transparent color is ignored")
            elif chunk.name in ANIMATION and not animation:
                continue
            elif _shapes_pixels(chunk):
                kept.append(chunk.raw)
        yield b"".join(kept), tuple(remarks)


def iter_chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG file up to IEND; the last one of a truncated file is not intact."""
    start = len(MAGIC)
    while start + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, start)
        end = start + 12 + length
        raw = data[start:end]
        name, body, checksum = raw[4:8], raw[8 : 8 + length], raw[8 + length :]
        intact = len(raw) == 12 + length and checksum == struct.pack(">I", zlib.crc32(name + body))
        yield Chunk(name, body, intact, raw)
        if name == b"IEND":
            return
        start = end


def _shapes_pixels(chunk: Chunk) -> bool:
    critical = not chunk.name[0] & 32
    if critical or (chunk.name in PIXEL_CHUNKS and chunk.intact):
        return True
    return chunk.name == b"iTXt" and chunk.intact and chunk.data.startswith(XMP_KEYWORD)


def _usable_transparency(chunk: Chunk, header: Chunk) -> bool:
    color_type = header.data[9] if len(header.data) > 9 else 0
    lengths = {0: (2, 2), 2: (6, 6), 3: (1, 256)}.get(color_type, (0, len(chunk.data)))
    return chunk.intact and lengths[0] <= len(chunk.data) <= lengths[1]
