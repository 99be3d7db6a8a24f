"""The classifier of features: as scikit-learn's, with a penalty chosen on held-out groups."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from gv_jax.evaluation.generation import fidelity
from gv_jax.evaluation.generation.fidelity import fit_classifier, predict_labels


def blobs(count, spread, seed, width=20):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    centers = np.eye(3, width) * 4
    features = centers[labels] + rng.normal(0, spread, (count, width))
    return features.astype(np.float32), labels


def test_predictions_are_those_of_scikit_learn(monkeypatch):
    monkeypatch.setattr(fidelity, "PENALTIES", (10.0,))
    features, labels = blobs(120, 2.0, 0)
    new, _ = blobs(300, 2.0, 1)
    classifier = fit_classifier(features, labels, np.arange(120), 0)
    variance = features.var(0, dtype=float).mean()
    expected = RidgeClassifier(10.0 * variance).fit(features, labels).predict(new)
    np.testing.assert_array_equal(predict_labels(classifier, new), expected)


def test_separated_classes_are_told_apart():
    features, labels = blobs(90, 0.3, 0)
    new, new_labels = blobs(90, 0.3, 1)
    classifier = fit_classifier(features, labels, np.arange(90), 0)
    np.testing.assert_array_equal(predict_labels(classifier, new), new_labels)


def test_penalty_is_chosen_on_held_out_groups():
    """Copies of noise in one group each: only their own fold shows that they are not learned."""
    rng = np.random.default_rng(0)
    features, labels = blobs(40, 3.0, 0, width=200)
    features, labels = np.tile(features, (4, 1)), np.tile(labels, 4)
    features += rng.normal(0, 0.01, features.shape).astype(np.float32)
    grouped = fit_classifier(features, labels, np.tile(np.arange(40), 4), 0)
    leaking = fit_classifier(features, labels, np.arange(160), 0)
    assert np.linalg.norm(grouped[0]) != pytest.approx(np.linalg.norm(leaking[0]), rel=0.05)


@pytest.mark.parametrize("groups", [[0, 0, 1, 1], [0, 0, 0, 0]])
def test_few_groups_have_the_default_penalty(groups):
    features, labels = np.eye(4, 6, dtype=np.float32), np.array([0, 0, 1, 1])
    classifier = fit_classifier(features, labels, np.array(groups), 0)
    np.testing.assert_array_equal(predict_labels(classifier, features), labels)
