"""The stages of a network, from stem to head: which modules and weights belong to each."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import Array

from gv_jax.errors import UserError
from gv_jax.models.layers import Conv

# Stage -> dotted paths of its modules. The first stage takes images; the last one is "head".
StageModules = Mapping[str, tuple[str, ...]]


def stages_of(model: nnx.Module, name: str) -> StageModules:
    """Returns the stages of `model`, which has this name; UserError if it has none."""
    backbone: Any = model  # classifiers have `stages`, other modules do not
    if not hasattr(model, "stages"):
        raise UserError(
            f"config.model.name: {name!r} has no stages, which config.finetune and config.probe "
            "need: choose a classifier"
        )
    return backbone.stages()


def is_under(path: Sequence[Any], modules: Sequence[str]) -> bool:
    """Whether `path` (attribute names and list indices) is one of `modules` or inside of one."""
    dotted = ".".join(map(str, path))
    return any(dotted == module or dotted.startswith(f"{module}.") for module in modules)


def label_stages(tree: Any, stages: StageModules) -> Any:
    """Replaces each array in nested dicts by the name of its stage."""

    def stage_of(path: Sequence[Any], _: Any) -> str:
        keys = [key.key for key in path]
        names = [name for name, modules in stages.items() if is_under(keys, modules)]
        assert len(names) == 1, f"{'.'.join(map(str, keys))} is in the stages {names}"
        return names[0]

    return jax.tree.map_with_path(stage_of, tree)


def count_params_under(tree: Any, modules: Sequence[str]) -> int:
    """Counts the numbers in the arrays of nested dicts that are under `modules`."""
    leaves = jax.tree.leaves_with_path(tree)
    return sum(
        int(np.prod(leaf.shape))
        for path, leaf in leaves
        if is_under([key.key for key in path], modules)
    )


def classifier_path(model: nnx.Module, name: str) -> str:
    """Returns the dotted path of the last layer of `model`, which has this name.

    Raises:
        UserError: it is neither a linear layer nor a 1x1 convolution, or has no bias.
    """
    path = stages_of(model, name)["head"][-1]
    layer = get_node(model, path)
    is_linear = isinstance(layer, nnx.Linear) or (
        isinstance(layer, Conv) and layer.kernel.shape[:2] == (1, 1)
    )
    if not is_linear or layer.bias is None:
        raise UserError(
            f"config.probe: the last layer of model {name!r} is not linear: use config.finetune"
        )
    return path


def get_node(model: Any, path: str) -> Any:
    """The module or variable at a dotted path, as in "stage_layers.3.0.conv1"; "" is the model."""
    for part in path.split(".") if path else ():
        model = model[int(part)] if part.isdigit() else getattr(model, part)
    return model


class InputHook:
    """Replaces a layer: calls it and records its inputs."""

    def __init__(self, layer: nnx.Module, inputs: list[Array]):
        self.layer, self.inputs = layer, inputs

    def __call__(self, x: Array) -> Array:
        self.inputs.append(x)
        return self.layer(x)


def capture_input(model: nnx.Module, path: str, x: Array) -> Array:
    """The input of a layer; arguments as of `call_with_input`."""
    return call_with_input(model, path, x)[1]


def call_with_input(model: nnx.Module, path: str, x: Array) -> tuple[Array, Array]:
    """Calls `model` and returns its output and the input of one of its layers.

    The model is unusable afterwards.

    Args:
        model: any module.
        path: dotted path of the layer.
        x: images [n h w c].
    """
    parent_path, _, name = path.rpartition(".")
    parent, inputs = get_node(model, parent_path), []
    hook = InputHook(get_node(model, path), inputs)
    if name.isdigit():
        parent[int(name)] = hook
    else:
        setattr(parent, name, hook)
    callable_model: Any = model
    return callable_model(x), inputs[0]
