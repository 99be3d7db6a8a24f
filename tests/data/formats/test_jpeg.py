import io
import struct

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.decode import CorruptImageError, encode_for_storage, open_image

OPTIONS = {
    "baseline": {},
    "420": {"subsampling": 2},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 2},
    "gray": {},
}
END = b"\xff\xd9"


def make_jpeg(kind: str, plain: bool = False, size: tuple[int, int] = (37, 45)) -> bytes:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    if plain:
        pixels[:] = 40
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert("L") if kind == "gray" else image).save(buffer, "JPEG", **OPTIONS[kind])
    return buffer.getvalue()


def find_scans(data: bytes) -> list[int]:
    return [start for start in range(len(data)) if data[start : start + 2] == b"\xff\xda"]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("tail", [b"", b"\xff", b"\0", b"\0" * 5_000])
@pytest.mark.parametrize("kind", OPTIONS)
def test_without_an_end_mark(tmp_path, kind, tail, plain):
    whole = make_jpeg(kind, plain)
    data = whole.removesuffix(END) + tail
    opened = open_image(io.BytesIO(data))
    assert np.array_equal(opened, open_image(io.BytesIO(whole)))
    (tmp_path / "a.jpg").write_bytes(data)
    stored = encode_for_storage(tmp_path / "a.jpg")
    assert np.array_equal(open_image(io.BytesIO(stored)), opened)


@pytest.mark.parametrize("cut", [3, 4, 6, 10, 50, 300])
@pytest.mark.parametrize("kind", OPTIONS)
def test_truncated(kind, cut):
    data = make_jpeg(kind).removesuffix(END)[:-cut]
    with pytest.raises(CorruptImageError):
        open_image(io.BytesIO(data))


def test_a_progressive_image_without_its_last_scan():
    data = make_jpeg("progressive")
    for start in find_scans(data)[1:]:
        with pytest.raises(CorruptImageError):
            open_image(io.BytesIO(data[:start]))


def test_metadata_that_pillow_cannot_parse():
    data = make_jpeg("baseline")
    # A table of several images (MPF) whose first value lies beyond the end
    table = b"MPF\0II*\0\x08\0\0\0\1\0\2\xb0\7\0\xff\xff\0\0\xff\xff\0\0"
    segment = b"\xff\xe2" + struct.pack(">H", len(table) + 2) + table
    broken = data[:2] + segment + data[2:].removesuffix(END)
    assert np.array_equal(open_image(io.BytesIO(broken)), open_image(io.BytesIO(data)))
