"""The benchmarks measure steps of the project, of every kind."""

import argparse
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from benchmarks import measurement, population, speed, speed_case
from benchmarks.cases import CASES, PREDICTION, REGRESSION, Case
from benchmarks.measurement import Measurement
from benchmarks.speed_case import ImageRegression, SpeedCase
from gv_jax.models.layers import Conv, Lambda
from gv_jax.models.ops.upsampling import upsample_nearest

SMALL = {
    "small": Case("two_layer", 4, 8, 8, 3, 5),
    "small-regression": Case("one_layer", 2, 8, 8, 1, 2, REGRESSION, "mse", tanh=True),
    "small-predict": Case("two_layer", 4, 8, 8, 3, 5, PREDICTION),
}
PARAMETERS = {
    # two 3x3 convolutions with biases and norms, and a linear layer for 2x2 pixels
    "two_layer": 9 * 3 * 16 + 3 * 16 + 9 * 16 * 32 + 3 * 32 + 2 * 2 * 32 * 5 + 5,
    "one_layer": 9 * 2,
}


@pytest.fixture(autouse=True)
def small_cases(monkeypatch):
    for name, case in SMALL.items():
        monkeypatch.setitem(CASES, name, case)
    build = speed_case.build_case_model
    monkeypatch.setattr(
        speed_case,
        "build_case_model",
        lambda case: (
            Conv(case.channels, case.outputs, 3, rngs=nnx.Rngs(0))
            if case.model == "one_layer"
            else build(case)
        ),
    )
    monkeypatch.setattr(speed, "PEAK_SIDE", 64)
    with jax.numpy_dtype_promotion("standard"):  # Optax promotes integers itself
        yield


@pytest.mark.parametrize("name", SMALL)
def test_a_case_is_measured(name):
    line = speed.measure_case(name, warm_up=0, steps=1)
    case = SMALL[name]
    assert (line["name"], line["batch"]) == (name, case.batch)
    assert line["images_per_second"] == pytest.approx(1e3 * case.batch / line["ms"], rel=0.01)
    assert line["parameters"] == PARAMETERS[case.model]
    low, high = (  # as all numbers are rounded
        1e3 * (line["gflops"] + error / 10) / (line["ms"] - error) / line["peak_gflops"]
        for error in (-0.005, 0.005)
    )
    assert low - 0.001 <= line["fraction_of_peak"] <= high + 0.001
    assert line["peak_memory_mb"] > 50
    assert line["compile_s"] > 0
    json.dumps(line)


def test_operations_are_those_of_plain_convolutions():
    case = Case("two_layer", 1, 8, 8, 3, 5, PREDICTION)
    step = speed_case.compile_step(SpeedCase.from_case(case))
    # Zeros around the images are not counted: a 3x3 kernel covers 3 n - 2 of n pixels in a line
    convolutions = 2 * 22**2 * 3 * 16 + 2 * 10**2 * 16 * 32 + 2 * 2 * 2 * 32 * 5
    elementwise = 20 * (8 * 8 * 3 + 8 * 8 * 16 + 4 * 4 * 32)
    assert convolutions <= 1e9 * step.count_gflops() <= convolutions + elementwise


def test_a_prediction_in_parts_is_measured_whole(monkeypatch):
    case = SpeedCase.from_case(SMALL["small-predict"])
    whole = speed_case.compile_step(case)
    monkeypatch.setattr(speed_case, "max_batch_size", lambda size: 1)
    parts = speed_case.compile_step(case)
    assert (whole.calls, parts.calls) == (1, 4)
    assert parts.count_gflops() == pytest.approx(whole.count_gflops(), rel=0.01)


@pytest.mark.parametrize(("loss", "expected"), [("mse", (0.36 + 1) / 2), ("mae", (0.6 + 1) / 2)])
def test_an_image_regression_has_the_mean_error_of_every_image(loss, expected):
    task = ImageRegression(speed_case.ERRORS[loss], tanh=True)
    outputs = jnp.asarray(np.arctanh([0.6, 0.0, 0.5, 0.5]).reshape(2, 1, 2, 1), jnp.float32)
    targets = jnp.asarray(np.reshape([0.0, 1.0, 0.5, 0.5], (2, 1, 2, 1)), jnp.float32)
    assert task.metrics(outputs, targets)["loss"] == pytest.approx([expected, 0.0], abs=1e-6)


def test_target_images_have_the_size_of_the_outputs(monkeypatch):
    monkeypatch.setattr(speed_case, "build_case_model", lambda case: Lambda(upsample_nearest))
    case = Case("upsample", 2, 16, 12, 3, 3, REGRESSION, "mae")
    batch = SpeedCase.from_case(case).batch
    assert batch["image"].shape == (2, 16, 12, 3)
    assert batch["label"].shape == (2, 32, 24, 3)


def test_rates_follow_from_the_duration():
    line = Measurement(
        200.0, 1.234, 7, 80.4, gflops=5.0, peak_gflops=100.0
    ).to_json("x", Case("two_layer", 4, 8, 8, 3, 5))  # fmt: skip
    assert line["images_per_second"] == 20.0
    assert line["fraction_of_peak"] == 0.25
    unknown = Measurement(200.0, 0.0, 7, 80.4).to_json("x", SMALL["small"])
    assert unknown["fraction_of_peak"] is None


def test_the_median_leaves_out_the_first_steps(monkeypatch):
    durations = iter([9.0, 1.0, 5.0, 2.0])
    clock = [0.0]
    monkeypatch.setattr(measurement.time, "perf_counter", lambda: clock[0])

    def step():
        clock[0] += next(durations)

    assert measurement.median_ms(step, warm_up=1, steps=3) == 2000.0


@pytest.mark.parametrize(
    ("arguments", "offender"),
    [
        (["resnet18"], "resnet18"),
        (["small", "--steps", "0"], "--steps is 0"),
        (["small", "--warm-up", "-1"], "--warm-up is -1"),
        (["small", "--batch", "0"], "--batch is 0"),
        (["small", "--rounds", "1"], "--rounds is 1"),
        (["small", "--against", "keras"], "keras"),
    ],
)
def test_wrong_arguments_end_with_one_line(arguments, offender, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["speed", *arguments])
    with pytest.raises(SystemExit) as stop:
        speed.run_speed()
    assert stop.value.code == 2
    assert offender in capsys.readouterr().err.splitlines()[-1]


def test_a_process_of_its_own_measures_the_same():
    parser = argparse.ArgumentParser()
    measurement.add_step_flags(parser)
    given = ["small", "--steps", "2", "--warm-up", "0", "--batch", "3", "--dtype", "bfloat16"]
    options = parser.parse_args(given)
    assert parser.parse_args(["small", *measurement.step_flags(options)]) == options
    assert measurement.read_cases(parser, options)["small"].batch == 3


def test_members_are_measured_in_one_step():
    assert population.measure_vectorized("small", 2, warm_up=0, steps=1) > 0
