"""The figures of a super-resolution: all are written; examples and crops are the right ones."""

import numpy as np
from PIL import Image

from gv_jax.evaluation.super_resolution import evaluate_super_resolution
from gv_jax.reporting.figures.common import EXAMPLES_PER_RANK, pick_ranked
from gv_jax.reporting.figures.super_resolution import (
    crop_window,
    draw_super_resolution,
    max_error_window,
)
from tests.evaluation.examples import make_upscaling_dataset, make_upscaling_outputs


def test_every_figure_is_written(tmp_path):
    evaluation = evaluate_super_resolution(make_upscaling_outputs(), make_upscaling_dataset())

    def predict(inputs):
        assert inputs.shape == (1, 8, 10, 3)
        return inputs.repeat(2, 1).repeat(2, 2)

    augmented = np.zeros((3, 8, 8, 3), np.float32), np.zeros((3, 0))
    figures = draw_super_resolution(evaluation, tmp_path / "figures", augmented, predict)
    stems = [figure.file.stem for figure in figures]
    assert stems == ["gains", "examples", "whole", "augmented"]
    for figure in figures:
        with Image.open(figure.file) as image:
            assert image.width > 600
    for part in ("+1.88 dB", "+1.50 dB", "75.0 %"):
        assert part in figures[0].caption


def test_best_median_and_worst_are_picked():
    gains = np.array([3, 1, 4, 1.5, 5, 9, 2, 6, 0.5])
    assert EXAMPLES_PER_RANK == 2
    assert pick_ranked(-gains).tolist() == [5, 7, 2, 0, 1, 8]
    assert pick_ranked(-gains[:2]).tolist() == [0, 1]


def test_window_of_the_largest_error():
    errors = np.zeros((120, 90))
    errors[80:90, 60:64] = 1
    top, left = max_error_window(errors)
    assert top <= 80 <= top + 40
    assert left <= 60 <= left + 46
    assert max_error_window(np.zeros((30, 20))) == (0, 0)
    half_size = crop_window(np.zeros((60, 45, 3)), (120, 90, 3), top, left)
    assert half_size.shape == (25, 25, 3)
