"""A JAX function as an ONNX model."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import onnx
from onnx import helper

from gv_jax.export.onnx_writer.dimensions import Dimensions, Size
from gv_jax.export.onnx_writer.elementwise import ELEMENTWISE, onnx_type
from gv_jax.export.onnx_writer.fold import fold_convolutions
from gv_jax.export.onnx_writer.graph import Graph
from gv_jax.export.onnx_writer.reductions import REDUCTIONS
from gv_jax.export.onnx_writer.shapes import SHAPES
from gv_jax.export.onnx_writer.tensor import Tensor, Values
from gv_jax.export.onnx_writer.translate import Translator
from gv_jax.models.ops.platform import plain_operations

INPUT, OUTPUT = "images", "outputs"


def to_onnx(
    function: Callable[[jax.Array], jax.Array], shape: Sequence[Size], dtype: Any
) -> onnx.ModelProto:
    """Translates a function of one array.

    Args:
        function: The function; arrays that it closes over become constants of the model.
        shape: Of its input; sizes may be symbolic (`jax.export.symbolic_shape`).
        dtype: Of its input.

    Raises:
        UserError: It uses an operation that is not translated; names it.
    """
    with plain_operations():
        closed = jax.make_jaxpr(function)(jax.ShapeDtypeStruct(tuple(shape), dtype))
    graph = Graph()
    values = Values(graph, Dimensions(graph, INPUT, tuple(shape)))
    translator = Translator(values, ELEMENTWISE | SHAPES | REDUCTIONS, frozenset(ELEMENTWISE))
    images = Tensor(tuple(shape), dtype)
    images.names[images.identity] = INPUT
    (result,) = translator.run(closed.jaxpr, closed.consts, [images])
    output = values.full(result)
    fold_convolutions(graph, output)
    graph.nodes.append(helper.make_node("Identity", [output], [OUTPUT]))
    graph.remove_unused(OUTPUT)
    return graph.to_model([describe(INPUT, images)], [describe(OUTPUT, result)])


def describe(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    """Name, dtype and shape of an input or output; symbolic sizes by their names."""
    shape = [size if isinstance(size, int) else str(size) for size in tensor.shape]
    return helper.make_tensor_value_info(name, onnx_type(tensor.dtype), shape)
