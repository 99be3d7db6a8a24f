"""A stored fit: read back as it was, and only for the same labels, folds and penalties."""

import numpy as np
import pytest

from gv_jax.training.cross_validation import CVResult
from gv_jax.training.fit_cache import name_fit, reuse_fit

ARRAYS = {"targets": np.eye(3), "folds": np.arange(3)}
FACTS = {"method": "ridge", "l2": (1.0, 10.0)}
BASELINES = [{"method": "majority class", "held_out_accuracy": 0.5, "low": 0.25, "high": 0.75}]


def make_fit():
    kernel = np.random.default_rng(0).standard_normal((4, 3))
    result = CVResult(kernel, kernel[0], 10.0, {1.0: 0.5, 10.0: 0.75}, (0.5, 1.0), True)
    return result, BASELINES


def fail():
    raise AssertionError("fitted again")


def test_a_fit_is_stored(tmp_path):
    file = tmp_path / "new" / "fit.npz"
    assert reuse_fit(file, make_fit)[1] is False
    (result, baselines), is_stored = reuse_fit(file, fail)
    expected, _ = make_fit()
    assert is_stored
    np.testing.assert_array_equal(result.kernel, expected.kernel)
    np.testing.assert_array_equal(result.bias, expected.bias)
    assert (result.penalty, result.held_out) == (10.0, {1.0: 0.5, 10.0: 0.75})
    assert (result.fold_scores, result.is_edge, baselines) == ((0.5, 1.0), True, BASELINES)
    assert [path.name for path in file.parent.iterdir()] == ["fit.npz"]


@pytest.mark.parametrize("keep", [0, 10, 300, -1])
def test_a_damaged_file_is_replaced(tmp_path, keep, caplog):
    file = tmp_path / "fit.npz"
    reuse_fit(file, make_fit)
    file.write_bytes(file.read_bytes()[:keep])
    assert reuse_fit(file, make_fit)[1] is False
    assert "fit.npz" in caplog.text
    assert reuse_fit(file, fail)[1] is True


def test_nothing_is_stored_without_a_file():
    assert reuse_fit(None, make_fit)[1] is False


@pytest.mark.parametrize(
    ("arrays", "facts"),
    [
        ({"targets": np.eye(3)[::-1]}, {}),
        ({"folds": np.arange(3)[::-1]}, {}),
        ({"targets": np.eye(3).reshape(1, 9)}, {}),
        ({}, {"method": "logistic"}),
        ({}, {"l2": (1.0,)}),
    ],
)
def test_another_fit_has_another_name(arrays, facts):
    same = name_fit({name: array.copy() for name, array in ARRAYS.items()}, dict(FACTS))
    assert name_fit(ARRAYS, FACTS) == same
    assert name_fit({**ARRAYS, **arrays}, {**FACTS, **facts}) != same
