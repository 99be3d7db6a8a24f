"""Several training steps in one compiled call.

A host starts the step of a small network more slowly than a GPU or TPU computes it. A call of
several steps is started once: it loops over the indices of their batches, whose rows stay on the
devices.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from gv_jax import distributed
from gv_jax.data.batch_reader import BatchReader
from gv_jax.training.fit import LoopConfig
from gv_jax.training.step import TrainState

LOGGER = logging.getLogger(__name__)
TrainStep = Callable[..., tuple[TrainState, Any]]  # (state, batch, ...) -> (state, metric sums)


def limit_steps_per_call(
    loop: LoopConfig, get_batch: BatchReader[np.ndarray], mesh: Mesh
) -> LoopConfig:
    """`loop`, with one step per call unless the rows of batches are on the devices of one process.

    Logs a line where that changes it.
    """
    if loop.steps_per_call == 1 or get_batch.resident is not None:
        return loop
    reason = (
        "several processes read their rows of every batch"
        if mesh.is_multi_process
        else "the training images are larger than config.train.device_cache_mb, and are read for "
        "every batch"
    )
    LOGGER.warning(
        "config.train.steps_per_call is %d, but every call has one step: %s",
        loop.steps_per_call,
        reason,
    )
    return replace(loop, steps_per_call=1)


def compile_calls(
    train_step: TrainStep,
    state: TrainState,
    get_batch: BatchReader[np.ndarray],
    indices_at: Callable[[int], np.ndarray],
    loop: LoopConfig,
    mesh: Mesh,
    *others: Any,
) -> tuple[TrainStep, BatchReader[int]]:
    """Compiles the calls of a training ahead of time.

    Args:
        train_step: (state, batch, *others) -> (state, metric sums); pure.
        state: of the shapes and shardings to compile for.
        get_batch: from indices to a batch, whose rows are resident if a call has several steps.
        indices_at: from a step to the indices of its batch, int32 [b].
        loop: as of `limit_steps_per_call`.
        mesh: the devices.
        *others: further arguments of every step.

    Returns:
        The call, from a state and what the reader gives to the next state and its metric sums,
        arrays [k] for k steps; and the reader, from the first step of a call.
    """
    out_shardings = (distributed.shardings_of(state), distributed.replicated(mesh))

    def compile_for(function: TrainStep, *arguments: Any) -> TrainStep:
        return distributed.aot_compile(
            function, mesh, *arguments, *others, donate=True, out_shardings=out_shardings
        )

    if loop.steps_per_call == 1:
        batch_at = get_batch.select(indices_at)
        compiled = compile_for(train_step, state, batch_at(0))
        return lambda state, batch: compiled(state, batch, *others), batch_at

    train_steps = make_train_steps(train_step, mesh, unroll=has_slow_loops(mesh))
    rows, programs = get_batch.resident, {}

    def read(first_step: int) -> jax.Array:
        indices = np.stack([indices_at(step) for step in loop.call_at(first_step)])
        return distributed.shard_batch(indices, mesh, axis=1)

    def find_program(state: TrainState, indices: jax.Array) -> TrainStep:
        steps = len(indices)
        if steps not in programs:
            programs[steps] = compile_for(train_steps, state, rows, indices)
        return programs[steps]

    def call(state: TrainState, indices: jax.Array) -> tuple[TrainState, Any]:
        return find_program(state, indices)(state, rows, indices, *others)

    calls = loop.calls_from(0)
    for first_step in (calls[0], calls[-1]):  # the last call of an epoch may be shorter
        find_program(state, read(first_step))
    return call, BatchReader(read)


def make_train_steps(train_step: TrainStep, mesh: Mesh, *, unroll: bool) -> TrainStep:
    """Several steps as one function.

    Args:
        train_step: (state, batch, ...) -> (state, metric sums).
        mesh: the devices.
        unroll: whether the program repeats the step instead of looping.

    Returns:
        A function (state, rows by name [n ...], indices int32 [k b], ...) -> (state, metric sums
        [k]).
    """

    def train_steps(
        state: TrainState, rows: Any, indices: jax.Array, *others: Any
    ) -> tuple[TrainState, Any]:
        def take_step(state: TrainState, indices: jax.Array) -> tuple[TrainState, Any]:
            batch = distributed.take_rows(rows, indices)
            sharding = distributed.batch_sharding(mesh)
            return train_step(state, jax.lax.with_sharding_constraint(batch, sharding), *others)

        if not unroll:
            return jax.lax.scan(take_step, state, indices)
        # Not `scan(unroll=True)`, which leaves a loop of one iteration.
        traced_once, steps = jax.jit(take_step), []
        for index in range(len(indices)):
            state, sums = traced_once(state, indices[index])
            steps.append(sums)
        return state, jax.tree.map(lambda *values: jnp.stack(values), *steps)

    return train_steps


def has_slow_loops(mesh: Mesh) -> bool:
    """Whether loops are to be unrolled: a CNN is 9 times as slow in a loop on a CPU."""
    return mesh.devices.flat[0].platform == "cpu"
