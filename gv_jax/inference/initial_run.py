"""A finished run as the start of a training: its backbone and, for the same classes, its head."""

import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from gv_jax.errors import UserError
from gv_jax.inference.finished_run import load_finished_run, load_network
from gv_jax.models.normalization import BatchNorm
from gv_jax.models.pretrained.license_names import UNKNOWN
from gv_jax.models.pretrained.weights_record import record_weights
from gv_jax.models.stages import is_under, stages_of
from gv_jax.tasks.model import build_model
from gv_jax.tasks.registry import TASKS
from gv_jax.training.run_dir import RunDir

HEAD = "head"
LOGGER = logging.getLogger(__name__)
IMAGE_FIELDS = ("size", "crop_pct", "channels", "mean", "std")  # of config.data
SAME_FIELDS = ("name", "stem", "last_stage", "padding")  # of config.model: what the weights fit


def find_initial_run(source: str) -> RunDir | None:
    """The finished run that config.model.pretrained names; None if it is no run directory.

    Raises:
        UserError: The run is not finished, or it is of a task without labels.
    """
    path = Path(source)
    if not source or not (path / "config.json").is_file() or not (path / "data.json").is_file():
        return None
    return load_finished_run(path, *(name for name, task in TASKS.items() if task.uses_labels))


def check_same_model(run_dir: RunDir, config: Any) -> None:
    """Raises UserError unless `config` has the network of a finished run.

    Args:
        run_dir: The finished run.
        config: The resolved configuration.
    """
    section, probe = run_dir.config["model"], run_dir.config["probe"]
    fields = [(f"model.{name}", section.get(name, ""), config.model[name]) for name in SAME_FIELDS]
    fields += [("probe.maps", probe.get("maps", ""), config.probe.maps)]
    grays = tuple(probe.get("backgrounds", ())), tuple(config.probe.backgrounds)
    for field, there, here in [*fields, ("probe.backgrounds", *grays)]:
        if there != here:
            raise UserError(
                f"config.model.pretrained: {run_dir.path} is a run with {field}={there!r}, not "
                f"{here!r}: give {shlex.quote(f'--config.{field}={there}')}"
            )


def note_other_images(run_dir: RunDir, data: Any) -> None:
    """Logs which fields of config.data differ from those that a finished run was fitted with."""
    for name in IMAGE_FIELDS:
        there, here = run_dir.config["data"].get(name), data[name]
        there = tuple(there) if isinstance(there, list) else there
        if there not in (None, here):
            LOGGER.warning(
                "config.data.%s is %s, but %s in %s, whose weights are used: give the same unless "
                "you mean it",
                *(name, here, there, run_dir.path),
            )


def build_initial_model(
    config: Any, num_outputs: int, classes: Sequence[str], size: tuple[int, int]
) -> nnx.Module:
    """The model that a training starts from, with the weights of config.model.pretrained.

    Args:
        config: The resolved configuration.
        num_outputs: Classes, or outputs per pixel.
        classes: Names of the classes.
        size: (height, width) of the images in pixels.
    """
    initial = find_initial_run(config.model.pretrained)
    model = build_model(config, num_outputs, size, pretrained=initial is None)
    if initial is None:
        return model
    note_batch_statistics(model, initial, config)
    return load_initial_run(model, initial, classes, stages_to_draw(config))


def note_batch_statistics(model: nnx.Module, initial: RunDir, config: Any) -> None:
    """Logs that the head of a probe does not fit a network that normalizes by its batches."""
    is_fitted = bool(initial.config["probe"].get("method", "")) and not config.probe.method
    normalizes = any(isinstance(module, BatchNorm) for _, module in nnx.iter_modules(model))
    keeps = config.finetune.freeze_bn or config.finetune.last_stages == 1  # frozen stages do too
    if is_fitted and normalizes and not keeps:
        LOGGER.warning(
            "%s is a probe, fitted with the running statistics of batch normalization: give "
            "--config.finetune.freeze_bn=True to start with its accuracy",
            initial.path,
        )


def record_initial_weights(section: Any) -> dict[str, str]:
    """As `record_weights`; of a finished run, its path with the license of its own weights.

    Args:
        section: `config.model`.
    """
    initial = find_initial_run(section.pretrained)
    if initial is None:
        return record_weights(section)
    recorded = initial.metadata.get("weights") or {"license": UNKNOWN}
    return {**recorded, "source": section.pretrained}


def load_initial_run(
    model: nnx.Module, run_dir: RunDir, classes: Sequence[str], without: Sequence[str]
) -> nnx.Module:
    """`model` with the weights of a finished run of the same network.

    Its classifier layer is taken over if the run has the same classes, in any order; otherwise
    the layer keeps its random weights.

    Args:
        model: A classifier of `classes`.
        run_dir: The finished run.
        classes: Names of the classes.
        without: Stages that keep their random weights.

    Raises:
        UserError: The run is damaged, or its network takes other images.
    """
    stages = stages_of(model, type(model).__name__)
    skipped = [module for stage in without for module in stages.get(stage, ())]
    trained = (run_dir.results or {}).get("classes", [])
    if sorted(trained) != sorted(classes):
        skipped.append(stages[HEAD][-1])
    order = [trained.index(name) for name in classes] if set(trained) == set(classes) else []
    for kind, weights in zip(
        (nnx.Param, nnx.BatchStat), load_network(run_dir).weights, strict=True
    ):
        state = nnx.state(model, kind)
        merged = merge_weights(nnx.to_pure_dict(state), weights, skipped, stages[HEAD][-1], order)
        nnx.replace_by_pure_dict(state, merged)
        nnx.update(model, state)
    return model


def merge_weights(
    initial: Any, weights: Any, skipped: Sequence[str], head: str, order: Sequence[int]
) -> Any:
    """Nested dicts with the arrays of `weights`, except for those that are skipped.

    Args:
        initial: Arrays of the model.
        weights: Arrays of the run.
        skipped: Dotted paths of modules that keep their arrays.
        head: Dotted path of the classifier layer.
        order: Its outputs in the order of the classes.
    """
    given: Mapping[Any, Any] = dict(jax.tree.leaves_with_path(weights))

    def choose(path: tuple[Any, ...], leaf: Any) -> Any:
        keys = [key.key for key in path]
        if is_under(keys, skipped):
            return leaf
        value = np.asarray(given[path])
        value = value[..., list(order)] if is_under(keys, [head]) else value
        if value.shape != leaf.shape:
            raise UserError(
                f"config.model.pretrained: {'.'.join(map(str, keys))} is {list(value.shape)} in "
                f"the run and {list(leaf.shape)} here: give the --config.data.size of the run"
            )
        return jax.numpy.asarray(value)

    return jax.tree.map_with_path(choose, initial)


def stages_to_draw(config: Any) -> list[str]:
    """The stages that are not taken over from a run: the head of a probe, which is fitted.

    Otherwise those of config.model.pretrained_without but for the head.
    """
    if config.probe.method:
        return [HEAD]
    return [stage for stage in config.model.pretrained_without if stage != HEAD]
