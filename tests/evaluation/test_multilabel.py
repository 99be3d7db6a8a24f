"""Evaluation of made-up multi-label predictions."""

import json

import numpy as np
import pytest

from gv_jax.data.arrays import Dataset
from gv_jax.evaluation.multilabel import evaluate_multilabel
from tests.evaluation.examples import make_label_dataset, make_label_logits


def test_correct_predictions():
    dataset = make_label_dataset()
    evaluation = evaluate_multilabel(make_label_logits(dataset), dataset)
    metrics = evaluation.results["test"]
    for name in ("mean_average_precision", "macro_f1", "exact_accuracy"):
        assert metrics[name] == 1
    assert evaluation.main_split == "test"
    assert evaluation.results["thresholds_from"] == "valid"
    confusion = evaluation.results["label_confusion"]
    assert np.array_equal(confusion, [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])
    assert "100.0 %" in evaluation.results["summary"]
    assert json.loads(json.dumps(evaluation.results)) == evaluation.results


def test_thresholds_are_chosen_on_the_valid_split():
    dataset = make_label_dataset()
    logits = make_label_logits(dataset)
    logits["valid"] = logits["valid"] + 10  # between 7 and 13
    evaluation = evaluate_multilabel(logits, dataset)
    temperature = evaluation.confidence.temperature
    assert evaluation.results["confidence"]["temperature"] == temperature
    logit_thresholds = temperature * np.log(evaluation.thresholds / (1 - evaluation.thresholds))
    assert (logit_thresholds > 5).all()
    assert evaluation.results["valid"]["macro_f1"] == 1
    assert evaluation.results["test"]["macro_f1"] == 0
    assert evaluation.results["test"]["mean_average_precision"] == 1


def test_without_a_valid_split_thresholds_are_chosen_on_train():
    dataset = make_label_dataset()
    splits = {"train": dataset.splits["train"]}
    logits = {"train": make_label_logits(dataset)["train"]}
    evaluation = evaluate_multilabel(logits, Dataset("genres", dataset.classes, {}, splits, ()))
    assert (evaluation.tuning_split, evaluation.main_split) == ("train", "train")


def test_predictions():
    dataset = make_label_dataset()
    evaluation = evaluate_multilabel(make_label_logits(dataset, wrong=[1]), dataset)
    rows = [row for row in evaluation.predictions if row["split"] == "test"]
    assert [row["label"] for row in rows] == ["action", "action|puzzle", "puzzle", "sport"]
    assert rows[1]["predicted"] == "sport"
    assert [row["exact_accuracy"] for row in rows] == [1, 0, 1, 1]
    expected = 1 / (1 + np.exp(-3 / evaluation.confidence.temperature))
    assert rows[0]["p(action)"] == pytest.approx(expected, abs=1e-6)
