"""Evaluation of made-up super-resolution outputs."""

import json

import pytest

from gv_jax.evaluation.super_resolution import evaluate_super_resolution
from tests.evaluation.examples import make_upscaling_dataset, make_upscaling_outputs


@pytest.fixture(scope="module")
def evaluation():
    return evaluate_super_resolution(make_upscaling_outputs(), make_upscaling_dataset())


def test_results_by_hand(evaluation):
    results = evaluation.results
    assert results["test"] == {
        "count": 4,
        "psnr": pytest.approx(32),
        "ssim": pytest.approx(0.32),
        "mse": pytest.approx((10**-3 + 10**-3.1 + 10**-3.2 + 10**-3.5) / 4, rel=1e-5),
        "loss": pytest.approx(0.032),
    }
    assert results["baseline"]["name"] == "bicubic"
    assert results["baseline"]["test"]["psnr"] == pytest.approx(30.125)
    assert results["baseline"]["train"]["ssim"] == pytest.approx(0.39)
    assert results["gain"] == {"mean_db": 1.875, "median_db": 1.5, "improved_fraction": 0.75}
    for part in ("Test PSNR 32.00 dB", "4 images", "30.12 dB", "+1.88 dB", "75.0 %"):
        assert part in results["summary"]
    json.dumps(results)


def test_predictions_have_a_row_per_image(evaluation):
    ids = [row["id"] for row in evaluation.predictions]
    assert ids[:3] == ["train/0.png", "train/1.png", "test/0.png"]
    assert evaluation.predictions[2] == {
        "id": "test/0.png",
        "mse": 0.001,
        "psnr": 30.0,
        "ssim": 0.3,
        "baseline_psnr": 30.5,
        "gain_db": -0.5,
        "split": "test",
    }
