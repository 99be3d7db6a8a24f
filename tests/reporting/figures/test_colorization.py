"""The figures of a colorization, with a network that always predicts the original."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gv_jax.evaluation.colorization import add_whole_images, evaluate_colorization
from gv_jax.evaluation.whole_images import ImageVersions, WholeImages
from gv_jax.image.color import rgb_to_lab
from gv_jax.reporting.figures.color_examples import (
    colorize_array,
    make_example,
    palette_strip,
)
from gv_jax.reporting.figures.colorization import draw_colorization, pick_per_game
from tests.evaluation.examples import make_color_dataset, make_color_outputs


@pytest.fixture
def evaluation():
    return evaluate_colorization(make_color_outputs(), make_color_dataset())


def colorize(images):
    lab = rgb_to_lab(jnp.asarray(images))
    return lab[..., :1] / 100, lab * jnp.array([1.0, 0.0, 0.0]).reshape(1, 1, 1, 3), lab


def test_every_figure_is_written(evaluation, tmp_path):
    augmented = np.zeros((3, 8, 8, 3), np.float32), np.zeros((3, 0))
    figures = draw_colorization(evaluation, tmp_path / "figures", augmented, colorize)
    stems = [figure.file.stem for figure in figures]
    assert stems == ["examples", "games", "palettes", "augmented"]
    assert all(figure.file.stat().st_size > 1000 for figure in figures)


def test_without_a_network_only_training_images_are_drawn(evaluation, tmp_path):
    augmented = np.zeros((3, 8, 8, 3), np.float32), np.zeros((3, 0))
    (figure,) = draw_colorization(evaluation, tmp_path, augmented)
    assert figure.file.stem == "augmented"


def test_whole_images_are_drawn_at_their_own_size(evaluation, tmp_path):
    whole = make_color_outputs()["test"]
    drawn = []

    def versions(index):
        drawn.append(index)
        return ImageVersions(*np.full((4, 60 + index, 90, 3), 50 * index, np.uint8))

    evaluation = add_whole_images(evaluation, WholeImages([0, 1, 2, 3], whole, versions))
    figures = draw_colorization(evaluation, tmp_path, None, colorize, predicts_lightness=True)
    stems = [figure.file.stem for figure in figures]
    assert stems == ["examples", "games", "palettes", "restored"]
    assert drawn == [0, 1, 2, 3, 1, 3]
    assert all("own size" in figure.caption for figure in figures[:2])
    assert "network input" in figures[3].caption
    with Image.open(figures[0].file) as sheet:
        assert sheet.width / sheet.info["dpi"][0] > 11  # inches: as wide as a page


def test_errors_of_an_example(evaluation):
    image = evaluation.dataset.splits["test"].images[0]
    example = make_example("x", colorize_array(image, colorize))
    assert example.network_error == pytest.approx(0, abs=1e-3)
    assert example.lookup_error > 5  # gray
    np.testing.assert_allclose(example.network, image / 255, atol=1e-6)
    np.testing.assert_allclose(np.ptp(example.lookup, axis=-1), 0, atol=1 / 255 + 1e-6)
    assert not example.error_map.max() > 0.1


def test_one_example_per_game(evaluation):
    labels = evaluation.dataset.splits["test"].labels
    assert pick_per_game(evaluation.errors, labels) == [1, 3]


def test_palette_is_sorted_by_lightness():
    strip = palette_strip(np.random.default_rng(0).random((9, 7, 3)))
    assert strip.shape == (28, 240, 3)
    luma = np.round(strip[0] @ np.array([0.299, 0.587, 0.114]), 2)
    assert (np.diff(luma) >= 0).all()
