"""What records of pictures come to, on records that were made up so that everything is known."""

import json

import numpy as np
import pytest
from PIL import Image

from gv_jax.data.dataset import Dataset, Split
from gv_jax.evaluation.super_resolution import (
    EXAMPLES_EACH,
    crop_window,
    evaluate_upscaling,
    max_error_window,
    pick_by_gain,
)


def split(count, name):
    images = np.random.default_rng(0).integers(0, 256, (count, 16, 20, 3), dtype=np.uint8)
    return Split(
        images, np.zeros(count, np.int32), [f"{name}/{number}.png" for number in range(count)]
    )


def record(psnr, baseline):
    psnr, baseline = np.array(psnr, np.float32), np.array(baseline, np.float32)
    found = {}
    for name, values in (("", psnr), ("baseline_", baseline)):
        found |= {
            name + "psnr": values,
            name + "mse": 10 ** (-values / 10),
            name + "ssim": values / 100,
        }
        found[name + "loss"] = values / 1000
    return found


@pytest.fixture
def assessment():
    pictures = Dataset(
        "zoo", ("a",), {}, {"train": split(2, "train"), "test": split(4, "test")}, ()
    )
    records = {
        "train": record([40, 42], [39, 39]),
        "test": record([30, 31, 32, 35], [30.5, 30, 30, 30]),
    }
    return evaluate_upscaling(records, pictures)


def test_results_by_hand(assessment):
    results = assessment.results
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
    assert results["gain"] == {"mean_db": 1.875, "median_db": 1.5, "better_share": 0.75}
    assert "PSNR 32.00 dB and SSIM 0.320 over 4 pictures of the test split" in results["summary"]
    assert "+1.88 dB a picture, and a gain on 75.0% of them" in results["summary"]
    json.dumps(results)


def test_a_row_for_every_picture(assessment):
    assert [row["id"] for row in assessment.predictions][:3] == [
        "train/0.png",
        "train/1.png",
        "test/0.png",
    ]
    assert assessment.predictions[2] == {
        "id": "test/0.png",
        "mse": 0.001,
        "psnr": 30.0,
        "ssim": 0.3,
        "baseline_psnr": 30.5,
        "gain_db": -0.5,
        "split": "test",
    }


def test_figures_are_drawn(assessment, tmp_path):
    def twice(inputs):
        assert inputs.shape == (1, 8, 10, 3)
        return inputs.repeat(2, 1).repeat(2, 2)

    exhibits = assessment.draw(
        tmp_path / "figures", (np.zeros((3, 8, 8, 3), np.float32), np.zeros((3, 0))), twice
    )
    assert [exhibit.file.stem for exhibit in exhibits] == [
        "gains",
        "examples",
        "whole",
        "augmented",
    ]
    for exhibit in exhibits:
        with Image.open(exhibit.file) as picture:
            assert picture.width > 600
    assert (
        "+1.88 dB in the mean, +1.50 dB in the middle, and a gain on 75.0%" in exhibits[0].caption
    )


def test_best_middle_and_worst_are_picked():
    gains = np.array([3, 1, 4, 1.5, 5, 9, 2, 6, 0.5])
    assert EXAMPLES_EACH == 2
    assert pick_by_gain(gains).tolist() == [5, 7, 2, 0, 1, 8]
    assert pick_by_gain(gains[:2]).tolist() == [0, 1]


def test_busiest_window_is_where_the_errors_are():
    errors = np.zeros((120, 90))
    errors[80:90, 60:64] = 1
    top, left = max_error_window(errors)
    assert top <= 80 <= top + 40
    assert left <= 60 <= left + 46
    assert max_error_window(np.zeros((30, 20))) == (0, 0)
    halved = crop_window(np.zeros((60, 45, 3)), (120, 90, 3), top, left)
    assert halved.shape == (25, 25, 3)
