"""Every figure comes out as a PNG of a sensible size, whatever the names; warnings are errors here."""

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from gv_jax.evaluation import class_metrics
from gv_jax.reporting.figures import charts
from gv_jax.reporting.figures.fonts import (
    FONT_FAMILY,
    ellipsize,
    glyphs,
    replace_missing_glyphs,
    text_width,
)
from gv_jax.reporting.figures.grids import CaptionLine, fit_in_box, image_grid, to_pil

ODD = [
    "$x$ and $y_1",
    "a name that goes on and on until nobody wants to read it any more",
    "火の鳥",
    "😀🦄",
    "tab\there",
    "ok",
]


def names(count: int) -> list[str]:
    return [*ODD, *(f"class_{number}" for number in range(count))][:count]


def saved(figure: Figure, folder) -> Image.Image:
    file = folder / "figure.png"
    charts.save_figure(figure, file)
    with Image.open(file) as picture:
        picture.load()
    assert picture.info["dpi"][0] == pytest.approx(charts.DPI, abs=0.1)
    assert np.asarray(picture.convert("L")).std() > 1  # something is drawn
    return picture


def inks_at_the_edges(picture: Image.Image) -> bool:
    """Whether anything touches the border: it would be cut off."""
    grey = np.asarray(picture.convert("L"))
    return bool((np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]) < 250).any())


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("count", [2, 15, 40, 150])
def test_confusion_grows_with_the_classes_and_cuts_nothing_off(count, shares, tmp_path):
    matrix = np.random.default_rng(0).integers(0, 1500, (count, count))
    values = class_metrics.normalize_rows(matrix) if shares else matrix
    picture = saved(charts.plot_confusion(values, names(count), shares), tmp_path)
    assert not inks_at_the_edges(picture)
    inches = picture.width / charts.DPI
    least, most = {2: (1.5, 3), 15: (4, 5.5), 40: (7, 9), 150: (12, 15)}[count]
    assert least < inches < most


def test_confusion_of_nothing_right(tmp_path):
    saved(charts.plot_confusion(np.zeros((3, 3), int), ["a", "b", "c"]), tmp_path)


def test_numbers_stand_only_where_they_can_be_read():
    assert charts.text_color(np.array([[99]]), 0.24) >= 6
    assert charts.text_color(np.array([[123456]]), 0.24) == 0
    assert charts.text_color(np.array([[9]]), 0.05) == 0


@pytest.mark.parametrize("count", [2, 15, 40, 150])
def test_balance(count, tmp_path):
    draws = np.random.default_rng(0)
    counts = {
        split: draws.integers(0, size, count)
        for split, size in (("train", 10**6), ("valid", 3), ("test", 1))
    }
    picture = saved(charts.plot_balance(counts, names(count)), tmp_path)
    assert picture.width / charts.DPI == pytest.approx(charts.FIGURE_WIDTH, abs=0.01)
    assert picture.height / charts.DPI < 11


def rows(epochs: int):
    for epoch in range(1, epochs + 1):
        for split in ("train", "valid"):
            yield {
                "step": 10 * epoch,
                "epoch": epoch,
                "split": split,
                "loss": 3.0 / epoch**2,
                "accuracy": 0.5,
            }


@pytest.mark.parametrize("epochs", [1, 2, 40])
@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_curves(epochs, metric, tmp_path):
    figure = charts.plot_curves(list(rows(epochs)), metric, floor=0.6, best_step=10)
    assert figure.axes[0].get_yscale() == ("log" if (metric, epochs) == ("loss", 40) else "linear")
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["train", "valid", "kept: epoch 1", "floor"]
    saved(figure, tmp_path)


def test_reliability(tmp_path):
    draws = np.random.default_rng(0)
    logs = class_metrics.log_softmax(draws.normal(0, 3, (300, 4)))
    table = class_metrics.calibration_curve(logs, draws.integers(0, 4, 300))
    figure = charts.plot_reliability(table["bins"])
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    assert sum(heights) == pytest.approx(1)
    assert not inks_at_the_edges(saved(figure, tmp_path))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_sheet_shows_every_kind_of_picture(channels, kind, tmp_path):
    draws = np.random.default_rng(0)
    pictures = [draws.random((20, 30, channels)) for _ in range(7)]
    if kind == np.uint8:
        pictures = [(255 * picture).astype(np.uint8) for picture in pictures]
    captions = [
        [CaptionLine(name, "#000000"), CaptionLine(name, "#ff0000", "✗ 12.3% ")]
        for name in replace_missing_glyphs(names(7))
    ]
    picture = saved(image_grid(pictures, captions), tmp_path)
    assert picture.width == round(charts.FIGURE_WIDTH * charts.DPI)


def test_pictures_keep_their_pixels(tmp_path):
    """A 2x2 picture comes out as four even squares, a transparent one as a checkerboard."""
    colours = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 0, 0]]], np.uint8)
    large = np.asarray(fit_in_box(to_pil(colours), 100, 100))
    assert large.shape == (100, 100, 4)
    for row, column in np.ndindex(2, 2):
        square = large[50 * row : 50 * row + 50, 50 * column : 50 * column + 50, :3]
        assert (square == colours[row, column]).all()
    clear = saved(
        image_grid([np.zeros((8, 8, 4), np.uint8)], [[CaptionLine("", "#000000")]]), tmp_path
    )
    middle = np.asarray(clear.convert("L"))[60:160, 60:160]
    assert set(np.unique(middle)) == {226, 255}


def test_nothing_global_is_left_behind(tmp_path):
    before = dict(matplotlib.rcParams)
    saved(charts.plot_confusion(np.eye(3), ["a", "b", "c"], shares=True), tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_names_are_shortened_in_the_middle():
    long = "minifigure_of_somebody_number_0012"
    short = ellipsize(long, 7, 1.0)
    assert text_width(short, 7) <= 1.0
    assert short.startswith("mini")
    assert short.endswith("0012")
    assert ellipsize("short", 7, 1.0) == "short"
    assert ellipsize("anything", 7, 0.0) == "…"


def test_letters_without_a_font_become_boxes_that_can_be_told_apart():
    lost = "\U000e0041"  # a tag character, which no font draws
    assert replace_missing_glyphs(["plain", lost, lost * 2]) == ["plain", "□ (no. 2)", "□□ (no. 3)"]
    assert replace_missing_glyphs(["e\u0301te\u0301", "a\n b"]) == ["été", "a b"]


def test_bold_captions_of_letters_that_are_not_bold(tmp_path):
    lacking = sorted(glyphs(FONT_FAMILY) - glyphs(FONT_FAMILY, "bold"))[:3]
    names = replace_missing_glyphs(["".join(map(chr, lacking)), "plain"])
    saved(
        image_grid([np.zeros((4, 4, 3))] * 2, [[CaptionLine(name, "#000000")] for name in names]),
        tmp_path,
    )
