"""Evaluation of made-up predictions whose metrics are known."""

import json

import numpy as np
import pytest

from gv_jax.data.arrays import Dataset
from gv_jax.evaluation.classification import evaluate_classification
from tests.evaluation.examples import (
    CLASSES,
    make_split,
    make_zoo,
    make_zoo_logits,
)


def test_results_by_hand():
    results = evaluate_classification(make_zoo_logits(), make_zoo()).results
    assert results["train"]["accuracy"] == 1
    assert results["test"]["accuracy"] == pytest.approx(4 / 6)
    loss = -np.log([0.9, 0.1, 0.7, 0.6, 0.5, 0.3]).mean()
    assert results["test"]["loss"] == pytest.approx(loss, rel=1e-5)
    assert results["test"]["count"] == 6
    assert results["confusion"] == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert results["baseline"]["class"] == "cat"
    assert results["baseline"]["test"]["accuracy"] == pytest.approx(2 / 6)
    assert results["groups"]["names"] == ["pet", "thing"]
    assert results["groups"]["accuracy"] == pytest.approx(5 / 6)
    assert results["groups"]["within_group_error_fraction"] == pytest.approx(1 / 2)
    assert results["groups"]["across_group_error_fraction"] == pytest.approx(1 / 2)
    assert results["groups"]["confusion"] == [[4, 0], [1, 1]]
    assert results["top_confusions"] == [
        {"true": "cat", "predicted": "dog", "count": 1, "fraction": 0.5},
        {"true": "car", "predicted": "cat", "count": 1, "fraction": 0.5},
    ]
    for part in ("Test accuracy 66.7 %", "4 of 6 images", "95 % CI", '"cat"', "33.3 %"):
        assert part in results["summary"]
    json.dumps(results)


def summarize(correct, count, train_labels=(0, 0, 1)):
    """The summary of `correct` of `count` test images, all of the first of two classes."""
    test = make_split("test", [0] * count)
    splits = {"train": make_split("train", list(train_labels)), "test": test}
    predicted = np.where(np.arange(count) < correct, 0, 1)
    logits = {"train": np.eye(3)[list(train_labels)], "test": np.eye(3)[predicted]}
    return evaluate_classification(logits, Dataset("zoo", CLASSES, {}, splits, ())).results


@pytest.mark.parametrize(
    ("correct", "count", "verdict"),
    [
        (20, 20, "not distinguishable"),  # Wilson: 83.9 to 100 %, baseline 100 %
        (1, 1, "not distinguishable"),
        (10, 20, "below"),  # 29.9 to 70.1 %
    ],
)
def test_the_summary_compares_the_interval_with_the_baseline(correct, count, verdict):
    summary = summarize(correct, count)["summary"]
    assert verdict in summary
    assert summary.endswith("the majority-class baseline.")


def test_the_summary_of_a_better_result_has_no_verdict():
    logits = {"train": np.eye(3)[[0, 0, 1]], "test": np.eye(3)[[1] * 20]}
    train, test = make_split("train", [0, 0, 1]), make_split("test", [1] * 20)
    dataset = Dataset("zoo", CLASSES, {}, {"train": train, "test": test}, ())
    summary = evaluate_classification(logits, dataset).results["summary"]
    assert summary.endswith('Majority-class baseline ("cat"): 0.0 %.')


def test_no_class_is_called_the_majority_of_equally_frequent_ones():
    results = summarize(1, 1, train_labels=(0, 1, 2))
    assert results["baseline"]["name"] == "single class"
    assert "ajority" not in results["summary"]
    assert "1 of 1 image;" in results["summary"]


def test_per_class_rows_are_sorted_by_f1():
    rows = evaluate_classification(make_zoo_logits(), make_zoo()).results["per_class"]
    assert [row["class"] for row in rows] == ["cat", "car", "dog"]
    assert [row["f1"] for row in rows] == pytest.approx([1 / 2, 2 / 3, 4 / 5])
    assert [row["precision"] for row in rows] == pytest.approx([1 / 2, 1, 2 / 3])
    assert [row["recall"] for row in rows] == pytest.approx([1 / 2, 1 / 2, 1])
    assert [row["support"] for row in rows] == [2, 2, 2]
    assert [row["group"] for row in rows] == ["pet", "thing", "pet"]


def test_predictions_have_a_row_per_image():
    dataset = make_zoo()
    rows = evaluate_classification(make_zoo_logits(), dataset).predictions
    ids = [*dataset.splits["train"].ids, *dataset.splits["test"].ids]
    assert [row["id"] for row in rows] == ids
    assert rows[7] == {
        "id": "test/1.png",
        "label": "cat",
        "predicted": "dog",
        "confidence": pytest.approx(0.8, abs=1e-5),
        "split": "test",
    }


@pytest.mark.parametrize(
    ("names", "main_split", "title"),
    [
        (("train",), "train", "Training"),
        (("train", "valid"), "valid", "Validation"),
        (("train", "valid", "test"), "test", "Test"),
    ],
)
def test_main_split_is_the_last_one(names, main_split, title):
    splits = {name: make_split(name, [0, 0, 1, 1, 2, 2]) for name in names}
    dataset = Dataset("zoo", CLASSES, {}, splits, ())
    logits = dict.fromkeys(names, make_zoo_logits()["test"])
    evaluation = evaluate_classification(logits, dataset)
    assert evaluation.main_split == evaluation.results["main_split"] == main_split
    assert evaluation.results["summary"].startswith(title)
    assert set(evaluation.results["baseline"]) == {"name", "class", *names}
    assert "groups" not in evaluation.results
    assert "group" not in evaluation.results["per_class"][0]


def test_classes_without_support_are_last():
    dataset = make_zoo()
    dataset.splits["test"] = make_split("test", [0, 0, 0, 0, 1, 1])
    rows = evaluate_classification(make_zoo_logits(), dataset).results["per_class"]
    assert (rows[-1]["class"], rows[-1]["support"]) == ("car", 0)
