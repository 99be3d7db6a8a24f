"""Every chart is saved at a reasonable size, whatever the names; warnings are errors here."""

import matplotlib
import numpy as np
import pytest

from gv_jax.evaluation import class_metrics
from gv_jax.reporting.figures import charts
from gv_jax.reporting.figures.style import DPI, FIGURE_WIDTH
from tests.reporting.figures.pngs import has_ink_at_border, make_names, save_and_load


@pytest.mark.parametrize("fractions", [False, True])
@pytest.mark.parametrize("count", [2, 15, 40, 150])
def test_confusion_grows_with_the_classes_and_cuts_nothing_off(count, fractions, tmp_path):
    matrix = np.random.default_rng(0).integers(0, 1500, (count, count))
    values = class_metrics.normalize_rows(matrix) if fractions else matrix
    image = save_and_load(charts.plot_confusion(values, make_names(count), fractions), tmp_path)
    assert not has_ink_at_border(image)
    low, high = {2: (1.5, 3), 15: (4, 5.5), 40: (7, 9), 150: (12, 15)}[count]
    assert low < image.width / DPI < high


def test_confusion_of_zeros(tmp_path):
    save_and_load(charts.plot_confusion(np.zeros((3, 3), int), ["a", "b", "c"]), tmp_path)


def test_numbers_are_written_only_where_they_are_readable():
    assert charts.fit_font_size(np.array([[99]]), 0.24) >= 6
    assert charts.fit_font_size(np.array([[123456]]), 0.24) == 0
    assert charts.fit_font_size(np.array([[9]]), 0.05) == 0


@pytest.mark.parametrize("count", [2, 15, 40, 150])
def test_balance(count, tmp_path):
    rng = np.random.default_rng(0)
    limits = {"train": 10**6, "valid": 3, "test": 1}
    counts = {split: rng.integers(0, limit, count) for split, limit in limits.items()}
    image = save_and_load(charts.plot_balance(counts, make_names(count)), tmp_path)
    assert image.width / DPI == pytest.approx(FIGURE_WIDTH, abs=0.01)
    assert image.height / DPI < 11


@pytest.mark.parametrize("epochs", [1, 2, 40])
@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_curves(epochs, metric, tmp_path):
    rows = [
        {"step": 10 * epoch, "epoch": epoch, "split": split, "loss": 3.0 / epoch**2, "accuracy": 1}
        for epoch in range(1, epochs + 1)
        for split in ("train", "valid")
    ]
    figure = charts.plot_curves(rows, metric, baseline=0.6, best_step=10)
    assert figure.axes[0].get_yscale() == ("log" if (metric, epochs) == ("loss", 40) else "linear")
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["train", "valid", "best: epoch 1", "baseline"]
    save_and_load(figure, tmp_path)


def test_reliability(tmp_path):
    rng = np.random.default_rng(0)
    log_probs = class_metrics.log_softmax(rng.normal(0, 3, (300, 4)))
    calibration = class_metrics.calibration(log_probs, rng.integers(0, 4, 300))
    figure = charts.plot_reliability(calibration["bins"])
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    assert sum(heights) == pytest.approx(1)
    assert not has_ink_at_border(save_and_load(figure, tmp_path))


def test_histogram_has_an_edge_at_zero(tmp_path):
    figure = charts.plot_histogram(np.array([-0.7, -0.1, 0.2, 1.9]), "gain, dB")
    bars = figure.axes[0].patches
    assert sum(bar.get_height() for bar in bars) == 4
    assert min(abs(bar.get_x()) for bar in bars) == pytest.approx(0)
    save_and_load(figure, tmp_path)


def test_a_histogram_of_one_value_has_short_tick_labels():
    figure = charts.plot_histogram(np.array([-1.5547]), "gain, dB")
    figure.canvas.draw()
    (axes,) = figure.axes
    assert axes.xaxis.get_offset_text().get_text() == ""
    low, high = axes.get_xlim()
    assert low < -1.5547 < high
    assert 0.03 < high - low < 1


def test_a_single_epoch_has_one_tick_and_no_factor():
    rows = [{"step": 1, "epoch": 3, "split": "train", "learning_rate": 8e-9}]
    figure = charts.plot_curves(rows, "learning_rate")
    figure.canvas.draw()
    (axes,) = figure.axes
    assert axes.get_xticks().tolist() == [3]
    assert axes.yaxis.get_offset_text().get_text() == ""


def test_no_global_state_is_changed(tmp_path):
    before = dict(matplotlib.rcParams)
    save_and_load(charts.plot_confusion(np.eye(3), ["a", "b", "c"], fractions=True), tmp_path)
    assert dict(matplotlib.rcParams) == before
