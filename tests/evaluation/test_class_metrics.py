"""Single-label metrics: by counting, by hand, and against scikit-learn where it is not used."""

import numpy as np
import pytest
from sklearn import metrics as sk

from gv_jax.evaluation import class_metrics


def make_predictions(seed: int, count: int, num_classes: int, num_present: int, num_predicted: int):
    """Log-probabilities [n k] with only the first classes predicted, labels of the first ones."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_present, count)
    logits = rng.normal(0, 2, (count, num_classes)).astype(np.float32)
    logits[np.arange(count), labels] += 2
    logits[:, num_predicted:] -= 16
    return class_metrics.log_softmax(logits), labels


CASES = [
    (0, 200, 2, 2, 2),
    (1, 500, 15, 15, 15),
    (2, 300, 40, 40, 40),
    (3, 100, 12, 7, 12),  # predicted classes without support
    (4, 100, 12, 12, 5),  # classes that are never predicted
    (5, 60, 12, 4, 4),  # classes that are neither
    (6, 1, 3, 3, 3),
]


def count_per_class(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """precision, recall, F1 and support of each class by counting: [4 k]."""
    columns = []
    for label in range(num_classes):
        correct = sum(t == p == label for t, p in zip(labels, predicted, strict=True))
        support, positives = list(labels).count(label), list(predicted).count(label)
        columns.append(
            (
                correct / positives if positives else 0,
                correct / support if support else 0,
                2 * correct / (support + positives) if support + positives else 0,
                support,
            )
        )
    return np.array(columns).T


@pytest.mark.parametrize("case", CASES)
def test_metrics_agree_with_counts(case):
    log_probs, labels = make_predictions(*case)
    predicted, num_classes = log_probs.argmax(1), case[2]
    values = class_metrics.classification_metrics(log_probs, labels)
    table = count_per_class(labels, predicted, num_classes)
    support = table[3]
    occurs = (support > 0) | np.isin(np.arange(num_classes), predicted)
    accuracy = (predicted == labels).mean()
    assert values["accuracy"] == pytest.approx(accuracy)
    assert values["balanced_accuracy"] == pytest.approx(table[1][support > 0].mean())
    for row, name in zip(table, ("precision", "recall", "f1"), strict=False):
        assert values[f"macro_{name}"] == pytest.approx(row[occurs].mean()), name
        assert values[f"weighted_{name}"] == pytest.approx((row * support).sum() / len(labels))
        assert values[f"micro_{name}"] == pytest.approx(accuracy), name


@pytest.mark.parametrize("case", CASES)
def test_loss_and_top5_agree_with_scikit_learn(case):
    log_probs, labels = make_predictions(*case)
    classes = list(range(case[2]))
    values = class_metrics.classification_metrics(log_probs, labels)
    expected = sk.log_loss(labels, np.exp(log_probs), labels=classes)
    assert values["loss"] == pytest.approx(expected, rel=1e-6)
    if case[2] >= 10:
        expected = sk.top_k_accuracy_score(labels, log_probs, k=5, labels=classes)
        assert values["top5_accuracy"] == pytest.approx(expected)
    else:
        assert "top5_accuracy" not in values


@pytest.mark.parametrize("case", CASES)
def test_per_class_metrics_and_confusion_matrix_agree_with_counts(case):
    log_probs, labels = make_predictions(*case)
    predicted, num_classes = log_probs.argmax(1), case[2]
    matrix = class_metrics.confusion_matrix(labels, predicted, num_classes)
    for true, column in np.ndindex(matrix.shape):
        assert matrix[true, column] == ((labels == true) & (predicted == column)).sum()
    per_class = class_metrics.per_class_metrics(labels, predicted, num_classes)
    names = ("precision", "recall", "f1", "support")
    for name, row in zip(names, count_per_class(labels, predicted, num_classes), strict=True):
        np.testing.assert_allclose(getattr(per_class, name), row, err_msg=name)
    recall = class_metrics.normalize_rows(matrix).diagonal()
    np.testing.assert_allclose(recall, per_class.recall)


def test_loss_of_extreme_logits_is_exact():
    logits = np.array([[1000, -1000], [-1e4, 1e4]], np.float32)
    log_probs = class_metrics.log_softmax(logits)
    assert class_metrics.classification_metrics(log_probs, np.array([1, 1]))["loss"] == 1000


def test_ties_go_to_the_first_class():
    log_probs = class_metrics.log_softmax(np.zeros((10, 10)))
    values = class_metrics.classification_metrics(log_probs, np.arange(10))
    assert (values["accuracy"], values["top5_accuracy"]) == (0.1, 0.5)
    assert values["accuracy"] == (log_probs.argmax(1) == np.arange(10)).mean()


def test_baseline_is_the_majority_class_of_training():
    majority, log_priors = class_metrics.majority_class(np.array([0, 1, 1, 1, 2, 2, 2, 2]), 3)
    values = class_metrics.baseline_metrics(log_priors, np.array([2, 2, 1, 0]))
    assert majority == 2
    assert values["accuracy"] == 0.5
    assert values["balanced_accuracy"] == pytest.approx(1 / 3)
    assert values["macro_f1"] == pytest.approx(2 / 3 / 3)
    assert values["loss"] == pytest.approx(-np.log([1 / 2, 1 / 2, 3 / 8, 1 / 8]).mean())


def test_baseline_has_no_loss_for_labels_that_training_lacks():
    _, log_priors = class_metrics.majority_class(np.array([0, 0, 1]), 3)
    values = class_metrics.baseline_metrics(log_priors, np.array([0, 2]))
    assert "loss" not in values
    assert values["accuracy"] == 0.5


def test_calibration_by_hand():
    confidence = np.array([0.6, 0.6, 0.6, 0.6, 0.95, 0.95])
    correct = np.array([1, 1, 1, 0, 1, 0])
    log_probs = np.log(np.stack([confidence, 1 - confidence], 1))
    calibration = class_metrics.calibration(log_probs, 1 - correct, num_bins=10)
    assert calibration["ece"] == pytest.approx(4 / 6 * abs(0.75 - 0.6) + 2 / 6 * abs(0.5 - 0.95))
    counts = [row["count"] for row in calibration["bins"]]
    assert counts == [0, 0, 0, 0, 0, 4, 0, 0, 0, 2]  # 0.6 is in the bin that it closes
    assert calibration["bins"][5]["accuracy"] == 0.75
    assert calibration["bins"][9] == {
        "from": 0.9,
        "to": 1.0,
        "count": 2,
        "confidence": pytest.approx(0.95),
        "accuracy": 0.5,
    }
    assert calibration["bins"][0]["confidence"] is None


def test_certain_correct_predictions_are_calibrated():
    log_probs = class_metrics.log_softmax(np.eye(4) * 1000)
    calibration = class_metrics.calibration(log_probs, np.arange(4))
    assert calibration["ece"] == 0
    assert calibration["bins"][-1]["count"] == 4


def test_confusion_of_groups_is_the_sum():
    matrix = np.array([[5, 1, 2], [0, 4, 0], [3, 0, 6]])
    groups = {"cat": "pet", "dog": "pet", "car": "thing"}
    names, group_matrix = class_metrics.group_confusion(matrix, ["cat", "car", "dog"], groups)
    assert names == ("pet", "thing")
    np.testing.assert_array_equal(group_matrix, [[16, 1], [0, 4]])


def test_wilson_interval_is_that_of_the_literature():
    low, high = class_metrics.wilson_interval(50, 100)
    assert low == pytest.approx(0.4038, abs=1e-4)  # Brown, Cai, DasGupta 2001
    assert high == pytest.approx(0.5962, abs=1e-4)
    low, high = class_metrics.wilson_interval(10, 10)
    assert (low, high) == (pytest.approx(0.7225, abs=1e-4), 1)
