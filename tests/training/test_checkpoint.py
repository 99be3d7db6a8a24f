"""Checkpoints give back what they took, whatever happened in between."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gv_jax.errors import UserError
from gv_jax.training.checkpoint import Checkpoints, snapshot
from gv_jax.training.step import TrainState


def state(step: int, size: int = 3) -> TrainState:
    draws = jax.random.normal(jax.random.key(step), (size,))
    return TrainState(jnp.int32(step), {"w": draws}, {}, ({"m": draws * 2.0},), {})


def test_newest_comes_back_with_its_best_and_progress(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(
                step, state(step), snapshot(state(2)), {"step": step, "best_score": 1 / 3}
            )
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.latest == 3
        restored, best, progress = checkpoints.restore(state(0))
    jax.tree.map(np.testing.assert_array_equal, restored, state(3))
    np.testing.assert_array_equal(best["params"]["w"], state(2).params["w"])
    assert progress == {"step": 3, "best_score": 1 / 3}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]


def test_save_is_not_disturbed_by_steps_that_reuse_the_memory(tmp_path):
    step = jax.jit(lambda state: jax.tree.map(lambda a: a * 0, state), donate_argnums=0)
    one = state(1)
    best = snapshot(one)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, one, best, {})
        for _ in range(5):
            one = step(one)
    with Checkpoints(tmp_path) as checkpoints:
        restored, best, _ = checkpoints.restore(state(0))
    np.testing.assert_array_equal(restored.params["w"], state(1).params["w"])
    np.testing.assert_array_equal(best["params"]["w"], state(1).params["w"])


@pytest.mark.parametrize(
    "other", [state(0, size=4), state(0)._replace(params={"other": jnp.zeros(3)})]
)
def test_checkpoint_of_another_model_is_refused_in_one_line(tmp_path, other):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state(1), snapshot(state(1)), {})
    with (
        Checkpoints(tmp_path) as checkpoints,
        pytest.raises(UserError, match="another model") as caught,
    ):
        checkpoints.restore(other)
    assert "\n" not in str(caught.value)
