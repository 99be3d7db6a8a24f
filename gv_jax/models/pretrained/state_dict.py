"""A PyTorch state dict as the weights of a model: key maps, order of axes, input channels.

"source" is a name or tensor of the state dict, "target" a variable of the model. Kernels are
transposed from PyTorch's order (outputs first) to JAX's (outputs last).
"""

import logging
import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from gv_jax.errors import UserError, unknown
from gv_jax.models.pretrained.key_maps import COUNTER, IGNORED_KEYS, KEY_MAPS
from gv_jax.models.pretrained.layer_keys import KeyMap, StageKeyMaps
from gv_jax.models.pretrained.position_table import POSITION_TABLE, convert_positions
from gv_jax.models.pretrained.prefixes import find_prefix
from gv_jax.models.pretrained.tensor_checks import (
    WEIGHT_DTYPES,
    describe_bad_values,
    describe_dtype,
    find_layout,
    layout_hint,
    to_float32,
    torch_shape,
)
from gv_jax.models.stages import get_node

LOGGER = logging.getLogger(__name__)
MAX_LISTED_KEYS = 5  # names per kind of problem in an error; the others are counted


class MisfitError(UserError):
    """The names or shapes of a state dict are not those of the model."""


def load_state_dict(
    model: nnx.Module, origin: str, tensors: Mapping[str, np.ndarray], without: Sequence[str]
) -> None:
    """Loads `tensors` into `model`.

    Args:
        model: of a class in KEY_MAPS.
        origin: where the tensors are from, for errors.
        tensors: the state dict. A prefix before its names is removed, which is logged.
        without: stages that keep their weights, whatever the state dict has for them.

    Raises:
        MisfitError: names that are missing or unknown, or tensors of another shape.
        UserError: types other than WEIGHT_DTYPES, or values that are not finite. After an error the
            model is unchanged.
    """
    all_maps = key_maps_of(model)
    tensors = strip_prefix(all_maps, tensors, origin)
    maps = select_key_map(all_maps, tensors)
    stages = model_stages(model, maps)
    for stage in without:
        if stage not in stages:
            raise unknown("stage", stage, stages)
    required: KeyMap = {}
    for stage in stages:
        required |= {} if stage in without else maps[stage]
    variables = {source: get_node(model, target) for source, target in required.items()}
    used = {source: tensors[source] for source in required if source in tensors}
    check_dtypes(origin, used)
    stem = stem_source(maps)
    values = {
        source: convert_tensor(to_float32(tensor), variables[source].shape, is_stem=source == stem)
        for source, tensor in used.items()
    }
    for source in values.keys() & {POSITION_TABLE}:
        shape = variables[source].shape
        values[source] = convert_positions(values[source], shape, f"{origin}: {source}")
    check_fit(type(model), origin, tensors, maps, variables, values, without)
    check_values(origin, values)
    for source, value in values.items():
        variable = variables[source]
        variable[...] = jnp.asarray(value.reshape(variable.shape), variable.dtype)


def strip_prefix(
    all_maps: Sequence[StageKeyMaps], tensors: Mapping[str, np.ndarray], origin: str
) -> dict[str, np.ndarray]:
    """The tensors under the names of the key maps, without batch counters.

    A prefix before these names is removed, and tensors without it are left out; both are logged.

    Args:
        all_maps: key maps of the model.
        tensors: the state dict.
        origin: where the tensors are from.
    """
    tensors = {name: tensor for name, tensor in tensors.items() if not name.endswith(COUNTER)}
    known = {source for maps in all_maps for keys in maps.values() for source in keys}
    prefix = find_prefix(tensors, known).prefix
    if not prefix:
        return tensors
    stripped = {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
    others = [name for name in tensors if not name.startswith(prefix)]
    ignored = f"; without it, and ignored: {truncate_list(others)}" if others else ""
    LOGGER.warning("%s: removed the prefix %r before the names%s", origin, prefix, ignored)
    return stripped


def check_fit(
    kind: type,
    origin: str,
    tensors: Mapping[str, np.ndarray],
    maps: StageKeyMaps,
    variables: Mapping[str, Any],
    values: Mapping[str, np.ndarray],
    without: Sequence[str],
) -> None:
    """Raises MisfitError unless all names are known, none is missing and every shape is right.

    Args:
        kind: class of the model.
        origin: where the tensors are from.
        tensors: the state dict.
        maps: the key map of its names.
        variables: source name -> variable of the model that needs it.
        values: source name -> converted tensor.
        without: stages that keep their weights.
    """
    known = {source for keys in maps.values() for source in keys}
    expected = {source: torch_shape(variable.shape) for source, variable in variables.items()}
    problems = {
        "missing": [source for source in variables if source not in tensors],
        "unknown": [
            source
            for source in tensors
            if source not in known and not source.startswith(IGNORED_KEYS)
        ],
        "of another shape": [
            f"{source} {list(tensors[source].shape)}, expected {list(expected[source])}"
            for source, value in values.items()
            if squeeze_shape(value.shape) != squeeze_shape(variables[source].shape)
        ],
    }
    listed = [f"{problem}: {truncate_list(names)}" for problem, names in problems.items() if names]
    if not listed:
        return
    hint = layout_hint(find_layout({name: tensors[name].shape for name in values}, expected))
    if not hint and len(listed) == 1:
        hint = reinit_hint(maps, variables.keys(), tensors, without)
    raise MisfitError(
        f"{origin} has no weights of this {kind.__name__} ({'; '.join(listed)}){hint}"
    )


def check_dtypes(origin: str, tensors: Mapping[str, np.ndarray]) -> None:
    """Raises UserError unless every tensor is of a type in WEIGHT_DTYPES."""
    wrong = [
        f"{name} is {describe_dtype(tensor.dtype)}"
        for name, tensor in tensors.items()
        if tensor.dtype not in WEIGHT_DTYPES
    ]
    if wrong:
        raise UserError(
            f"{origin}: {truncate_list(wrong)}: quantized weights cannot be loaded; give weights "
            f"of type {', '.join(map(str, WEIGHT_DTYPES))}"
        )


def check_values(origin: str, values: Mapping[str, np.ndarray]) -> None:
    """Raises UserError unless all values are finite and no variance is negative."""
    found = {name: describe_bad_values(value, name) for name, value in values.items()}
    bad = [f"{name} has {problem}" for name, problem in found.items() if problem]
    if bad:
        raise UserError(
            f"{origin}: {truncate_list(bad)}: its training diverged or the file is damaged; give "
            "other weights"
        )


def reinit_hint(
    maps: StageKeyMaps,
    required: Set[str],
    tensors: Mapping[str, np.ndarray],
    without: Sequence[str],
) -> str:
    """Advice to re-initialize stages, if exactly the tensors of whole stages are missing."""
    missing = required - tensors.keys()
    missing_stages = [
        stage
        for stage, keys in maps.items()
        if keys.keys() <= required and not keys.keys() & tensors.keys()
    ]
    if (
        not missing
        or missing == required
        or missing != {source for stage in missing_stages for source in maps[stage]}
    ):
        return ""
    stages = (*without, *missing_stages)
    return f'; to re-initialize these stages: --config.model.pretrained_without="{stages}"'


def key_maps_of(model: nnx.Module) -> Sequence[StageKeyMaps]:
    """The key maps of the model's class; UserError if it has none."""
    if type(model) not in KEY_MAPS:
        supported = ", ".join(kind.__name__ for kind in KEY_MAPS)
        raise UserError(
            f"{type(model).__name__} cannot load weights from a file; classes that can: {supported}"
        )
    return KEY_MAPS[type(model)](model)


def select_key_map(
    all_maps: Sequence[StageKeyMaps], tensors: Mapping[str, np.ndarray]
) -> StageKeyMaps:
    """The key map that has most of the names."""
    return max(
        all_maps,
        key=lambda maps: sum(source in tensors for keys in maps.values() for source in keys),
    )


def model_stages(model: Any, maps: StageKeyMaps) -> list[str]:
    """The stages of the model; those of the key map if it has no `stages()`."""
    return list(model.stages()) if hasattr(model, "stages") else list(maps)


def stem_source(maps: StageKeyMaps) -> str:
    """The source name of the kernel that takes images; "" for models other than backbones."""
    if "head" not in maps:
        return ""
    return next(iter(maps["stem" if "stem" in maps else "stage1"]))


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
