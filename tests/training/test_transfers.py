"""The inner loop of a training on resident data transfers nothing that it does not say."""

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax import distributed
from gv_jax.data.augment.augmentations import build_augmentation
from gv_jax.data.sampling import batch_indices
from gv_jax.models import build
from gv_jax.tasks.classification import Classification
from gv_jax.training.fit import LoopConfig, RunTracker, fit
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule, init_train_state, make_train_step

NUM_IMAGES, BATCH_SIZE = 24, 8


@pytest.fixture(scope="module")
def training():
    """State, compiled training step and reader of batches, as an experiment makes them."""
    mesh = distributed.data_mesh()
    rng = np.random.default_rng(0)
    arrays = {
        "image": rng.integers(0, 256, (NUM_IMAGES, 8, 8, 3), np.uint8),
        "label": rng.integers(0, 3, NUM_IMAGES, np.int32),
    }
    reader = distributed.make_batch_reader(arrays, mesh, resident_bytes=2**20)

    def indices_at(step: int) -> np.ndarray:
        return batch_indices(0, step, NUM_IMAGES, BATCH_SIZE)

    get_batch = reader.select(indices_at)
    model = build("two_layer", inputs=3, classes=3, size=(8, 8), rngs=nnx.Rngs(0))
    network, optimizer = SplitModule.from_module(model), optax.adam(1e-3)
    train_step = make_train_step(
        network, Classification(3), optimizer, build_augmentation({"flip": 0.5}), seed=0
    )
    state = distributed.replicate(init_train_state(network, optimizer, ema=False), mesh)
    compiled = distributed.aot_compile(train_step, mesh, state, get_batch(0), donate=True)
    return state, compiled, get_batch


def test_the_loop_has_no_implicit_transfer(training, tmp_path):
    state, train_step, get_batch = training
    loop = LoopConfig(
        steps=12,
        steps_per_epoch=12,
        batch_size=BATCH_SIZE,
        monitor=("accuracy", "max"),
        select_best=False,
        patience=0,
        checkpoint_seconds=0.0,
    )
    tracker = RunTracker(loop, RunDir(tmp_path), None, lambda step: 1e-3)
    with jax.transfer_guard("disallow"):
        _, progress = fit(state, train_step, get_batch, tracker)
    assert progress.step == 12
    (row,) = RunDir(tmp_path).rows()
    assert np.isfinite(row["loss"])


def test_the_guard_is_enforced_here():
    """Otherwise the test above could not fail."""
    add = jax.jit(lambda x: x + 1)
    add(np.float32(1))
    with jax.transfer_guard("disallow"), pytest.raises(Exception, match="Disallowed"):
        add(np.float32(1))
