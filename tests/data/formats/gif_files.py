"""Writes GIF files from palette indices, so that the right pixels are known."""

import struct

import numpy as np

INTERLACED_ROWS = ((0, 8), (4, 8), (2, 4), (1, 2))  # first row, step


def encode_gif(
    indices: np.ndarray,
    palette: np.ndarray,
    *,
    canvas: tuple[int, int] = (0, 0),
    offset: tuple[int, int] = (0, 0),
    transparent: int | None = None,
    local: bool = False,
    interlaced: bool = False,
) -> bytes:
    """A GIF of one frame.

    Args:
        indices: [h w] into the palette.
        palette: uint8 [2**bits 3].
        canvas: (height, width); that of the frame if it is not given.
        offset: (top, left) of the frame.
        transparent: the index of transparent pixels.
        local: whether the palette belongs to the frame.
        interlaced: whether rows are in four passes.
    """
    height, width = indices.shape
    rows, columns = canvas if any(canvas) else indices.shape
    bits = max(1, (len(palette) - 1).bit_length())
    table = bits - 1 | 0x80
    parts = [struct.pack("<6sHHBBB", b"GIF89a", columns, rows, 0 if local else table, 0, 0)]
    if not local:
        parts.append(palette.tobytes())
    if transparent is not None:
        parts.append(struct.pack("<4BHBB", 0x21, 0xF9, 4, 1, 0, transparent, 0))
    flags = (table if local else 0) | (0x40 if interlaced else 0)
    parts.append(struct.pack("<BHHHHB", 0x2C, offset[1], offset[0], width, height, flags))
    if local:
        parts.append(palette.tobytes())
    ordered = np.concatenate([indices[a::b] for a, b in INTERLACED_ROWS]) if interlaced else indices
    code_bits = max(2, bits)
    packed = encode_codes(ordered.reshape(-1), code_bits)
    blocks = [packed[start : start + 255] for start in range(0, len(packed), 255)]
    parts.append(bytes([code_bits]) + b"".join(bytes([len(block)]) + block for block in blocks))
    return b"".join([*parts, b"\0;"])


def encode_codes(values: np.ndarray, bits: int) -> bytes:
    """LZW without compression: the table is cleared before its codes get longer."""
    clear = 1 << bits
    codes = []
    for index, value in enumerate(values.tolist()):
        if index % (clear - 2) == 0:
            codes.append(clear)
        codes.append(value)
    codes.append(clear + 1)
    digits = np.array(codes)[:, None] >> np.arange(bits + 1) & 1
    return np.packbits(digits.reshape(-1).astype(np.uint8), bitorder="little").tobytes()


def expected_gif(
    indices: np.ndarray,
    palette: np.ndarray,
    canvas: tuple[int, int] = (0, 0),
    offset: tuple[int, int] = (0, 0),
    transparent: int | None = None,
) -> np.ndarray:
    """uint8 [h w 4] RGBA; the canvas around the frame has color 0, transparent if any color is."""
    height, width = indices.shape
    shape = canvas if any(canvas) else indices.shape
    pixels = np.empty((*shape, 4), np.uint8)
    pixels[:] = (*palette[0], 255 if transparent is None else 0)
    alpha = np.where(indices == (-1 if transparent is None else transparent), 0, 255)
    top, left = offset
    pixels[top : top + height, left : left + width] = np.dstack([palette[indices], alpha])
    return pixels
