"""The latest state, the best weights and the progress of a run, saved together so that they always agree."""

import logging
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from gv_jax.errors import UserError
from gv_jax.training.step import TrainState

for name in ("absl", "orbax"):  # they report every save at INFO and below
    logging.getLogger(name).setLevel(logging.ERROR)


class Checkpoints:
    """Orbax checkpoints under `folder`, one item each for the state, the best weights and the progress.

    One checkpoint holds all three, so that a kill at any moment leaves them of one and the same step. The last two
    are kept: the newest, and the one before it in case the newest was cut off.
    """

    def __init__(self, folder: Path) -> None:
        options = ocp.CheckpointManagerOptions(max_to_keep=2, cleanup_tmp_directories=True)
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)

    @property
    def latest(self) -> int | None:
        """The step of the newest checkpoint."""
        return self._manager.latest_step()

    def save(self, step: int, state: TrainState, best: Any, progress: dict[str, Any]) -> None:
        """Starts to write; a step that is there already is left as it is (it would be the same)."""
        if step == self.latest:
            return
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(state._asdict()),
            best=ocp.args.StandardSave(best),
            progress=ocp.args.JsonSave(progress),
        )
        self._manager.save(step, args=items, force=True)

    def restore(self, state: TrainState) -> tuple[TrainState, Any, dict[str, Any]]:
        """(state, best weights, progress) of the newest checkpoint; `state` gives structure, shapes and places."""
        params, stats = state.weights
        restored = self._restored(
            state=ocp.args.StandardRestore(abstract_tree(state._asdict())),
            best=ocp.args.StandardRestore(abstract_tree({"params": params, "stats": stats})),
            progress=ocp.args.JsonRestore(),
        )
        return TrainState(**restored["state"]), restored["best"], restored["progress"]

    def best(self, weights: dict[str, Any]) -> dict[str, Any]:
        """The best weights {"params", "stats"} of the newest checkpoint; `weights` gives structure and shapes."""
        return self._restored(best=ocp.args.StandardRestore(abstract_tree(weights)))["best"]

    def _restored(self, **items: Any) -> Any:
        assert self.latest is not None
        try:
            return self._manager.restore(self.latest, args=ocp.args.Composite(**items))
        except (ValueError, KeyError) as error:
            where = self._manager.directory
            raise UserError(
                f"the checkpoint in {where} is of another model or optimizer: {first_line(error)}"
            ) from error

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Waits until everything is on disk."""
        self._manager.wait_until_finished()
        self._manager.close()


def abstract_tree(tree: Any) -> Any:
    """Shapes, dtypes and shardings of `tree`, which tell Orbax where to put what it reads."""
    return jax.tree.map(ocp.utils.to_shape_dtype_struct, tree)


def snapshot(state: TrainState) -> dict[str, Any]:
    """A copy on the host of the weights to evaluate, {"params", "stats"}, that no later step can overwrite."""
    params, stats = state.weights
    return jax.tree.map(
        lambda array: np.array(array, copy=True), {"params": params, "stats": stats}
    )


def first_line(error: Exception) -> str:
    """The first line of what an exception says."""
    return str(error).strip().partition("\n")[0]
