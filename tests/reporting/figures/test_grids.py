"""Grids of images: every kind of image, exact pixels, captions in any script."""

import numpy as np
import pytest

from gv_jax.reporting.figures.enlarged import fit_in_box, to_pil
from gv_jax.reporting.figures.fonts import FONT_FAMILY, glyphs, replace_missing_glyphs
from gv_jax.reporting.figures.grids import CaptionLine, image_grid
from gv_jax.reporting.figures.style import DPI, FIGURE_WIDTH
from tests.reporting.figures.pngs import make_names, save_and_load


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_every_kind_of_image_is_drawn(channels, dtype, tmp_path):
    rng = np.random.default_rng(0)
    scale = 255 if dtype == np.uint8 else 1
    images = [(scale * rng.random((20, 30, channels))).astype(dtype) for _ in range(7)]
    captions = [
        [CaptionLine(name, "#000000"), CaptionLine(name, "#ff0000", "✗ 12.3 % ")]
        for name in replace_missing_glyphs(make_names(7))
    ]
    image = save_and_load(image_grid(images, captions), tmp_path)
    assert image.width == round(FIGURE_WIDTH * DPI)


def test_enlarged_pixels_are_squares():
    colors = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 0, 0]]], np.uint8)
    large = np.asarray(fit_in_box(to_pil(colors), 100, 100))
    assert large.shape == (100, 100, 4)
    for row, column in np.ndindex(2, 2):
        square = large[50 * row : 50 * row + 50, 50 * column : 50 * column + 50, :3]
        assert (square == colors[row, column]).all()


def test_transparent_images_show_a_checkerboard(tmp_path):
    caption = [CaptionLine("", "#000000")]
    image = save_and_load(image_grid([np.zeros((8, 8, 4), np.uint8)], [caption]), tmp_path)
    center = np.asarray(image.convert("L"))[60:160, 60:160]
    assert set(np.unique(center)) == {226, 255}


def test_captions_of_characters_without_bold_glyphs(tmp_path):
    without_bold = sorted(glyphs(FONT_FAMILY) - glyphs(FONT_FAMILY, "bold"))[:3]
    names = replace_missing_glyphs(["".join(map(chr, without_bold)), "plain"])
    captions = [[CaptionLine(name, "#000000")] for name in names]
    save_and_load(image_grid([np.zeros((4, 4, 3))] * 2, captions), tmp_path)
