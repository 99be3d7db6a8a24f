"""Writes PNG files of every kind from samples, so that the right pixels are known."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np

MAGIC = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # color type -> samples per pixel
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
ADAM7 = (*ADAM7, (1, 0, 2, 1))  # top, left, vertical step, horizontal step


def chunk(name: bytes, data: bytes, checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(name + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def encode_png(
    samples: np.ndarray,
    depth: int,
    color_type: int,
    *,
    palette: np.ndarray | None = None,
    transparency: bytes | None = None,
    interlaced: bool = False,
    filters: Sequence[int] = (0,),
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A PNG file.

    Args:
        samples: [h w c] in the depth of the file, palette indices for color type 3.
        depth: bits per sample.
        color_type: 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA.
        palette: uint8 [n 3].
        transparency: data of the tRNS chunk.
        interlaced: in seven passes (Adam7).
        filters: of the rows, in turn.
        before, after: further chunks before and after the pixels.
    """
    height, width, _ = samples.shape
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, interlaced)
    passes = [samples[t::v, x::h] for t, x, v, h in ADAM7] if interlaced else [samples]
    rows = b"".join(encode_rows(part, depth, filters) for part in passes if part.size)
    return b"".join(
        [
            MAGIC,
            chunk(b"IHDR", header),
            chunk(b"PLTE", palette.tobytes()) if palette is not None else b"",
            chunk(b"tRNS", transparency) if transparency is not None else b"",
            before,
            chunk(b"IDAT", zlib.compress(rows)),
            after,
            chunk(b"IEND", b""),
        ]
    )


def encode_rows(samples: np.ndarray, depth: int, filters: Sequence[int]) -> bytes:
    """The rows of an image or pass, filtered; each begins with its filter type."""
    lines = [pack_row(row.reshape(-1), depth) for row in samples]
    step = max(1, samples.shape[2] * depth // 8)
    above = bytes(len(lines[0]))
    encoded = []
    for index, line in enumerate(lines):
        kind = filters[index % len(filters)]
        encoded.append(bytes([kind]) + filter_row(line, above, step, kind))
        above = line
    return b"".join(encoded)


def pack_row(samples: np.ndarray, depth: int) -> bytes:
    if depth == 16:
        return samples.astype(">u2").tobytes()
    bits = samples.astype(np.uint8)[:, None] >> np.arange(depth - 1, -1, -1, dtype=np.uint8) & 1
    return np.packbits(bits).tobytes()


def filter_row(line: bytes, above: bytes, step: int, kind: int) -> bytes:
    left, corner = bytes(step) + line[:-step], bytes(step) + above[:-step]
    predicted = {
        0: lambda a, b, c: 0,
        1: lambda a, b, c: a,
        2: lambda a, b, c: b,
        3: lambda a, b, c: (a + b) // 2,
        4: paeth,
    }[kind]
    return bytes(
        (value - predicted(a, b, c)) % 256
        for value, a, b, c in zip(line, left, above, corner, strict=False)
    )


def paeth(a: int, b: int, c: int) -> int:
    estimate = a + b - c
    return min((a, b, c), key=lambda value: abs(estimate - value))  # the first of equal ones


def make_samples(rng: np.random.Generator, depth: int, color_type: int, height=7, width=9):
    """Random samples of few values, so that transparent colors occur often."""
    values = np.unique(rng.integers(0, 1 << depth, 3))
    values = np.append(values, (1 << depth) - 1)
    return rng.choice(values, (height, width, CHANNELS[color_type]))


def transparent_sample(transparency: bytes, depth: int) -> list[int]:
    """The samples of a tRNS chunk of gray or RGB, without the bits above the depth."""
    samples = struct.unpack(f">{len(transparency) // 2}H", transparency)
    return [sample % (1 << depth) for sample in samples]


def expected_pixels(
    samples: np.ndarray,
    depth: int,
    color_type: int,
    palette: np.ndarray | None = None,
    transparency: bytes | None = None,
) -> np.ndarray:
    """uint8 [h w 4] RGBA: gray of 16 bits is rounded, of other 16 bits the upper byte is kept."""
    height, width, _ = samples.shape
    alpha = np.full((height, width), 255)
    if color_type == 3:
        alphas = np.full(256, 255)
        alphas[: len(transparency or b"")] = list(transparency or b"")
        indices = samples[..., 0]
        return np.dstack([palette[indices], alphas[indices]]).astype(np.uint8)
    if transparency is not None:
        same = (samples == transparent_sample(transparency, depth)).all(-1)
        alpha = np.where(same, 0, 255)
    if depth == 16:
        scaled = np.rint(samples * 255 / 65535) if color_type == 0 else samples >> 8
    else:
        scaled = samples * (255 // ((1 << depth) - 1))
    if color_type in (4, 6):
        alpha = scaled[..., -1]
    color = scaled[..., :1].repeat(3, -1) if color_type in (0, 4) else scaled[..., :3]
    return np.dstack([color, alpha]).astype(np.uint8)
