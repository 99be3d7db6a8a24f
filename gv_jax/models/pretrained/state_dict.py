"""A PyTorch state dict as the weights of a model: key maps, order of axes, input channels.

"source" is a name or tensor of the state dict, "target" a variable of the model. Kernels are
transposed from PyTorch's order (outputs first) to JAX's (outputs last).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from gv_jax.errors import UserError, unknown
from gv_jax.models.pretrained.key_maps import IGNORED_KEYS, KEY_MAPS
from gv_jax.models.pretrained.layer_keys import KeyMap, StageKeyMaps
from gv_jax.models.stages import get_node

MAX_LISTED_KEYS = 5  # names per kind of problem in an error; the others are counted


def load_state_dict(
    model: nnx.Module, origin: str, tensors: Mapping[str, np.ndarray], without: Sequence[str]
) -> None:
    """Loads `tensors` into `model`.

    Args:
        model: of a class in KEY_MAPS.
        origin: where the tensors are from, for the error.
        tensors: the state dict.
        without: stages that keep their weights, whatever the state dict has for them.

    Raises:
        UserError: names that are missing or unknown, or tensors of another shape; then the model
            is unchanged.
    """
    tensors = {
        source: tensor
        for source, tensor in tensors.items()
        if not source.endswith(".num_batches_tracked")
    }
    maps = select_key_map(model, tensors)
    stages = model_stages(model, maps)
    for stage in without:
        if stage not in stages:
            raise unknown("stage", stage, stages)
    required: KeyMap = {}
    for stage in stages:
        required |= {} if stage in without else maps[stage]
    variables = {source: get_node(model, target) for source, target in required.items()}
    stem = stem_kernel(maps)
    values = {
        source: convert_tensor(tensors[source], variables[source].shape, is_stem=target == stem)
        for source, target in required.items()
        if source in tensors
    }
    known = {source for keys in maps.values() for source in keys}
    problems = {
        "missing": [source for source in required if source not in tensors],
        "unknown": [
            source
            for source in tensors
            if source not in known and not source.startswith(IGNORED_KEYS)
        ],
        "of another shape": [
            f"{source} {list(tensors[source].shape)} for {list(variables[source].shape)}"
            for source, value in values.items()
            if squeeze_shape(value.shape) != squeeze_shape(variables[source].shape)
        ],
    }
    listed = [f"{kind}: {truncate_list(names)}" for kind, names in problems.items() if names]
    if listed:
        hint = reinit_hint(maps, required, tensors, without) if len(listed) == 1 else ""
        raise UserError(
            f"{origin} has no weights of this {type(model).__name__} ({'; '.join(listed)}){hint}"
        )
    for source, value in values.items():
        variable = variables[source]
        variable[...] = jnp.asarray(value.reshape(variable.shape), variable.dtype)


def reinit_hint(
    maps: StageKeyMaps,
    required: KeyMap,
    tensors: Mapping[str, np.ndarray],
    without: Sequence[str],
) -> str:
    """Advice to re-initialize stages, if exactly the tensors of whole stages are missing."""
    missing = {source for source in required if source not in tensors}
    missing_stages = [
        stage
        for stage, keys in maps.items()
        if keys.keys() <= required.keys() and not keys.keys() & tensors.keys()
    ]
    if (
        not missing
        or missing == required.keys()
        or missing != {source for stage in missing_stages for source in maps[stage]}
    ):
        return ""
    stages = (*without, *missing_stages)
    return f'; to re-initialize these stages: --config.model.pretrained_without="{stages}"'


def select_key_map(model: nnx.Module, tensors: Mapping[str, np.ndarray]) -> StageKeyMaps:
    """The key map of the model's class that has most of the names; UserError if it has none."""
    if type(model) not in KEY_MAPS:
        supported = ", ".join(kind.__name__ for kind in KEY_MAPS)
        raise UserError(
            f"{type(model).__name__} cannot load weights from a file; classes that can: {supported}"
        )
    return max(
        KEY_MAPS[type(model)](model),
        key=lambda maps: sum(source in tensors for keys in maps.values() for source in keys),
    )


def model_stages(model: Any, maps: StageKeyMaps) -> list[str]:
    """The stages of the model; those of the key map if it has no `stages()`."""
    return list(model.stages()) if hasattr(model, "stages") else list(maps)


def stem_kernel(maps: StageKeyMaps) -> str:
    """The path of the kernel that takes images; "" for models other than backbones."""
    if "head" not in maps:
        return ""
    return next(iter(maps["stem" if "stem" in maps else "stage1"].values()))


def truncate_list(names: Sequence[str]) -> str:
    """The first names, and the number of further ones."""
    num_others = len(names) - MAX_LISTED_KEYS
    return ", ".join(names[:MAX_LISTED_KEYS]) + (
        f" and {num_others} more" if num_others > 0 else ""
    )


def convert_tensor(tensor: np.ndarray, shape: tuple[int, ...], *, is_stem: bool) -> np.ndarray:
    """Converts a PyTorch tensor to the order of axes of a variable.

    Args:
        tensor: [o i a b] of a convolution, [o i] of a linear layer, or any other shape.
        shape: of the variable.
        is_stem: whether the variable is the kernel that takes images.

    Returns:
        [a b i o] or [i o], also for a linear layer that is a convolution here or the other way
        round; other tensors unchanged.
    """
    if tensor.ndim == 2 and len(shape) == 4 and tensor.size == math.prod(shape):
        tensor = tensor.reshape(shape[3], shape[2], shape[0], shape[1])
    if tensor.ndim == 4 and len(shape) == 2 and tensor.shape[2:] == (1, 1):
        tensor = tensor[:, :, 0, 0]
    if tensor.ndim == 2:
        return tensor.T
    if tensor.ndim != 4:
        return tensor
    kernel = tensor.transpose(2, 3, 1, 0)
    if is_stem and len(shape) == 4 and kernel.shape[2] == 3:
        return adapt_input_channels(kernel, shape[2])
    return kernel


def adapt_input_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Converts the kernel [a b 3 o] of an RGB stem for images of another number of channels.

    With 4 or more channels, those after RGB get zeros. With 1 or 2, gray gets the sum over RGB, so
    that it gives the same output as three equal channels; alpha gets zeros.
    """
    color = kernel if channels >= 3 else kernel.sum(2, keepdims=True)
    return np.pad(color, ((0, 0), (0, 0), (0, channels - color.shape[2]), (0, 0)))


def squeeze_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a vector without its axes of size one, as in a color [1 c 1 1]."""
    is_vector = math.prod(shape) == max(shape, default=1)
    return tuple(side for side in shape if side > 1) if is_vector else shape
