"""What may be wrong with a tensor of a state dict: its type, its order of axes, its values."""

from collections.abc import Mapping
from itertools import permutations

import jax.numpy as jnp
import numpy as np

WEIGHT_DTYPES = tuple(map(np.dtype, (np.float16, np.float32, np.float64, jnp.bfloat16)))
TORCH_AXES = "OIHW"  # outputs, inputs, height, width
LAYOUT_FRACTION = 0.5  # of the kernels that another order of axes has to explain


def describe_dtype(dtype: np.dtype) -> str:
    """The name of a type; NumPy stores float8 as a byte without one."""
    return "float8, or another type of one byte" if dtype == np.dtype("V1") else str(dtype)


def torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape in PyTorch's order of axes of a variable whose outputs are last."""
    if len(shape) == 4:
        return shape[3], shape[2], shape[0], shape[1]
    return shape[::-1] if len(shape) == 2 else shape


def find_layout(
    shapes: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> str:
    """The order of axes, as in "HWIO", that most kernels have in common; "" if it is PyTorch's.

    Args:
        shapes: name -> shape in the file.
        expected: name -> shape in PyTorch's order.
    """
    kernels = [name for name, shape in expected.items() if len(shape) == 4 and name in shapes]
    misfits = [name for name in kernels if shapes[name] != expected[name]]
    if not misfits:
        return ""
    best, best_count = "", LAYOUT_FRACTION * len(misfits)
    for order in permutations(range(4)):
        count = sum(
            shapes[name] == tuple(expected[name][axis] for axis in order) for name in misfits
        )
        if count > best_count:
            best, best_count = "".join(TORCH_AXES[axis] for axis in order), count
    return best


def layout_hint(layout: str) -> str:
    """How a tensor of this order of axes is converted; "" for ""."""
    if not layout:
        return ""
    order = ", ".join(str(layout.index(axis)) for axis in TORCH_AXES)
    return (
        f"; its kernels have the order of axes {layout}, and PyTorch's is {TORCH_AXES}: convert "
        f"each with numpy.transpose(kernel, ({order})), and transpose dense layers to OI"
    )


def to_float32(tensor: np.ndarray) -> np.ndarray:
    """The tensor as float32; values beyond its range become infinite."""
    with np.errstate(over="ignore"):
        return tensor.astype(np.float32, copy=False)


def describe_bad_values(value: np.ndarray, name: str) -> str:
    """The number of NaN, infinite and, in a variance, negative values; "" without any.

    Args:
        value: float32.
        name: of the tensor in PyTorch.
    """
    negative = (value < 0).sum() if name.endswith(".running_var") else 0
    counts = {
        "NaN": int(np.isnan(value).sum()),
        "infinite": int(np.isinf(value).sum()),
        "negative": int(negative),
    }
    found = [f"{count:,} {kind}" for kind, count in counts.items() if count]
    return f"{' and '.join(found)} of {value.size:,} values" if found else ""
