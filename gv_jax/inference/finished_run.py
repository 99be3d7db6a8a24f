"""A finished run as input of inference: its run directory is enough, no data set is needed."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import nnx
from ml_collections import ConfigDict

from gv_jax.data.transforms import output_size
from gv_jax.errors import UserError
from gv_jax.models import MODELS, has_fixed_size
from gv_jax.tasks.model import build_model
from gv_jax.tasks.registry import TASKS
from gv_jax.tasks.run_task import RunTask
from gv_jax.training.checkpoint import Checkpoints
from gv_jax.training.run_dir import RunDir
from gv_jax.training.step import SplitModule

Weights = tuple[Any, Any]  # params, batch_stats


class LoadedNetwork(NamedTuple):
    """The network of a finished run with the weights that its results are of."""

    task: RunTask
    network: SplitModule
    weights: Weights


def load_finished_run(path: Path, *tasks: str) -> RunDir:
    """Opens the run directory of a finished run.

    Args:
        path: The run directory.
        tasks: The accepted tasks, names in TASKS; all if there are none.

    Raises:
        UserError: It holds no finished run, or one of another task or format version.
    """
    run_dir = RunDir(path)
    if not path.exists():
        raise UserError(f"{path}: no such run directory")
    results = run_dir.results if path.is_dir() else None
    if not run_dir.finished or results is None:
        raise UserError(f"{path} holds no finished run: give the --workdir of one")
    run_dir.check_format_version()
    if results.get("task") not in (tasks or TASKS):
        wanted = " or ".join(tasks or TASKS)
        raise UserError(
            f"{path} holds a run of task {results.get('task')}: give a run of task {wanted}"
        )
    return run_dir


def hash_weights(weights: Weights) -> str:
    """A hash that identifies a finished run, also if it is moved or evaluated again."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(weights):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()[:20]


def load_network(run_dir: RunDir) -> LoadedNetwork:
    """Builds the network of a finished run and restores its weights.

    Raises:
        UserError: A file of the run is missing or damaged, or the model is not known.
    """
    results, config = run_dir.results or {}, ConfigDict(run_dir.config)
    if config.model.name not in MODELS:
        raise UserError(
            f"{run_dir.path} is a run of the model {config.model.name!r}, which this version of "
            "gv_jax does not have: use the version that trained it"
        )
    config.probe.maps = config.probe.get("maps", "")  # older runs have their model's own head …
    config.probe.backgrounds = config.probe.get("backgrounds", ())  # … and show images as they are
    task = TASKS[results["task"]].from_run(run_dir.config, results)
    size = find_image_size(run_dir) if has_fixed_size(config.model.name) else (0, 0)

    def build() -> nnx.Module:
        return build_model(config, task.outputs, size, pretrained=False)

    network = SplitModule.from_module(nnx.eval_shape(build))  # drawing weights would take longest
    return LoadedNetwork(task, network, restore_best_weights(run_dir, network))


def find_image_size(run_dir: RunDir) -> tuple[int, int]:
    """(height, width) of the images of a run.

    Raises:
        UserError: The run was evaluated before this was recorded.
    """
    recorded = (run_dir.results or {}).get("image_size")
    size = tuple(recorded or output_size(run_dir.config["data"]))
    if not all(size):
        raise UserError(
            f"{run_dir.path} does not record the size of its images: evaluate it again with "
            "gv-jax train --mode=evaluate"
        )
    height, width = size
    return height, width


def restore_best_weights(run_dir: RunDir, network: SplitModule) -> Weights:
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
