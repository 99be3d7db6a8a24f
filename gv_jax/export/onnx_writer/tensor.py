"""Arrays of a jaxpr as values of an ONNX graph, in any order of their axes.

Images are [n h w c] in JAX and [n c h w] in ONNX. A value has a name for each order of axes in
which it exists; a transposition is added where an operation needs another one. Broadcasting is left
to the operation that reads the value.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gv_jax.export.onnx_writer.dimensions import Dimensions, Size, is_static
from gv_jax.export.onnx_writer.graph import Graph

Order = tuple[int, ...]  # axis i of the value in ONNX is axis order[i] of the array


@dataclass
class Tensor:
    """An array of the jaxpr.

    Attributes:
        shape: Its shape in the jaxpr.
        dtype: Its dtype there.
        names: Names of the value by order of axes.
        constant: The value, where it is known; its axes may be broadcast too.
        broadcast: Axes that have size 1 in the value and are repeated to their size in `shape`.
        source: For [n h 1 w 1 c], repeated along its axes of size 1: the same as [n h w c].
    """

    shape: tuple[Size, ...]
    dtype: Any
    names: dict[Order, str] = field(default_factory=dict)
    constant: np.ndarray | None = None
    broadcast: frozenset[int] = frozenset()
    source: "Tensor | None" = None

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def identity(self) -> Order:
        """The order of axes of the jaxpr."""
        return tuple(range(self.rank))

    @property
    def stored_shape(self) -> tuple[Size, ...]:
        """The shape of the value, in the order of the jaxpr."""
        return tuple(1 if axis in self.broadcast else size for axis, size in enumerate(self.shape))


class Values:
    """Gives names of tensors in the order and shape that an operation needs."""

    def __init__(self, graph: Graph, dimensions: Dimensions) -> None:
        self.graph = graph
        self.dimensions = dimensions

    def name(self, tensor: Tensor, order: Order | None = None) -> str:
        """The value in an order of axes; broadcast axes may have size 1."""
        order = tensor.identity if order is None else order
        if order not in tensor.names:
            if tensor.constant is not None:
                return self.graph.constant(np.transpose(tensor.constant, order))
            stored, name = next(iter(tensor.names.items()))
            permutation = [stored.index(axis) for axis in order]
            tensor.names[order] = self.graph.add("Transpose", name, perm=permutation)
        return tensor.names[order]

    def full(self, tensor: Tensor, order: Order | None = None) -> str:
        """The value in an order of axes, with all axes in their size."""
        order = tensor.identity if order is None else order
        name = self.name(tensor, order)
        if not tensor.broadcast:
            return name
        sizes = tuple(tensor.shape[axis] for axis in order)
        return self.graph.add("Expand", name, self.dimensions.vector(sizes))

    def evaluated(self, tensor: Tensor) -> np.ndarray | None:
        """The whole constant, if it is one and no broadcast axis is symbolic."""
        if tensor.constant is None or not is_static(tensor.shape):
            return None
        return np.broadcast_to(tensor.constant, tensor.shape)


def constant_tensor(value: np.ndarray) -> Tensor:
    """A known array."""
    return Tensor(value.shape, value.dtype, constant=value)
