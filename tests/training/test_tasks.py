"""Classification by hand-worked numbers."""

import jax.numpy as jnp
import numpy as np

from gv_jax.training.tasks import Classification


def test_pictures_become_normalised_floats_and_labels_become_targets():
    task = Classification(classes=3, mean=(0.0, 1.0), std=(1.0, 0.5))
    batch = {"image": jnp.full((1, 1, 1, 2), 51, jnp.uint8), "label": jnp.array([2], jnp.int32)}
    images, targets = task.unpack(batch)
    inputs, encoded = task.encode(images, targets)
    np.testing.assert_allclose(images, [[[[0.2, 0.2]]]], rtol=1e-6)
    np.testing.assert_allclose(inputs, [[[[0.2, -1.6]]]], rtol=1e-6)
    np.testing.assert_array_equal(encoded, [[0, 0, 1]])


def test_scores_are_those_of_each_sample():
    logits = jnp.array([[0.0, np.log(3)], [np.log(3), 0.0]], jnp.float32)
    scores = Classification(classes=2).scores(logits, jnp.array([[0.0, 1.0], [0.5, 0.5]]))
    np.testing.assert_allclose(scores["loss"], [-np.log(0.75), -0.5 * np.log(0.75) - 0.5 * np.log(0.25)], rtol=1e-6)
    np.testing.assert_array_equal(scores["accuracy"], [1.0, 1.0])
