"""Linear classifiers against scikit-learn's."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import label_ranking_average_precision_score, log_loss
from sklearn.model_selection import cross_val_score

from gv_jax.errors import UserError
from gv_jax.training import ridge
from gv_jax.training.cross_validation import fit_cv
from gv_jax.training.linear import (
    MULTI_LABEL,
    SINGLE_LABEL,
    fit_logistic,
    fit_one_vs_rest,
    fit_platt,
    fit_temperature,
)
from gv_jax.training.ridge import fit_ridge, held_out_ridge

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


@pytest.fixture(params=[2**24, 50], ids=["one chunk", "many chunks"])
def chunk_values(request, monkeypatch):
    monkeypatch.setattr(ridge, "CHUNK_VALUES", request.param)


@pytest.mark.usefixtures("chunk_values")
@pytest.mark.parametrize("num_features", [20, 200])
def test_ridge_agrees_with_scikit_learn(num_features):
    x, labels = make_blobs(num_features=num_features)
    x += 5
    l2 = (0.1, 30.0)
    classifiers = fit_ridge(x, np.eye(4)[labels], l2)
    for penalty, (kernel, bias) in zip(l2, classifiers, strict=True):
        expected = make_ridge(penalty).fit(x, labels).decision_function(x)
        np.testing.assert_allclose(2 * (x @ kernel + bias) - 1, expected, atol=1e-8)


@pytest.mark.usefixtures("chunk_values")
@pytest.mark.parametrize("num_features", [20, 200])
def test_held_out_scores_of_ridge_are_those_of_classifiers_of_the_other_folds(num_features):
    x, labels = make_blobs(num_features=num_features)
    x += 5
    targets, l2 = np.eye(4)[labels], (0.1, 30.0)
    scores = held_out_ridge(x, targets, FOLDS, l2, count=60)
    assert scores.shape == (2, 60, 4)
    for penalty, rows in zip(l2, scores, strict=True):
        for fold in range(3):
            fitted, held_out = fold != FOLDS, np.flatnonzero(FOLDS[:60] == fold)
            model = Ridge(alpha=penalty).fit(x[fitted], targets[fitted])
            np.testing.assert_allclose(rows[held_out], model.predict(x[held_out]), atol=1e-8)


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
    cv = fit_cv(SINGLE_LABEL, method, 5 * x, np.eye(4)[labels], l2, FOLDS)
    scaled = x / np.sqrt(((x - x.mean(0)) ** 2).mean())
    parts = [(np.flatnonzero(fold != FOLDS), np.flatnonzero(fold == FOLDS)) for fold in range(3)]
    sizes = [len(held_out) for _, held_out in parts]
    expected = {}
    for penalty in l2:
        scores = cross_val_score(make_model(penalty), scaled, labels, cv=parts)
        expected[penalty] = float(np.average(scores, weights=sizes))
        if penalty == cv.penalty:
            assert cv.fold_scores == pytest.approx(tuple(scores))
    assert {penalty: cv.held_out[penalty] for penalty in l2} == pytest.approx(expected)
    assert cv.penalty == max(cv.held_out, key=lambda value: (cv.held_out[value], value))
    predictions = (5 * x @ cv.kernel + cv.bias).argmax(1)
    model = make_model(cv.penalty).fit(scaled, labels)
    np.testing.assert_array_equal(predictions, model.predict(scaled))


def test_features_of_flipped_images_are_fitted_but_not_evaluated():
    x, labels = make_blobs()
    targets = np.eye(4)[labels]
    single = fit_cv(SINGLE_LABEL, "ridge", x, targets, (1.0,), FOLDS)
    # Twice the images and twice the penalty.
    doubled = fit_cv(SINGLE_LABEL, "ridge", x, targets, (2.0,), FOLDS, flipped=x)
    np.testing.assert_allclose(single.kernel, doubled.kernel, rtol=1e-9)
    assert single.held_out[1.0] == doubled.held_out[2.0]


def test_the_temperature_minimizes_the_cross_entropy():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3)) * 2
    labels = np.array([rng.choice(3, p=row) for row in np.exp(log_softmax(logits, 1))])
    factor, offset = fit_temperature(logits / 20, np.eye(3)[labels])
    assert factor == pytest.approx(20, rel=0.08)
    assert offset == 0


@pytest.mark.parametrize("count", [3, 30, 300])
def test_separable_scores_are_not_scaled_without_limit(count):
    targets = np.eye(3)[np.arange(count) % 3]
    factor, _ = fit_temperature(targets, targets)
    confidence = np.exp(factor) / (np.exp(factor) + 2)
    assert confidence == pytest.approx(1 - (2 / 3) / (count + 2), abs=1e-4)
    factor, offset = fit_platt(targets, targets)
    assert 1 / (1 + np.exp(-factor - offset)) == pytest.approx(1 - 0.5 / (count + 2), abs=1e-3)
    assert 1 / (1 + np.exp(-offset)) == pytest.approx(0.5 / (count + 2), abs=1e-3)


def make_multi_label(n=90, num_features=20, k=3):
    """Features, and labels that are linear decisions on them with noise."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, num_features))
    noise = rng.normal(size=(n, k))
    return x, (x @ rng.normal(size=(num_features, k)) / 3 + noise > 0.3).astype(float)


def test_one_vs_rest_agrees_with_scikit_learn():
    x, targets = make_multi_label()
    l2 = (20.0, 1.0)
    for penalty, (kernel, bias) in zip(l2, fit_one_vs_rest(x, targets, l2), strict=True):
        for label in range(3):
            expected = make_logistic(penalty).fit(x, targets[:, label]).decision_function(x)
            scores = x @ kernel[:, label] + bias[label]
            np.testing.assert_allclose(scores, expected, atol=5e-3)


@pytest.mark.parametrize(
    ("method", "make_scores"),
    [
        ("ridge", lambda x, t, new, penalty: Ridge(alpha=penalty).fit(x, t).predict(new)),
        (
            "logistic",
            lambda x, t, new, penalty: np.stack(
                [make_logistic(penalty).fit(x, column).decision_function(new) for column in t.T], 1
            ),
        ),
    ],
)
def test_the_penalty_of_several_labels_has_the_best_ranking_precision(method, make_scores):
    x, targets = make_multi_label()
    l2 = (1.0, 30.0, 1000.0)
    cv = fit_cv(MULTI_LABEL, method, 5 * x, targets, l2, FOLDS)
    scaled = x / np.sqrt(((x - x.mean(0)) ** 2).mean())
    expected = {}
    for penalty in l2:
        scores = np.zeros(targets.shape)
        for fold in range(3):
            fitted, held_out = fold != FOLDS, fold == FOLDS
            scores[held_out] = make_scores(
                scaled[fitted], targets[fitted], scaled[held_out], penalty
            )
        expected[penalty] = label_ranking_average_precision_score(targets > 0, scores)
    tried = {penalty: cv.held_out[penalty] for penalty in l2}
    assert tried == pytest.approx(expected, abs=1e-3)
    assert cv.penalty == max(cv.held_out, key=lambda value: (cv.held_out[value], value))


def test_ridge_scores_of_several_labels_become_probabilities():
    x, targets = make_multi_label(n=2400)
    cv = fit_cv(MULTI_LABEL, "ridge", x[:1200], targets[:1200], (10.0,), np.arange(1200) % 3)
    losses = {}
    for offset in (-0.3, 0.0, 0.3):
        for factor in (0.7, 1.0, 1.4):
            logits = factor * (x[1200:] @ cv.kernel + cv.bias) + offset
            probabilities = 1 / (1 + np.exp(-logits.ravel()))
            losses[offset, factor] = log_loss(targets[1200:].ravel(), probabilities)
    assert min(losses, key=lambda key: losses[key]) == (0.0, 1.0)


def test_platt_scaling_finds_factor_and_offset():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 2)) * 2
    targets = (rng.random((4000, 2)) < 1 / (1 + np.exp(-logits))).astype(float)
    assert fit_platt((logits + 1) / 20, targets) == pytest.approx((20, -1), abs=1)


def test_one_penalty_needs_no_folds():
    x, labels = make_blobs()
    targets = np.eye(4)[labels]
    without = fit_cv(SINGLE_LABEL, "ridge", x, targets, (30.0,), None)
    assert without.held_out == {}
    predictions = (x @ without.kernel + without.bias).argmax(1)
    scaled = x / np.sqrt(((x - x.mean(0)) ** 2).mean())
    np.testing.assert_array_equal(predictions, make_ridge(30.0).fit(scaled, labels).predict(scaled))


@pytest.mark.parametrize("l2", [(), (0.0,), (1.0, float("inf"))])
def test_a_penalty_out_of_range_is_refused(l2):
    with pytest.raises(UserError, match=r"config\.probe\.l2"):
        fit_cv(SINGLE_LABEL, "ridge", *make_multi_label(), l2, FOLDS)


@pytest.mark.parametrize("l2", [(1e-3, 1e-2), (1e6, 1e7)])
def test_a_best_penalty_at_the_edge_extends_the_grid(l2):
    x, labels = make_blobs(num_features=60, std=3.0)
    targets = np.eye(4)[labels]
    wide = tuple(10.0**exponent for exponent in range(-7, 12))
    full = fit_cv(SINGLE_LABEL, "ridge", x, targets, wide, FOLDS)
    cv = fit_cv(SINGLE_LABEL, "ridge", x, targets, l2, FOLDS)
    assert len(cv.held_out) > len(l2)
    assert len(cv.held_out) <= len(l2) + 4
    assert cv.held_out == pytest.approx({value: full.held_out[value] for value in cv.held_out})
    assert not full.is_edge
    assert list(cv.held_out) == sorted(cv.held_out)


def test_equally_good_penalties_are_not_extended():
    x, labels = make_blobs(std=0.01)
    cv = fit_cv(SINGLE_LABEL, "ridge", x, np.eye(4)[labels], (1e-2, 1e-1, 1.0), FOLDS)
    assert set(cv.held_out.values()) == {1.0}
    assert (list(cv.held_out), cv.penalty, cv.is_edge) == ([1e-2, 1e-1, 1.0], 1.0, False)


def test_one_penalty_is_not_extended():
    x, labels = make_blobs()
    cv = fit_cv(SINGLE_LABEL, "ridge", x, np.eye(4)[labels], (30.0,), FOLDS)
    assert list(cv.held_out) == [30.0]
    assert not cv.is_edge


def test_features_stay_unchanged():
    x, labels = make_blobs()
    before = x.copy()
    fit_cv(SINGLE_LABEL, "ridge", x, np.eye(4)[labels], (30.0,), FOLDS)
    np.testing.assert_array_equal(x, before)
