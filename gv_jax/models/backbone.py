"""What trunks have in common: named stages from input to output, of which the last ones may be left out, and a head.

A trunk keeps its stages as `stages`, a list of lists of layers, and gives after each of them its map.
"""

from collections.abc import Sequence

from flax import nnx
from jax import Array

from gv_jax.errors import UserError, unknown


def truncate_stages(names: Sequence[str], last: str) -> list[str]:
    """The stages up to `last`; all of them where it is empty. UserError for a name that is none of them."""
    if last and last not in names:
        raise unknown("stage", last, names)
    return list(names[: names.index(last) + 1] if last else names)


def stage_outputs(names: Sequence[str], stages: nnx.List, x: Array) -> dict[str, Array]:
    """What comes out of each stage, in order."""
    found = {}
    for name, layers in zip(names, stages, strict=True):
        for layer in layers:
            x = layer(x)
        found[name] = x
    return found


def stage_modules(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Which modules make each stage, and the head, from input to output."""
    return {**{name: (f"stages.{index}",) for index, name in enumerate(names)}, "head": ("head",)}


def check_min_size(x: Array, smallest: int, model: str) -> None:
    """UserError for pictures [n h w c] that are used up before the last layer."""
    _, height, width, _ = x.shape
    if min(height, width) < smallest:
        raise UserError(
            f"pictures of {height}x{width} are too small for {model}: give it {smallest}x{smallest} or more"
        )
