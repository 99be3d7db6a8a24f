"""A whole training: selected weights, early stopping, exact resume after an interruption."""

import functools
import itertools
import os
import signal
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax.data.batch_reader import BatchReader
from gv_jax.errors import UserError
from gv_jax.tasks.classification import Classification
from gv_jax.training.fit import InterruptedRun, LoopConfig, Progress, RunTracker, fit
from gv_jax.training.lease import Lease, LeaseLostError
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule, init_train_state, make_train_step


class LinearNet(nnx.Module):
    """Dropout, batch normalization and a linear layer."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.dropout = nnx.Dropout(0.3, rngs=rngs)
        self.norm = nnx.BatchNorm(12, momentum=0.9, rngs=rngs)
        self.head = nnx.Linear(12, 3, rngs=rngs)

    def __call__(self, x):
        return self.head(self.dropout(self.norm(x.reshape(x.shape[0], -1))))


def add_noise(key, images, targets):
    return images + 0.1 * jax.random.normal(key, images.shape), targets


@functools.cache
def make_training():
    """(initial state, compiled training step) with Adam and an EMA."""
    network, optimizer = SplitModule.from_module(LinearNet(rngs=nnx.Rngs(0))), optax.adam(1e-2)
    train_step = make_train_step(
        network, Classification(3), optimizer, add_noise, seed=5, ema_decay=0.9
    )
    return init_train_state(network, optimizer, ema=True), jax.jit(train_step, donate_argnums=0)


def get_batch(step):
    rng = np.random.default_rng(step)
    return {
        "image": jnp.asarray(rng.integers(0, 256, (8, 2, 2, 3), dtype=np.uint8)),
        "label": jnp.asarray(rng.integers(0, 3, 8, dtype=np.int32)),
    }


def run(path, validate=None, get_batch=get_batch, lease=None, threads=0, **changes):
    """Trains for 3 epochs of 4 steps in `path`."""
    loop = LoopConfig(
        **{
            "steps": 12,
            "steps_per_epoch": 4,
            "batch_size": 8,
            "monitor": ("accuracy", "max"),
            "select_best": True,
            "patience": 0,
            "checkpoint_seconds": 0.0,
            **changes,
        }
    )
    tracker = RunTracker(loop, RunDir(path), validate, lambda step: 1e-2, lease)
    state, train_step = make_training()
    batches = BatchReader(get_batch, threads=threads, prefetch=3)
    return fit(jax.tree.map(jnp.array, state), train_step, batches, tracker)


def make_validate(accuracies, losses=()):
    """A validation with these accuracies and losses (1.0), epoch by epoch."""
    epochs = itertools.zip_longest(accuracies, losses, fillvalue=1.0)
    return lambda state: dict(zip(("accuracy", "loss"), next(epochs), strict=True))


def assert_equal(weights, expected):
    jax.tree.map(np.testing.assert_array_equal, weights, expected)


TIMES = ("images_per_second", "data_wait")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The directory and the weights of an uninterrupted run of 12 steps."""
    path = tmp_path_factory.mktemp("whole")
    weights, _ = run(path)
    return path, weights


def read_rows(path):
    rows = RunDir(path).rows()
    return [{k: v for k, v in row.items() if k not in TIMES} for row in rows]


@pytest.mark.parametrize("last_step", [2, 6, 9])
def test_an_interrupted_run_ends_with_the_same_bits_and_log(whole, tmp_path, last_step):
    def interrupt(step):
        if step == last_step - 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return get_batch(step)

    with pytest.raises(InterruptedRun, match=rf"step {last_step} of 12"):
        run(tmp_path, get_batch=interrupt)
    resumed, progress = run(tmp_path)
    path, weights = whole
    assert_equal(resumed, weights)
    assert progress.step == 12
    assert read_rows(tmp_path) == read_rows(path)


def test_a_run_is_resumed_exactly_with_another_number_of_read_threads(whole, tmp_path):
    def interrupt(step):
        if step == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return get_batch(step)

    with pytest.raises(InterruptedRun):
        run(tmp_path, get_batch=interrupt, threads=4)
    resumed, progress = run(tmp_path, threads=1)
    path, weights = whole
    assert_equal(resumed, weights)
    assert progress.step == 12
    assert read_rows(tmp_path) == read_rows(path)


def test_the_time_of_waiting_for_data_is_logged_and_kept(tmp_path):
    def read_slowly(step):
        time.sleep(0.02)
        return get_batch(step)

    _, progress = run(tmp_path, get_batch=read_slowly)
    assert 12 * 0.02 <= progress.wait_seconds <= progress.seconds
    fractions = [row["data_wait"] for row in RunDir(tmp_path).rows()]
    assert len(fractions) == 3
    assert all(0 < fraction <= 1 for fraction in fractions)
    assert "data_wait" not in RunDir(tmp_path).metrics_at([1])[0]


def test_a_finished_training_takes_no_step(tmp_path):
    def fail(step):
        raise AssertionError(step)

    weights, _ = run(tmp_path, steps=4)
    again, progress = run(tmp_path, steps=4, get_batch=fail)
    assert_equal(again, weights)
    assert progress.step == 4


def test_the_best_weights_are_selected(tmp_path):
    expected, _ = run(tmp_path / "short", steps=8)
    best, progress = run(tmp_path / "long", make_validate([0.1, 0.9, 0.8]))
    assert_equal(best, expected)
    assert (progress.best_score, progress.best_step) == (0.9, 8)


@pytest.mark.parametrize(
    ("losses", "best_step"),
    [((0.7, 0.5, 0.6), 8), ((0.7, 0.5, 0.4), 12), ((0.5, 0.5, 0.5), 4), ((0.4, 0.5, 0.6), 4)],
)
def test_of_equal_scores_the_lower_loss_is_selected_then_the_earlier_epoch(
    tmp_path, losses, best_step
):
    expected, _ = run(tmp_path / "short", steps=best_step)
    best, progress = run(tmp_path / "long", make_validate([0.9] * 3, losses))
    assert_equal(best, expected)
    assert (progress.best_step, progress.best_loss) == (best_step, min(losses))
    assert progress.epochs_since_best == (12 - best_step) // 4


@pytest.mark.parametrize("last_epoch", [1, 2])
def test_a_resumed_run_selects_the_same_of_equal_scores(tmp_path, last_epoch):
    losses = (0.7, 0.5, 0.6)
    expected, _ = run(tmp_path / "whole", make_validate([0.9] * 3, losses))
    run(tmp_path / "parts", make_validate([0.9] * 3, losses), steps=4 * last_epoch)
    rest = make_validate([0.9] * (3 - last_epoch), losses[last_epoch:])
    best, progress = run(tmp_path / "parts", rest)
    assert_equal(best, expected)
    assert progress.best_step == 8


def test_the_last_weights_are_selected_on_request(whole, tmp_path):
    last, _ = run(tmp_path, make_validate([0.9, 0.5, 0.1]), select_best=False)
    assert_equal(last, whole[1])


def test_patience_stops_the_training(tmp_path):
    validate = make_validate([0.5, 0.4, 0.5, 0.9])
    _, progress = run(tmp_path, validate, steps=40, patience=2)
    assert progress.step == 12
    _, progress = run(tmp_path, make_validate([]), steps=40, patience=2)
    assert progress.step == 12


def test_rows_have_step_epoch_split_and_learning_rate(tmp_path):
    run(tmp_path, make_validate([0.1, 0.2]), steps=6)
    rows = RunDir(tmp_path).rows()
    assert [(row["step"], row["epoch"], row["split"]) for row in rows] == [
        (4, 1, "train"),
        (4, 1, "valid"),
        (6, 2, "train"),
        (6, 2, "valid"),
    ]
    assert rows[0]["learning_rate"] == 1e-2
    assert rows[0]["images_per_second"] > 0
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path):
    state, train_step = make_training()

    def diverge(state, batch):
        state, sums = train_step(state, batch)
        return state, {**sums, "loss": jnp.float32(float("inf"))}

    loop = LoopConfig(12, 4, 8, ("accuracy", "max"), True, 0, 0.0)
    tracker = RunTracker(loop, RunDir(tmp_path), None, lambda step: 1e-2)
    with pytest.raises(UserError, match=r"step 4 .*learning_rate"):
        fit(jax.tree.map(jnp.array, state), diverge, BatchReader(get_batch), tracker)


def test_a_process_that_lost_its_lease_stops(tmp_path):
    class LostLease(Lease):
        def check(self):
            raise LeaseLostError(str(tmp_path))

    with pytest.raises(LeaseLostError, match=str(tmp_path)):
        run(tmp_path, lease=LostLease(tmp_path))
    assert RunDir(tmp_path).rows() == []


@pytest.mark.parametrize(
    ("direction", "scores"), [("min", (0.5, 0.6, 0.5, 0.7, 0.4)), ("max", (2, 1, 2, 0, 3))]
)
def test_the_best_score_is_that_of_the_direction(direction, scores):
    progress = Progress(step=1)
    is_best = [progress.update_best(score, 1.0, direction) for score in scores]
    assert is_best == [True, False, False, False, True]
    assert progress.epochs_since_best == 0
