"""StableHLO: a compiled-on-load program for JAX on CPUs, GPUs and TPUs."""

import importlib.util

import jax
import numpy as np

from gv_jax.errors import UserError
from gv_jax.export.function import ImageFunction
from gv_jax.models.ops.platform import plain_operations

PLATFORMS = ("cpu", "cuda", "tpu")


def to_stablehlo(function: ImageFunction) -> bytes:
    """The serialized program; `jax.export.deserialize` reads it."""
    images = jax.ShapeDtypeStruct(function.input_shape, np.uint8)
    with plain_operations():
        exported = jax.export.export(jax.jit(function.apply), platforms=PLATFORMS)(images)
    return bytes(exported.serialize())


def require(*packages: str) -> None:
    """Raises UserError if a package of the extra `export` is missing."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"this export needs {' and '.join(missing)}: pip install 'gv_jax[export]', or "
            f"pip install {' '.join(missing)}"
        )
