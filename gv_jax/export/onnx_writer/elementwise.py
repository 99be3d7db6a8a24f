"""Primitives that treat every element by itself."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import helper

from gv_jax.export.onnx_writer.tensor import Order, Tensor, Values
from gv_jax.export.onnx_writer.translate import Translation

Names = list[str]
Write = Callable[[Values, Names, Mapping[str, Any], Any], str]  # the last one is the dtype

SMALL_INTEGERS = (np.uint8, np.int8, np.uint16, np.int16)  # ONNX runtimes do not compare these


def onnx_type(dtype: Any) -> int:
    """The number of a dtype in ONNX."""
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def common_order(operands: list[Tensor], rank: int) -> Order:
    """An order of axes in which most operands of this rank exist."""
    counts: dict[Order, int] = {}
    for tensor in operands:
        if tensor.rank == rank and tensor.constant is None:
            for order in tensor.names:
                counts[order] = counts.get(order, 0) + 1
    return max(counts, key=lambda order: counts[order], default=tuple(range(rank)))


def elementwise(write: Write) -> Translation:
    """A translation that reads all operands in one order of axes, and lets ONNX broadcast."""

    def translate(
        values: Values, operands: list[Tensor], parameters: Mapping[str, Any], out: Tensor
    ) -> Tensor:
        order = common_order(operands, out.rank)
        names = []
        for tensor in operands:
            name = values.name(tensor, order if tensor.rank == out.rank else None)
            if tensor.dtype in SMALL_INTEGERS and out.dtype == bool:
                name = values.graph.add("Cast", name, to=onnx_type(np.int32))
            names.append(name)
        out.names[order] = write(values, names, parameters, out.dtype)
        full = [tensor.broadcast for tensor in operands if tensor.rank == out.rank]
        out.broadcast = frozenset.intersection(*full)
        return out

    return translate


def node(operation: str, **attributes: Any) -> Translation:
    """One ONNX operation of the same operands."""
    return elementwise(
        lambda values, names, parameters, dtype: values.graph.add(operation, *names, **attributes)
    )


def then(first: str, second: str) -> Translation:
    """One ONNX operation of the operands, and one of its result."""
    return elementwise(
        lambda values, names, parameters, dtype: values.graph.add(
            second, values.graph.add(first, *names)
        )
    )


def scalar(values: Values, value: float, dtype: Any) -> str:
    return values.graph.constant(np.asarray(value, dtype))


def write_max(values: Values, names: Names, parameters: Mapping[str, Any], dtype: Any) -> str:
    """Max, or Relu where one operand is zero: runtimes fuse it with the convolution before it."""
    left, right = names
    for name, other in ((left, right), (right, left)):
        value = values.graph.constants.get(other)
        if value is not None and dtype == np.float32 and not value.any():
            return values.graph.add("Relu", name)
    return values.graph.add("Max", left, right)


def write_power(values: Values, names: Names, parameters: Mapping[str, Any], dtype: Any) -> str:
    if parameters["y"] == 2:
        return values.graph.add("Mul", names[0], names[0])
    return values.graph.add("Pow", names[0], scalar(values, parameters["y"], dtype))


def write_square(values: Values, names: Names, parameters: Mapping[str, Any], dtype: Any) -> str:
    return values.graph.add("Mul", names[0], names[0])


def write_cube_root(values: Values, names: Names, parameters: Mapping[str, Any], dtype: Any) -> str:
    graph = values.graph
    root = graph.add("Pow", graph.add("Abs", *names), scalar(values, 1 / 3, dtype))
    return graph.add("Mul", graph.add("Sign", *names), root)


def write_log1p(values: Values, names: Names, parameters: Mapping[str, Any], dtype: Any) -> str:
    return values.graph.add("Log", values.graph.add("Add", *names, scalar(values, 1, dtype)))


def write_select(values: Values, names: Names, parameters: Mapping[str, Any], dtype: Any) -> str:
    which, if_false, if_true = names
    return values.graph.add("Where", which, if_true, if_false)


def write_clamp(values: Values, names: Names, parameters: Mapping[str, Any], dtype: Any) -> str:
    low, x, high = names
    return values.graph.add("Min", values.graph.add("Max", x, low), high)


def write_cast(values: Values, names: Names, parameters: Mapping[str, Any], dtype: Any) -> str:
    return values.graph.add("Cast", *names, to=onnx_type(dtype))


def write_identity(values: Values, names: Names, parameters: Mapping[str, Any], dtype: Any) -> str:
    return names[0]


ELEMENTWISE: dict[str, Translation] = {
    "add": node("Add"),
    "add_any": node("Add"),
    "sub": node("Sub"),
    "mul": node("Mul"),
    "div": node("Div"),
    "rem": node("Mod", fmod=1),
    "max": elementwise(write_max),
    "min": node("Min"),
    "pow": node("Pow"),
    "integer_pow": elementwise(write_power),
    "square": elementwise(write_square),
    "exp": node("Exp"),
    "log": node("Log"),
    "log1p": elementwise(write_log1p),
    "tanh": node("Tanh"),
    "logistic": node("Sigmoid"),
    "erf": node("Erf"),
    "sqrt": node("Sqrt"),
    "rsqrt": then("Sqrt", "Reciprocal"),
    "cbrt": elementwise(write_cube_root),
    "abs": node("Abs"),
    "neg": node("Neg"),
    "sign": node("Sign"),
    "floor": node("Floor"),
    "ceil": node("Ceil"),
    "round": node("Round"),
    "eq": node("Equal"),
    "ne": then("Equal", "Not"),
    "lt": node("Less"),
    "le": node("LessOrEqual"),
    "gt": node("Greater"),
    "ge": node("GreaterOrEqual"),
    "and": node("And"),
    "or": node("Or"),
    "not": node("Not"),
    "select_n": elementwise(write_select),
    "clamp": elementwise(write_clamp),
    "convert_element_type": elementwise(write_cast),
    "copy": elementwise(write_identity),
    "stop_gradient": elementwise(write_identity),
    "optimization_barrier": elementwise(write_identity),
}
