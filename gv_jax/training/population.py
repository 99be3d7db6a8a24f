"""Many runs in one program: networks of one architecture, trained in one compiled step.

They may differ in seed, learning rate, weight decay, dropout rate and label smoothing. Each network
gets the batches, augmentation, dropout and updates that it would have had by itself; only the order
of sums within matrix products may differ. It is for a GPU, which one small network leaves mostly
idle; on a CPU nothing is gained.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gv_jax.data.augment.base import Augmentation
from gv_jax.data.augment.mixing import smooth_labels
from gv_jax.data.batch_reader import BatchReader
from gv_jax.errors import UserError
from gv_jax.training.fit import InterruptedRun, Progress, RunTracker
from gv_jax.training.loop import PreemptionGuard, WaitTimer, iterate
from gv_jax.training.step import SplitModule, TrainState, Tree, make_train_step
from gv_jax.training.task import Batch, Task

MemberMetrics = list[dict[str, jax.Array]]  # metric sums of every member: of a step, or a call


class HParams(NamedTuple):
    """Hyper-parameters of the members: arrays [m], and a tree of arrays [m ...].

    learning_rate: relative to that of the optimizer. rng_state: of `SplitModule`.
    """

    seed: Any
    learning_rate: Any
    weight_decay: Any
    label_smoothing: Any
    rng_state: Tree


def tree_stack(trees: Sequence[Any]) -> Any:
    """Stacks trees of one structure: every array gets a leading axis of members."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def tree_index(tree: Any, index: int) -> Any:
    """The tree of one member."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def make_vmapped_train_step(
    network: SplitModule,
    task: Task,
    make_optimizer: Callable[[Any], optax.GradientTransformation],
    augment: Augmentation,
    *,
    ema_decay: float = 0.0,
    dtype: Any = jnp.float32,
) -> Callable[[TrainState, Batch, HParams], tuple[TrainState, MemberMetrics]]:
    """The training step of all members.

    Args:
        network: of one member.
        task: inputs, loss and metrics.
        make_optimizer: from a weight decay to an optimizer.
        augment: without label smoothing.
        ema_decay: per step, if the state holds an EMA.
        dtype: what the networks compute in.

    Returns:
        A function (stacked states [m], batches of all members one after the other [m·b ...],
        hyper-parameters [m]) -> (stacked states, metric sums of every member).
    """

    def train_member(
        state: TrainState, batch: Batch, hparams: HParams
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        def with_label_smoothing(
            key: jax.Array, images: jax.Array, targets: jax.Array
        ) -> tuple[jax.Array, jax.Array]:
            images, targets = augment(key, images, targets)
            return images, smooth_labels(targets, hparams.label_smoothing)

        train_step = make_train_step(
            replace(network, rng_state=hparams.rng_state),
            task,
            scale_updates(make_optimizer(hparams.weight_decay), hparams.learning_rate),
            with_label_smoothing,
            seed=hparams.seed,
            ema_decay=ema_decay,
            dtype=dtype,
        )
        return train_step(state, batch)

    def train_step(
        state: TrainState, batch: Batch, hparams: HParams
    ) -> tuple[TrainState, MemberMetrics]:
        members = len(hparams.seed)
        batch = {name: rows.reshape(members, -1, *rows.shape[1:]) for name, rows in batch.items()}
        state, sums = jax.vmap(train_member)(state, batch, hparams)
        return state, [tree_index(sums, index) for index in range(members)]

    return train_step


def scale_updates(
    optimizer: optax.GradientTransformation, factor: jax.Array
) -> optax.GradientTransformation:
    """`optimizer` at `factor` times its learning rate, which is the last factor of its updates."""

    def update(updates: Tree, state: Tree, params: Tree | None = None) -> tuple[Tree, Tree]:
        updates, state = optimizer.update(updates, state, params)
        return jax.tree.map(lambda leaf: leaf * factor, updates), state

    return optax.GradientTransformation(optimizer.init, update)


def fit_population(
    states: Sequence[TrainState],
    call: Callable[[TrainState, Any], tuple[TrainState, MemberMetrics]],
    get_inputs: BatchReader[int],
    trackers: Sequence[RunTracker],
) -> list[tuple[dict[str, Any], Progress] | UserError]:
    """Trains `states`, which are all at the same step, to the last step.

    Args:
        states: of the members.
        call: (stacked states, inputs) -> (stacked states, metric sums of every member).
        get_inputs: from the first step of a call to its inputs: the batch of all members, or the
            indices of such batches.
        trackers: of the members.

    Returns:
        The weights to report and the progress of every member. A run whose loss becomes non-finite
        is dropped; its UserError is returned in its place.

    Raises:
        InterruptedRun: SIGTERM or Ctrl-C was received; every member is saved.
    """
    failed: dict[int, UserError] = {}
    waiting = WaitTimer()
    with PreemptionGuard() as guard, ExitStack() as stack:
        restored = []
        for tracker, state in zip(trackers, states, strict=True):
            tracker.waiting = waiting
            restored.append(tracker.restore(state))
            stack.callback(tracker.close)
        stream = get_inputs.stream(trackers[0].loop.calls_from(trackers[0].progress.step))
        stack.callback(stream.close)
        measured = waiting.measure(stream)
        for current, metrics in iterate(tree_stack(restored), call, measured):
            requested, interruption = guard.requested, None
            for index, tracker in enumerate(trackers):
                if index in failed:
                    continue
                try:
                    tracker.on_call_end(
                        metrics[index],
                        lambda index=index, current=current: tree_index(current, index),
                        requested,
                    )
                except InterruptedRun as stop:
                    interruption = stop
                except UserError as error:
                    failed[index] = error
            if interruption is not None:
                raise interruption
            if len(failed) == len(trackers):
                break
    return [
        failed.get(index) or (tracker.best, tracker.progress)
        for index, tracker in enumerate(trackers)
    ]
