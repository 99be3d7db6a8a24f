"""Scores of several labels against scikit-learn's."""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.metrics import label_ranking_average_precision_score

from gv_jax.tasks.multilabel import MultiLabel, label_ranking_average_precision

DRAWS = np.random.default_rng(0)
LOGITS = DRAWS.integers(-3, 4, (40, 6)).astype(np.float32)  # with ties
HOT = (DRAWS.random((40, 6)) < 0.3).astype(np.float32)


def test_ranking_precision_is_scikit_learns():
    found = label_ranking_average_precision(jnp.asarray(LOGITS), jnp.asarray(HOT))
    for place in range(40):
        expected = label_ranking_average_precision_score(
            HOT[place : place + 1], LOGITS[place : place + 1]
        )
        np.testing.assert_allclose(found[place], expected, rtol=1e-6)
    assert (HOT.sum(1) == 0).any()


def test_labels_become_targets_as_they_are():
    task = MultiLabel(classes=3, mean=(0.0, 1.0), std=(1.0, 0.5))
    batch = {"image": jnp.full((1, 1, 1, 2), 51, jnp.uint8), "label": jnp.array([[0.0, 1.0, 1.0]])}
    inputs, targets = task.encode(jax.random.key(0), *task.unpack(batch))
    np.testing.assert_allclose(inputs, [[[[0.2, -1.6]]]], rtol=1e-6)
    np.testing.assert_array_equal(targets, [[0, 1, 1]])
    scores = task.scores(jnp.zeros((1, 3)), targets)
    np.testing.assert_allclose(scores["loss"], [np.log(2)], rtol=1e-6)
