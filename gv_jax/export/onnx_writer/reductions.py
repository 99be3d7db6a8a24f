"""Primitives that sum or compare: convolutions, pooling, products, reductions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gv_jax.errors import UserError
from gv_jax.export.onnx_writer.elementwise import common_order, onnx_type
from gv_jax.export.onnx_writer.tensor import Tensor, Values
from gv_jax.export.onnx_writer.translate import Translation

Parameters = Mapping[str, Any]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def translate_convolution(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    x, kernel = operands
    numbers, pads = parameters["dimension_numbers"], parameters["padding"]
    if parameters["batch_group_count"] != 1 or set(parameters["lhs_dilation"]) != {1}:
        raise UserError("ONNX export: transposed convolutions have no translation")
    out.names[tuple(numbers.out_spec)] = values.graph.add(
        "Conv",
        values.full(x, tuple(numbers.lhs_spec)),
        values.full(kernel, tuple(numbers.rhs_spec)),
        strides=parameters["window_strides"],
        pads=[edges[side] for side in (0, 1) for edges in pads],
        dilations=parameters["rhs_dilation"],
        group=parameters["feature_group_count"],
    )
    return out


def pool(values: Values, x: Tensor, parameters: Parameters, operation: str, **options: Any) -> str:
    """Pooling over the middle axes of [n h w c]; the name of the result [n c h w]."""
    window, strides = parameters["window_dimensions"], parameters["window_strides"]
    pads = parameters["padding"]
    dilations = {*parameters["base_dilation"], *parameters["window_dilation"]}
    if x.rank != 4 or (window[0], window[3]) != (1, 1) or dilations != {1}:
        raise UserError(f"ONNX export: pooling with windows of {window} has no translation")
    return values.graph.add(
        operation,
        values.full(x, (0, 3, 1, 2)),
        kernel_shape=window[1:3],
        strides=strides[1:3],
        pads=[pads[axis][side] for side in (0, 1) for axis in (1, 2)],
        **options,
    )


def translate_max_pool(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    out.names[0, 3, 1, 2] = pool(values, operands[0], parameters, "MaxPool")
    return out


def translate_sum_pool(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    mean = pool(values, operands[0], parameters, "AveragePool", count_include_pad=1)
    count = np.asarray(np.prod(parameters["window_dimensions"]), out.dtype)
    out.names[0, 3, 1, 2] = values.graph.add("Mul", mean, values.graph.constant(count))
    return out


def reduce_with(operation: str) -> Translation:
    """A reduction over axes. Booleans, which ONNX does not reduce, are numbers meanwhile."""

    def translate(
        values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
    ) -> Tensor:
        (tensor,), axes, graph = operands, parameters["axes"], values.graph
        order = common_order([tensor], tensor.rank)
        name = values.full(tensor, order)
        if out.dtype == bool:
            name = graph.add("Cast", name, to=onnx_type(np.int32))
        places = graph.integers(*(order.index(axis) for axis in axes))
        name = graph.add(operation, name, places, keepdims=0)
        if out.dtype == bool:
            name = graph.add("Cast", name, to=onnx_type(np.bool_))
        kept = [axis for axis in tensor.identity if axis not in axes]
        out.names[tuple(kept.index(axis) for axis in order if axis in kept)] = name
        return out

    return translate


def find_index(operation: str) -> Translation:
    """The index of the first extreme value along an axis."""

    def translate(
        values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
    ) -> Tensor:
        (axis,) = parameters["axes"]
        name = values.graph.add(operation, values.full(operands[0]), axis=axis, keepdims=0)
        out.names[out.identity] = values.graph.add("Cast", name, to=onnx_type(out.dtype))
        return out

    return translate


def translate_product(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    """A matrix product where it is one, otherwise Einsum."""
    left, right = operands
    (left_sum, right_sum), (left_batch, right_batch) = parameters["dimension_numbers"]
    if not left_batch and right.rank == 2 and left_sum == (left.rank - 1,):
        kernel = values.full(right, (0, 1) if right_sum == (0,) else (1, 0))
        out.names[out.identity] = values.graph.add("MatMul", values.full(left), kernel)
        return out
    letters = iter(LETTERS)
    of_left = [next(letters) for _ in range(left.rank)]
    of_right = [""] * right.rank
    for axis, other in zip((*right_batch, *right_sum), (*left_batch, *left_sum), strict=True):
        of_right[axis] = of_left[other]
    of_right = [letter or next(letters) for letter in of_right]
    result = [of_left[axis] for axis in left_batch]
    result += [v for axis, v in enumerate(of_left) if axis not in (*left_batch, *left_sum)]
    result += [v for axis, v in enumerate(of_right) if axis not in (*right_batch, *right_sum)]
    equation = f"{''.join(of_left)},{''.join(of_right)}->{''.join(result)}"
    out.names[out.identity] = values.graph.add(
        "Einsum", values.full(left), values.full(right), equation=equation
    )
    return out


REDUCTIONS: dict[str, Translation] = {
    "conv_general_dilated": translate_convolution,
    "reduce_window_max": translate_max_pool,
    "reduce_window_sum": translate_sum_pool,
    "dot_general": translate_product,
    "reduce_sum": reduce_with("ReduceSum"),
    "reduce_max": reduce_with("ReduceMax"),
    "reduce_min": reduce_with("ReduceMin"),
    "reduce_prod": reduce_with("ReduceProd"),
    "reduce_and": reduce_with("ReduceMin"),
    "reduce_or": reduce_with("ReduceMax"),
    "argmax": find_index("ArgMax"),
    "argmin": find_index("ArgMin"),
}
