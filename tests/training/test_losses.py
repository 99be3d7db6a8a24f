"""Losses against PyTorch's and against the formulas of the papers, written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.data.augment.mixing import smooth_labels
from gv_jax.training.losses import balance_weights, make_softmax_loss, sigmoid_loss, softmax_loss

DRAWS = np.random.default_rng(0)
LOGITS = (3 * DRAWS.normal(size=(12, 4))).astype(np.float32)
LABELS = DRAWS.integers(0, 4, 12)
ONE_HOT = np.eye(4, dtype=np.float32)[LABELS]
HOT = (DRAWS.random((12, 4)) < 0.4).astype(np.float32)
COUNTS = [800, 200, 50, 8]


def test_weights_by_hand():
    # 1/n over 4 and 1 pictures: 4 * w/4 + 1 * w = 2w of 5 pictures, so w = 2.5
    np.testing.assert_allclose(balance_weights([4, 1], "inverse"), [0.625, 2.5], rtol=1e-6)
    # 1/sqrt(n): 4 * w/2 + 1 * w = 3w, so w = 5/3
    np.testing.assert_allclose(balance_weights([4, 1], "inverse_sqrt"), [5 / 6, 5 / 3], rtol=1e-6)
    np.testing.assert_array_equal(balance_weights([4, 1], ""), [1, 1])


@pytest.mark.parametrize("kind", ["inverse", "inverse_sqrt"])
def test_weights_have_a_mean_of_one_over_pictures(kind):
    weights = balance_weights(COUNTS, kind)
    np.testing.assert_allclose(np.average(weights, weights=COUNTS), 1, rtol=1e-6)
    power = 1 if kind == "inverse" else 2
    np.testing.assert_allclose((weights[3] / weights[0]) ** power, 100, rtol=1e-5)


def test_a_class_without_pictures_has_a_weight():
    assert np.isfinite(balance_weights([4, 0], "inverse")).all()
    assert np.isfinite(
        make_softmax_loss([4, 0], "", 0.0, 1.0)(jnp.zeros((1, 2)), jnp.eye(2)[:1])
    ).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weighted_cross_entropy_is_pytorchs(smoothing):
    torch = pytest.importorskip("torch")
    weights = balance_weights(COUNTS, "inverse_sqrt")
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(LOGITS),
        torch.tensor(LABELS),
        weight=torch.tensor(weights),
        reduction="none",
        label_smoothing=smoothing,
    )
    found = softmax_loss(
        jnp.asarray(LOGITS), smooth_labels(jnp.asarray(ONE_HOT), smoothing), weights=weights
    )
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_is_that_of_the_paper(gamma):
    p = np.exp(LOGITS - LOGITS.max(1, keepdims=True)).astype(np.float64)
    p = (p / p.sum(1, keepdims=True))[np.arange(12), LABELS]
    found = softmax_loss(jnp.asarray(LOGITS), jnp.asarray(ONE_HOT), focal=gamma)
    np.testing.assert_allclose(found, -((1 - p) ** gamma) * np.log(p), rtol=2e-4)


def test_focal_loss_has_a_slope_where_the_answer_is_certain():
    slope = jax.grad(lambda x: softmax_loss(x, jnp.eye(2)[:1], focal=0.5).sum())(
        jnp.array([[99.0, -99.0]])
    )
    np.testing.assert_array_equal(slope, [[0, 0]])


def test_logit_adjustment_is_that_of_the_paper():
    # Menon et al. eq. 10: -log(pi_y^tau e^(f_y) / sum over y' of pi_y'^tau e^(f_y'))
    prior, tau = np.array(COUNTS) / sum(COUNTS), 1.5
    raised = prior**tau * np.exp(LOGITS.astype(np.float64))
    expected = -np.log(raised[np.arange(12), LABELS] / raised.sum(1))
    found = make_softmax_loss(COUNTS, "", 0.0, tau)(jnp.asarray(LOGITS), jnp.asarray(ONE_HOT))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_sigmoid_loss_is_pytorchs():
    torch = pytest.importorskip("torch")
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tensor(LOGITS), torch.tensor(HOT), reduction="none"
    )
    found = sigmoid_loss(jnp.asarray(LOGITS), jnp.asarray(HOT))
    np.testing.assert_allclose(found, expected.mean(1).numpy(), rtol=1e-5)


def test_focal_sigmoid_loss_is_that_of_the_paper():
    p = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
    right = np.where(HOT == 1, p, 1 - p)
    expected = (-((1 - right) ** 2) * np.log(right)).mean(1)
    np.testing.assert_allclose(
        sigmoid_loss(jnp.asarray(LOGITS), jnp.asarray(HOT), focal=2.0), expected, rtol=1e-4
    )
