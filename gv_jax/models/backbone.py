"""Stages of a backbone: named lists of layers from input to output, then a head.

A backbone stores them as `stage_layers`, a list of lists of layers, and returns the feature map
after each stage. The last stages may be left out.
"""

from collections.abc import Sequence

from flax import nnx
from jax import Array

from gv_jax.errors import UserError, unknown


def truncate_stages(names: Sequence[str], last: str) -> tuple[str, ...]:
    """The names up to `last`, or all of them if it is empty. UserError for an unknown name."""
    if last and last not in names:
        raise unknown("stage", last, names)
    return tuple(names[: names.index(last) + 1] if last else names)


def stage_outputs(names: Sequence[str], stage_layers: nnx.List, x: Array) -> dict[str, Array]:
    """The feature map after each stage, in order."""
    outputs = {}
    for name, layers in zip(names, stage_layers, strict=True):
        for layer in layers:
            x = layer(x)
        outputs[name] = x
    return outputs


def stage_modules(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The modules of each stage in `stage_layers`, and of the head."""
    stages = {name: (f"stage_layers.{index}",) for index, name in enumerate(names)}
    return {**stages, "head": ("head",)}


def check_min_size(x: Array, min_size: int, model: str) -> None:
    """UserError for images [n h w c] with a side below `min_size` pixels; not of symbolic sides."""
    _, height, width, _ = x.shape
    if min(side for side in (height, width, min_size) if isinstance(side, int)) < min_size:
        raise UserError(
            f"{model} needs images of at least {min_size}x{min_size} pixels, "
            f"these are {height}x{width}: increase config.data.size"
        )
