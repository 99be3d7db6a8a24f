"""A whole split is looked at, each sample once."""

import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.evaluation.loop import collect_outputs, mean_metrics

ROWS = np.arange(10, dtype=np.float32)


def examine(factor, _, batch):
    return {"outputs": batch["image"] * factor}, {"loss": batch["image"] ** 2}


def feed(indices):
    return {"image": jnp.asarray(ROWS[indices])}


@pytest.mark.parametrize("batch_size", [1, 3, 4, 10, 16])
def test_last_short_batch_counts_by_its_samples(batch_size):
    scores = mean_metrics(examine, (2.0, None), feed, 10, batch_size)
    assert scores == {"loss": pytest.approx(28.5)}
    records = collect_outputs(examine, (2.0, None), feed, 10, batch_size)
    np.testing.assert_array_equal(records["outputs"], 2 * ROWS)


def test_first_batches_only():
    assert mean_metrics(examine, (2.0, None), feed, 10, 2, batches=2) == {
        "loss": pytest.approx((1 + 4 + 9) / 4)
    }
