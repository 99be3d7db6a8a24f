"""Linear classifiers against scikit-learn's."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import cross_val_score

from gv_jax.errors import UserError
from gv_jax.training.linear import fit_cv, fit_logistic, fit_ridge, fit_temperature

FOLDS = np.arange(90) // 4 % 3


def make_ridge(penalty):
    return RidgeClassifier(alpha=penalty)


def make_logistic(penalty):
    return LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=1000)


def make_blobs(n=90, num_features=20, k=4, std=1.6):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % k
    centers = rng.normal(size=(k, num_features))
    return centers[labels] + std * rng.normal(size=(n, num_features)), labels


@pytest.mark.parametrize("num_features", [20, 200])
def test_ridge_agrees_with_scikit_learn(num_features):
    x, labels = make_blobs(num_features=num_features)
    l2 = (0.1, 30.0)
    classifiers = fit_ridge(x, np.eye(4)[labels], l2)
    for penalty, (kernel, bias) in zip(l2, classifiers, strict=True):
        expected = make_ridge(penalty).fit(x, labels).decision_function(x)
        np.testing.assert_allclose(2 * (x @ kernel + bias) - 1, expected, atol=1e-8)


def test_logistic_agrees_with_scikit_learn():
    x, labels = make_blobs()
    l2 = (20.0, 1.0)
    classifiers = fit_logistic(x, np.eye(4)[labels], l2)
    for penalty, (kernel, bias) in zip(l2, classifiers, strict=True):
        expected = make_logistic(penalty).fit(x, labels).predict_log_proba(x)
        np.testing.assert_allclose(log_softmax(x @ kernel + bias, 1), expected, atol=2e-3)


@pytest.mark.parametrize(
    ("method", "make_model"), [("ridge", make_ridge), ("logistic", make_logistic)]
)
def test_the_penalty_has_the_best_held_out_accuracy(method, make_model):
    x, labels = make_blobs(num_features=60, std=3.0)
    l2 = (1.0, 10.0, 300.0)
    cv = fit_cv(method, 5 * x, labels, 4, l2, FOLDS)
    scaled = x / np.sqrt(((x - x.mean(0)) ** 2).mean())
    parts = [(np.flatnonzero(fold != FOLDS), np.flatnonzero(fold == FOLDS)) for fold in range(3)]
    sizes = [len(held_out) for _, held_out in parts]
    expected = {}
    for penalty in l2:
        scores = cross_val_score(make_model(penalty), scaled, labels, cv=parts)
        expected[penalty] = float(np.average(scores, weights=sizes))
    assert cv.accuracies == pytest.approx(expected)
    assert cv.penalty == max(l2, key=lambda penalty: (expected[penalty], penalty))
    predictions = (5 * x @ cv.kernel + cv.bias).argmax(1)
    model = make_model(cv.penalty).fit(scaled, labels)
    np.testing.assert_array_equal(predictions, model.predict(scaled))


def test_features_of_flipped_images_are_fitted_but_not_evaluated():
    x, labels = make_blobs()
    single = fit_cv("ridge", x, labels, 4, (1.0,), FOLDS)
    doubled = fit_cv("ridge", x, labels, 4, (2.0,), FOLDS, flipped=x)  # twice images and penalty
    np.testing.assert_allclose(single.kernel, doubled.kernel, rtol=1e-9)
    assert single.accuracies[1.0] == doubled.accuracies[2.0]


def test_the_temperature_minimizes_the_cross_entropy():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3)) * 2
    labels = np.array([rng.choice(3, p=row) for row in np.exp(log_softmax(logits, 1))])
    assert fit_temperature(logits / 20, np.eye(3)[labels]) == pytest.approx(20, rel=0.08)


@pytest.mark.parametrize("l2", [(), (0.0,), (1.0, float("inf"))])
def test_a_penalty_out_of_range_is_refused(l2):
    with pytest.raises(UserError, match=r"config\.probe\.l2"):
        fit_cv("ridge", *make_blobs(), 4, l2, FOLDS)
