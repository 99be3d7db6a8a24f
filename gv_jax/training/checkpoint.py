"""The latest state, the best weights and the progress of a run, saved together."""

import logging
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from gv_jax.distributed import fetch
from gv_jax.errors import UserError
from gv_jax.training.step import TrainState

MAX_REASON = 240  # characters of a message of Orbax, which may hold a whole tree

for name in ("absl", "orbax"):  # they log every save, and errors that they raise as well
    logging.getLogger(name).setLevel(logging.CRITICAL)


class Checkpoints:
    """Orbax checkpoints under `folder`: one item each for the state, best weights and progress.

    One checkpoint holds all three, so that after a kill at any moment they are of the same step.
    The last two checkpoints are kept: the newest, and one in case the newest is damaged.
    """

    def __init__(self, folder: Path) -> None:
        options = ocp.CheckpointManagerOptions(max_to_keep=2, cleanup_tmp_directories=True)
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)

    @property
    def latest(self) -> int | None:
        """The step of the newest checkpoint."""
        return self._manager.latest_step()

    def save(self, step: int, state: TrainState, best: Any, progress: dict[str, Any]) -> None:
        """Starts to write a checkpoint; one of the same step is left unchanged."""
        if step == self.latest:
            return
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(state._asdict()),
            best=ocp.args.StandardSave(best),
            progress=ocp.args.JsonSave(progress),
        )
        self._manager.save(step, args=items, force=True)

    def restore(self, state: TrainState) -> tuple[TrainState, Any, dict[str, Any]]:
        """(state, best weights on the host, progress) of the newest checkpoint.

        `state` gives structure, shapes and shardings, which may be of other devices than those of
        the process that saved it.
        """
        params, batch_stats = state.eval_weights
        weights = {"params": params, "batch_stats": batch_stats}
        items = self._restore(
            state=ocp.args.StandardRestore(abstract_tree(state._asdict())),
            best=ocp.args.StandardRestore(host_tree(weights)),
            progress=ocp.args.JsonRestore(),
        )
        return TrainState(**items["state"]), items["best"], items["progress"]

    def restore_best(self, weights: dict[str, Any]) -> dict[str, Any]:
        """The best weights {"params", "batch_stats"} of the newest checkpoint, on the host.

        `weights` gives structure and shapes.
        """
        return self._restore(best=ocp.args.StandardRestore(host_tree(weights)))["best"]

    def _restore(self, **items: Any) -> Any:
        if self.latest is None:
            raise UserError(
                f"{self._manager.directory} has no checkpoint: the run directory was copied "
                "without its weights; copy it again, or train in a new --workdir"
            )
        try:
            return self._manager.restore(self.latest, args=ocp.args.Composite(**items))
        except (ValueError, KeyError) as error:
            raise UserError(
                f"the checkpoint in {self._manager.directory} is damaged, or of another model or "
                f"optimizer: {first_line(error)}"
            ) from error
        except Exception as error:  # which one depends on the file that is missing or cut
            raise UserError(
                f"the checkpoint in {self._manager.directory} is incomplete ({first_line(error)}): "
                "copy the run directory again, or train in a new --workdir"
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
    """Shapes, dtypes and shardings of `tree`, for Orbax."""
    return jax.tree.map(ocp.utils.to_shape_dtype_struct, tree)


def host_tree(tree: Any) -> Any:
    """NumPy arrays of the shapes and dtypes of `tree`, for Orbax; they use no memory."""
    return jax.tree.map(lambda leaf: np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape), tree)


def snapshot(state: TrainState) -> dict[str, Any]:
    """A copy on the host of the weights to evaluate, {"params", "batch_stats"}."""
    params, batch_stats = state.eval_weights
    weights = {"params": params, "batch_stats": batch_stats}
    return fetch(weights)


def first_line(error: Exception) -> str:
    """The start of the first line of an exception's message, or its kind."""
    line = str(error).strip().partition("\n")[0].partition(" [tensorstore_spec=")[0]
    return line[:MAX_REASON] or type(error).__name__
