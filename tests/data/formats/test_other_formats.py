"""TIFF, TGA, DDS and AVIF, and recognition of formats by content."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, features

from gv_jax.data.builders.folder_listing import IMAGE_SUFFIXES
from gv_jax.data.clip_files import is_clip
from gv_jax.data.decode import CorruptImageError, encode_for_storage, open_image, open_with_remarks

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
AVIF = pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without AVIF")


def encode(pixels, format_name, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format_name, **options)
    return buffer.getvalue()


def make_tga(values: bytes, size, depth, *, kind=2, alpha_bits=0, footer=b""):
    header = struct.pack(
        "<BBBHHBHHHHBB", 0, 0, kind, 0, 0, 0, 0, 0, *size, depth, 0x20 | alpha_bits
    )
    return header + values + footer


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TGA", {}),
        ("TGA", {"compression": "tga_rle"}),
        ("DDS", {}),
    ],
)
@pytest.mark.parametrize("suffix", [True, False])
def test_lossless_formats(tmp_path, format_name, options, channels, suffix):
    pixels = PIXELS[..., 0] if channels == 1 else PIXELS[..., :channels]
    path = tmp_path / ("a." + format_name.lower() if suffix else "a")
    path.write_bytes(encode(pixels, format_name, **options))
    assert np.array_equal(open_image(path), pixels)
    stored = open_image(io.BytesIO(encode_for_storage(path)))
    assert np.array_equal(stored, pixels)


@AVIF
def test_avif(tmp_path):
    plain = np.full((16, 16, 3), (200, 60, 20), np.uint8)
    (tmp_path / "a.avif").write_bytes(encode(plain, "AVIF", quality=100))
    opened = open_image(tmp_path / "a.avif")
    assert abs(np.asarray(opened).astype(int) - plain).max() <= 3


@AVIF
@pytest.mark.parametrize("frames", [1, 3])
def test_the_exif_block_of_an_avif_that_cannot_be_parsed_is_ignored(tmp_path, frames):
    plain = np.full((16, 24, 3), (200, 60, 20), np.uint8)
    exif = Image.Exif()
    exif[0x010E] = "a description"
    others = [Image.fromarray(plain // 2)] * (frames - 1)
    options = {"save_all": True, "append_images": others} if others else {}
    data = encode(plain, "AVIF", quality=100, exif=exif.tobytes(), **options)
    damaged = data.replace(exif.tobytes()[6:], b"junk" + exif.tobytes()[10:])
    assert damaged != data
    path = tmp_path / "a.avif"
    path.write_bytes(damaged)
    opened = np.asarray(open_image(path)).astype(int)
    assert abs(opened - plain).max() <= 3
    assert is_clip(path) == (frames > 1)


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_every_listed_suffix_is_one_that_pillow_knows(suffix):
    Image.init()
    assert Image.EXTENSION[suffix] in (
        "PNG",
        "JPEG",
        "BMP",
        "GIF",
        "WEBP",
        "TIFF",
        "TGA",
        "DDS",
        "AVIF",
        "ICO",
    )


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.uint16), np.zeros((4, 4), np.float32), np.zeros((4, 4), np.int32)],
)
def test_tiff_of_more_than_8_bits(pixels):
    with pytest.raises(CorruptImageError):
        open_image(io.BytesIO(encode(pixels, "TIFF")))


@pytest.mark.parametrize(
    ("alpha_bits", "tops", "alpha"),
    [(0, [0, 1], None), (1, [1, 0], [255, 0]), (1, [0, 0], None), (1, [1, 1], [255, 255])],
)
def test_tga_of_16_bits(alpha_bits, tops, alpha):
    words = [top << 15 | 31 << 10 for top in tops] * 2
    data = make_tga(struct.pack("<4H", *words), (2, 2), 16, alpha_bits=alpha_bits)
    opened = np.asarray(open_image(io.BytesIO(data)))
    assert opened[0, :, :3].tolist() == [[255, 0, 0]] * 2
    assert (opened[0, :, 3].tolist() if opened.shape[2] == 4 else None) == alpha


def test_tga_with_alpha_0_everywhere():
    data = make_tga(bytes([1, 2, 3, 0] * 4), (2, 2), 32)
    opened, remarks = open_with_remarks(io.BytesIO(data))
    assert np.array_equal(opened, np.full((2, 2, 3), (3, 2, 1)))
    assert len(remarks) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"just text that is longer than a header of 18 bytes",
        bytes(1_000),
        bytes(range(256)),
        make_tga(bytes(3), (2, 2), 24),  # truncated
        make_tga(bytes(9), (2, 2), 24, kind=10),  # RLE without a suffix or footer
    ],
)
def test_other_content_is_not_taken_for_tga(data):
    with pytest.raises(CorruptImageError):
        open_image(io.BytesIO(data))
