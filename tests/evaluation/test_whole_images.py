"""Samples of a split, and results on whole images."""

import json

import numpy as np
import pytest

from gv_jax.evaluation.colorization import (
    add_whole_images,
    evaluate_colorization,
    summarize_whole_images,
)
from gv_jax.evaluation.whole_images import CLIP_LENGTH, WholeImages, sample_indices
from tests.evaluation.examples import make_color_dataset, make_color_outputs


@pytest.mark.parametrize(
    ("count", "limit", "expected"),
    [
        (3, 3, [0, 1, 2]),
        (3, 100, [0, 1, 2]),
        (10, 8, [0, 1, 2, 3, 6, 7, 8, 9]),
        (10, 1, [0]),
        (10, 3, [0, 1, 2]),
    ],
)
def test_a_sample_consists_of_clips(count, limit, expected):
    assert sample_indices(count, limit) == expected


@pytest.mark.parametrize("limit", [1, 5, 40, 99])
def test_a_sample_spans_the_split(limit):
    indices = sample_indices(1000, limit)
    assert len(indices) == len(set(indices)) <= limit
    assert indices == sorted(indices)
    assert indices[0] >= 0
    assert indices[-1] <= 999
    if limit >= 2 * CLIP_LENGTH:
        assert indices[-1] == 999


@pytest.fixture
def evaluation():
    outputs = make_color_outputs()
    whole = {name: 10 * values[[0, 1, 3]] for name, values in outputs["test"].items()}
    del whole["loss"]
    evaluation = evaluate_colorization(outputs, make_color_dataset())
    return add_whole_images(evaluation, WholeImages([0, 1, 3], whole, lambda index: None))


def test_whole_images_have_means_and_baselines(evaluation):
    whole = evaluation.results["whole_images"]
    assert (whole["of"], whole["count"], whole["of_count"]) == ("test", 3, 4)
    assert whole["ciede2000"] == pytest.approx(np.mean([10, 20, 40]))
    baseline = evaluation.results["baseline"]
    assert baseline["whole_images"]["mse"] == pytest.approx(2 * np.mean([10, 20, 40]))
    assert baseline["test"]["mse"] == pytest.approx(5)
    assert evaluation.results["test"]["ciede2000"] == pytest.approx(2.5)  # network input
    json.dumps(evaluation.results)


def test_predictions_have_rows_for_whole_images(evaluation):
    rows = [row for row in evaluation.predictions if row["split"] == "whole_images"]
    assert [row["id"] for row in rows] == ["pong/f01", "pong/f02", "boxing/f08"]
    assert (rows[2]["game"], rows[2]["ciede2000"], rows[2]["gray_lookup_mse"]) == ("boxing", 40, 80)


def test_flicker_is_of_consecutive_images_of_the_sample(evaluation):
    # Of images 0, 1 and 3, only 0 has its next frame: 1000 over 100 pixels.
    assert evaluation.results["whole_images"]["flicker"] == pytest.approx(10)


def test_methods_and_games_are_compared_on_whole_images(evaluation):
    results = evaluation.results
    assert results["baselines"][0]["ciede2000"] == pytest.approx(np.mean([10, 20, 40]))
    games = {row["game"]: (row["count"], row["ciede2000"]) for row in results["per_game"]}
    assert games == {"pong": (2, pytest.approx(15)), "boxing": (1, pytest.approx(40))}
    assert "23.33 on 3 whole images" in results["summary"]


@pytest.mark.parametrize(("count", "words"), [(1, "1 whole image, "), (2, "2 whole images, ")])
def test_the_summary_agrees_in_number(count, words):
    metrics = {"of": "test", "count": count, "ciede2000": 1.0, "within_5": 0.5}
    assert words in summarize_whole_images(metrics, metrics)
