"""Writes BMP files of every kind from pixel values, so that the right pixels are known."""

import struct

import numpy as np

CORE, INFO, V2, V3, OS2, V4, V5 = HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)


def encode_bmp(
    values: np.ndarray,
    bits: int,
    *,
    header_size: int = INFO,
    compression: int = 0,
    masks: tuple[int, ...] = (),
    palette: np.ndarray | None = None,
    top_down: bool = False,
    codes: bytes | None = None,
) -> bytes:
    """A BMP file.

    Args:
        values: [h w] pixels as numbers of `bits` bits.
        bits: per pixel.
        header_size: one of HEADER_SIZES.
        compression: 0 none, 1 RLE8, 2 RLE4, 3 bit fields, 6 bit fields with alpha.
        masks: of red, green, blue and alpha; behind a header of 40 bytes, else in it.
        palette: uint8 [n 3] RGB.
        top_down: whether the top row comes first.
        codes: the encoded pixels of RLE.
    """
    height, width = values.shape
    if header_size == CORE:
        header = struct.pack("<IHHHH", CORE, width, height, 1, bits)
    else:
        colors = 0 if palette is None else len(palette)
        signed = -height if top_down else height
        fields = (header_size, width, signed, 1, bits, compression, 0, 0, 0, colors, 0)
        header = struct.pack("<IiiHHIIiiII", *fields)
        header += b"".join(struct.pack("<I", mask) for mask in masks)
        header = header.ljust(header_size, b"\0")
    entries = b""
    if palette is not None:
        padding = b"" if header_size == CORE else b"\0"
        entries = b"".join(bytes(color[::-1]) + padding for color in palette)
    ordered = values if top_down else values[::-1]
    rows = b"".join(pack_values(row, bits) for row in ordered) if codes is None else codes
    offset = 14 + len(header) + len(entries)
    return struct.pack("<2sIHHI", b"BM", offset + len(rows), 0, 0, offset) + header + entries + rows


def pack_values(row: np.ndarray, bits: int) -> bytes:
    if bits < 8:
        digits = row.astype(np.uint8)[:, None] >> np.arange(bits - 1, -1, -1, dtype=np.uint8) & 1
        packed = np.packbits(digits).tobytes()
    else:
        packed = b"".join(int(value).to_bytes(bits // 8, "little") for value in row)
    return packed.ljust((len(packed) + 3) // 4 * 4, b"\0")


def expected_field(values: np.ndarray, mask: int) -> np.ndarray:
    """[h w] the field of `mask` as a number from 0 to 255, rounded."""
    if not mask:
        return np.zeros(values.shape, int)
    digits = [bit for bit in range(32) if mask >> bit & 1]
    field = sum((values.astype(np.uint64) >> bit & 1) << i for i, bit in enumerate(digits))
    return np.floor(field * 255 / (2 ** len(digits) - 1) + 0.5).astype(int)
