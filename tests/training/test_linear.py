"""Linear classifiers against scikit-learn's."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import cross_val_score

from gv_jax.errors import UserError
from gv_jax.training.linear import fit_cv, fit_logistic, fit_ridge, fit_temperature


def blobs(n=90, f=20, k=4, spread=1.6):
    draws = np.random.default_rng(0)
    labels = np.arange(n) % k
    return draws.normal(size=(k, f))[labels] + spread * draws.normal(size=(n, f)), labels


@pytest.mark.parametrize("features", [20, 200])
def test_ridge_is_scikit_learns(features):
    x, labels = blobs(f=features)
    found = fit_ridge(x, np.eye(4)[labels], (0.1, 30.0))
    for penalty, (kernel, bias) in zip((0.1, 30.0), found, strict=True):
        theirs = RidgeClassifier(alpha=penalty).fit(x, labels)
        np.testing.assert_allclose(
            2 * (x @ kernel + bias) - 1, theirs.decision_function(x), atol=1e-8
        )


def test_logistic_is_scikit_learns():
    x, labels = blobs()
    for penalty, (kernel, bias) in zip(
        (20.0, 1.0), fit_logistic(x, np.eye(4)[labels], (20.0, 1.0)), strict=True
    ):
        theirs = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=1000).fit(x, labels)
        np.testing.assert_allclose(
            log_softmax(x @ kernel + bias, 1), theirs.predict_log_proba(x), atol=2e-3
        )


@pytest.mark.parametrize(("method", "model"), [
    ("ridge", lambda penalty: RidgeClassifier(alpha=penalty)),
    ("logistic", lambda penalty: LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=1000)),
])  # fmt: skip
def test_penalty_is_chosen_by_the_held_out_folds(method, model):
    x, labels = blobs(f=60, spread=3.0)
    folds = np.arange(90) // 4 % 3
    l2 = (1.0, 10.0, 300.0)
    found = fit_cv(method, 5 * x, labels, 4, l2, folds)
    scaled = x / np.sqrt(((x - x.mean(0)) ** 2).mean())
    parts = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(3)]
    theirs = {penalty: float(np.average(cross_val_score(model(penalty), scaled, labels, cv=parts),
              weights=[len(held) for _, held in parts])) for penalty in l2}  # fmt: skip
    assert found.accuracies == pytest.approx(theirs)
    assert found.penalty == max(l2, key=lambda penalty: (theirs[penalty], penalty))
    whole = model(found.penalty).fit(scaled, labels)
    said = (5 * x @ found.kernel + found.bias).argmax(1)
    np.testing.assert_array_equal(said, whole.predict(scaled))


def test_mirror_images_are_fitted_but_not_judged_by():
    x, labels = blobs()
    folds = np.arange(90) // 4 % 3
    alone = fit_cv("ridge", x, labels, 4, (1.0,), folds)
    same = fit_cv(
        "ridge", x, labels, 4, (2.0,), folds, mirrored=x
    )  # twice the pictures, twice the penalty
    np.testing.assert_allclose(alone.kernel, same.kernel, rtol=1e-9)
    assert alone.accuracies[1.0] == same.accuracies[2.0]


def test_sharpness_is_that_of_the_smallest_cross_entropy():
    draws = np.random.default_rng(0)
    truth = draws.normal(size=(4000, 3)) * 2
    p = np.exp(log_softmax(truth, 1))
    labels = np.array([draws.choice(3, p=row) for row in p])
    assert fit_temperature(truth / 20, np.eye(3)[labels]) == pytest.approx(20, rel=0.08)


def test_penalties_are_above_zero():
    with pytest.raises(UserError, match="above 0"):
        fit_cv("ridge", *blobs(), 4, (0.0,), np.arange(90) % 3)
