"""Numbers against scikit-learn's, and hand-worked cases."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from gv_jax.evaluation import class_metrics


def answers(seed: int, count: int, classes: int, present: int, predictable: int):
    """Log-probabilities [n k] that favour the first `predictable` classes, and labels of the first `present`."""
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, present, count)
    logits = draws.normal(0, 2, (count, classes)).astype(np.float32)
    logits[np.arange(count), labels] += 2
    logits[:, predictable:] -= 16
    return class_metrics.log_softmax(logits), labels


CASES = [
    (0, 200, 2, 2, 2),
    (1, 500, 15, 15, 15),
    (2, 300, 40, 40, 40),
    (3, 100, 12, 7, 12),  # classes that the split lacks, but are predicted
    (4, 100, 12, 12, 5),  # classes that are never predicted
    (5, 60, 12, 4, 4),  # classes that are neither
    (6, 1, 3, 3, 3),
]


@pytest.mark.parametrize("case", CASES)
def test_scores_agree_with_scikit_learn(case):
    logs, labels = answers(*case)
    predicted = logs.argmax(1)
    found = class_metrics.classification_metrics(logs, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about classes that only the answers have
        assert found["balanced_accuracy"] == pytest.approx(
            sk.balanced_accuracy_score(labels, predicted)
        )
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    classes = range(case[2])
    assert found["loss"] == pytest.approx(
        sk.log_loss(labels, np.exp(logs), labels=list(classes)), rel=1e-6
    )
    if case[2] >= 10:
        expected = sk.top_k_accuracy_score(labels, logs, k=5, labels=list(classes))
        assert found["top5_accuracy"] == pytest.approx(expected)
    else:
        assert "top5_accuracy" not in found
    for average in ("micro", "macro", "weighted"):
        expected = sk.precision_recall_fscore_support(
            labels, predicted, average=average, zero_division=0
        )
        for name, value in zip(("precision", "recall", "f1"), expected[:3], strict=True):
            assert found[f"{average}_{name}"] == pytest.approx(value), f"{average} {name}"


@pytest.mark.parametrize("case", CASES)
def test_classes_one_by_one_agree_with_scikit_learn(case):
    logs, labels = answers(*case)
    predicted, classes = logs.argmax(1), range(case[2])
    matrix = class_metrics.confusion_matrix(labels, predicted, case[2])
    np.testing.assert_array_equal(matrix, sk.confusion_matrix(labels, predicted, labels=classes))
    found = class_metrics.per_class_metrics(matrix)
    expected = sk.precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0
    )
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(getattr(found, name), values, err_msg=name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sk.confusion_matrix(labels, predicted, labels=classes, normalize="true")
    np.testing.assert_allclose(class_metrics.normalize_rows(matrix), expected)


def test_loss_of_extreme_logits_is_exact():
    logits = np.array([[1000, -1000], [-1e4, 1e4]], np.float32)
    assert (
        class_metrics.classification_metrics(class_metrics.log_softmax(logits), np.array([1, 1]))[
            "loss"
        ]
        == 1000
    )


def test_ties_go_to_the_first_class():
    logs = class_metrics.log_softmax(np.zeros((10, 10)))
    found = class_metrics.classification_metrics(logs, np.arange(10))
    assert (found["accuracy"], found["top5_accuracy"]) == (0.1, 0.5)
    assert found["accuracy"] == (logs.argmax(1) == np.arange(10)).mean()


def test_floor_is_the_commonest_class_of_training():
    frequent, shares = class_metrics.majority_class(np.array([0, 1, 1, 1, 2, 2, 2, 2]), 3)
    found = class_metrics.baseline_scores(shares, np.array([2, 2, 1, 0]))
    assert frequent == 2
    assert found["accuracy"] == 0.5
    assert found["balanced_accuracy"] == pytest.approx(1 / 3)
    assert found["macro_f1"] == pytest.approx(2 / 3 / 3)
    assert found["loss"] == pytest.approx(-np.log([1 / 2, 1 / 2, 3 / 8, 1 / 8]).mean())


def test_floor_has_no_loss_for_labels_that_training_lacks():
    _, shares = class_metrics.majority_class(np.array([0, 0, 1]), 3)
    found = class_metrics.baseline_scores(shares, np.array([0, 2]))
    assert "loss" not in found
    assert found["accuracy"] == 0.5


def test_calibration_by_hand():
    confidences = np.array([0.6, 0.6, 0.6, 0.6, 0.95, 0.95])
    right = np.array([1, 1, 1, 0, 1, 0])
    logs = np.log(np.stack([confidences, 1 - confidences], 1))
    found = class_metrics.calibration_curve(logs, 1 - right, bins=10)
    assert found["ece"] == pytest.approx(4 / 6 * abs(0.75 - 0.6) + 2 / 6 * abs(0.5 - 0.95))
    assert [row["count"] for row in found["bins"]] == [
        0,
        0,
        0,
        0,
        0,
        4,
        0,
        0,
        0,
        2,
    ]  # 0.6 closes its bin
    assert found["bins"][5]["accuracy"] == 0.75
    assert found["bins"][9] == {
        "from": 0.9,
        "to": 1.0,
        "count": 2,
        "confidence": pytest.approx(0.95),
        "accuracy": 0.5,
    }
    assert found["bins"][0]["confidence"] is None


def test_perfect_answers_are_calibrated():
    logs = class_metrics.log_softmax(np.eye(4) * 1000)
    found = class_metrics.calibration_curve(logs, np.arange(4))
    assert found["ece"] == 0
    assert found["bins"][-1]["count"] == 4


def test_groups_add_up():
    matrix = np.array([[5, 1, 2], [0, 4, 0], [3, 0, 6]])
    names, between = class_metrics.group_confusion(
        matrix, ["cat", "car", "dog"], {"cat": "pet", "dog": "pet", "car": "thing"}
    )
    assert names == ("pet", "thing")
    np.testing.assert_array_equal(between, [[16, 1], [0, 4]])


def test_interval_by_hand():
    low, high = class_metrics.wilson_interval(0.5, 100)
    assert low == pytest.approx(
        0.4038, abs=1e-4
    )  # Wilson 1927; the table in Brown, Cai, DasGupta 2001
    assert high == pytest.approx(0.5962, abs=1e-4)
    assert class_metrics.wilson_interval(1.0, 10) == (pytest.approx(0.7225, abs=1e-4), 1.0)
