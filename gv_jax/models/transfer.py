"""Which stage of a network every weight belongs to, from the stem to the head."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx

from gv_jax.errors import UserError

Parts = Mapping[str, tuple[str, ...]]  # stage -> dotted paths of its modules; the first sees pictures, the last is "head"


def parts_of(model: nnx.Module, name: str) -> Parts:
    """The stages of `model`, which is one of `name`. UserError for a model that is not divided into stages."""
    if not hasattr(model, "parts"):
        raise UserError(f"config.finetune: model {name!r} has no stages to treat each in its own way; residual networks do")
    parts: Any = model.parts  # of trunks only, so that the class of all modules has no such name
    return parts()


def inside(path: Sequence[Any], modules: Sequence[str]) -> bool:
    """Whether what is at `path` is one of `modules` or in one; the parts of `path` are names and places in lists."""
    dotted = ".".join(map(str, path))
    return any(dotted == module or dotted.startswith(f"{module}.") for module in modules)


def stages(tree: Any, parts: Parts) -> Any:
    """Nested dicts of arrays -> the same dicts with the stage of every array in its place."""

    def stage(path: Sequence[Any], _: Any) -> str:
        keys = [key.key for key in path]
        found = [name for name, modules in parts.items() if inside(keys, modules)]
        assert len(found) == 1, f"{'.'.join(map(str, keys))} is in the stages {found}"
        return found[0]

    return jax.tree.map_with_path(stage, tree)


def size(tree: Any, modules: Sequence[str]) -> int:
    """Numbers in the arrays of nested dicts that are inside of `modules`."""
    leaves = jax.tree.leaves_with_path(tree)
    return sum(int(np.prod(leaf.shape)) for path, leaf in leaves if inside([key.key for key in path], modules))
