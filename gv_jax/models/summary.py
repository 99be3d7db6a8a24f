"""A model as a table: every layer that it calls, in order, with the shape that comes out and its parameters."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from gv_jax.models.layers import Lambda

LayerOutput = tuple[str, nnx.Module, Array]  # name, layer, what came out


class OutputHook:
    """Stands in for a layer: calls it, and notes what came out."""

    def __init__(self, name: str, layer: nnx.Module, calls: list[LayerOutput]):
        self.name, self.layer, self.calls = name, layer, calls

    def __call__(self, x: Array) -> Array:
        y = self.layer(x)
        self.calls.append((self.name, self.layer, y))
        return y


def list_layers(model: nnx.Module, prefix: str = "") -> Iterator[tuple[Any, str, str, nnx.Module]]:
    """(owner, attribute, full name, layer) of all that `model` calls itself; lists of layers are opened."""
    for attribute, layer in list(vars(model).items()):
        if isinstance(layer, nnx.List):
            yield from list_layers(layer, f"{prefix}{attribute}.")
        elif isinstance(layer, nnx.Module):
            yield model, attribute, prefix + attribute, layer


def layer_outputs(model: nnx.Module, x: Array) -> list[LayerOutput]:
    """Every call that `model` makes of a layer of its own for the pictures `x`; the model is of no use after it."""
    calls: list[LayerOutput] = []
    for owner, attribute, name, layer in list(list_layers(model)):
        setattr(owner, attribute, OutputHook(name, layer, calls))
    model(x)
    return calls


def layer_shapes(
    model: nnx.Module, size: tuple[int, int], channels: int
) -> list[tuple[str, nnx.Module, tuple[int, ...]]]:
    """(name, layer, shape of what comes out) of every such call for one picture; nothing is computed."""
    graph, state = nnx.split(model)
    found: list[tuple[str, nnx.Module, tuple[int, ...]]] = []

    def call(state: Any, x: Array) -> None:
        found.extend(
            (name, layer, y.shape) for name, layer, y in layer_outputs(nnx.merge(graph, state), x)
        )

    jax.eval_shape(call, state, jax.ShapeDtypeStruct((1, *size, channels), jnp.float32))
    return found


def count_params(model: nnx.Module) -> tuple[int, int]:
    """(all parameters, those that are trained); as in Keras, batch statistics are the ones that are not."""
    trained, others = (
        sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(nnx.state(model, kind)))
        for kind in (nnx.Param, nnx.BatchStat)
    )
    return trained + others, trained


def summarize_layers(model: nnx.Module, size: tuple[int, int], channels: int) -> str:
    """The table for pictures of `size` (height, width); a layer that is called again shows no parameters again."""
    rows = [("layer (type)", "output shape", "parameters")]
    seen = set()
    for name, layer, shape in layer_shapes(model, size, channels):
        kind = layer.function.__name__ if isinstance(layer, Lambda) else type(layer).__name__
        count = 0 if name in seen else count_params(layer)[0]
        seen.add(name)
        rows.append(
            (f"{name} ({kind})", f"({', '.join(map(str, ('n', *shape[1:])))})", f"{count:,}")
        )
    total, trained = count_params(model)
    left, middle, right = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [f"{a:<{left}}  {b:<{middle}}  {c:>{right}}" for a, b, c in rows]
    rule = "-" * len(lines[0])
    totals = [
        f"Total parameters: {total:,}",
        f"Trained: {trained:,}",
        f"Not trained: {total - trained:,}",
    ]
    return "\n".join([lines[0], rule, *lines[1:], rule, *totals])
