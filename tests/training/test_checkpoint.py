"""Checkpoints are restored as they were saved."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.errors import UserError
from gv_jax.training.checkpoint import Checkpoints, snapshot
from gv_jax.training.step import TrainState


def make_state(step: int, size: int = 3) -> TrainState:
    values = jax.random.normal(jax.random.key(step), (size,))
    return TrainState(jnp.int32(step), {"w": values}, {}, ({"m": values * 2.0},), {})


def test_the_newest_checkpoint_is_restored_with_best_weights_and_progress(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        for step in (1, 2, 3):
            progress = {"step": step, "best_score": 1 / 3}
            checkpoints.save(step, make_state(step), snapshot(make_state(2)), progress)
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.latest == 3
        state, best, progress = checkpoints.restore(make_state(0))
        best_only = checkpoints.restore_best(snapshot(make_state(0)))
    jax.tree.map(np.testing.assert_array_equal, state, make_state(3))
    for weights in (best, best_only):
        np.testing.assert_array_equal(weights["params"]["w"], make_state(2).params["w"])
    assert progress == {"step": 3, "best_score": 1 / 3}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]


def test_steps_that_reuse_the_buffers_do_not_change_a_checkpoint(tmp_path):
    train_step = jax.jit(lambda state: jax.tree.map(lambda a: a * 0, state), donate_argnums=0)
    state = make_state(1)
    best = snapshot(state)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, best, {})
        for _ in range(5):
            state = train_step(state)
    with Checkpoints(tmp_path) as checkpoints:
        restored, best, _ = checkpoints.restore(make_state(0))
    np.testing.assert_array_equal(restored.params["w"], make_state(1).params["w"])
    np.testing.assert_array_equal(best["params"]["w"], make_state(1).params["w"])


@pytest.mark.parametrize(
    "other", [make_state(0, size=4), make_state(0)._replace(params={"other": jnp.zeros(3)})]
)
def test_a_checkpoint_of_another_model_is_refused(tmp_path, other):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, make_state(1), snapshot(make_state(1)), {})
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(UserError) as error:
        checkpoints.restore(other)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)
