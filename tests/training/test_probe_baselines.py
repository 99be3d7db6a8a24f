"""Baselines of a probe against scikit-learn, and the interval over folds against SciPy's."""

import numpy as np
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from gv_jax.training.linear import MULTI_LABEL, SINGLE_LABEL
from gv_jax.training.probe_baselines import (
    compare_baselines,
    held_out_neighbors,
    mean_interval,
    to_unit_length,
)

FOLDS = np.arange(120) // 4 % 3


def make_blobs(std=2.0):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), (60, 20, 20, 20))
    labels = labels[rng.permutation(120)]
    return rng.normal(size=(4, 10))[labels] + std * rng.normal(size=(120, 10)) + 4, labels


def expected_accuracy(make_model, x, labels):
    scores = []
    for fold in range(3):
        fitted, held_out = fold != FOLDS, fold == FOLDS
        scores.append(
            make_model().fit(x[fitted], labels[fitted]).score(x[held_out], labels[held_out])
        )
    return float(np.mean(scores))


def test_baselines_are_those_of_scikit_learn():
    x, labels = make_blobs()
    rows = compare_baselines(SINGLE_LABEL, x, np.eye(4)[labels], FOLDS)
    unit = to_unit_length(x - x.mean(0))
    by_neighbors = {
        count: expected_accuracy(lambda k=count: KNeighborsClassifier(k), unit, labels)
        for count in (1, 3, 5, 10, 20, 50)
    }
    scores = {row["method"]: row["held_out_accuracy"] for row in rows}
    name, *_ = scores
    # scikit-learn decides ties by the order of the classes
    assert scores[name] == pytest.approx(max(by_neighbors.values()), abs=0.05)
    majority = expected_accuracy(lambda: DummyClassifier(), x, labels)
    assert scores["majority class"] == pytest.approx(majority)
    # cosine similarity to means: distances of unit vectors to means of length 1
    assert scores["nearest class mean (cosine)"] > majority
    for row in rows:
        assert row["low"] <= row["held_out_accuracy"] <= row["high"]


def test_a_nearest_neighbor_is_of_another_fold():
    x, labels = make_blobs()
    unit = to_unit_length(x)
    scores = held_out_neighbors(unit, np.eye(4)[labels], FOLDS)[1]
    for index in range(120):
        others = np.flatnonzero(FOLDS[index] != FOLDS)
        nearest = others[(unit[others] @ unit[index]).argmax()]
        assert scores[index].argmax() == labels[nearest]


def test_nearest_class_means_of_separate_classes_are_right():
    x, labels = make_blobs(std=0.01)
    rows = compare_baselines(SINGLE_LABEL, x, np.eye(4)[labels], FOLDS)
    assert [row["held_out_accuracy"] for row in rows[:2]] == [1, 1]
    assert NearestCentroid().fit(x, labels).score(x, labels) == 1


def test_labels_that_an_image_shares_are_ranked():
    rng = np.random.default_rng(0)
    targets = (rng.random((120, 3)) < (0.8, 0.3, 0.1)).astype(float)
    x = targets @ rng.normal(size=(3, 10)) + 0.1 * rng.normal(size=(120, 10))
    rows = compare_baselines(MULTI_LABEL, x, targets, FOLDS)
    neighbors, _, majority = (row["held_out_ranking_precision"] for row in rows)
    assert neighbors > 0.95 > majority


def test_without_folds_there_are_no_baselines():
    x, labels = make_blobs()
    assert compare_baselines(SINGLE_LABEL, x, np.eye(4)[labels], None) == []


def test_constant_features_divide_by_no_zero():
    _, labels = make_blobs()
    rows = compare_baselines(SINGLE_LABEL, np.ones((120, 5)), np.eye(4)[labels], FOLDS)
    assert all(np.isfinite(row["held_out_accuracy"]) for row in rows)


def test_the_interval_is_students():
    values = [0.8, 0.85, 0.7, 0.9, 0.75]
    mean, low, high = mean_interval(values)
    interval = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (mean, low, high) == pytest.approx((np.mean(values), *interval))
    assert mean_interval([0.5]) == (0.5, 0.0, 1.0)
    assert mean_interval([1.0, 0.9])[2] == 1.0
