"""Palettes: nearest colors, files of several formats, and their errors."""

import numpy as np
import pytest
from PIL import Image

from gv_jax.errors import UserError
from gv_jax.inference.generation.snap_colors import limit_colors, read_palette, snap_colors

PALETTE = np.array([[0, 0, 0], [255, 255, 255], [220, 30, 30]], np.uint8)


def test_each_color_becomes_the_nearest_and_alpha_is_kept():
    images = np.array([[10, 5, 0, 255], [240, 250, 240, 9], [200, 60, 60, 128], [255, 0, 0, 0]])
    snapped = snap_colors(images.reshape(1, 2, 2, 4).astype(np.uint8), PALETTE)
    expected = [[0, 0, 0, 255], [255, 255, 255, 9], [220, 30, 30, 128], [0, 0, 0, 0]]
    np.testing.assert_array_equal(snapped.reshape(4, 4), expected)


def test_gray_images_stay_gray():
    images = np.array([[3, 250]], np.uint8).reshape(1, 1, 2, 1)
    np.testing.assert_array_equal(snap_colors(images, PALETTE[:2]).ravel(), [0, 255])


def test_limited_colors_are_near_and_few():
    rng = np.random.default_rng(0)
    centers = rng.integers(0, 256, (3, 3))
    image = centers[rng.integers(0, 3, (16, 16))] + rng.integers(-3, 4, (16, 16, 3))
    image = np.clip(image, 0, 255).astype(np.uint8)
    (limited,) = limit_colors(image[None], 3)
    assert len(np.unique(limited.reshape(-1, 3), axis=0)) == 3
    assert np.abs(limited.astype(int) - image).max() <= 12


def test_transparent_images_and_images_of_few_colors_are_unchanged():
    hidden = np.zeros((1, 4, 4, 4), np.uint8)
    np.testing.assert_array_equal(limit_colors(hidden, 2), hidden)
    flat = np.full((1, 4, 4, 3), 7, np.uint8)
    np.testing.assert_array_equal(limit_colors(flat, 2), flat)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.hex", "000000\nffffff\n\ndc1e1e\n"),
        ("a.hex", "\ufeff#000000\r\n#FFFFFF80\r\nDC1E1EFF\r\n"),
        ("a.txt", ";paint.net Palette File\nFF000000\n80FFFFFF\nFFDC1E1E\n"),
        ("a.gpl", "GIMP Palette\nName: x\nColumns: 3\n#\n0 0 0 Black\n255 255 255\n220 30 30 r\n"),
        ("a.pal", "JASC-PAL\n0100\n3\n0 0 0\n255 255 255\n220 30 30\n"),
    ],
)
def test_text_files(tmp_path, name, text):
    (tmp_path / name).write_text(text, "utf-8")
    np.testing.assert_array_equal(read_palette(tmp_path / name), PALETTE)


def test_visible_colors_of_an_image(tmp_path):
    pixels = np.concatenate([PALETTE, [[9, 9, 9]]])[None].astype(np.uint8)
    alpha = np.array([[[255], [255], [255], [0]]], np.uint8)
    Image.fromarray(np.concatenate([pixels, alpha], -1)).save(tmp_path / "a.png")
    colors = {tuple(color) for color in read_palette(tmp_path / "a.png").tolist()}
    assert colors == {tuple(color) for color in PALETTE.tolist()}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.hex", b"no color\n"),
        ("a.hex", b""),
        ("a.png", b"no image"),
        ("a.gpl", b"300 0 0\n"),
        ("a.hex", None),
    ],
)
def test_errors_name_the_file(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name) as caught:
        read_palette(tmp_path / name)
    message = str(caught.value)
    assert "\n" not in message
    assert "ff8800" in message


def test_too_many_colors(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    with pytest.raises(UserError, match=r"4,096"):
        read_palette(tmp_path / "noise.png")
