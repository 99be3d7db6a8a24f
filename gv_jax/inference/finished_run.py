"""What can be used of the folder of a finished run: nothing else is needed, no training data."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from gv_jax.errors import UserError
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule


def load_finished_run(path: Path, task: str, use: str) -> RunDir:
    """The folder of a finished run of `task`, which is needed to `use`; UserError for any other folder."""
    folder = RunDir(path)
    if not folder.finished or folder.results is None:
        raise UserError(f"{path} holds no finished run")
    theirs = folder.results["task"]
    if theirs != task:
        raise UserError(f"{path} holds a run of {theirs}: only one of {task} can {use}")
    return folder


def restore_best_weights(folder: RunDir, network: SplitModule) -> tuple[Any, Any]:
    """(params, stats) that a run reported; `network`, which may be of `nnx.eval_shape`, gives structure and shapes."""
    weights = {"params": network.params, "stats": network.stats}
    places = jax.tree.map(lambda leaf: jax.device_put(np.zeros(leaf.shape, leaf.dtype)), weights)
    with Checkpoints(folder.checkpoints) as checkpoints:
        if checkpoints.latest is None:
            raise UserError(
                f"{folder.checkpoints} holds no checkpoint: the weights of this run are gone"
            )
        best = checkpoints.best(places)
    return best["params"], best["stats"]
