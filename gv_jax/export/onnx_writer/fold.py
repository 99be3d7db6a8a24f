"""Folds the multiplication and addition after a convolution into its kernel and bias.

Batch normalization in inference is such a pair: it costs nothing then.
"""

from collections import Counter

import numpy as np
from onnx import NodeProto

from gv_jax.export.onnx_writer.graph import Graph


def fold_convolutions(graph: Graph, output: str) -> None:
    """Changes convolutions whose only reader multiplies or adds one number per feature.

    Args:
        graph: The whole graph.
        output: Name of its output, which is read too.
    """
    readers = Counter(name for node in graph.nodes for name in node.input)
    readers[output] += 1
    convolutions: dict[str, NodeProto] = {}  # by the name of the value that they compute by now
    kept = []
    for node in graph.nodes:
        source = find_convolution(graph, node, convolutions)
        if source and readers[source] == 1:
            convolution = convolutions.pop(source)
            (other,) = (name for name in node.input if name != source)
            absorb(graph, convolution, node.op_type, graph.constants[other])
            convolution.output[0] = node.output[0]
            convolutions[node.output[0]] = convolution
            continue
        if node.op_type == "Conv" and node.input[1] in graph.constants:
            convolutions[node.output[0]] = node
        kept.append(node)
    # A convolution that computes a later value stays in its place: nothing between reads it.
    graph.nodes = kept


def find_convolution(
    graph: Graph, node: NodeProto, convolutions: dict[str, NodeProto]
) -> str | None:
    """The input of `node` that is a convolution, if the other one can be folded into it."""
    if node.op_type not in ("Mul", "Add") or len(node.input) != 2:
        return None
    for source, other in (node.input, node.input[::-1]):
        if source in convolutions and other in graph.constants:
            shape = graph.constants[other].shape
            if len(shape) in (0, 4) and all(size == 1 for size in (*shape[:1], *shape[2:])):
                return source
    return None


def absorb(graph: Graph, convolution: NodeProto, operation: str, value: np.ndarray) -> None:
    """Multiplies kernel and bias, or adds to the bias, one number per feature [1 c 1 1] or []."""
    kernel = graph.constants[convolution.input[1]]
    features = np.broadcast_to(value.reshape(-1), kernel.shape[:1])
    bias = np.zeros(len(kernel), kernel.dtype)
    if len(convolution.input) == 3:
        bias = graph.constants[convolution.input[2]]
    if operation == "Mul":
        scaled = kernel * features.reshape(-1, 1, 1, 1)
        convolution.input[1] = graph.constant(scaled)
        bias = bias * features
    else:
        bias = bias + features
    inputs = [*convolution.input[:2], graph.constant(bias)]
    del convolution.input[:]
    convolution.input.extend(inputs)
