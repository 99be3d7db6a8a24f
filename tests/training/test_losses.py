"""Losses against PyTorch's and against the formulas of the papers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.data.augment.mixing import smooth_labels
from gv_jax.training.losses import balance_weights, make_softmax_loss, sigmoid_loss, softmax_loss

RNG = np.random.default_rng(0)
LOGITS = (3 * RNG.normal(size=(12, 4))).astype(np.float32)
LABELS = RNG.integers(0, 4, 12)
ONE_HOT = np.eye(4, dtype=np.float32)[LABELS]
MULTI_HOT = (RNG.random((12, 4)) < 0.4).astype(np.float32)
COUNTS = [800, 200, 50, 8]


def test_class_weights_by_hand():
    # 1/n of 4 and 1 images: 4 * w/4 + 1 * w = 2w for 5 images, so w = 2.5
    np.testing.assert_allclose(balance_weights([4, 1], "inverse"), [0.625, 2.5], rtol=1e-6)
    # 1/sqrt(n): 4 * w/2 + 1 * w = 3w, so w = 5/3
    np.testing.assert_allclose(balance_weights([4, 1], "inverse_sqrt"), [5 / 6, 5 / 3], rtol=1e-6)
    np.testing.assert_array_equal(balance_weights([4, 1], ""), [1, 1])


@pytest.mark.parametrize(("class_weights", "power"), [("inverse", 1), ("inverse_sqrt", 2)])
def test_class_weights_have_a_mean_of_one_over_images(class_weights, power):
    weights = balance_weights(COUNTS, class_weights)
    np.testing.assert_allclose(np.average(weights, weights=COUNTS), 1, rtol=1e-6)
    np.testing.assert_allclose((weights[3] / weights[0]) ** power, 100, rtol=1e-5)


def test_a_class_without_images_has_a_finite_loss():
    assert np.isfinite(balance_weights([4, 0], "inverse")).all()
    loss_fn = make_softmax_loss([4, 0], "", 0.0, 1.0)
    assert np.isfinite(loss_fn(jnp.zeros((1, 2)), jnp.eye(2)[:1])).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weighted_cross_entropy_agrees_with_torch(smoothing):
    torch = pytest.importorskip("torch")
    weights = balance_weights(COUNTS, "inverse_sqrt")
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(LOGITS),
        torch.tensor(LABELS),
        weight=torch.tensor(weights),
        reduction="none",
        label_smoothing=smoothing,
    )
    targets = smooth_labels(jnp.asarray(ONE_HOT), smoothing)
    losses = softmax_loss(jnp.asarray(LOGITS), targets, weights=weights)
    np.testing.assert_allclose(losses, expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_agrees_with_the_paper(gamma):
    p = np.exp(LOGITS - LOGITS.max(1, keepdims=True)).astype(np.float64)
    p = (p / p.sum(1, keepdims=True))[np.arange(12), LABELS]
    losses = softmax_loss(jnp.asarray(LOGITS), jnp.asarray(ONE_HOT), focal=gamma)
    np.testing.assert_allclose(losses, -((1 - p) ** gamma) * np.log(p), rtol=2e-4)


def test_focal_loss_of_a_certain_prediction_has_a_finite_gradient():
    def loss_fn(logits):
        return softmax_loss(logits, jnp.eye(2)[:1], focal=0.5).sum()

    gradient = jax.grad(loss_fn)(jnp.array([[99.0, -99.0]]))
    np.testing.assert_array_equal(gradient, [[0, 0]])


def test_logit_adjustment_agrees_with_the_paper():
    # Menon et al. eq. 10: -log(pi_y^tau e^(f_y) / sum over y' of pi_y'^tau e^(f_y'))
    prior, tau = np.array(COUNTS) / sum(COUNTS), 1.5
    adjusted = prior**tau * np.exp(LOGITS.astype(np.float64))
    expected = -np.log(adjusted[np.arange(12), LABELS] / adjusted.sum(1))
    losses = make_softmax_loss(COUNTS, "", 0.0, tau)(jnp.asarray(LOGITS), jnp.asarray(ONE_HOT))
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_sigmoid_loss_agrees_with_torch():
    torch = pytest.importorskip("torch")
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tensor(LOGITS), torch.tensor(MULTI_HOT), reduction="none"
    )
    losses = sigmoid_loss(jnp.asarray(LOGITS), jnp.asarray(MULTI_HOT))
    np.testing.assert_allclose(losses, expected.mean(1).numpy(), rtol=1e-5)


def test_focal_sigmoid_loss_agrees_with_the_paper():
    p = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
    p = np.where(MULTI_HOT == 1, p, 1 - p)
    expected = (-((1 - p) ** 2) * np.log(p)).mean(1)
    losses = sigmoid_loss(jnp.asarray(LOGITS), jnp.asarray(MULTI_HOT), focal=2.0)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
