"""Tables of positions in a state dict, as those of a model."""

from collections.abc import Mapping
from math import isqrt

import jax.numpy as jnp
import numpy as np

from gv_jax.errors import UserError
from gv_jax.models.position_table import resample_positions

POSITION_TABLE = "pos_embed"  # its name in a state dict


def convert_positions(tensor: np.ndarray, shape: tuple[int, ...], source: str) -> np.ndarray:
    """Interpolates a table to the grid of a model.

    A table without a position of the class token gets zeros there.

    Args:
        tensor: [1 g*g c], or with the class token [1 1+g*g c].
        shape: of the model's table, (1, 1+m*m, c).
        source: name of the tensor and where it is from, for errors.

    Returns:
        [1 1+m*m c]; the tensor itself where it has no three axes or another width.

    Raises:
        UserError: its positions are of no square grid.
    """
    if tensor.ndim != 3 or tensor.shape[::2] != shape[::2]:
        return tensor
    count = tensor.shape[1]
    if count == isqrt(count) ** 2:
        tensor = np.pad(tensor, ((0, 0), (1, 0), (0, 0)))
    elif count - 1 != isqrt(count - 1) ** 2:
        raise UserError(
            f"{source} has the shape {list(tensor.shape)}, and the model's is {list(shape)}: "
            f"{count:,} positions are no square grid, with or without a class token, so they "
            "cannot be interpolated; give weights of a model for square images"
        )
    side = isqrt(shape[1] - 1)
    return np.asarray(resample_positions(jnp.asarray(tensor), (side, side)))


def find_other_width(
    tensors: Mapping[str, np.ndarray], shape: tuple[int, ...]
) -> tuple[str, tuple[int, ...]] | None:
    """The name and the shape of a table whose width is not that of a model; None for none.

    Args:
        tensors: the state dict, with or without a prefix.
        shape: of the model's table, (1, 1+m*m, c).
    """
    for name, tensor in tensors.items():
        is_table = name.rpartition(".")[2] == POSITION_TABLE and tensor.ndim == len(shape)
        if is_table and tensor.shape[-1] != shape[-1]:
            return name, tensor.shape
    return None
