"""Sizes of arrays as int64 values of an ONNX graph, where they are symbolic."""

import ast
from typing import Any

from gv_jax.errors import UserError
from gv_jax.export.onnx_writer.graph import Graph

Size = Any  # an int, or a symbolic dimension of JAX

OPERATIONS = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul"}
FUNCTIONS = {"max": "Max", "min": "Min", "mod": "Mod"}


class Dimensions:
    """Computes symbolic dimensions from the shape of the model's input.

    Their text form, as in "8*floordiv(h, 8) + b", is public in JAX and is what is parsed.
    """

    def __init__(self, graph: Graph, input_name: str, input_shape: tuple[Size, ...]) -> None:
        self.graph = graph
        self.input_name = input_name
        self.axes = {
            str(size): axis for axis, size in enumerate(input_shape) if not isinstance(size, int)
        }
        self._values: dict[str, str] = {}

    def scalar(self, size: Size) -> str:
        """The name of a dimension as int64 [1]."""
        if isinstance(size, int):
            return self.graph.integers(size)
        text = str(size)
        if text not in self._values:
            self._values[text] = self._compute(ast.parse(text, mode="eval").body)
        return self._values[text]

    def vector(self, sizes: tuple[Size, ...]) -> str:
        """The name of several dimensions as int64 [len(sizes)]."""
        if all(isinstance(size, int) for size in sizes):
            return self.graph.integers(*sizes)
        return self.graph.add("Concat", *map(self.scalar, sizes), axis=0)

    def shape(self, sizes: tuple[Size, ...]) -> str:
        """The name of a target shape of Reshape: one symbolic size is left to be inferred."""
        symbolic = [axis for axis, size in enumerate(sizes) if not isinstance(size, int)]
        if len(symbolic) == 1:
            return self.graph.integers(
                *(-1 if axis in symbolic else size for axis, size in enumerate(sizes))
            )
        return self.vector(sizes)

    def _compute(self, node: ast.expr) -> str:
        graph = self.graph
        match node:
            case ast.Constant():
                return graph.integers(int(str(node.value)))
            case ast.Name():
                axis = self.axes[node.id]
                return graph.add("Shape", self.input_name, start=axis, end=axis + 1)
            case ast.UnaryOp(op=ast.USub()):
                return graph.add("Neg", self._compute(node.operand))
            case ast.BinOp(op=ast.BitXor(), right=ast.Constant(value=exponent)):  # h^2, a power
                base = self._compute(node.left)
                power = base
                for _ in range(int(str(exponent)) - 1):
                    power = graph.add("Mul", power, base)
                return power
            case ast.BinOp() if type(node.op) in OPERATIONS:
                operands = self._compute(node.left), self._compute(node.right)
                return graph.add(OPERATIONS[type(node.op)], *operands)
            case ast.Call(func=ast.Name(id="floordiv"), args=[left, right]):
                dividend, divisor = self._compute(left), self._compute(right)
                # ONNX's integer division rounds toward zero, its Mod has the sign of the divisor
                multiple = graph.add("Sub", dividend, graph.add("Mod", dividend, divisor))
                return graph.add("Div", multiple, divisor)
            case ast.Call(func=ast.Name(id=name), args=[left, right]) if name in FUNCTIONS:
                return graph.add(FUNCTIONS[name], self._compute(left), self._compute(right))
        raise UserError(
            f"the ONNX writer has no translation of the symbolic dimension {ast.unparse(node)}: "
            "export the run with --format stablehlo"
        )


def is_static(sizes: tuple[Size, ...]) -> bool:
    """Whether no size is symbolic."""
    return all(isinstance(size, int) for size in sizes)
