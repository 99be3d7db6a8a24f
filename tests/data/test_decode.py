"""Decoding against pixels by hand; files are written by PIL or byte by byte."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from gv_jax.data.decode import (
    CorruptImageError,
    encode_for_storage,
    open_image,
    resize,
    to_array,
    to_channels,
)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encode_png(width, height, bit_depth, color_type, rows=b""):
    """A PNG with this header; each of the `rows` begins with its filter byte."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def to_image(pixels):
    """[h w] -> L, [h w 2] -> LA, [h w 3] -> RGB, [h w 4] -> RGBA."""
    return Image.fromarray(np.array(pixels, np.uint8))


def make_palette_image():
    """Indices 0 1 / 1 0 into (red, blue)."""
    image = Image.new("P", (2, 2))
    image.putpalette([*RED, *BLUE])
    image.putdata([0, 1, 1, 0])
    return image


def write(tmp_path, name, image, **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.fixture
def forbid_decoding(monkeypatch):
    def load(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)


class TestOpenImage:
    def test_a_palette_becomes_its_colors(self, tmp_path):
        opened = open_image(write(tmp_path, "a.png", make_palette_image()))
        assert opened.mode == "RGB"
        assert np.array_equal(opened, [[RED, BLUE], [BLUE, RED]])

    @pytest.mark.parametrize("transparency", [0, bytes([0, 255])])
    def test_a_transparent_palette_entry_becomes_alpha(self, tmp_path, transparency):
        opened = open_image(
            write(tmp_path, "a.png", make_palette_image(), transparency=transparency)
        )
        assert opened.mode == "RGBA"
        assert np.array_equal(np.asarray(opened)[..., 3], [[0, 255], [255, 0]])
        assert np.array_equal(np.asarray(opened)[0, 1], [*BLUE, 255])

    def test_a_transparent_color_of_rgb_becomes_alpha(self, tmp_path):
        image = to_image([[RED, BLUE], [BLUE, RED]])
        opened = open_image(write(tmp_path, "a.png", image, transparency=RED))
        assert np.array_equal(opened, [[(*RED, 0), (*BLUE, 255)], [(*BLUE, 255), (*RED, 0)]])

    def test_a_transparent_gray_becomes_alpha(self, tmp_path):
        opened = open_image(write(tmp_path, "a.png", to_image([[7, 9], [9, 7]]), transparency=7))
        assert np.array_equal(opened, [[(7, 0), (9, 255)], [(9, 255), (7, 0)]])

    def test_one_bit_is_black_and_white(self, tmp_path):
        image = Image.new("1", (2, 2))
        image.putpixel((1, 0), 1)
        assert np.array_equal(open_image(write(tmp_path, "a.png", image)), [[0, 255], [0, 0]])

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("suffix", ["png", "webp"])
    def test_lossless_files_are_decoded_exactly(self, tmp_path, channels, suffix):
        pixels = np.random.default_rng(0).integers(1, 256, (5, 4, channels)).astype(np.uint8)
        options = {"lossless": True, "exact": True} if suffix == "webp" else {}
        opened = open_image(write(tmp_path, f"a.{suffix}", to_image(pixels.squeeze()), **options))
        expected = (
            pixels if suffix == "png" or channels > 2 else pixels[..., [0, 0, 0, 1][: channels + 2]]
        )
        assert np.array_equal(np.asarray(opened).reshape(expected.shape), expected)

    def test_bmp_and_first_frame_of_gif(self, tmp_path):
        red, blue = Image.new("RGB", (3, 2), RED), Image.new("RGB", (3, 2), BLUE)
        path = write(tmp_path, "a.gif", red, save_all=True, append_images=[blue])
        for opened in (open_image(path), open_image(write(tmp_path, "a.bmp", red))):
            assert np.array_equal(opened.convert("RGB"), np.full((2, 3, 3), RED))

    def test_bmp_with_alpha(self, tmp_path):
        masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)  # BGRA bytes, bottom row first
        header = struct.pack("<IiiHHIIiiII4I", 108, 2, 2, 1, 32, 3, 16, 0, 0, 0, 0, *masks).ljust(
            108, b"\0"
        )
        rows = bytes([1, 2, 3, 0, 4, 5, 6, 255, 7, 8, 9, 10, 11, 12, 13, 14])
        (tmp_path / "a.bmp").write_bytes(
            struct.pack("<2sIHHI", b"BM", 138, 0, 0, 122) + header + rows
        )
        expected = [[(9, 8, 7, 10), (13, 12, 11, 14)], [(3, 2, 1, 0), (6, 5, 4, 255)]]
        assert np.array_equal(open_image(tmp_path / "a.bmp"), expected)

    def test_exif_orientation_is_applied(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6  # rotated: row 0 is the right side
        path = write(
            tmp_path, "a.png", to_image([[RED, GREEN, BLUE], [WHITE, WHITE, WHITE]]), exif=exif
        )
        expected = [[WHITE, RED], [WHITE, GREEN], [WHITE, BLUE]]
        assert np.array_equal(open_image(path), expected)
        assert np.array_equal(open_image(io.BytesIO(encode_for_storage(path))), expected)

    def test_the_suffix_is_ignored(self, tmp_path):
        path = tmp_path / "a.png"
        Image.new("RGB", (8, 8), RED).save(path, "JPEG")
        assert open_image(path).size == (8, 8)


class TestCorrupt:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "not a readable image"),
            (b"just text", "not a readable image"),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a readable image"),
            (encode_png(4, 4, 16, 0, b"\0" * 36), "16 bits"),
            (encode_png(4, 4, 16, 2, b"\0" * 100), "16 bits"),
            (encode_png(4, 4, 16, 4, b"\0" * 68), "16 bits"),
            (encode_png(4, 4, 16, 6, b"\0" * 132), "16 bits"),
            (encode_png(1, 1, 8, 2, b"\0" * 4), "1x1"),
            (encode_png(1, 9, 8, 0, b"\0" * 18), "1x9"),
            (encode_png(0, 9, 8, 0), "."),
            (encode_png(4, 4, 8, 2, b"\0" * 20), "."),
        ],
    )
    def test_bytes(self, tmp_path, data, reason):
        (tmp_path / "a.png").write_bytes(data)
        for source in (tmp_path / "a.png", io.BytesIO(data)):
            with pytest.raises(CorruptImageError, match=reason) as caught:
                open_image(source)
            assert "\n" not in str(caught.value)
            assert str(tmp_path) not in str(caught.value)

    @pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "webp"])
    def test_truncated(self, tmp_path, suffix):
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
        path = write(tmp_path, f"a.{suffix}", Image.fromarray(noise))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(CorruptImageError):
            open_image(path)

    def test_cmyk(self, tmp_path):
        with pytest.raises(CorruptImageError, match="CMYK"):
            open_image(write(tmp_path, "a.jpg", Image.new("CMYK", (8, 8))))

    def test_float_with_a_wrong_suffix(self, tmp_path):
        Image.new("F", (8, 8)).save(tmp_path / "a.png", "TIFF")
        with pytest.raises(CorruptImageError, match="color mode F"):
            open_image(tmp_path / "a.png")

    # Above MAX_PIXELS, above the limit of PIL's warning, above that of its error
    @pytest.mark.parametrize("side", [7_100, 10_000, 60_000])
    @pytest.mark.usefixtures("forbid_decoding")
    def test_a_decompression_bomb_is_not_decoded(self, side):
        with pytest.raises(CorruptImageError, match="50,000,000"):
            open_image(io.BytesIO(encode_png(side, side, 8, 2)))

    def test_missing_and_unreadable_files(self, tmp_path, monkeypatch):
        with pytest.raises(CorruptImageError, match="No such file"):
            open_image(tmp_path / "a.png")

        def refuse(*_):
            raise PermissionError(13, "Permission denied", "a.png")

        monkeypatch.setattr("builtins.open", refuse)
        with pytest.raises(CorruptImageError, match="Permission denied"):
            open_image(tmp_path / "a.png")


class TestEncodeForStorage:
    @pytest.mark.parametrize("name", ["a.png", "a.jpg"])
    def test_plain_files_keep_their_bytes(self, tmp_path, name):
        path = write(tmp_path, name, Image.new("RGB", (9, 9), RED))
        assert encode_for_storage(path) == path.read_bytes()

    @pytest.mark.parametrize("name", ["a.bmp", "a.gif", "a.webp", "palette.png"])
    def test_other_files_become_png_with_the_same_pixels(self, tmp_path, name):
        image = make_palette_image()
        path = write(tmp_path, name, image if name == "palette.png" else image.convert("RGB"))
        stored = Image.open(io.BytesIO(encode_for_storage(path)))
        assert stored.format == "PNG"
        assert np.array_equal(stored, open_image(path))


class TestResize:
    def test_the_same_size_returns_the_same_image(self):
        image = to_image([[RED, GREEN], [BLUE, WHITE]])
        for size in ((0, 0), (2, 2)):
            assert resize(image, size, "stretch", "bicubic") is image

    def test_box_is_the_mean(self):
        image = to_image([[10, 20, 0, 0], [30, 40, 0, 8]])
        assert np.array_equal(resize(image, (1, 2), "stretch", "box"), [[25, 2]])

    def test_nearest_repeats(self):
        image = to_image([[1, 2], [3, 4]])
        assert np.array_equal(
            resize(image, (4, 4), "stretch", "nearest"),
            np.repeat(np.repeat([[1, 2], [3, 4]], 2, 0), 2, 1),
        )

    @pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos", "box"])
    def test_hidden_color_does_not_bleed(self, interpolation):
        pixels = np.zeros((8, 8, 4), np.uint8)
        pixels[:, :4], pixels[:, 4:] = (200, 0, 0, 255), (0, 255, 0, 0)
        small = np.asarray(resize(to_image(pixels), (3, 3), "stretch", interpolation))
        assert small[..., 1].max() == 0
        if interpolation in ("bilinear", "box"):  # the others overshoot at edges
            assert abs(small[small[..., 3] > 20][:, 0].astype(int) - 200).max() <= 3

    def test_mean_of_a_half_transparent_image(self):
        small = resize(to_image([[(*RED, 255), (*GREEN, 0)]]), (1, 1), "stretch", "box")
        assert np.array_equal(small, [[(255, 0, 0, 128)]])

    def test_crop_cuts_both_ends_equally(self):
        wide = to_image([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]])
        assert np.array_equal(resize(wide, (2, 2), "crop", "box"), [[3, 4], [3, 4]])
        tall = wide.transpose(Image.Transpose.TRANSPOSE)
        assert np.array_equal(resize(tall, (1, 1), "crop", "nearest"), [[4]])
        assert np.array_equal(resize(tall, (2, 2), "crop", "box"), [[3, 3], [4, 4]])

    def test_pad_adds_transparent_margins(self):
        wide = to_image([[RED, RED, BLUE, BLUE], [RED, RED, BLUE, BLUE]])
        padded = np.asarray(resize(wide, (4, 4), "pad", "box"))
        assert np.array_equal(padded[..., 3], [[0] * 4, [255] * 4, [255] * 4, [0] * 4])
        assert np.array_equal(padded[1:3, :, :3], np.asarray(wide))

    @pytest.mark.parametrize("resize_mode", ["stretch", "crop", "pad"])
    @pytest.mark.parametrize("size", [(2, 3000), (3000, 2), (3, 7)])
    def test_any_aspect_ratio(self, resize_mode, size):
        assert resize(Image.new("RGB", size), (8, 6), resize_mode, "bilinear").size == (6, 8)


class TestToChannels:
    def test_transparent_pixels_get_the_background_and_keep_alpha(self):
        image = to_image([[(9, 9, 9, 0), (9, 9, 9, 1)], [(1, 2, 3, 255), (4, 5, 6, 0)]])
        expected = [[(7, 8, 9, 0), (9, 9, 9, 1)], [(1, 2, 3, 255), (7, 8, 9, 0)]]
        assert np.array_equal(to_channels(image, 4, (7, 8, 9)), expected)

    def test_composited_over_the_background(self):
        image = to_image([[(255, 0, 200, 51), (1, 2, 3, 255), (1, 2, 3, 0)]])
        # 51 is one fifth: 255/5 + 0, 0 + 4/5*100, 200/5 + 4/5*50
        assert np.array_equal(
            to_channels(image, 3, (0, 100, 50)), [[(51, 80, 80), (1, 2, 3), (0, 100, 50)]]
        )

    def test_gray(self):
        image = to_image([[(100, 200, 50, 255), (9, 9, 9, 0)]])
        # 0.299*100 + 0.587*200 + 0.114*50 = 153; 0.299*255 = 76.2
        assert np.array_equal(to_channels(image, 1, RED), [[[153], [76]]])

    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_gray_images_keep_their_values(self, channels):
        pixels = to_channels(to_image([[0, 128], [255, 7]]), channels, (1, 2, 3))
        assert pixels.dtype == np.uint8
        assert pixels.shape == (2, 2, channels)
        assert (pixels[..., :3] == np.array([[0, 128], [255, 7]])[..., None]).all()
        assert channels < 4 or (pixels[..., 3] == 255).all()

    def test_padding_of_an_array_has_the_background_color(self):
        options = {"resize_mode": "pad", "interpolation": "box", "background": (7, 8, 9)}
        rgb = to_array(to_image([[RED, RED]]), size=(2, 2), channels=3, **options)
        assert rgb.shape == (2, 2, 3)
        assert {tuple(pixel) for row in rgb.tolist() for pixel in row} == {RED, (7, 8, 9)}
        rgba = to_array(to_image([[RED, RED]]), size=(2, 2), channels=4, **options)
        assert {tuple(pixel) for row in rgba.tolist() for pixel in row} == {
            (*RED, 255),
            (7, 8, 9, 0),
        }
