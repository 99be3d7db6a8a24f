"""The registry of metrics: names with prefixes, directions, units; unknown names."""

import pytest

from gv_jax.evaluation.metrics import METRICS, get_metric, is_fraction, lower_is_better
from gv_jax.tasks.registry import TASKS


@pytest.mark.parametrize(
    ("name", "title", "unit", "direction"),
    [
        ("accuracy", "accuracy", "%", "max"),
        ("valid_top5_accuracy", "valid top-5 accuracy", "%", "max"),
        ("test.ciede2000", "CIEDE2000", "", "min"),
        ("test.baseline_mse", "baseline MSE", "", "min"),
        ("baseline_psnr", "baseline PSNR", "dB", "max"),
        ("train_loss", "train loss", "", "min"),
        ("train_s", "training", "s", "min"),
        ("ece", "ECE", "%", "min"),
        ("colorfulness_error", "colorfulness error", "", "min"),
        ("weighted_f1", "weighted F1", "%", "max"),
        ("fraction", "fraction", "%", ""),
    ],
)
def test_metrics_by_full_name(name, title, unit, direction):
    metric = get_metric(name)
    assert (metric.title, metric.unit, metric.direction) == (title, unit, direction)
    assert is_fraction(name) == (unit == "%")
    assert lower_is_better(name) == (direction == "min")


@pytest.mark.parametrize("name", ["valid_wins", "train", "all_genres", "my_loss", "test_"])
def test_unknown_names_are_maximized_and_have_no_unit(name):
    metric = get_metric(name)
    assert (metric.title, metric.unit) == (name.replace("_", " "), "")
    assert not lower_is_better(name)


def test_formats_are_valid():
    for metric in METRICS.values():
        assert format(12, metric.format)


@pytest.mark.parametrize("task", TASKS)
def test_tasks_monitor_a_metric_in_its_direction(task):
    name, direction = TASKS[task].monitor
    assert METRICS[name].direction == direction
