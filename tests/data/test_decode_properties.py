"""Random and damaged files: an image with the right pixels or a CorruptImageError, nothing else."""

import contextlib
import io
import struct
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gv_jax.data.decode import CorruptImageError, open_image, open_with_remarks
from gv_jax.inference.image_file import read_image
from tests.data.formats.bmp_files import V4, encode_bmp, expected_field
from tests.data.formats.gif_files import encode_gif, expected_gif
from tests.data.formats.png_files import CHANNELS, DEPTHS, chunk, encode_png, expected_pixels

KINDS = [(c, depth) for c, depths in DEPTHS.items() for depth in depths if depth < 16]
BMP_MASKS = st.lists(st.integers(0, 10), min_size=4, max_size=4)
SIDES = st.integers(2, 12)
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@st.composite
def png_files(draw):
    """(file, expected RGBA pixels)."""
    color_type, depth = draw(st.sampled_from(KINDS))
    rng, shape = draw(seeds), (draw(SIDES), draw(SIDES), CHANNELS[color_type])
    samples = rng.integers(0, 1 << depth, shape)
    palette = rng.integers(0, 256, (1 << depth, 3), dtype=np.uint8) if color_type == 3 else None
    transparency = None
    if color_type == 3:
        transparency = draw(st.none() | st.binary(min_size=1, max_size=1 << depth))
    elif color_type < 3:
        color = draw(st.none() | st.sampled_from([*samples.reshape(-1, shape[2]).tolist()]))
        high = draw(st.integers(0, 3)) << depth
        if color is not None:
            transparency = struct.pack(f">{shape[2]}H", *(value + high for value in color))
    names = st.sampled_from(
        [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"gAMA", b"eXIf", b"prVt", b"pHYs"]
    )
    extras = st.lists(
        st.builds(chunk, names, st.binary(max_size=40), st.sampled_from([None, 1])), max_size=3
    )
    data = encode_png(
        samples,
        depth,
        color_type,
        palette=palette,
        transparency=transparency,
        interlaced=draw(st.booleans()),
        filters=draw(st.lists(st.integers(0, 4), min_size=1, max_size=5)),
        before=b"".join(draw(extras)),
        after=b"".join(draw(extras)),
    )
    return data, expected_pixels(samples, depth, color_type, palette, transparency)


@st.composite
def bmp_files(draw):
    """(file, expected RGBA pixels) with bit fields of random widths and places."""
    bits = draw(st.sampled_from([16, 24, 32]))
    masks, place = [], 0
    for width in draw(BMP_MASKS):
        width = min(width, bits - place)
        masks.append(((1 << width) - 1) << place)
        place += width
    masks = [*draw(st.permutations(masks[:3])), masks[3]]
    rng = draw(seeds)
    values = rng.integers(0, 1 << bits, (draw(SIDES), draw(SIDES)), dtype=np.uint64)
    data = encode_bmp(
        values,
        bits,
        header_size=V4,
        compression=3,
        masks=tuple(masks),
        top_down=draw(st.booleans()),
    )
    used = masks if any(masks[:3]) else [*default_masks(bits), masks[3]]
    fields = [expected_field(values, mask) for mask in used]
    if not fields[3].any():
        fields[3] = np.full(values.shape, 255)
    return data, np.dstack(fields).astype(np.uint8)


@st.composite
def gif_files(draw):
    """(file, expected RGBA pixels); a frame on a canvas, which may be larger."""
    bits, rng = draw(st.integers(1, 8)), draw(seeds)
    palette = rng.integers(0, 256, (1 << bits, 3), dtype=np.uint8)
    indices = rng.integers(0, 1 << bits, (draw(SIDES), draw(SIDES)))
    offset = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    margin = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    size = zip(indices.shape, offset, margin, strict=True)
    where = {
        "canvas": tuple(map(sum, size)),
        "offset": offset,
        "transparent": draw(st.none() | st.integers(0, (1 << bits) - 1)),
    }
    flags = {"local": draw(st.booleans()), "interlaced": draw(st.booleans())}
    data = encode_gif(indices, palette, **where, **flags)
    return data, expected_gif(indices, palette, **where)


@st.composite
def lossless_files(draw):
    """(file that Pillow writes without loss, expected RGBA pixels)."""
    channels, rng = draw(st.sampled_from([1, 3, 4])), draw(seeds)
    pixels = rng.integers(0, 256, (draw(SIDES), draw(SIDES), channels), dtype=np.uint8)
    kind, options = draw(
        st.sampled_from(
            [
                ("PNG", {}),
                ("PNG", {"optimize": True}),
                ("WEBP", {"lossless": True, "exact": True}),
                ("TIFF", {}),
                ("TIFF", {"compression": "tiff_lzw"}),
                ("TIFF", {"compression": "packbits"}),
                ("TGA", {}),
                ("TGA", {"compression": "tga_rle"}),
                ("DDS", {}),
            ]
        )
    )
    image = Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue(), np.array(image.convert("RGBA"))


def default_masks(bits):
    return (0x7C00, 0x3E0, 0x1F) if bits == 16 else (0xFF0000, 0xFF00, 0xFF)


@st.composite
def pillow_files(draw):
    """A file that Pillow writes."""
    rng = draw(seeds)
    mode = draw(st.sampled_from(["L", "RGB", "RGBA", "P"]))
    kind = draw(st.sampled_from(["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "TGA", "DDS"]))
    if (kind, mode) in {("JPEG", "RGBA"), ("JPEG", "P"), ("DDS", "P")}:
        mode = "RGB"
    pixels = rng.integers(0, 256, (draw(SIDES), draw(SIDES), 4), dtype=np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    exif = draw(st.binary(max_size=60)) if kind in ("PNG", "JPEG", "WEBP") else b""
    options = {"exif": exif} if exif else {}
    if kind == "JPEG":
        options["progressive"] = draw(st.booleans())
    if kind in ("GIF", "WEBP", "PNG") and draw(st.booleans()):
        options |= {"save_all": True, "append_images": [image.rotate(180)]}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save(buffer, kind, **options)
    return buffer.getvalue()


files = (
    pillow_files() | png_files().map(lambda file: file[0]) | bmp_files().map(lambda file: file[0])
)


@st.composite
def damaged_files(draw):
    """A file cut at any byte, with flipped bits, or with bytes removed or put in."""
    data = bytearray(draw(files))
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        place = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["cut", "flip", "flip", "flip", "set", "remove", "insert"])):
            case "cut":
                del data[place:]
            case "flip":
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "set":
                data[place] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
            case "remove":
                del data[place : place + draw(st.integers(1, 16))]
            case "insert":
                data[place:place] = draw(st.binary(min_size=1, max_size=16))
    return bytes(data)


def check_outcome(data: bytes) -> None:
    """Decodes the file: an image of a plain mode, or one line why not. Warnings are errors."""
    with contextlib.suppress(CorruptImageError):  # it takes more kinds of images
        assert read_image(io.BytesIO(data)).pixels.dtype == np.uint8
    try:
        opened, remarks = open_with_remarks(io.BytesIO(data))
    except CorruptImageError as error:
        message = str(error)
    else:
        assert opened.mode in ("L", "LA", "RGB", "RGBA")
        assert np.asarray(opened).dtype == np.uint8
        message = "".join(remarks)
    assert "\n" not in message


def check_pixels(file: tuple[bytes, np.ndarray]) -> None:
    data, expected = file
    opened = np.asarray(open_image(io.BytesIO(data)).convert("RGBA"))
    assert np.array_equal(opened[..., 3], expected[..., 3])
    visible = expected[..., 3] > 0
    assert np.array_equal(opened[visible], expected[visible])


random_files = st.builds(
    lambda prefix, body: prefix + body,
    st.sampled_from(
        [
            *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8 "),
            *(b"II*\0", b"MM\0*", b"DDS ", b"\0\0\0\x1cftypavif", b"\0\0\2"),
        ]
    ),
    st.binary(max_size=200),
)
PROFILES = pytest.mark.parametrize(
    "profile", ["fast", pytest.param("slow", marks=pytest.mark.slow)]
)


@PROFILES
@pytest.mark.parametrize(
    ("check", "strategy"),
    [
        pytest.param(check_pixels, png_files(), id="png"),
        pytest.param(check_pixels, bmp_files(), id="bmp"),
        pytest.param(check_pixels, gif_files(), id="gif"),
        pytest.param(check_pixels, lossless_files(), id="lossless"),
        pytest.param(check_outcome, damaged_files(), id="damaged"),
        pytest.param(check_outcome, random_files, id="random"),
    ],
)
def test_decoding(check, strategy, profile):
    @settings(settings.get_profile(profile))
    @given(strategy)
    def run(file):
        check(file)

    run()
