"""PNG files of every kind, against the samples they were written from."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.decode import CorruptImageError, encode_for_storage, open_image, open_with_remarks
from gv_jax.inference.image_file import read_image
from tests.data.formats.png_files import (
    DEPTHS,
    chunk,
    encode_png,
    expected_pixels,
    make_samples,
)

KINDS = [(color_type, depth) for color_type, depths in DEPTHS.items() for depth in depths]
GRAY = np.arange(16).reshape(4, 4, 1)
MEGABYTES = zlib.compress(b"a" * 2_000_000)


def to_rgba(pixels: np.ndarray) -> np.ndarray:
    """uint8 [h w 1 to 4] -> [h w 4]."""
    channels = pixels.shape[-1]
    opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    alpha = pixels[..., -1:] if channels in (2, 4) else opaque
    color = pixels[..., :1].repeat(3, -1) if channels < 3 else pixels[..., :3]
    return np.concatenate([color, alpha], -1)


def list_transparencies(samples, depth, color_type, rng):
    """No tRNS chunk; one that fits; one with bits above the depth; one that fits no pixel."""
    if color_type == 3:
        alphas = bytes(rng.integers(0, 256, 1 << depth, dtype=np.uint8))
        return [None, alphas, alphas[:1], b"\xff\x00", b"\x00", b"\xff\xff"][: 2 + (1 << depth)]
    if color_type > 3:
        return [None]
    present = [*samples[0, 0], *samples[-1, -1]][: samples.shape[2] * 2]
    size = samples.shape[2]
    stored = [present[:size], present[size:], [1] * size, [(1 << depth) - 1] * size]
    if depth < 16:
        stored.append([value + (1 << depth) for value in present[:size]])
    return [None, *(struct.pack(f">{size}H", *map(int, values)) for values in stored)]


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("color_type", "depth"), KINDS)
def test_every_kind(tmp_path, color_type, depth, interlaced):
    rng = np.random.default_rng(depth)
    palette = rng.integers(0, 256, (1 << depth, 3), dtype=np.uint8) if color_type == 3 else None
    for filters in ((0,), (1,), (2,), (3,), (4,), (0, 4, 3, 2, 1)):
        samples = make_samples(rng, depth, color_type)
        for transparency in list_transparencies(samples, depth, color_type, rng):
            data = encode_png(
                samples,
                depth,
                color_type,
                palette=palette,
                transparency=transparency,
                interlaced=interlaced,
                filters=filters,
            )
            expected = expected_pixels(samples, depth, color_type, palette, transparency)
            (tmp_path / "a.png").write_bytes(data)
            assert np.array_equal(to_rgba(read_image(tmp_path / "a.png").pixels), expected)
            if depth == 16:
                with pytest.raises(CorruptImageError, match="16 bits"):
                    open_image(io.BytesIO(data))
                continue
            opened, remarks = open_with_remarks(io.BytesIO(data))
            assert np.array_equal(opened.convert("RGBA"), expected)
            assert remarks == ()
            stored = open_image(io.BytesIO(encode_for_storage(tmp_path / "a.png")))
            assert stored.mode == opened.mode
            assert np.array_equal(stored, opened)


@pytest.mark.parametrize(("color_type", "depth"), [(0, 16), (2, 16)])
def test_colors_that_differ_in_the_lower_byte_only_are_opaque(tmp_path, color_type, depth):
    samples = np.full((2, 2, 3 if color_type else 1), 0x1234)
    samples[0, 0] += 1
    transparency = struct.pack(f">{samples.shape[2]}H", *[0x1234] * samples.shape[2])
    (tmp_path / "a.png").write_bytes(
        encode_png(samples, depth, color_type, transparency=transparency)
    )
    assert read_image(tmp_path / "a.png").pixels[..., -1].tolist() == [[255, 0], [0, 0]]


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"Comment\0\0" + MEGABYTES),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + MEGABYTES),
        chunk(b"zTXt", b"Comment\0\0" + MEGABYTES) * 70,
        chunk(b"iCCP", b"profile\0\0" + MEGABYTES),
        chunk(b"iCCP", b"profile\0\7"),
        chunk(b"tEXt", b"Comment\0text", checksum=1),
        chunk(b"gAMA", b"\0"),
        chunk(b"pHYs", b"\0" * 9, checksum=1),
        chunk(b"acTL", b"\0"),
        chunk(b"fcTL", b"\0" * 26, checksum=1),
        chunk(b"eXIf", b"junk", checksum=1),
        *(chunk(b"tEXt", key + b"\0 1") for key in (b"interlace", b"transparency", b"bbox")),
        chunk(b"tEXt", b"exif\0 1"),
    ],
    ids=lambda data: data[4:24].decode("latin-1"),
)
def test_side_chunks_do_not_prevent_decoding(extra, place):
    opened = open_image(io.BytesIO(encode_png(GRAY * 17, 8, 0, **{place: extra})))
    assert np.array_equal(opened, GRAY[..., 0] * 17)


def test_a_repaired_file_keeps_transparency_and_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    broken = chunk(b"tEXt", b"Comment\0text", checksum=1)
    data = encode_png(
        GRAY,
        4,
        0,
        transparency=b"\0\4",
        before=broken + chunk(b"eXIf", exif.tobytes()[6:]),
    )
    (tmp_path / "a.png").write_bytes(data)
    expected = np.rot90(np.dstack([GRAY[..., 0] * 17, np.where(GRAY[..., 0] == 4, 0, 255)]), -1)
    assert np.array_equal(open_image(tmp_path / "a.png"), expected)
    stored = encode_for_storage(tmp_path / "a.png")
    assert np.array_equal(open_image(io.BytesIO(stored)), expected)


@pytest.mark.parametrize("transparency", [b"", b"\0", chunk(b"tRNS", b"\0\1", checksum=1)])
def test_a_damaged_transparent_color_is_ignored_with_a_remark(transparency):
    if len(transparency) < 2:
        transparency = chunk(b"tRNS", transparency)
    opened, remarks = open_with_remarks(io.BytesIO(encode_png(GRAY, 8, 0, before=transparency)))
    assert np.array_equal(opened, GRAY[..., 0])
    assert ["tRNS" in remark for remark in remarks] == [True]


def test_a_transparent_color_behind_the_pixels_does_not_count():
    data = encode_png(GRAY, 8, 0, after=chunk(b"tRNS", b"\0\1"))
    assert np.array_equal(open_image(io.BytesIO(data)), GRAY[..., 0])


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE"])
def test_a_damaged_critical_chunk(name):
    data = encode_png(GRAY % 2, 1, 3, palette=np.zeros((2, 3), np.uint8))
    start = data.index(name) + 4
    damaged = data[:start] + bytes([data[start] ^ 1]) + data[start + 1 :]
    with pytest.raises(CorruptImageError):
        open_image(io.BytesIO(damaged))


def test_indices_without_a_palette():
    with pytest.raises(CorruptImageError, match="palette"):
        open_image(io.BytesIO(encode_png(GRAY, 8, 3)))


def test_an_animation_is_its_first_frame_with_a_remark(tmp_path):
    frames = [Image.new("RGB", (4, 3), (shade, 0, 0)) for shade in (10, 200)]
    for suffix in ("png", "gif", "webp"):
        path = tmp_path / f"a.{suffix}"
        options = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)
        opened, remarks = open_with_remarks(path)
        assert np.array_equal(opened.convert("RGB"), frames[0])
        assert len(remarks) == 1
