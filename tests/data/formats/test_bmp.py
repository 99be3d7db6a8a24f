"""BMP files of every kind, against the values they were written from, and against Pillow."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.decode import CorruptImageError, open_image, open_with_remarks
from tests.data.formats.bmp_files import (
    CORE,
    HEADER_SIZES,
    INFO,
    OS2,
    V2,
    V3,
    V4,
    V5,
    encode_bmp,
    expected_field,
)

FIELDS = {  # bits and masks of red, green, blue and alpha
    "x1r5g5b5": (16, (0x7C00, 0x3E0, 0x1F, 0)),
    "a1r5g5b5": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    "r5g6b5": (16, (0xF800, 0x7E0, 0x1F, 0)),
    "a4r4g4b4": (16, (0xF00, 0xF0, 0xF, 0xF000)),
    "a8r3g3b2": (16, (0xE0, 0x1C, 0x3, 0xFF00)),
    "r8g8b8": (24, (0xFF0000, 0xFF00, 0xFF, 0)),
    "b8g8r8": (24, (0xFF, 0xFF00, 0xFF0000, 0)),
    "a6r6g6b6": (24, (0x3F000, 0xFC0, 0x3F, 0xFC0000)),
    "x8r8g8b8": (32, (0xFF0000, 0xFF00, 0xFF, 0)),
    "a8r8g8b8": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "a8b8g8r8": (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
    "r8g8b8a8": (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
    "a2r10g10b10": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
    "red_only": (32, (0xFFFFFFFF, 0, 0, 0)),
}
RNG = np.random.default_rng(0)


def make_values(bits: int) -> np.ndarray:
    return RNG.integers(0, 1 << bits, (4, 5), dtype=np.uint64)


@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize("header_size", [INFO, V2, V3, V4, V5])
@pytest.mark.parametrize("name", FIELDS)
def test_bit_fields(name, header_size, top_down):
    bits, masks = FIELDS[name]
    has_alpha = header_size not in (INFO, V2)
    values = make_values(bits)
    data = encode_bmp(
        values,
        bits,
        header_size=header_size,
        compression=3,
        masks=masks if has_alpha else masks[:3],
        top_down=top_down,
    )
    opened = open_image(io.BytesIO(data))
    used = masks if has_alpha and masks[3] else masks[:3]
    assert opened.mode == ("RGBA" if len(used) == 4 else "RGB")
    assert np.array_equal(opened, np.dstack([expected_field(values, mask) for mask in used]))


def test_four_masks_behind_a_header_of_40_bytes():
    bits, masks = FIELDS["a4r4g4b4"]
    values = make_values(bits)
    opened = open_image(io.BytesIO(encode_bmp(values, bits, compression=6, masks=masks)))
    assert np.array_equal(opened, np.dstack([expected_field(values, mask) for mask in masks]))


@pytest.mark.parametrize("name", [name for name in FIELDS if FIELDS[name][1][3]])
def test_alpha_0_everywhere_is_opaque_with_a_remark(name):
    bits, masks = FIELDS[name]
    values = make_values(bits) & ~np.uint64(masks[3])
    data = encode_bmp(values, bits, header_size=V4, compression=3, masks=masks)
    opened, remarks = open_with_remarks(io.BytesIO(data))
    assert np.array_equal(opened, np.dstack([expected_field(values, mask) for mask in masks[:3]]))
    assert len(remarks) == 1


@pytest.mark.parametrize(
    ("fourth", "remarked"), [([0, 0, 0, 0], 0), ([255] * 4, 0), ([0, 1, 2, 255], 1)]
)
@pytest.mark.parametrize("header_size", [INFO, V4])
def test_the_fourth_byte_without_a_mask_is_no_alpha(fourth, remarked, header_size):
    values = np.array([[0x010203, 0x040506], [0x070809, 0x0A0B0C]]) + (
        np.array(fourth).reshape(2, 2) << 24
    )
    data = encode_bmp(values, 32, header_size=header_size)
    opened, remarks = open_with_remarks(io.BytesIO(data))
    assert np.array_equal(opened, np.arange(1, 13).reshape(2, 2, 3))
    assert len(remarks) == remarked


@pytest.mark.parametrize("header_size", HEADER_SIZES)
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16, 24, 32])
def test_plain_pixels_of_every_header(bits, header_size):
    values = make_values(min(bits, 24))
    palette = RNG.integers(0, 256, (1 << bits, 3), dtype=np.uint8) if bits <= 8 else None
    data = encode_bmp(values, bits, header_size=header_size, palette=palette)
    opened = open_image(io.BytesIO(data)).convert("RGB")
    if palette is not None:
        expected = palette[values]
    else:
        masks = FIELDS["x1r5g5b5" if bits == 16 else "r8g8b8"][1][:3]
        expected = np.dstack([expected_field(values, mask) for mask in masks])
    assert np.array_equal(opened, expected)
    if bits not in (2, 16):  # Pillow knows no 2 bits, and rounds 5 bits down
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(opened, image.convert("RGB"))


def test_a_gray_palette_gives_gray():
    palette = np.repeat(np.array([[7], [9]], np.uint8), 3, 1)
    opened = open_image(io.BytesIO(encode_bmp(np.array([[0, 1], [1, 0]]), 1, palette=palette)))
    assert opened.mode == "L"
    assert np.array_equal(opened, [[7, 9], [9, 7]])


def test_a_short_palette_is_filled_with_black():
    palette = np.array([[9, 8, 7]], np.uint8)
    opened = open_image(io.BytesIO(encode_bmp(np.array([[0, 1], [1, 0]]), 8, palette=palette)))
    assert np.array_equal(opened, [[(9, 8, 7), (0, 0, 0)], [(0, 0, 0), (9, 8, 7)]])


COLORS = np.array([[10 * i, 0, 0] for i in range(16)], np.uint8)


@pytest.mark.parametrize(
    ("compression", "codes", "bottom_up"),
    [
        (1, b"\3\1\0\0\2\2\1\3\0\0\0\1", [[1, 1, 1], [2, 2, 3]]),
        (1, b"\0\3\1\2\3\0\0\0\3\4\0\1", [[1, 2, 3], [4, 4, 4]]),
        (1, b"\1\5\0\2\1\1\1\6\0\1", [[5, 0, 0], [0, 0, 6]]),  # a jump
        (1, b"\5\1\0\0\3\2", [[1, 1, 1], [2, 2, 2]]),  # a run over the end, no end mark
        (2, b"\3\x12\0\0\0\3\x34\x50\0\1", [[1, 2, 1], [3, 4, 5]]),
    ],
)
def test_run_lengths(compression, codes, bottom_up):
    bits = 8 if compression == 1 else 4
    values = np.zeros((2, 3), int)
    data = encode_bmp(values, bits, compression=compression, palette=COLORS, codes=codes)
    opened = open_image(io.BytesIO(data))
    assert np.array_equal(np.asarray(opened)[..., 0], 10 * np.array(bottom_up)[::-1])


def test_padding_of_the_last_row_may_be_missing():
    values = make_values(24)[:, :3]
    data = encode_bmp(values, 24)
    assert np.array_equal(open_image(io.BytesIO(data[:-3])), open_image(io.BytesIO(data)))


@pytest.mark.parametrize(
    "data",
    [
        encode_bmp(make_values(24), 24)[:-4],
        encode_bmp(make_values(24), 24)[:30],
        encode_bmp(make_values(8), 8, palette=COLORS, compression=1, codes=b"\5\1\0\0\5\1"),
        encode_bmp(make_values(8), 8, palette=COLORS, compression=4),  # JPEG inside
        encode_bmp(make_values(8), 8, palette=COLORS, compression=2),  # RLE4 of 8 bits
        encode_bmp(make_values(24), 24, header_size=OS2, compression=3),  # Huffman
        encode_bmp(make_values(16), 16, compression=3, masks=(0xF0F0, 0x0F00, 0xF)),
        encode_bmp(make_values(16), 16, compression=3, masks=(0xFF0000, 0xFF00, 0xFF)),
        struct.pack("<2sIHHIIiiHH", b"BM", 99, 0, 0, 54, 40, -3, 3, 1, 24).ljust(99, b"\0"),
        struct.pack("<2sIHHIIiiHH", b"BM", 99, 0, 0, 54, 41, 3, 3, 1, 24).ljust(99, b"\0"),
        struct.pack("<2sIHHIIiiHH", b"BM", 99, 0, 0, 54, 40, 3, 3, 1, 7).ljust(99, b"\0"),
        struct.pack("<2sIHHIIHHHH", b"BM", 99, 0, 0, 26, CORE, 60000, 60000, 1, 24),
    ],
)
def test_truncated_or_unsupported(data):
    with pytest.raises(CorruptImageError) as caught:
        open_image(io.BytesIO(data))
    assert "\n" not in str(caught.value)
