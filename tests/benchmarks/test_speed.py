"""The benchmarks measure training steps of the project."""

import jax
import pytest

from benchmarks import population, speed


@pytest.fixture(autouse=True)
def small_case(monkeypatch):
    monkeypatch.setitem(speed.CASES, "small", ("two_layer", 4, 8, 8, 3, 5))
    with jax.numpy_dtype_promotion("standard"):  # Optax promotes integers itself
        yield


def test_a_case_is_measured():
    line = speed.measure_case("small", warm_up=0, steps=1)
    layers = [3 * 3 * 3 * 16 + 16, 3 * 3 * 16 * 32 + 32]
    assert (line["name"], line["batch"]) == ("small", 4)
    assert line["parameters"] > sum(layers)
    assert line["images_per_second"] == pytest.approx(1e3 * 4 / line["ms"], rel=0.01)


def test_members_are_measured_in_one_step():
    assert population.measure_vectorized("small", 2, warm_up=0, steps=1) > 0
