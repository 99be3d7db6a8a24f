"""Classification against numbers worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.errors import UserError
from gv_jax.tasks.classification import Classification
from tests.tasks.configs import make_config, make_dataset

KEY = jax.random.key(0)  # nothing here is random


def test_images_are_standardized_and_labels_are_one_hot():
    task = Classification(num_classes=3, mean=(0.0, 1.0), std=(1.0, 0.5))
    batch = {"image": jnp.full((1, 1, 1, 2), 51, jnp.uint8), "label": jnp.array([2], jnp.int32)}
    images, targets = task.prepare_batch(batch)
    inputs, same_targets = task.make_inputs(KEY, images, targets)
    np.testing.assert_allclose(images, [[[[0.2, 0.2]]]], rtol=1e-6)
    np.testing.assert_allclose(inputs, [[[[0.2, -1.6]]]], rtol=1e-6)
    np.testing.assert_array_equal(same_targets, [[0, 0, 1]])


def test_metrics_are_per_image():
    logits = jnp.array([[0.0, np.log(3)], [np.log(3), 0.0]], jnp.float32)
    metrics = Classification(num_classes=2).metrics(logits, jnp.array([[0.0, 1.0], [0.5, 0.5]]))
    np.testing.assert_allclose(
        metrics["loss"], [-np.log(0.75), -0.5 * np.log(0.75) - 0.5 * np.log(0.25)], rtol=1e-6
    )
    np.testing.assert_array_equal(metrics["accuracy"], [1.0, 1.0])


def test_task_of_a_config():
    config = make_config("classification", "baseline", **{"data.mean": (0.1, 0.2, 0.3)})
    task = Classification.from_config(config, make_dataset(classes=("a", "b", "c")))
    assert (task.num_classes, task.outputs) == (3, 3)
    assert (task.mean, task.std) == ((0.1, 0.2, 0.3), (0.25,))
    assert Classification.num_inputs(config) == 3
    gray = make_config(
        "classification", "baseline", **{"data.channels": 1, "data.mean": (0.1, 0.2, 0.3)}
    )
    assert Classification.num_inputs(gray) == 3  # repeated as RGB


def test_one_class_is_refused():
    config = make_config("classification", "baseline")
    with pytest.raises(UserError, match=r"config\.data\.name.* 1$"):
        Classification.from_config(config, make_dataset(classes=("only",)))


def test_training_loss_weights_rare_classes():
    task = Classification(num_classes=2)
    config = make_config("classification", "baseline")
    labels = np.array([0, 0, 0, 1])
    assert task.with_training_loss(config.loss, labels) is task
    config.loss.class_weights = "inverse"
    weighted = task.with_training_loss(config.loss, labels)
    loss = weighted.metrics(jnp.zeros((2, 2)), jnp.eye(2))["loss"]
    np.testing.assert_allclose(loss[1] / loss[0], 3, rtol=1e-6)
    assert task.metrics(jnp.zeros((2, 2)), jnp.eye(2))["loss"][0] == pytest.approx(np.log(2))
