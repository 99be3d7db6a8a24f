"""An ONNX graph under construction: nodes, constants and inputs by name."""

from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 8  # of the first onnx release with this opset


class Graph:
    """Nodes in topological order, and constants, each stored once."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self._names: dict[tuple[Any, ...], str] = {}
        self._count = 0

    def new_name(self) -> str:
        """A name that nothing else has."""
        self._count += 1
        return f"t{self._count}"

    def add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Appends a node with one output; returns the name of the output.

        Args:
            operation: ONNX operation.
            inputs: names of its inputs; "" for an optional one that is left out.
            attributes: of the node.
        """
        output = self.new_name()
        self.nodes.append(helper.make_node(operation, list(inputs), [output], **attributes))
        return output

    def constant(self, value: np.ndarray) -> str:
        """The name of a constant; equal ones have one name."""
        value = np.ascontiguousarray(value).reshape(value.shape)
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self._names:
            self._names[key] = self.new_name()
            self.constants[self._names[key]] = value
        return self._names[key]

    def integers(self, *values: int) -> str:
        """The name of a constant int64 vector."""
        return self.constant(np.array(values, np.int64))

    def remove_unused(self, output: str) -> None:
        """Removes nodes and constants that `output` does not depend on."""
        used, nodes = {output}, []
        for node in reversed(self.nodes):
            if used.intersection(node.output):
                used.update(node.input)
                nodes.append(node)
        self.nodes = nodes[::-1]
        self.constants = {name: value for name, value in self.constants.items() if name in used}

    def to_model(
        self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """The checked model."""
        tensors = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "gv_jax", inputs, outputs, tensors)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="gv_jax"
        )
        onnx.checker.check_model(model, full_check=True)
        return model
