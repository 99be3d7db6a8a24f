"""A model as a table: each layer that it calls, in order, with output shape and parameters.

Written by hand because `nnx.tabulate` (flax 0.12) fails for residual networks, lists the weights of
a shared layer again at each call, and takes five lines per layer.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from gv_jax.models.diffusion.condition import Condition
from gv_jax.models.diffusion.flow_inputs import REGION, FlowInputs
from gv_jax.models.layers import Lambda
from gv_jax.models.stages import count_params_under

LayerOutput = tuple[str, nnx.Module, Array]  # name, layer, output


class OutputHook:
    """Replaces a layer: calls it and records its outputs."""

    def __init__(self, name: str, layer: nnx.Module, outputs: list[LayerOutput]):
        self.name, self.layer, self.outputs = name, layer, outputs

    def __call__(self, *arguments: Any) -> Any:
        layer: Any = self.layer
        y = layer(*arguments)
        self.outputs.append((self.name, self.layer, y))
        return y


def list_layers(model: nnx.Module, prefix: str = "") -> Iterator[tuple[Any, str, str, nnx.Module]]:
    """Yields (owner, attribute, dotted path, layer) of the layers that `model` calls itself.

    Lists of layers and backbones, whose feature maps a model uses, are opened; the layers inside
    of a layer are not listed.
    """
    for attribute, layer in list(vars(model).items()):
        if isinstance(layer, nnx.List) or hasattr(layer, "features"):
            yield from list_layers(layer, f"{prefix}{attribute}.")
        elif isinstance(layer, nnx.Module):
            yield model, attribute, prefix + attribute, layer


def layer_outputs(model: nnx.Module, x: Any) -> list[LayerOutput]:
    """Calls `model` on its inputs `x` and returns the output of each call of a layer, in order.

    The model is unusable afterwards.
    """
    outputs: list[LayerOutput] = []
    for owner, attribute, name, layer in list(list_layers(model)):
        setattr(owner, attribute, OutputHook(name, layer, outputs))
    model(x)
    return outputs


def layer_shapes(
    model: nnx.Module, size: tuple[int, int], channels: int
) -> list[tuple[str, nnx.Module, tuple[int, ...]]]:
    """Lists (name, layer, output shape) of each call of a layer; nothing is computed.

    Args:
        model: any model.
        size: (height, width) of one image.
        channels: of the image.
    """
    graph, state = nnx.split(model)
    shapes: list[tuple[str, nnx.Module, tuple[int, ...]]] = []

    def call(state: Any, x: Array) -> None:
        outputs = layer_outputs(nnx.merge(graph, state), x)
        shapes.extend((name, layer, y.shape) for name, layer, y in outputs)

    inputs: Any = jax.ShapeDtypeStruct((1, *size, channels), jnp.float32)
    if isinstance(getattr(model, "condition", None), Condition):
        number: Any = jax.ShapeDtypeStruct((1,), jnp.float32)
        label: Any = jax.ShapeDtypeStruct((1,), jnp.int32)
        sides = [side // REGION for side in size]
        layout: Any = jax.ShapeDtypeStruct((1, *sides, channels), jnp.float32)
        inputs = FlowInputs(inputs, number, label, layout, number, number)
    jax.eval_shape(call, state, inputs)
    return shapes


def count_params(model: nnx.Module) -> tuple[int, int]:
    """(all parameters, trainable parameters); batch statistics are not trainable, as in Keras."""
    trainable, others = (
        sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(nnx.state(model, kind)))
        for kind in (nnx.Param, nnx.BatchStat)
    )
    return trainable + others, trainable


def summarize_layers(
    model: nnx.Module, size: tuple[int, int], channels: int, frozen: Sequence[str] = ()
) -> str:
    """Formats the table. The parameters of a shared layer are listed at its first call only.

    Args:
        model: any model.
        size: (height, width) of the images.
        channels: of the images.
        frozen: dotted paths of the modules that are never trained.
    """
    rows = [("layer (type)", "output shape", "parameters")]
    listed = set()
    for name, layer, shape in layer_shapes(model, size, channels):
        kind = layer.function.__name__ if isinstance(layer, Lambda) else type(layer).__name__
        count = 0 if name in listed else count_params(layer)[0]
        listed.add(name)
        rows.append(
            (f"{name} ({kind})", f"({', '.join(map(str, ('n', *shape[1:])))})", f"{count:,}")
        )
    total, trainable = count_params(model)
    trainable -= count_params_under(nnx.to_pure_dict(nnx.state(model, nnx.Param)), frozen)
    left, middle, right = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [f"{a:<{left}}  {b:<{middle}}  {c:>{right}}" for a, b, c in rows]
    rule = "-" * len(lines[0])
    totals = [
        f"Total parameters: {total:,}",
        f"Trainable: {trainable:,}",
        f"Not trainable: {total - trainable:,}",
    ]
    return "\n".join([lines[0], rule, *lines[1:], rule, *totals])
