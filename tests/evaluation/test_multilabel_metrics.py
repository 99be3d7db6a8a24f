"""Numbers of several labels against scikit-learn's, with ties and with labels that never occur."""

import numpy as np
import pytest
from sklearn import metrics as sk

from gv_jax.evaluation import multilabel_metrics

DRAWS = np.random.default_rng(0)
TRUTH = (DRAWS.random((60, 5)) < [0.1, 0.3, 0.5, 0.8, 0.2]).astype(np.float32)
LOGITS = np.round(2 * DRAWS.normal(size=(60, 5)) + 1.5 * TRUTH).astype(np.float32)
THRESHOLDS = np.array([0.2, 0.4, 0.5, 0.6, 0.99999])


@pytest.fixture(scope="module")
def found():
    return multilabel_metrics.multilabel_metrics(LOGITS, TRUTH, THRESHOLDS)


def said():
    return 1 / (1 + np.exp(-LOGITS.astype(float))) >= THRESHOLDS


@pytest.mark.parametrize("average", ["macro", "micro"])
@pytest.mark.parametrize("name", ["f1", "precision", "recall"])
def test_averages_are_scikit_learns(found, average, name):
    expected = getattr(sk, f"{name}_score")(TRUTH, said(), average=average, zero_division=0)
    np.testing.assert_allclose(found[f"{average}_{name}"], expected, rtol=1e-12)


def test_other_scores_are_scikit_learns(found):
    assert found["mean_average_precision"] == pytest.approx(
        sk.average_precision_score(TRUTH, LOGITS, average="macro")
    )
    assert found["ranking_precision"] == pytest.approx(
        sk.label_ranking_average_precision_score(TRUTH, LOGITS)
    )
    assert found["exact_accuracy"] == pytest.approx(sk.accuracy_score(TRUTH, said()))
    assert found["label_accuracy"] == pytest.approx(1 - sk.hamming_loss(TRUTH, said()))
    p = 1 / (1 + np.exp(-LOGITS.astype(float)))
    expected = np.mean([sk.log_loss(TRUTH[:, label], p[:, label]) for label in range(5)])
    assert found["loss"] == pytest.approx(expected)


def test_every_label_is_as_by_itself():
    each = multilabel_metrics.per_label_metrics(LOGITS, TRUTH, THRESHOLDS)
    expected = sk.precision_recall_fscore_support(TRUTH, said(), zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(each[name], values)
    for label in range(5):
        assert each["average_precision"][label] == pytest.approx(
            sk.average_precision_score(TRUTH[:, label], LOGITS[:, label])
        )


def test_curves_are_scikit_learns():
    precision, recall, lowest = multilabel_metrics.precision_recall_curve(LOGITS[:, 1], TRUTH[:, 1])
    expected = sk.precision_recall_curve(TRUTH[:, 1], LOGITS[:, 1])
    np.testing.assert_allclose(precision[::-1], expected[0][:-1])
    np.testing.assert_allclose(recall[::-1], expected[1][:-1])
    np.testing.assert_array_equal(lowest[::-1], expected[2])


def test_no_threshold_has_a_higher_f1():
    p = multilabel_metrics.probabilities(LOGITS)
    for label, threshold in enumerate(multilabel_metrics.best_thresholds(LOGITS, TRUTH)):
        reached = sk.f1_score(TRUTH[:, label], p[:, label] >= threshold)
        best = max(sk.f1_score(TRUTH[:, label], p[:, label] >= value) for value in p[:, label])
        assert reached == pytest.approx(best)


def test_a_threshold_by_hand():
    p, truth = np.array([0.9, 0.8, 0.3, 0.2]), np.array([1, 1, 0, 0])
    assert multilabel_metrics.best_threshold(p, truth) == pytest.approx(0.55)
    assert multilabel_metrics.best_threshold(p, 0 * truth) == 0.5
    assert multilabel_metrics.best_threshold(np.full(4, 0.5), truth) == 0.25  # all are told yes


def test_a_label_that_no_picture_has_is_left_out_of_the_mean_average_precision():
    truth = TRUTH.copy()
    truth[:, 0] = 0
    expected = sk.average_precision_score(truth[:, 1:], LOGITS[:, 1:], average="macro")
    assert multilabel_metrics.multilabel_metrics(LOGITS, truth, THRESHOLDS)[
        "mean_average_precision"
    ] == pytest.approx(expected)


def test_the_floor_by_hand():
    train = np.array(
        [[1, 0], [1, 0], [1, 1], [0, 1]], np.float32
    )  # rates 3/4 and 1/2; commonest set: the first alone
    test = np.array([[1, 0], [0, 1]], np.float32)
    floor = multilabel_metrics.multilabel_baselines({"train": train, "test": test}, "train")["test"]
    assert floor["mean_average_precision"] == 0.5  # the base rates of the test split
    assert floor["macro_f1"] == pytest.approx(2 / 3)  # both labels said of both pictures
    assert floor["exact_accuracy"] == 0.5
    assert floor["label_accuracy"] == 0.5  # the first label is always said, the second never
    assert floor["loss"] == pytest.approx(-(np.log(0.75) + np.log(0.25) + 2 * np.log(0.5)) / 4)
