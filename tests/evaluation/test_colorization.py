"""Evaluation of made-up colorization outputs."""

import json

import pytest

from gv_jax.evaluation.colorization import evaluate_colorization
from tests.evaluation.examples import make_color_dataset, make_color_outputs


@pytest.fixture(scope="module")
def evaluation():
    head = {"palette": [[0, 0, 0]]}
    return evaluate_colorization(make_color_outputs(), make_color_dataset(), head, channels=3)


def test_means_and_baselines(evaluation):
    results = evaluation.results
    assert results["test"]["count"] == 4
    assert results["test"]["ciede2000"] == pytest.approx(2.5)
    assert results["baseline"]["test"]["ciede2000"] == pytest.approx(5)
    for name, factor in {"gray": 4, "mean_color": 3, "gray_lookup": 2}.items():
        assert results["baseline"][name]["mse"] == pytest.approx(2.5 * factor)
    assert (results["color_head"], results["channels"]) == ({"palette": [[0, 0, 0]]}, 3)
    for part in ("Test CIEDE2000 2.50", "4 images", "52.1 %", "5.00", "26.0 %"):
        assert part in results["summary"]
    json.dumps(results)


def test_flicker_is_of_consecutive_frames_only(evaluation):
    # Frames 0 and 2 have a next frame: 100 * (1 + 3) over 2 * 10 pixels.
    results = evaluation.results
    assert results["test"]["flicker"] == pytest.approx(20)
    assert results["baseline"]["gray_lookup"]["flicker"] == pytest.approx(40)
    assert results["baseline"]["original"]["flicker"] == pytest.approx(10)
    assert "flicker" not in results["train"]


def test_methods_are_compared_in_rows(evaluation):
    rows = evaluation.results["baselines"]
    methods = ["network", "gray", "mean color", "gray lookup", "original"]
    assert [row["method"] for row in rows] == methods
    assert set(rows[-1]) == {"method", "flicker"}
    assert "loss" not in rows[0]


def test_games_are_sorted_by_error(evaluation):
    rows = evaluation.results["per_game"]
    assert [row["game"] for row in rows] == ["boxing", "pong"]
    assert rows[0]["ciede2000"] == pytest.approx(3.5)
    assert rows[0]["baseline_ciede2000"] == pytest.approx(7)
    assert rows[1]["count"] == 2


def test_predictions_have_a_row_per_image(evaluation):
    row = evaluation.predictions[2]
    assert (row["id"], row["game"], row["split"]) == ("pong/f01", "pong", "test")
    assert (row["ciede2000"], row["gray_lookup_ciede2000"], row["gray_lookup_mse"]) == (1, 2, 2)
