"""Weights from elsewhere: PyTorch's names and shapes, put into a model of ours by a table of renames.

A table says for every tensor of the file which of our variables it becomes: {"head.1.weight": "head.kernel"}.
Kernels are turned from PyTorch's order (outputs first) into ours (outputs last).
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import SafetensorError
from safetensors.numpy import load_file

from gv_jax.errors import UserError

CONVERT = (
    'python -c "import sys, torch; from safetensors.torch import save_file; '
    'save_file(torch.load(sys.argv[1], weights_only=True), sys.argv[2])" '
)


def ninasr(units: int) -> dict[str, str]:
    """torchSR's NinaSR."""
    table = {"head.0.bias": "head_mean", "head.1.weight": "head.kernel"}
    inside = {
        "0.weight": "conv1.kernel",
        "0.bias": "conv1.bias",
        "2.body.1.weight": "attention.squeeze.kernel",
        "2.body.1.bias": "attention.squeeze.bias",
        "2.body.3.weight": "attention.excite.kernel",
        "2.body.3.bias": "attention.excite.bias",
        "3.weight": "conv2.kernel",
    }
    for unit in range(units):
        table |= {f"body.{unit}.body.{theirs}": f"units.{unit}.{ours}" for theirs, ours in inside.items()}
    return table | {"tail.0.weight": "tail.kernel", "tail.0.bias": "tail.bias", "tail.2.bias": "tail_mean"}


TABLES = {"ninasr_b0": ninasr(10)}


def check(name: str, file: Path) -> None:
    """UserError unless the model `name` can take the weights of `file`, as far as can be told from the names."""
    if name not in TABLES:
        raise UserError(
            f"config.model.pretrained: model {name!r} takes no weights from a file; models that do: {', '.join(TABLES)}"
        )
    if not file.is_file():
        raise UserError(f"config.model.pretrained: there is no file {file}")
    if file.suffix not in READERS:
        where = file.with_suffix(".safetensors")
        raise UserError(
            f"config.model.pretrained: {file} is not one of {', '.join(READERS)}; where PyTorch is installed, "
            f"{CONVERT}{file} {where} makes one of a state dict"
        )


def load(model: nnx.Module, name: str, file: Path) -> None:
    """Gives `model`, one of `name`, the weights in `file`.

    Raises UserError that names every tensor that is missing, not known or of another shape; then `model` is as before.
    """
    check(name, file)
    try:
        tensors = READERS[file.suffix](file)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise UserError(f"{file}: cannot be read as weights ({str(error).partition(chr(10))[0]})") from error
    put(model, name, file, tensors)


def put(model: nnx.Module, name: str, file: Path, tensors: Mapping[str, np.ndarray]) -> None:
    table = TABLES[name]
    tensors = {theirs: tensor for theirs, tensor in tensors.items() if not theirs.endswith(".num_batches_tracked")}
    variables = {theirs: variable(model, ours) for theirs, ours in table.items()}
    values = {theirs: ours_first(tensors[theirs]) for theirs in table if theirs in tensors}
    misshapen = [
        f"{theirs} {list(tensors[theirs].shape)} for {list(variables[theirs].shape)}"
        for theirs, value in values.items()
        if squeezed(value.shape) != squeezed(variables[theirs].shape)
    ]
    problems = {
        "missing": [theirs for theirs in table if theirs not in tensors],
        "not known": [theirs for theirs in tensors if theirs not in table],
        "of another shape": misshapen,
    }
    found = [f"{kind}: {', '.join(names)}" for kind, names in problems.items() if names]
    if found:
        raise UserError(f"{file} holds no weights of {name} ({'; '.join(found)})")
    for theirs, value in values.items():
        mine = variables[theirs]
        mine[...] = jnp.asarray(value.reshape(mine.shape), mine.dtype)


def variable(model: nnx.Module, path: str) -> Any:
    """The variable at `path`, as in "units.3.conv1.kernel"."""
    at: Any = model
    for part in path.split("."):
        at = at[int(part)] if part.isdigit() else getattr(at, part)
    return at


def ours_first(tensor: np.ndarray) -> np.ndarray:
    """A convolution's [o i k k] as [k k i o], a linear layer's [o i] as [i o]; anything else as it is."""
    if tensor.ndim == 4:
        return tensor.transpose(2, 3, 1, 0)
    return tensor.T if tensor.ndim == 2 else tensor


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape but for leading and trailing ones, which PyTorch gives to a colour [1 c 1 1]."""
    return tuple(side for side in shape if side > 1) if math.prod(shape) == max(shape, default=1) else shape


def from_npz(file: Path) -> dict[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


READERS = {".safetensors": load_file, ".npz": from_npz}
