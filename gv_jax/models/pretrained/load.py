"""Weights from elsewhere: a file in PyTorch's names and shapes, put into a model of ours by a table of renames.

Kernels are turned from PyTorch's order (outputs first) into ours (outputs last).
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import SafetensorError
from safetensors.numpy import load_file

from gv_jax.errors import UserError, unknown
from gv_jax.models import MODELS, model_class
from gv_jax.models.color_encoders import BackboneColorizer, Fusion
from gv_jax.models.pretrained.key_maps import IGNORED_KEYS, KEY_MAPS, KeyMap, StageKeyMaps

CONVERT_HINT = (
    'python -c "import sys, torch; from safetensors.torch import save_file; '
    'save_file(torch.load(sys.argv[1], weights_only=True), sys.argv[2])" '
)
BACKBONE_ATTR = {
    BackboneColorizer: "trunk",
    Fusion: "classifier",
}  # the part that takes the weights of a classifier
Model = TypeVar("Model", bound=nnx.Module)
MAX_LISTED = 5  # of a kind in an error; the others are counted


def load_pretrained(model: Model, file: Path | str, without: Sequence[str] = ()) -> Model:
    """`model` with the weights in `file`, a .safetensors or .npz in torchvision's or timm's names.

    It then takes RGB normalised as the weights' card says (`card.py`). Stages in `without`, names of
    `model.parts()`, stay as they are, whatever the file holds of them; so does a trunk's stage that the model itself
    leaves out. A stem of other channels than RGB is made of the RGB one, see `for_channels`.
    Of a network that colours with a classifier's eyes it is this classifier that takes them, but for its head.
    Raises UserError that names what is missing, not known or of another shape; then `model` is as before.
    """
    part = BACKBONE_ATTR.get(type(model))
    if part is not None:
        load_pretrained(getattr(model, part), file, ("head",))
        return model
    file = Path(file)
    check_weights_file(file)
    try:
        tensors = WEIGHT_READERS[file.suffix](file)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, SafetensorError) as error:
        raise UserError(
            f"{file}: cannot be read as weights ({str(error).partition(chr(10))[0]})"
        ) from error
    load_state_dict(model, str(file), tensors, without)
    return model


def check_pretrainable(name: str) -> None:
    """UserError unless the model of that name can take weights from a file."""
    takers = [
        other
        for other in MODELS
        if model_class(other) in KEY_MAPS or model_class(other) in BACKBONE_ATTR
    ]
    if name not in takers:
        raise UserError(
            f"config.model.pretrained: model {name!r} takes no weights from a file; models that do: {', '.join(takers)}"
        )


def check_weights_file(file: Path) -> None:
    """UserError unless there is such a file, and of a kind that can be read."""
    if not file.is_file():
        raise UserError(f"config.model.pretrained: there is no file {file}")
    if file.suffix not in WEIGHT_READERS:
        where = file.with_suffix(".safetensors")
        raise UserError(
            f"config.model.pretrained: {file} is not one of {', '.join(WEIGHT_READERS)}; where PyTorch is installed, "
            f"{CONVERT_HINT}{file} {where} makes one of a state dict"
        )


def load_state_dict(
    model: nnx.Module, source: str, tensors: Mapping[str, np.ndarray], without: Sequence[str]
) -> None:
    tensors = {
        theirs: tensor
        for theirs, tensor in tensors.items()
        if not theirs.endswith(".num_batches_tracked")
    }
    table = select_key_map(model, tensors)
    own = list(split_stages(model, table))
    for stage in without:
        if stage not in own:
            raise unknown("stage", stage, own)
    wanted: KeyMap = {}
    for stage in own:
        wanted |= {} if stage in without else table[stage]
    known = {theirs for names in table.values() for theirs in names}
    variables = {theirs: get_variable(model, ours) for theirs, ours in wanted.items()}
    values = {
        theirs: convert_tensor(tensors[theirs], variables[theirs].shape, ours == stem_of(table))
        for theirs, ours in wanted.items()
        if theirs in tensors
    }
    problems = {
        "missing": [theirs for theirs in wanted if theirs not in tensors],
        "not known": [
            name for name in tensors if name not in known and not name.startswith(IGNORED_KEYS)
        ],
        "of another shape": [
            f"{theirs} {list(tensors[theirs].shape)} for {list(variables[theirs].shape)}"
            for theirs, value in values.items()
            if squeeze_kernel(value.shape) != squeeze_kernel(variables[theirs].shape)
        ],
    }
    found = [f"{kind}: {truncate_list(names)}" for kind, names in problems.items() if names]
    if found:
        hint = reinit_hint(table, wanted, tensors, without) if len(found) == 1 else ""
        raise UserError(
            f"{source} holds no weights of this {type(model).__name__} ({'; '.join(found)}){hint}"
        )
    for theirs, value in values.items():
        mine = variables[theirs]
        mine[...] = jnp.asarray(value.reshape(mine.shape), mine.dtype)


def reinit_hint(
    table: StageKeyMaps, wanted: KeyMap, tensors: Mapping[str, np.ndarray], without: Sequence[str]
) -> str:
    """How to go on where some stages are missing as a whole, the others are there, and all has the right shape."""
    whole = [
        stage
        for stage, names in table.items()
        if names.keys() <= wanted.keys() and not names.keys() & tensors.keys()
    ]
    missing = {theirs for theirs in wanted if theirs not in tensors}
    if (
        not missing
        or missing == wanted.keys()
        or missing != {theirs for stage in whole for theirs in table[stage]}
    ):
        return ""
    return f'; to start these stages anew: --config.model.pretrained_without="{(*without, *whole)}"'


def select_key_map(model: nnx.Module, tensors: Mapping[str, np.ndarray]) -> StageKeyMaps:
    """Of the tables of the model's family the one that knows most of the names."""
    if type(model) not in KEY_MAPS:
        families = ", ".join(family.__name__ for family in KEY_MAPS)
        raise UserError(
            f"{type(model).__name__} takes no weights from a file; networks that do: {families}"
        )
    return max(
        KEY_MAPS[type(model)](model),
        key=lambda table: sum(name in tensors for of in table.values() for name in of),
    )


def split_stages(model: Any, table: StageKeyMaps) -> Sequence[str]:
    """The stages that the model has."""
    return list(model.parts()) if hasattr(model, "parts") else list(table)


def stem_of(table: StageKeyMaps) -> str:
    """The variable that sees the picture: the first kernel of a trunk."""
    return (
        next(iter(table["stem" if "stem" in table else "stage1"].values()))
        if "head" in table
        else ""
    )


def truncate_list(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def get_variable(model: nnx.Module, path: str) -> Any:
    """The variable at `path`, as in "units.3.conv1.kernel"."""
    at: Any = model
    for part in path.split("."):
        at = at[int(part)] if part.isdigit() else getattr(at, part)
    return at


def convert_tensor(tensor: np.ndarray, shape: tuple[int, ...], sees_pictures: bool) -> np.ndarray:
    """A tensor of PyTorch's in our order of axes, where it is to become a variable of `shape`.

    A convolution's [o i a b] becomes [a b i o], a linear layer's [o i] becomes [i o], or, where ours is the
    convolution that covers the map, [a b i o] too; anything else is as it is.
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
    return (
        adapt_input_channels(kernel, shape[2])
        if sees_pictures and len(shape) == 4 and kernel.shape[2] == 3
        else kernel
    )


def adapt_input_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """The kernel [a b 3 o] of an RGB stem for pictures of `channels`; the answer for what RGB can show is unchanged.

    RGBA and more: nothing is made of the other channels yet. Grey: the sum over RGB, so that a picture v answers as
    [v v v] does. Grey and alpha: that, and nothing of alpha.
    """
    seen = kernel if channels >= 3 else kernel.sum(2, keepdims=True)
    return np.pad(seen, ((0, 0), (0, 0), (0, channels - seen.shape[2]), (0, 0)))


def squeeze_kernel(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape but for leading and trailing ones, which PyTorch gives to a colour [1 c 1 1]."""
    return (
        tuple(side for side in shape if side > 1)
        if math.prod(shape) == max(shape, default=1)
        else shape
    )


def read_npz(file: Path) -> dict[str, np.ndarray]:
    with file.open("rb") as content:  # which np.load leaves open where it fails
        arrays = np.load(content, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            raise ValueError("one array without a name")
        return dict(arrays)


WEIGHT_READERS = {".safetensors": load_file, ".npz": read_npz}
