"""Icons written byte by byte: the largest image of the highest color depth, with its alpha."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.builders.folder_listing import scan
from gv_jax.data.decode import (
    CorruptImageError,
    encode_for_storage,
    open_image,
    open_with_remarks,
)
from gv_jax.inference.image_file import read_image

RNG = np.random.default_rng(0)


def draw(side):
    """uint8 [h w 4], nowhere with alpha 0."""
    return RNG.integers(1, 256, (side, side, 4), dtype=np.uint8)


def encode_png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def encode_dib(pixels, bits=32, hidden=None):
    """A bitmap of 24 or 32 bits and its mask, in which 1 is transparent; rows from the bottom."""
    height, width = pixels.shape[:2]
    order = [2, 1, 0, 3][: bits // 8]
    rows = pixels[::-1, :, order].reshape(height, -1)
    rows = np.pad(rows, [(0, 0), (0, -rows.shape[1] % 4)])
    hidden = np.zeros((height, width), np.uint8) if hidden is None else hidden
    mask = np.packbits(np.pad(hidden[::-1], [(0, 0), (0, -width % 32)]), axis=1)
    header = struct.pack("<LllHHLLllLL", 40, width, 2 * height, 1, bits, 0, 0, 0, 0, 0, 0)
    return header + rows.tobytes() + mask.tobytes()


def write_icon(path, images):
    """`images`: (side, bits, bytes) each."""
    offset, entries = 6 + 16 * len(images), b""
    for side, bits, data in images:
        byte = side % 256  # 0 means 256
        entries += struct.pack("<BBBBHHLL", byte, byte, 0, 0, 1, bits, len(data), offset)
        offset += len(data)
    path.write_bytes(
        struct.pack("<HHH", 0, 1, len(images)) + entries + b"".join(data for *_, data in images)
    )
    return path


@pytest.mark.parametrize("encode", [encode_png, encode_dib])
@pytest.mark.parametrize("side", [5, 16, 48, 256])
def test_the_largest_image_is_read(tmp_path, side, encode):
    small, large = draw(3), draw(side)
    path = write_icon(tmp_path / "a.ico", [(3, 32, encode(small)), (side, 32, encode(large))])
    image, remarks = open_with_remarks(path)
    assert np.array_equal(np.asarray(image), large)
    assert len(remarks) == 1
    assert "2 sizes" in remarks[0]
    assert np.array_equal(read_image(path).pixels, large)
    assert np.array_equal(open_image(io.BytesIO(encode_for_storage(path))), large)


@pytest.mark.parametrize("order", [1, -1])
def test_of_equal_sizes_the_highest_color_depth_is_read(tmp_path, order):
    low, high = draw(8), draw(8)
    images = [(8, 24, encode_dib(low, 24)), (8, 32, encode_dib(high))][::order]
    assert np.array_equal(open_image(write_icon(tmp_path / "a.ico", images)), high)


@pytest.mark.parametrize("bits", [24, 32])
def test_the_mask_is_the_alpha_of_images_without_one(tmp_path, bits):
    pixels, hidden = draw(20), RNG.integers(0, 2, (20, 20), dtype=np.uint8)
    pixels[..., 3] = 0
    path = write_icon(tmp_path / "a.ico", [(20, bits, encode_dib(pixels, bits, hidden))])
    image = np.asarray(open_image(path))
    assert np.array_equal(image[..., :3], pixels[..., :3])
    assert np.array_equal(image[..., 3], 255 * (1 - hidden))


def test_icons_are_listed_by_suffix_and_by_content(tmp_path):
    for name in ("a.ico", "image"):
        write_icon(tmp_path / name, [(8, 32, encode_png(draw(8)))])
    assert [file.name for file in scan(tmp_path).files] == ["a.ico", "image"]


@pytest.mark.parametrize("size", [4, 6, 21, 40, -1])
def test_a_truncated_icon_is_refused(tmp_path, size):
    path = write_icon(tmp_path / "a.ico", [(8, 32, encode_dib(draw(8)))])
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CorruptImageError):
        open_image(path)
