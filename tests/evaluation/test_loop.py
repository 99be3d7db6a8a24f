"""Evaluation of a split in batches: every image counts once."""

import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.data.batch_reader import BatchReader
from gv_jax.evaluation.loop import collect_outputs, mean_metrics

IMAGES = np.arange(10, dtype=np.float32)


def eval_step(factor, _, batch):
    return {"outputs": batch["image"] * factor}, {"loss": batch["image"] ** 2}


def read_batch(indices):
    return {"image": jnp.asarray(IMAGES[indices])}


get_batch = BatchReader(read_batch)


@pytest.mark.parametrize("batch_size", [1, 3, 4, 10, 16])
def test_every_image_counts_once_whatever_the_batch_size(batch_size):
    metrics = mean_metrics(eval_step, (2.0, None), get_batch, 10, batch_size)
    assert metrics == {"loss": pytest.approx(28.5)}
    outputs = collect_outputs(eval_step, (2.0, None), get_batch, 10, batch_size)
    np.testing.assert_array_equal(outputs["outputs"], 2 * IMAGES)


def test_max_batches():
    metrics = mean_metrics(eval_step, (2.0, None), get_batch, 10, 2, max_batches=2)
    assert metrics == {"loss": pytest.approx((1 + 4 + 9) / 4)}
