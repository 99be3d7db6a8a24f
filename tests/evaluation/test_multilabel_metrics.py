"""Multi-label metrics: by counting, and against scikit-learn where it is not used."""

import numpy as np
import pytest
from sklearn import metrics as sk

from gv_jax.evaluation import multilabel_metrics

RNG = np.random.default_rng(0)
TARGETS = (RNG.random((60, 5)) < [0.1, 0.3, 0.5, 0.8, 0.2]).astype(np.float32)
LOGITS = np.round(2 * RNG.normal(size=(60, 5)) + 1.5 * TARGETS).astype(np.float32)  # with ties
THRESHOLDS = np.array([0.2, 0.4, 0.5, 0.6, 0.99999])
PROBS = 1 / (1 + np.exp(-LOGITS.astype(float)))
PREDICTED = PROBS >= THRESHOLDS


@pytest.fixture(scope="module")
def values():
    return multilabel_metrics.multilabel_metrics(LOGITS, TARGETS, THRESHOLDS)


def count_scores(targets: np.ndarray, predicted: np.ndarray) -> tuple[float, float, float]:
    """precision, recall and F1 by counting; 0 where not defined."""
    correct = int((targets * predicted).sum())
    positives, support = int(predicted.sum()), int(targets.sum())
    return (
        correct / positives if positives else 0,
        correct / support if support else 0,
        2 * correct / (positives + support) if positives + support else 0,
    )


def average_precision_by_hand(scores: np.ndarray, targets: np.ndarray) -> float:
    """The sum of recall steps times precision over all thresholds."""
    total, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        precision, recall, _ = count_scores(targets, scores >= threshold)
        total += (recall - recall_before) * precision
        recall_before = recall
    return total


def test_averages_agree_with_counts(values):
    per_label = np.array([count_scores(TARGETS[:, k], PREDICTED[:, k]) for k in range(5)])
    micro = count_scores(TARGETS, PREDICTED)
    for index, name in enumerate(("precision", "recall", "f1")):
        assert values[f"macro_{name}"] == pytest.approx(per_label[:, index].mean()), name
        assert values[f"micro_{name}"] == pytest.approx(micro[index]), name
    by_name = multilabel_metrics.per_label_metrics(LOGITS, TARGETS, THRESHOLDS)
    for index, name in enumerate(("precision", "recall", "f1")):
        np.testing.assert_allclose(by_name[name], per_label[:, index], err_msg=name)
    np.testing.assert_array_equal(by_name["support"], TARGETS.sum(0))


def test_average_precision_agrees_with_counts(values):
    expected = [average_precision_by_hand(LOGITS[:, k], TARGETS[:, k]) for k in range(5)]
    by_name = multilabel_metrics.per_label_metrics(LOGITS, TARGETS, THRESHOLDS)
    np.testing.assert_allclose(by_name["average_precision"], expected)
    assert values["mean_average_precision"] == pytest.approx(np.mean(expected))


def test_other_metrics_agree_with_scikit_learn(values):
    expected = sk.label_ranking_average_precision_score(TARGETS, LOGITS)
    assert values["ranking_precision"] == pytest.approx(expected)
    assert values["exact_accuracy"] == pytest.approx(sk.accuracy_score(TARGETS, PREDICTED))
    assert values["label_accuracy"] == pytest.approx(1 - sk.hamming_loss(TARGETS, PREDICTED))
    expected = np.mean([sk.log_loss(TARGETS[:, k], PROBS[:, k]) for k in range(5)])
    assert values["loss"] == pytest.approx(expected)


def test_curves_agree_with_counts():
    scores, targets = LOGITS[:, 1], TARGETS[:, 1]
    precision, recall, thresholds = multilabel_metrics.precision_recall_curve(scores, targets)
    assert list(thresholds) == sorted(set(scores), reverse=True)
    for index, threshold in enumerate(thresholds):
        expected = count_scores(targets, scores >= threshold)[:2]
        assert (precision[index], recall[index]) == pytest.approx(expected)


def test_labels_without_positives():
    scores, targets = LOGITS[:, 0], np.zeros(60, np.float32)
    precision, recall, thresholds = multilabel_metrics.precision_recall_curve(scores, targets)
    assert not precision.any()
    assert not recall.any()
    assert list(thresholds) == sorted(set(scores), reverse=True)
    assert multilabel_metrics.average_precision(scores, targets) == 0


def test_no_threshold_has_a_higher_f1():
    for label, threshold in enumerate(multilabel_metrics.best_thresholds(LOGITS, TARGETS)):
        targets, probs = TARGETS[:, label], PROBS[:, label]
        best = max(count_scores(targets, probs >= value)[2] for value in probs)
        assert count_scores(targets, probs >= threshold)[2] == pytest.approx(best)


def test_best_threshold_by_hand():
    probs, targets = np.array([0.9, 0.8, 0.3, 0.2]), np.array([1, 1, 0, 0])
    assert multilabel_metrics.best_threshold(probs, targets) == pytest.approx(0.55)
    assert multilabel_metrics.best_threshold(probs, 0 * targets) == 0.5
    assert multilabel_metrics.best_threshold(np.full(4, 0.5), targets) == 0.25


def test_mean_average_precision_ignores_labels_without_positives():
    targets = TARGETS.copy()
    targets[:, 0] = 0
    expected = [average_precision_by_hand(LOGITS[:, k], targets[:, k]) for k in range(1, 5)]
    values = multilabel_metrics.multilabel_metrics(LOGITS, targets, THRESHOLDS)
    assert values["mean_average_precision"] == pytest.approx(np.mean(expected))


def test_baseline_by_hand():
    # Rates 3/4 and 1/2; the most common label set is the first label alone.
    train = np.array([[1, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    test = np.array([[1, 0], [0, 1]], np.float32)
    targets = {"train": train, "test": test}
    baseline = multilabel_metrics.multilabel_baselines(targets, "train")["test"]
    assert baseline["mean_average_precision"] == 0.5  # the base rates of the test split
    assert baseline["macro_f1"] == pytest.approx(2 / 3)  # both labels are predicted for both
    assert baseline["exact_accuracy"] == 0.5
    assert baseline["label_accuracy"] == 0.5  # the first label is predicted, the second is not
    loss = -(np.log(0.75) + np.log(0.25) + 2 * np.log(0.5)) / 4
    assert baseline["loss"] == pytest.approx(loss)
