"""Orientation of every Exif shape, with blocks written byte by byte."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.decode import open_image
from gv_jax.data.formats.exif import parse_orientation
from gv_jax.inference.image_file import read_image

LOSSLESS = {"png": {}, "webp": {"lossless": True}, "jpg": {"quality": 100, "subsampling": 0}}
PIXELS = np.kron(np.array([[0, 90, 180], [30, 120, 255]], np.uint8), np.ones((16, 16), np.uint8))
UPRIGHT = {  # the definition in the Exif standard: where row 0 and column 0 of the file are
    1: PIXELS,
    2: PIXELS[:, ::-1],
    3: PIXELS[::-1, ::-1],
    4: PIXELS[::-1],
    5: PIXELS.T,
    6: PIXELS.T[:, ::-1],
    7: PIXELS.T[::-1, ::-1],
    8: PIXELS.T[::-1],
}


def make_block(value, order="<", code="H", kind=3, count=1, directory=8, entries=1):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    field = struct.pack(order + code, value).ljust(4, b"\0")
    entry = struct.pack(order + "HHL", 0x0112, kind, count) + field
    other = struct.pack(order + "HHLL", 0x010F, 2, 9_000, 70_000)  # a maker beyond the end
    return (
        mark
        + struct.pack(order + "LH", directory, entries + 1)
        + other
        + entry * entries
        + b"\0" * 4
    )


def save(tmp_path, suffix, block):
    path = tmp_path / f"a.{suffix}"
    exif = block if suffix == "webp" else b"Exif\0\0" + block
    Image.fromarray(np.dstack([PIXELS] * 3)).save(path, exif=exif, **LOSSLESS[suffix])
    return path


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_every_orientation(tmp_path, suffix, orientation, order):
    path = save(tmp_path, suffix, make_block(orientation, order))
    for pixels in (np.asarray(open_image(path)), read_image(path).pixels):
        assert pixels.shape == (*UPRIGHT[orientation].shape, 3)
        assert abs(pixels[..., 0].astype(int) - UPRIGHT[orientation]).max() <= 2


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"junk",
        b"b'Exif\\x00\\x00MM'",
        b"II*\0",
        make_block(0),
        make_block(9),
        make_block(70_000, code="L", kind=4),
        make_block(6, kind=2),  # text
        make_block(6, kind=99),
        make_block(6, count=0),
        make_block(6, code="L", count=9),  # a list at offset 6, whose first value is 0
        make_block(70_000, code="L", count=9),
        make_block(6, directory=70_000),
        make_block(6)[:20],
    ],
    ids=repr,
)
def test_unreadable_blocks_mean_upright(tmp_path, suffix, block):
    path = save(tmp_path, suffix, block)
    assert open_image(path).size == (48, 32)
    assert read_image(path).pixels.shape == (32, 48, 3)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("kind", "code"), [(1, "B"), (3, "H"), (4, "L"), (6, "b"), (9, "l")])
def test_every_type_of_integer(order, kind, code):
    assert parse_orientation(make_block(6, order, code, kind)) == 6
    assert parse_orientation(b"Exif\0\0" * 2 + make_block(6, order, code, kind)) == 6


@pytest.mark.parametrize("order", "<>")
def test_the_first_value_of_a_list(order):
    assert parse_orientation(make_block(6, order, count=2)) == 6
    block = make_block(0, order, "L", count=3)
    block = make_block(len(block), order, "L", count=3) + struct.pack(order + "HHH", 8, 1, 1)
    assert parse_orientation(block) == 8


def test_entries_beyond_the_end_are_not_found():
    assert parse_orientation(make_block(6)[:22] + b"\0") is None


@pytest.mark.parametrize("text", ['tiff:Orientation="6"', "<tiff:Orientation>6</tiff:Orientation>"])
@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_orientation_of_an_xmp_packet(tmp_path, suffix, text):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", text)
    options = {"pnginfo": info} if suffix == "png" else {"xmp": text.encode(), "lossless": True}
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([PIXELS] * 3)).save(buffer, suffix, **options)
    assert np.array_equal(np.asarray(open_image(buffer))[..., 0], UPRIGHT[6])
