"""Image files made in memory."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


def encode(color=RED, size=(8, 6), kind="PNG", **options):
    """A file of one color; `size` is (width, height)."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind, **options)
    return buffer.getvalue()


def animate(count, kind="GIF", size=(16, 12)):
    """An animated image of gray frames with noise."""
    rng = np.random.default_rng(0)
    frames = [
        Image.fromarray(rng.integers(0, 255, (size[1], size[0]), dtype=np.uint8))
        for _ in range(count)
    ]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=100)
    return buffer.getvalue()


def png_bomb(width, height):
    """A PNG of zeros: a few kilobytes that become width x height pixels."""

    def chunk(name, data):
        crc = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    compressor = zlib.compressobj(9)
    row = b"\0" * (width + 1)
    data = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def decode(data):
    return np.asarray(Image.open(io.BytesIO(data)))
