"""Multi-label metrics against scikit-learn's."""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.metrics import label_ranking_average_precision_score

from gv_jax.tasks.multilabel import MultiLabel, label_ranking_average_precision
from tests.tasks.configs import make_config

RNG = np.random.default_rng(0)
LOGITS = RNG.integers(-3, 4, (40, 6)).astype(np.float32)  # with ties
LABELS = (RNG.random((40, 6)) < 0.3).astype(np.float32)


def test_ranking_precision_is_scikit_learns():
    precision = label_ranking_average_precision(jnp.asarray(LOGITS), jnp.asarray(LABELS))
    for index in range(40):
        row = slice(index, index + 1)
        expected = label_ranking_average_precision_score(LABELS[row], LOGITS[row])
        np.testing.assert_allclose(precision[index], expected, rtol=1e-6)
    assert (LABELS.sum(1) == 0).any()


def test_labels_are_the_targets():
    task = MultiLabel(num_classes=3, mean=(0.0, 1.0), std=(1.0, 0.5))
    batch = {"image": jnp.full((1, 1, 1, 2), 51, jnp.uint8), "label": jnp.array([[0.0, 1.0, 1.0]])}
    inputs, targets = task.make_inputs(jax.random.key(0), *task.prepare_batch(batch))
    np.testing.assert_allclose(inputs, [[[[0.2, -1.6]]]], rtol=1e-6)
    np.testing.assert_array_equal(targets, [[0, 1, 1]])
    metrics = task.metrics(jnp.zeros((1, 3)), targets)
    np.testing.assert_allclose(metrics["loss"], [np.log(2)], rtol=1e-6)


def test_focal_loss_changes_training_only():
    task = MultiLabel(num_classes=3)
    config = make_config("multi_label", "baseline")
    assert task.with_training_loss(config.loss, LABELS) is task
    config.loss.focal = 2.0
    train_task = task.with_training_loss(config.loss, LABELS)
    outputs, targets = jnp.zeros((1, 3)), jnp.array([[0.0, 1.0, 1.0]])
    np.testing.assert_allclose(
        train_task.metrics(outputs, targets)["loss"], [0.25 * np.log(2)], rtol=1e-6
    )
