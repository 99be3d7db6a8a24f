"""A whole training: what is kept, when it stops early, and that a cut-off one goes on exactly."""

import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from gv_jax.tasks.classification import Classification
from gv_jax.training import step
from gv_jax.training.fit import InterruptedRun, LoopConfig, Progress, RunTracker, fit
from gv_jax.training.run_dir import RunDir


class Linear(nnx.Module):
    def __init__(self, *, rngs: nnx.Rngs):
        self.drop = nnx.Dropout(0.3, rngs=rngs)
        self.norm = nnx.BatchNorm(12, momentum=0.9, rngs=rngs)
        self.head = nnx.Linear(12, 3, rngs=rngs)

    def __call__(self, x):
        return self.head(self.drop(self.norm(x.reshape(x.shape[0], -1))))


def noisy(key, images, targets):
    return images + 0.1 * jax.random.normal(key, images.shape), targets


def plan(**changes):
    usual = {
        "steps": 12,
        "steps_per_epoch": 4,
        "batch_size": 8,
        "monitor": ("accuracy", "max"),
        "keep_best": True,
        "patience": 0,
        "checkpoint_seconds": 0.0,
    }
    return LoopConfig(**{**usual, **changes})


def go(path, plan, validate=None, batch_at=None):
    transform = optax.adam(1e-2)
    network = step.SplitModule.of(Linear(rngs=nnx.Rngs(0)))
    update = jax.jit(
        step.make_train_step(network, Classification(3), transform, noisy, seed=5, ema_decay=0.9),
        donate_argnums=0,
    )
    state = step.init_train_state(network, transform, average=True)
    return fit(
        state,
        update,
        batch_at or some_batch,
        RunTracker(plan, RunDir(path), validate, lambda step: 1e-2),
    )


def some_batch(number):
    draws = np.random.default_rng(number)
    return {
        "image": jnp.asarray(draws.integers(0, 256, (8, 2, 2, 3), dtype=np.uint8)),
        "label": jnp.asarray(draws.integers(0, 3, 8, dtype=np.int32)),
    }


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def scripted(values):
    """A validation whose scores are given, epoch by epoch."""
    left = iter(values)
    return lambda state: {"loss": 1.0, "accuracy": next(left)}


@pytest.mark.parametrize("cut", [1, 5, 8])
def test_interrupted_training_ends_with_the_same_bits_and_log(tmp_path, cut):
    whole, _ = go(tmp_path / "whole", plan())

    def interrupting(number):
        if number == cut:
            os.kill(os.getpid(), signal.SIGTERM)
        return some_batch(number)

    with pytest.raises(InterruptedRun, match=f"step {cut + 1} of 12"):
        go(tmp_path / "cut", plan(), batch_at=interrupting)
    resumed, progress = go(tmp_path / "cut", plan())
    same(whole, resumed)
    assert progress.step == 12
    rows = [
        [
            {k: v for k, v in row.items() if k != "images_per_second"}
            for row in RunDir(tmp_path / name).rows()
        ]
        for name in ("whole", "cut")
    ]
    assert rows[0] == rows[1]


def test_finished_training_is_not_trained_further(tmp_path):
    first, _ = go(tmp_path, plan())

    def never(number):
        raise AssertionError("no batch should be asked for")

    again, progress = go(tmp_path, plan(), batch_at=never)
    same(first, again)
    assert progress.step == 12


def test_best_epoch_is_kept(tmp_path):
    short, _ = go(tmp_path / "short", plan(steps=8))
    best, progress = go(tmp_path / "long", plan(), validate=scripted([0.1, 0.9, 0.8]))
    same(best, short)
    assert (progress.best_score, progress.best_step) == (0.9, 8)


def test_last_of_equally_good_epochs_is_kept(tmp_path):
    whole, _ = go(tmp_path / "whole", plan())
    best, progress = go(tmp_path / "tie", plan(), validate=scripted([0.1, 0.9, 0.9]))
    same(best, whole)
    assert (progress.best_step, progress.stale_epochs) == (12, 1)


def test_last_epoch_is_kept_on_request(tmp_path):
    whole, _ = go(tmp_path / "whole", plan())
    last, _ = go(tmp_path / "last", plan(keep_best=False), validate=scripted([0.9, 0.5, 0.1]))
    same(whole, last)


def test_training_stops_after_patience_epochs_without_a_better_one(tmp_path):
    scores = [0.5, 0.4, 0.5, 0.9]
    _, progress = go(tmp_path, plan(steps=40, patience=2), validate=scripted(scores))
    assert progress.step == 12
    _, again = go(tmp_path, plan(steps=40, patience=2), validate=scripted([]))
    assert again.step == 12


def test_rows_have_the_epoch_and_the_rates(tmp_path):
    go(tmp_path, plan(steps=6), validate=scripted([0.1, 0.2]))
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


def test_progress_for_a_score_that_should_fall():
    progress = Progress(step=1)
    answers = [progress.keeps(score, "min") for score in (0.5, 0.6, 0.5, 0.7, 0.4)]
    assert answers == [True, False, True, False, True]
    assert progress.stale_epochs == 0
