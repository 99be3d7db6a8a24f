"""A finished run as input of inference: its run directory is enough, no data set is needed."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from gv_jax.errors import UserError
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule


def load_finished_run(path: Path, task: str) -> RunDir:
    """Opens the run directory of a finished run.

    Args:
        path: The run directory.
        task: The required task, a name in TASKS.

    Raises:
        UserError: It holds no finished run, or one of another task or format version.
    """
    run_dir = RunDir(path)
    results = run_dir.results
    if not run_dir.finished or results is None:
        raise UserError(f"{path} holds no finished run: give the --workdir of one")
    run_dir.check_format_version()
    if results.get("task") != task:
        raise UserError(
            f"{path} holds a run of task {results.get('task')}: give a run of task {task}"
        )
    return run_dir


def restore_best_weights(run_dir: RunDir, network: SplitModule) -> tuple[Any, Any]:
    """Restores the weights that the results of a run are of.

    Args:
        run_dir: A finished run.
        network: Gives structure and shapes; may be made by `nnx.eval_shape`.

    Returns:
        Parameters and batch statistics.

    Raises:
        UserError: The checkpoint is missing or damaged.
    """
    shapes = {"params": network.params, "batch_stats": network.batch_stats}
    template = jax.tree.map(lambda leaf: jax.device_put(np.zeros(leaf.shape, leaf.dtype)), shapes)
    with Checkpoints(run_dir.checkpoints) as checkpoints:
        best = checkpoints.restore_best(template)
    return best["params"], best["batch_stats"]
