"""Primitives that move elements: reshape, transpose, slice, pad, gather …"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jax import lax

from gv_jax.errors import UserError
from gv_jax.export.onnx_writer.dimensions import is_static
from gv_jax.export.onnx_writer.elementwise import common_order, onnx_type
from gv_jax.export.onnx_writer.tensor import Tensor, Values, constant_tensor
from gv_jax.export.onnx_writer.translate import Translation

Parameters = Mapping[str, Any]
FROM_LAST = np.iinfo(np.int64).min  # the end of a slice that runs backward through all elements


def translate_reshape(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    upsampled = upsample_nearest(values, operands[0], out)
    if upsampled is not None:
        return upsampled
    name = values.full(operands[0])
    out.names[out.identity] = values.graph.add("Reshape", name, values.dimensions.shape(out.shape))
    return out


def upsample_nearest(values: Values, tensor: Tensor, out: Tensor) -> Tensor | None:
    """[n h 1 w 1 c], its pixels repeated twice along both axes, as Resize; None for all else."""
    if tensor.rank != 6 or tensor.broadcast != {2, 4} or out.rank != 4 or tensor.source is None:
        return None
    order = (0, 3, 1, 2)
    scales = values.graph.constant(np.array([1, 1, tensor.shape[2], tensor.shape[4]], np.float32))
    out.names[order] = values.graph.add(
        "Resize",
        values.full(tensor.source, order),
        "",
        scales,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    return out


def translate_broadcast(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    """Inserts axes of size 1; repeating them is left to the operations that read the value."""
    tensor, axes = operands[0], parameters["broadcast_dimensions"]
    kept = [axis for axis in axes if out.shape[axis] == tensor.shape[axes.index(axis)]]
    kept = [axis for axis in kept if axes.index(axis) not in tensor.broadcast]
    out.broadcast = frozenset(
        axis
        for axis, size in enumerate(out.shape)
        if axis not in kept and not (isinstance(size, int) and size == 1)
    )
    if tensor.constant is not None:
        shape = [1] * out.rank
        for axis, size in zip(axes, tensor.constant.shape, strict=True):
            shape[axis] = size
        out.constant = tensor.constant.reshape(shape)
    elif tensor.rank == out.rank:
        out.names = dict(tensor.names)
    else:
        name = values.name(tensor)
        if out.rank == 6 and tensor.rank == 4 and axes == (0, 1, 3, 5):
            out.source = tensor
        shape = values.dimensions.shape(out.stored_shape)
        out.names[out.identity] = values.graph.add("Reshape", name, shape)
    return out


def translate_squeeze(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    tensor = operands[0]
    dimensions = [axis % tensor.rank for axis in parameters["dimensions"]]
    axes = values.graph.integers(*dimensions)
    out.names[out.identity] = values.graph.add("Squeeze", values.full(tensor), axes)
    return out


def translate_transpose(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    """The same values in other orders: nothing is computed."""
    tensor, permutation = operands[0], parameters["permutation"]
    for order in tensor.names:
        out.names[tuple(permutation.index(axis) for axis in order)] = tensor.names[order]
    out.broadcast = frozenset(permutation.index(axis) for axis in tensor.broadcast)
    return out


def translate_concatenate(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    order = common_order(operands, out.rank)
    names = [values.full(tensor, order) for tensor in operands]
    axis = order.index(parameters["dimension"])
    out.names[order] = values.graph.add("Concat", *names, axis=axis)
    return out


def translate_slice(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    tensor = operands[0]
    order = common_order([tensor], tensor.rank)
    starts, ends = parameters["start_indices"], parameters["limit_indices"]
    strides = parameters["strides"] or (1,) * tensor.rank
    cut = [
        axis
        for axis, size in enumerate(tensor.shape)
        if (starts[axis], ends[axis], strides[axis]) != (0, size, 1)
    ]
    name = values.full(tensor, order)
    if cut:
        name = values.graph.add(
            "Slice",
            name,
            values.dimensions.vector(tuple(starts[axis] for axis in cut)),
            values.dimensions.vector(tuple(ends[axis] for axis in cut)),
            values.graph.integers(*(order.index(axis) for axis in cut)),
            values.graph.integers(*(strides[axis] for axis in cut)),
        )
    out.names[order] = name
    return out


def translate_reverse(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    tensor = operands[0]
    order = common_order([tensor], tensor.rank)
    axes = [order.index(axis) for axis in parameters["dimensions"]]
    out.names[order] = values.graph.add(
        "Slice",
        values.full(tensor, order),
        values.graph.integers(*(-1 for _ in axes)),
        values.graph.integers(*(FROM_LAST for _ in axes)),
        values.graph.integers(*axes),
        values.graph.integers(*(-1 for _ in axes)),
    )
    return out


def translate_pad(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    """Constant padding; negative edges crop, as in JAX."""
    tensor, value = operands
    config = parameters["padding_config"]
    if any(not isinstance(interior, int) or interior for _, _, interior in config):
        raise UserError("ONNX export: padding between elements has no translation")
    order = common_order([tensor], tensor.rank)
    pads = [config[axis][side] for side in (0, 1) for axis in order]
    out.names[order] = values.graph.add(
        "Pad", values.full(tensor, order), values.dimensions.vector(tuple(pads)), values.name(value)
    )
    return out


def translate_gather(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    """`x.take(index, axis)`, or a slice; other gathers along several axes have no translation."""
    tensor, indices = operands
    numbers, sizes = parameters["dimension_numbers"], parameters["slice_sizes"]
    axes = numbers.start_index_map
    known = values.evaluated(indices)
    if known is not None and known.ndim == 1 and not numbers.collapsed_slice_dims:
        return slice_from(values, tensor, dict(zip(axes, known.tolist(), strict=True)), out)
    whole = all(size == tensor.shape[axis] for axis, size in enumerate(sizes) if axis not in axes)
    if len(axes) != 1 or numbers.collapsed_slice_dims != axes or not whole:
        raise UserError("ONNX export: indexing along several axes has no translation")
    (axis,) = axes
    count = tensor.shape[axis]
    graph = values.graph
    if known is not None:
        index = graph.constant(clip_index(known[..., 0], count, parameters["mode"]))
    else:
        last = graph.integers(indices.rank - 1)
        index = graph.add("Squeeze", values.full(indices), last)
        if parameters["mode"] == lax.GatherScatterMode.CLIP:
            index = graph.add("Cast", index, to=onnx_type(np.int64))
            least, limit = graph.integers(0), values.dimensions.scalar(count - 1)
            index = graph.add("Min", graph.add("Max", index, least), limit)
        elif parameters["mode"] != lax.GatherScatterMode.PROMISE_IN_BOUNDS:
            raise UserError("ONNX export: indexing that fills what is outside has no translation")
    result = graph.add("Gather", values.full(tensor), index, axis=axis)
    # ONNX puts the axes of the index where the axis was; JAX says where the others are
    rank = indices.rank - 1
    others = [*range(axis), *range(axis + rank, out.rank)]
    places = dict(zip(others, numbers.offset_dims, strict=True))
    own = iter(place for place in range(out.rank) if place not in numbers.offset_dims)
    order = tuple(places[i] if i in places else next(own) for i in range(out.rank))
    out.names[order] = result
    return out


def slice_from(values: Values, tensor: Tensor, starts: Mapping[int, int], out: Tensor) -> Tensor:
    """A slice of the shape of `out`, from a known index along some axes."""
    order = common_order([tensor], tensor.rank)
    ends = tuple(start + out.shape[axis] for axis, start in starts.items())
    out.names[order] = values.graph.add(
        "Slice",
        values.full(tensor, order),
        values.graph.integers(*starts.values()),
        values.dimensions.vector(ends),
        values.graph.integers(*(order.index(axis) for axis in starts)),
    )
    return out


def clip_index(index: np.ndarray, count: Any, mode: Any) -> np.ndarray:
    """A constant index as int64; clipped where the mode says so.

    Raises:
        UserError: It is outside of the array, and the mode is another.
    """
    index = index.astype(np.int64)
    if mode == lax.GatherScatterMode.CLIP and isinstance(count, int):
        return index.clip(0, count - 1)
    if index.size and (index.min() < 0 or (isinstance(count, int) and index.max() >= count)):
        raise UserError("ONNX export: an index is outside of its array")
    return index


def translate_iota(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    axis, graph = parameters["dimension"], values.graph
    shape = [1] * out.rank
    out.broadcast = frozenset(
        other
        for other, size in enumerate(out.shape)
        if other != axis and not (isinstance(size, int) and size == 1)
    )
    size = out.shape[axis]
    if isinstance(size, int):
        shape[axis] = size
        out.constant = np.arange(size, dtype=out.dtype).reshape(shape)
        return out
    limit = graph.add("Squeeze", values.dimensions.scalar(size))
    zero, one = (graph.constant(np.array(value, np.int64)) for value in (0, 1))
    name = graph.add("Cast", graph.add("Range", zero, limit, one), to=onnx_type(out.dtype))
    shape[axis] = -1
    out.names[out.identity] = graph.add("Reshape", name, graph.integers(*shape))
    return out


def translate_dimension(
    values: Values, operands: list[Tensor], parameters: Parameters, out: Tensor
) -> Tensor:
    size, graph = parameters["dim"], values.graph
    if is_static((size,)):
        return constant_tensor(np.asarray(size, out.dtype))
    scalar = graph.add("Squeeze", values.dimensions.scalar(size))
    out.names[()] = graph.add("Cast", scalar, to=onnx_type(out.dtype))
    return out


SHAPES: dict[str, Translation] = {
    "reshape": translate_reshape,
    "broadcast_in_dim": translate_broadcast,
    "squeeze": translate_squeeze,
    "transpose": translate_transpose,
    "concatenate": translate_concatenate,
    "slice": translate_slice,
    "rev": translate_reverse,
    "pad": translate_pad,
    "gather": translate_gather,
    "iota": translate_iota,
    "dim_as_value": translate_dimension,
}
