"""Where arrays live: one mesh `("data",)` over all devices, batches sharded along it, everything else replicated."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from gv_jax.errors import UserError


def data_mesh() -> Mesh:
    """All devices in one row. The axis is Auto: per-sample augmentation is refused on an Explicit one."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """`tree` on every device."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def shard_batch(tree: Any, mesh: Mesh) -> Any:
    """`tree` with its first axis spread over the devices."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec("data")))


def check_batch_size(batch_size: int, mesh: Mesh) -> None:
    """UserError unless every device gets the same number of samples."""
    devices = mesh.size
    if batch_size % devices:
        fitting = max(batch_size // devices, 1) * devices
        raise UserError(
            f"a batch of {batch_size} cannot be spread evenly over {devices} devices: "
            f"try --config.train.batch_size={fitting}"
        )


def compiler_options() -> dict[str, str]:
    """XLA's options for this backend. On the CPU the YNNPACK fusion is off: its unpadded convolutions run at
    34 GFLOP/s where Eigen's reach 80 to 200."""
    return {"xla_cpu_experimental_ynn_fusion_type": ""} if jax.default_backend() == "cpu" else {}


def enable_compilation_cache(folder: Path) -> None:
    """Keeps what XLA compiles in `folder`, or where JAX_COMPILATION_CACHE_DIR says: the next start with the same shapes
    takes it from there."""
    jax.config.update(
        "jax_compilation_cache_dir",
        os.environ.get("JAX_COMPILATION_CACHE_DIR") or str(folder.absolute()),
    )
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def make_batch_fn(
    arrays: dict[str, np.ndarray], mesh: Mesh, resident_bytes: int
) -> Callable[[np.ndarray], Any]:
    """A function from indices int32 [b] to the batch of `arrays`' rows, on the devices, sharded.

    Arrays of up to `resident_bytes` stay on the devices and only indices travel; larger ones are read from
    their memory-mapped file batch by batch.
    """
    if sum(array.nbytes for array in arrays.values()) > resident_bytes:
        return lambda indices: shard_batch(
            {name: array[indices] for name, array in arrays.items()}, mesh
        )
    resident = replicate(arrays, mesh)
    take = jax.jit(lambda rows, indices: {name: array[indices] for name, array in rows.items()})
    return lambda indices: take(resident, shard_batch(indices, mesh))


def aot_compile(
    function: Callable[..., Any], mesh: Mesh, *arguments: Any, donate: bool = False
) -> Callable[..., Any]:
    """`function` compiled for arguments like these; all that it returns is replicated. Donates the first one."""
    whole = NamedSharding(mesh, PartitionSpec())
    jitted = jax.jit(
        function,
        donate_argnums=(0,) if donate else (),
        out_shardings=whole,
        compiler_options=compiler_options(),
    )
    return jitted.lower(*arguments).compile()
