"""Which stage of a network every weight belongs to, from the stem to the head."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import Array

from gv_jax.errors import UserError
from gv_jax.models.layers import Conv

StageModules = Mapping[
    str, tuple[str, ...]
]  # stage -> dotted paths of its modules; the first sees pictures, the last is "head"


def stages_of(model: nnx.Module, name: str) -> StageModules:
    """The stages of `model`, which is one of `name`. UserError for a model that is not divided into stages."""
    stages: Any = model  # trunks have `parts`, modules at large do not
    if not hasattr(model, "parts"):
        raise UserError(
            f"config.finetune: model {name!r} has no stages to treat each in its own way; residual networks do"
        )
    return stages.parts()


def is_under(path: Sequence[Any], modules: Sequence[str]) -> bool:
    """Whether what is at `path` is one of `modules` or in one; the parts of `path` are names and places in lists."""
    dotted = ".".join(map(str, path))
    return any(dotted == module or dotted.startswith(f"{module}.") for module in modules)


def label_stages(tree: Any, parts: StageModules) -> Any:
    """Nested dicts of arrays -> the same dicts with the stage of every array in its place."""

    def stage(path: Sequence[Any], _: Any) -> str:
        keys = [key.key for key in path]
        found = [name for name, modules in parts.items() if is_under(keys, modules)]
        assert len(found) == 1, f"{'.'.join(map(str, keys))} is in the stages {found}"
        return found[0]

    return jax.tree.map_with_path(stage, tree)


def count_params_under(tree: Any, modules: Sequence[str]) -> int:
    """Numbers in the arrays of nested dicts that are inside of `modules`."""
    leaves = jax.tree.leaves_with_path(tree)
    return sum(
        int(np.prod(leaf.shape))
        for path, leaf in leaves
        if is_under([key.key for key in path], modules)
    )


def classifier_path(model: nnx.Module, name: str) -> str:
    """The dotted path of the linear layer, or 1x1 convolution, that `model`, one of `name`, ends with."""
    path = stages_of(model, name)["head"][-1]
    layer = get_module(model, path)
    linear = isinstance(layer, nnx.Linear) or (
        isinstance(layer, Conv) and layer.kernel.shape[:2] == (1, 1)
    )
    if not linear or layer.bias is None:
        raise UserError(
            f"config.probe: model {name!r} does not end with one linear layer: fine-tune its head instead"
        )
    return path


def get_module(model: Any, path: str) -> Any:
    """What is at a dotted path, as in "stages.3.conv1"."""
    for part in path.split(".") if path else ():
        model = model[int(part)] if part.isdigit() else getattr(model, part)
    return model


class InputHook:
    """Stands in for a layer: calls it, and notes what it is given."""

    def __init__(self, layer: nnx.Module, seen: list[Array]):
        self.layer, self.seen = layer, seen

    def __call__(self, x: Array) -> Array:
        self.seen.append(x)
        return self.layer(x)


def capture_input(model: nnx.Module, path: str, x: Array) -> Array:
    """What the layer at `path` is given for the pictures `x`; the model is of no use after it."""
    above, _, name = path.rpartition(".")
    owner, seen = get_module(model, above), []
    watched = InputHook(get_module(model, path), seen)
    if name.isdigit():
        owner[int(name)] = watched
    else:
        setattr(owner, name, watched)
    model(x)
    return seen[0]
