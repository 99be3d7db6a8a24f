"""Temperature, precision thresholds, prediction sets and distances, against other code."""

import numpy as np
import pytest
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from gv_jax.errors import UserError
from gv_jax.evaluation import conformal, novelty, temperature
from gv_jax.evaluation.calibration import calibrate, calibration_results
from gv_jax.evaluation.class_metrics import calibration, log_softmax, wilson_interval
from gv_jax.evaluation.confidence import Confidence, wilson_lower_ends
from gv_jax.reporting.confidence_section import confidence_sections


def draw_calibrated(count, num_classes, seed=0):
    """Logits [n k], and labels drawn from their softmax."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, num_classes))
    labels = (log_softmax(logits) + rng.gumbel(size=logits.shape)).argmax(1)
    return logits, labels


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_the_temperature_undoes_a_factor_on_the_logits(factor):
    logits, labels = draw_calibrated(4000, 5)
    fitted = temperature.fit_temperature(factor * logits, labels)
    assert fitted == pytest.approx(factor, rel=0.08)
    before = calibration(log_softmax(factor * logits), labels)["ece"]
    after = calibration(log_softmax(factor * logits / fitted), labels)["ece"]
    assert after < 0.03
    assert factor == 1 or before > 0.1


def test_the_temperature_of_labels_undoes_a_factor_too():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (3000, 3))
    targets = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    assert temperature.fit_temperature(3 * logits, targets) == pytest.approx(3, rel=0.08)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_few_or_separable_images_give_a_finite_temperature(count):
    logits, labels = np.eye(3)[np.arange(count) % 3] * 9, np.arange(count) % 3
    fitted = temperature.fit_temperature(logits, labels)
    assert fitted > 0
    assert np.exp(log_softmax(logits / fitted)).max() < 1 - 0.5 / (count + 2)
    assert np.isfinite(temperature.cross_fit_log_probs(logits, labels)).all()


def make_split(num_images, correct, size=9.0):
    """Logits of 3 classes that are all correct, or all wrong, and the labels."""
    labels = np.arange(num_images) % 3
    return size * np.eye(3)[labels if correct else (labels + 1) % 3], labels


@pytest.mark.parametrize("correct", [True, False])
@pytest.mark.parametrize("several_labels", [True, False])
@pytest.mark.parametrize("count", [2, 3, temperature.MIN_FITTED - 1])
def test_few_images_determine_no_temperature(count, several_labels, correct):
    logits, labels = make_split(count, correct)
    targets = np.eye(3)[labels] if several_labels else labels
    value, problem = temperature.choose_temperature(logits, targets)
    assert value == 1
    assert f"{count} " in problem
    assert str(temperature.MIN_FITTED) in problem


@pytest.mark.parametrize("several_labels", [True, False])
def test_a_temperature_at_a_bound_is_not_used(several_labels):
    logits, labels = make_split(12, correct=False)
    targets = np.eye(3)[labels] if several_labels else labels
    assert temperature.is_at_bound(temperature.fit_temperature(logits, targets))
    value, problem = temperature.choose_temperature(logits, targets)
    assert value == 1
    assert "12 " in problem
    if not several_labels:
        unchanged = log_softmax(logits)
        np.testing.assert_allclose(temperature.cross_fit_log_probs(logits, labels), unchanged)


def test_separable_images_have_a_temperature_within_the_bounds():
    value, problem = temperature.choose_temperature(*make_split(12, correct=True))
    assert not problem
    # the smoothed target of the true class, 1 - 1/14 + 1/42, is its confidence
    confidence = np.exp(log_softmax(np.array([[9.0, 0, 0]]) / value))[0, 0]
    assert confidence == pytest.approx(1 - 1 / 14 + 1 / 42, abs=1e-4)


@pytest.mark.parametrize(
    ("count", "correct", "fitted"),
    [(3, True, False), (3, False, False), (12, False, False), (12, True, True)],
)
def test_a_run_records_why_its_temperature_is_1(count, correct, fitted):
    logits, labels = make_split(count, correct)
    logits, labels = {"train": logits, "valid": logits}, {"train": labels, "valid": labels}
    calibrated = calibrate(logits, labels)
    results = calibration_results(calibrated, logits, labels, "valid")
    assert (results["temperature"] == 1) != fitted
    assert results["fitted_to"] == (count if fitted else 0)
    assert results["cross_validated"] == fitted
    (section,) = confidence_sections({"confidence": results})
    text = section.blocks[0].text
    if fitted:
        assert "not_fitted" not in results
        assert f"{results['temperature']:.2f}" in text
    else:
        assert f"{count} " in results["not_fitted"]
        assert results["not_fitted"] in text
        assert results["ece"] == results["uncalibrated_ece"]


def test_wilson_lower_ends_are_those_of_scipy():
    correct, counts = np.array([0, 3, 95, 170]), np.array([1, 4, 100, 170])
    expected = [
        stats.binomtest(k, n).proportion_ci(0.95, method="wilson").low
        for k, n in zip(correct.tolist(), counts.tolist(), strict=True)
    ]
    np.testing.assert_allclose(wilson_lower_ends(correct, counts), expected, atol=1e-12)


def test_the_precision_threshold_is_the_lowest_with_the_bound():
    rng = np.random.default_rng(2)
    confidences = np.round(rng.random(2000), 2)  # with ties
    correct = rng.random(2000) < confidences
    found = Confidence(1.0, confidences, confidences, correct).threshold_for(0.9)
    supported = []
    for threshold in np.unique(confidences):
        accepted = confidences >= threshold
        low, _ = wilson_interval(int(correct[accepted].sum()), int(accepted.sum()))
        supported += [threshold] if low >= 0.9 else []
    accepted = confidences >= found.threshold
    assert found.threshold == min(supported)
    assert (found.count, found.correct) == (accepted.sum(), correct[accepted].sum())
    assert found.low >= 0.9


@pytest.mark.parametrize("count", [0, 1, 40])
def test_too_few_images_support_no_precision(count):
    ones = np.ones(count)
    with pytest.raises(UserError, match="--below"):
        Confidence(1.0, ones, ones, ones.astype(bool)).threshold_for(0.95)


@pytest.mark.parametrize("level", [0.7, 0.8, 0.9, 0.95])
def test_sets_cover_new_images_as_often_as_they_should(level):
    logits, labels = draw_calibrated(6000, 8)
    probs = np.exp(
        log_softmax(2 * logits)
    )  # overconfident: the guarantee does not need calibration
    valid, new = slice(2000), slice(2000, None)
    true_probs = probs[np.arange(6000), labels]
    threshold = conformal.set_threshold(true_probs[valid], level)
    coverage = conformal.measure_sets(probs[new], labels[new], threshold)
    assert coverage.count == 4000
    assert coverage.covered / coverage.count == pytest.approx(level, abs=0.03)
    crossed = conformal.cross_measure_sets(probs[valid], labels[valid], level)
    assert crossed.count == 2000
    assert crossed.covered / crossed.count == pytest.approx(level, abs=0.04)


def test_the_set_threshold_is_the_conformal_quantile():
    true_probs = np.arange(1, 20) / 20  # 19 images
    scores = np.sort(1 - true_probs)
    assert 1 - conformal.set_threshold(true_probs, 0.9) == pytest.approx(scores[17])  # 18 of 20
    assert conformal.set_threshold(true_probs, 0.95) == pytest.approx(true_probs.min())
    with pytest.raises(UserError, match=r"19 validation.*18"):
        conformal.set_threshold(true_probs[:18], 0.95)


def test_a_set_is_never_empty():
    sets = conformal.make_sets(np.array([[0.4, 0.35, 0.25], [0.9, 0.05, 0.05]]), 0.5)
    assert sets.tolist() == [[True, False, False], [True, False, False]]


def test_nearest_images_are_those_of_scikit_learn(monkeypatch):
    monkeypatch.setattr(novelty, "ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(3)
    train = novelty.normalize_features(rng.normal(size=(50, 6)))
    new = novelty.normalize_features(rng.normal(size=(20, 6)))
    indices, distances = novelty.find_nearest(new, train, 5)
    expected = NearestNeighbors(n_neighbors=5).fit(train).kneighbors(new)
    np.testing.assert_array_equal(indices, expected[1])
    np.testing.assert_allclose(distances, expected[0], atol=1e-3)
    np.testing.assert_array_equal(novelty.novelty_distances(new, train), distances[:, -1])
    assert novelty.find_nearest(new, train[:2], 5)[0].shape == (20, 2)


def test_features_of_zeros_are_at_distance_one_of_all():
    zeros = novelty.normalize_features(np.zeros((1, 4)))
    train = novelty.normalize_features(np.eye(4))
    assert novelty.novelty_distances(zeros, train).tolist() == pytest.approx([2**0.5])


def test_one_in_twenty_validation_images_is_unfamiliar():
    distances = np.random.default_rng(4).random(200)
    limit = Confidence(distances=distances).max_distance
    assert limit is not None
    assert (distances > limit).mean() <= 0.05 < (distances >= limit).mean() + 0.005
    assert Confidence().max_distance is None
