"""Placement of arrays and compilation.

One mesh `("data",)` over all devices: batches are sharded along it. All other arrays are
replicated; with config.train.shard_state, the large ones of a training state are sharded too.
"""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from gv_jax.data.batch_reader import BatchReader
from gv_jax.data.rows import read_rows
from gv_jax.errors import UserError

Built = TypeVar("Built")
SHARDED_BYTES = 64 * 2**10  # of the smallest array of a training state that is sharded


def data_mesh() -> Mesh:
    """All devices. The axis is Auto: on an Explicit one JAX rejects per-sample augmentation."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of an array that every device holds."""
    return NamedSharding(mesh, PartitionSpec())


def local_mesh() -> Mesh:
    """The devices of this process."""
    devices = jax.local_devices()
    axis_types = (AxisType.Auto,)
    return jax.make_mesh((len(devices),), ("data",), devices=devices, axis_types=axis_types)


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Copies `tree`, which is the same in all processes, to every device."""
    return place(tree, jax.tree.map(lambda _: replicated(mesh), tree))


def batch_sharding(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """The sharding of arrays whose `axis` is divided among the devices."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, "data"))


def shard_batch(tree: Any, mesh: Mesh, axis: int = 0) -> Any:
    """Shards an axis of every array of `tree` over the devices."""
    return jax.device_put(tree, batch_sharding(mesh, axis))


def take_rows(rows: Mapping[str, Any], indices: Any) -> dict[str, Any]:
    """The rows of arrays [n ...] at `indices` [b], by name."""
    return {name: array[indices] for name, array in rows.items()}


def choose_shardings(tree: Any, mesh: Mesh, *, sharded: bool) -> Any:
    """The sharding of every array of a training state; of equal shapes, equal ones.

    Args:
        tree: arrays, or their shapes and dtypes.
        mesh: the devices.
        sharded: whether arrays of at least `SHARDED_BYTES` are divided along their largest
            dimension that the number of devices divides; all others are replicated.
    """

    def choose(leaf: Any) -> NamedSharding:
        axes: list[str | None] = [None] * len(leaf.shape)
        fitting = [size if size % mesh.size == 0 else 0 for size in leaf.shape]
        if sharded and leaf.size * leaf.dtype.itemsize >= SHARDED_BYTES and any(fitting):
            axes[fitting.index(max(fitting))] = "data"
        return NamedSharding(mesh, PartitionSpec(*axes))

    return jax.tree.map(choose, tree)


def shardings_of(tree: Any) -> Any:
    """The sharding of every array of a tree on devices."""
    return jax.tree.map(lambda array: array.sharding, tree)


def place(tree: Any, shardings: Any) -> Any:
    """The arrays of `tree`, the same in all processes, on the devices, each with its sharding."""
    if jax.process_count() == 1:
        return jax.device_put(tree, shardings)

    def place_parts(leaf: Any, sharding: NamedSharding) -> jax.Array:
        values = np.asarray(leaf)
        return jax.make_array_from_callback(values.shape, sharding, lambda part: values[part])

    return jax.tree.map(place_parts, tree, shardings)


def fetch(tree: Any) -> Any:
    """Copies of the whole arrays of `tree` on the host; all processes must call it."""

    def fetch_whole(array: Any) -> np.ndarray:
        if isinstance(array, jax.Array) and not (
            array.is_fully_addressable or array.is_fully_replicated
        ):
            return np.asarray(multihost_utils.process_allgather(array, tiled=True))
        return np.array(array, copy=True)

    return jax.tree.map(fetch_whole, tree)


def count_device_bytes(tree: Any, shardings: Any) -> int:
    """Bytes of the arrays of `tree` on each device.

    Args:
        tree: arrays, or their shapes and dtypes.
        shardings: of every array.
    """
    sizes = jax.tree.map(
        lambda leaf, sharding: math.prod(sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize,
        tree,
        shardings,
    )
    return sum(jax.tree.leaves(sizes))


def make_gather(mesh: Mesh) -> Callable[[Any], Any]:
    """The function, inside a compiled one, from sharded arrays to whole ones on every device.

    Its gradient is sharded as `choose_shardings` does, so that each device receives only its part.
    """

    @jax.custom_vjp
    def gather(tree: Any) -> Any:
        return jax.lax.with_sharding_constraint(tree, replicated(mesh))

    def backward(_: None, gradients: Any) -> tuple[Any]:
        shardings = choose_shardings(gradients, mesh, sharded=True)
        return (jax.lax.with_sharding_constraint(gradients, shardings),)

    gather.defvjp(lambda tree: (gather(tree), None), backward)
    return gather


def check_batch_size(batch_size: int, mesh: Mesh) -> None:
    """Raises UserError unless every device gets the same number of samples."""
    if batch_size % mesh.size:
        multiple = max(batch_size // mesh.size, 1) * mesh.size
        raise UserError(
            f"config.train.batch_size={batch_size} is not a multiple of the {mesh.size} devices: "
            f"try --config.train.batch_size={multiple}"
        )


def compiler_options() -> dict[str, str]:
    """XLA's options for this backend.

    On the CPU, YNNPACK fusion is off: its unpadded convolutions reach 34 GFLOP/s, Eigen's 80 to
    200.
    """
    return {"xla_cpu_experimental_ynn_fusion_type": ""} if jax.default_backend() == "cpu" else {}


def build_on_host(build: Callable[[], Built]) -> Built:
    """The result of build(), with its arrays in the memory of the host, where there is a choice."""
    try:
        host = jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # JAX_PLATFORMS names accelerators only
        return build()
    with jax.default_device(host):
        return build()


def enable_compilation_cache(folder: Path) -> None:
    """Keeps compiled programs for later processes in JAX_COMPILATION_CACHE_DIR, or in `folder`."""
    jax.config.update(
        "jax_compilation_cache_dir",
        os.environ.get("JAX_COMPILATION_CACHE_DIR") or str(folder.absolute()),
    )
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def make_batch_reader(
    arrays: Mapping[str, Any],
    mesh: Mesh,
    resident_bytes: int,
    *,
    threads: int = 0,
    prefetch: int = 1,
) -> BatchReader[np.ndarray]:
    """Makes the reader from indices int32 [b] to the sharded batch of these rows of `arrays`.

    Args:
        arrays: of a split, by name, [n ...]; may be memory-mapped, or decoded when indexed.
        mesh: the devices. Where they belong to several processes, each reads its rows only.
        resident_bytes: arrays of at most this size stay on the devices, and only indices are
            transferred; of larger arrays the rows are read and transferred for every batch.
        threads: that read batches ahead, unless the arrays stay on the devices.
        prefetch: batches that are read ahead.
    """
    size = sum(array.nbytes for array in arrays.values())
    if size > resident_bytes or mesh.is_multi_process:

        def read(indices: np.ndarray) -> Any:
            return {name: shard_rows(array, indices, mesh) for name, array in arrays.items()}

        return BatchReader(read, threads, prefetch)
    resident = replicate({name: np.asarray(array) for name, array in arrays.items()}, mesh)
    take = jax.jit(take_rows)
    return BatchReader(
        lambda indices: take(resident, shard_batch(indices, mesh)), resident=resident
    )


def shard_rows(array: Any, indices: np.ndarray, mesh: Mesh) -> jax.Array:
    """The rows of `array` [n ...] at `indices` [b], of which each process reads its share."""
    if not mesh.is_multi_process:
        return shard_batch(read_rows(array, indices), mesh)

    def read_share(part: Any) -> np.ndarray:  # a slice along each axis
        return read_rows(array, indices[part[0]])

    shape = len(indices), *array.shape[1:]
    return jax.make_array_from_callback(shape, batch_sharding(mesh), read_share)


def aot_compile(
    function: Callable[..., Any],
    mesh: Mesh,
    *arguments: Any,
    donate: bool = False,
    out_shardings: Any = None,
) -> Callable[..., Any]:
    """Compiles `function` ahead of time.

    Args:
        function: pure.
        mesh: the devices.
        *arguments: of the shapes, dtypes and shardings to compile for.
        donate: whether the buffers of the first argument are reused for the results.
        out_shardings: of the results, or of a prefix of their tree; None: replicated.
    """
    jitted = jax.jit(
        function,
        donate_argnums=(0,) if donate else (),
        out_shardings=out_shardings or replicated(mesh),
        compiler_options=compiler_options(),
    )
    return jitted.lower(*arguments).compile()
