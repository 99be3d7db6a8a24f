"""Image files and folders, colorized."""

import numpy as np
import pytest
from PIL import Image

from gv_jax.errors import UserError
from gv_jax.inference.files.colorize_files import colorize_files
from tests.data.formats.bmp_files import encode_bmp
from tests.inference.scenes import to_gray

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (19, 33, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (19, 33), dtype=np.uint8)
GRAY_16_BIT = (RNG.random((19, 33)) * 65535).astype(np.uint16)


def palette_image():
    image = Image.fromarray(RNG.integers(0, 3, (19, 33), dtype=np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 50, 90, 90, 240])
    return image


IMAGES = {
    "rgb.png": (Image.fromarray(RGB), {}),
    "rgba.png": (Image.fromarray(np.dstack([RGB, ALPHA])), {}),
    "gray.png": (Image.fromarray(RGB[..., 0]), {}),
    "gray_alpha.png": (Image.fromarray(np.dstack([RGB[..., 0], ALPHA]), "LA"), {}),
    "palette.png": (palette_image(), {}),
    "palette_transparent.png": (palette_image(), {"transparency": 1}),
    "black_white.bmp": (Image.fromarray(RGB[..., 0]).convert("1"), {}),
    "gray_16_bit.png": (Image.fromarray(GRAY_16_BIT), {}),
    "cmyk.jpg": (Image.fromarray(RGB).convert("CMYK"), {}),
    "photo.webp": (Image.fromarray(RGB), {}),
    "one_pixel.png": (Image.fromarray(RGB[:1, :1]), {}),
    "line.gif": (Image.fromarray(RGB[:1, :, 0]), {}),
}


@pytest.fixture(autouse=True)
def load_once(colorizer, monkeypatch):
    """Compiles once for all files."""
    monkeypatch.setattr(
        "gv_jax.inference.files.colorize_files.load_colorizer", lambda run: colorizer
    )


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize("name", IMAGES)
def test_gray_and_alpha_of_every_kind_of_image_are_preserved(name, tmp_path):
    image, options = IMAGES[name]
    image.save(tmp_path / name, **options)
    message = str(colorize_files(tmp_path, [tmp_path / name], tmp_path / "out", steady=False))
    assert "1 file " in message
    assert str(tmp_path / "out") in message
    with Image.open(tmp_path / name) as file:
        has_alpha, size = file.has_transparency_data, file.size
        if name == "gray_16_bit.png":
            expected = np.rint(GRAY_16_BIT / 65535 * 255)
        elif file.mode in ("1", "L", "LA"):
            expected = np.asarray(file.convert("LA"))[..., 0]
        else:
            expected = to_gray(np.asarray(file.convert("RGB")))
        alpha = np.asarray(file.convert("RGBA"))[..., 3] if has_alpha else None
    with Image.open(tmp_path / "out" / f"{name.split('.')[0]}.png") as file:
        assert (file.mode, file.size) == ("RGBA" if has_alpha else "RGB", size)
        pixels = np.asarray(file)
    np.testing.assert_array_equal(to_gray(pixels), expected)
    if has_alpha:
        np.testing.assert_array_equal(pixels[..., 3], alpha)


def test_the_output_of_a_folder_has_its_structure(tmp_path, capsys):
    source, output = tmp_path / "in", tmp_path / "in" / "out"
    (source / "below").mkdir(parents=True)
    for name in ("a.png", "below/b.jpg", "below/b.bmp"):
        Image.fromarray(RGB).save(source / name)
    (source / "below" / "broken.png").write_bytes(b"no image")
    (source / "missing.png").symlink_to("nothing")
    with pytest.raises(UserError, match=r"missing\.png: .*broken\.png: .* 3 files"):
        colorize_files(tmp_path, [source], output, steady=False)
    written = sorted(str(file.relative_to(output)) for file in output.rglob("*.*"))
    assert written == ["a.png", "below/b.bmp.png", "below/b.jpg.png"]
    (source / "below" / "broken.png").unlink()
    (source / "missing.png").unlink()
    message = str(colorize_files(tmp_path, [source], output, steady=False))
    assert " 3 files " in message  # files of the output folder are not colorized again
    assert "colorize" in capsys.readouterr().err  # progress


def write_defective(folder):
    """Two images of 16 bits, a TIFF of two frames, one with a profile, and an odd BMP."""
    rgb = Image.fromarray(RGB)
    for name in ("deep_1.png", "deep_2.png"):
        Image.fromarray(GRAY_16_BIT).save(folder / name)
    rgb.save(folder / "pages.tif", save_all=True, append_images=[rgb])
    rgb.save(folder / "print.jpg", icc_profile=b"\0" * 128 + b"desc P3 primaries")
    rgb.save(folder / "screen.jpg", icc_profile=b"\0" * 128 + b"desc s\0R\0G\0B\0 IEC61966")
    unused_byte = encode_bmp(np.array([[1, 2], [3, 4]]) << 24, 32)
    (folder / "odd.bmp").write_bytes(unused_byte)


def test_what_images_do_not_preserve_is_listed_once_per_kind(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    write_defective(source)
    outcome = colorize_files(tmp_path, [source], tmp_path / "out", steady=False)
    assert outcome.exit_status == 0
    assert {path.name: losses for path, losses in outcome.losses.items()} == {
        "deep_1.png": ("more than 8 bits per channel",),
        "deep_2.png": ("more than 8 bits per channel",),
        "pages.tif": ("further frames",),
        "print.jpg": ("the color profile",),
    }
    assert [path.name for path in outcome.remarks] == ["odd.bmp"]
    lines = str(outcome).splitlines()
    assert len(lines) == 5
    assert [f"{source}/deep_1.png and 1 other file: " in line for line in lines].count(True) == 1


def test_notes_are_logged_if_another_file_cannot_be_read(tmp_path, caplog):
    Image.fromarray(GRAY_16_BIT).save(tmp_path / "deep.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"broken\.png"):
        colorize_files(tmp_path, [tmp_path], tmp_path / "out", steady=False)
    assert [f"{tmp_path}/deep.png" in record.getMessage() for record in caplog.records] == [True]
