"""Run-length encoding of BMP: RLE8 and RLE4."""

import numpy as np

from gv_jax.data.formats.header import CorruptImageError

END_OF_LINE, END_OF_BITMAP, DELTA = 0, 1, 2  # the second byte after a 0


def decode_runs(codes: bytes, width: int, height: int, *, nibbles: bool) -> np.ndarray:
    """uint8 [h w] palette indices in the order of the file; skipped pixels are 0.

    What reaches over the end of a row is ignored.

    Args:
        codes: the encoded pixels.
        width, height: of the image in pixels.
        nibbles: RLE4 (two pixels per byte) instead of RLE8.

    Raises:
        CorruptImageError: the codes end before the image does.
    """
    indices = np.zeros((height, width), np.uint8)
    position, x, y = 0, 0, 0
    while y < height and position + 2 <= len(codes):
        count, value = codes[position], codes[position + 1]
        position += 2
        if count:
            indices[y, x : x + count] = _repeat(value, count, nibbles)[: max(width - x, 0)]
            x += count
        elif value == END_OF_LINE:
            x, y = 0, y + 1
        elif value == END_OF_BITMAP:
            return indices
        elif value == DELTA:
            if position + 2 > len(codes):
                break
            x, y = x + codes[position], y + codes[position + 1]
            position += 2
        else:
            size = (value + 1) // 2 if nibbles else value
            run = np.frombuffer(codes[position : position + size], np.uint8)
            if len(run) < size:
                break
            if nibbles:
                run = np.stack([run >> 4, run & 15], -1).reshape(-1)[:value]
            indices[y, x : x + value] = run[: max(width - x, 0)]
            x += value
            position += size + size % 2  # padded to 16 bits
    if y < height - 1 or (y == height - 1 and x < width):
        raise CorruptImageError(f"is truncated after {y} of {height} rows")
    return indices


def _repeat(value: int, count: int, nibbles: bool) -> np.ndarray:
    pair = [value >> 4, value & 15] if nibbles else [value, value]
    return np.resize(np.array(pair, np.uint8), count)
