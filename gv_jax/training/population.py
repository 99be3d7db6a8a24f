"""Many runs in one program: networks that differ in numbers only, trained together in one compiled step.

The numbers are the seed, the learning rate, the weight decay, the rate of dropout and the label smoothing. Each
network gets its own batches, augmentation, dropout and updates, those that it would have had by itself; only the
order of sums within the device's matrix products may differ. It is meant for a GPU, most of which one small network
leaves idle; on a CPU nothing is gained.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gv_jax.data.augment.mixing import smooth_labels
from gv_jax.errors import UserError
from gv_jax.training.fit import InterruptedRun, Progress, RunTracker
from gv_jax.training.loop import PreemptionGuard, iterate
from gv_jax.training.step import Augmentation, Batch, SplitModule, TrainState, Tree, make_train_step
from gv_jax.training.task import Task


class HParams(NamedTuple):
    """What tells the members of a population apart: arrays [m], and trees of arrays [m ...].

    learning_rate: as a share of the rate that the optimizer was built with. noise: the random streams and dropout
    rates of `Network.noise`.
    """

    seed: Any
    learning_rate: Any
    weight_decay: Any
    label_smoothing: Any
    noise: Tree


def tree_stack(trees: Sequence[Any]) -> Any:
    """Trees of one structure as one whose arrays have a leading axis of members."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def tree_index(tree: Any, number: int) -> Any:
    """One of them."""
    return jax.tree.map(lambda leaf: leaf[number], tree)


def make_vmapped_train_step(
    network: SplitModule,
    task: Task,
    optimizer: Callable[[Any], optax.GradientTransformation],
    augment: Augmentation,
    *,
    ema_decay: float = 0.0,
    dtype: Any = jnp.float32,
) -> Callable[[TrainState, Batch, HParams], tuple[TrainState, list[dict[str, jax.Array]]]]:
    """The training step of all members: (states [m], batches one after the other [m·b …], numbers [m])
    -> (states, metric sums of each).

    optimizer: from a weight decay. augment: without label
    smoothing.
    """

    def update(
        state: TrainState, batch: Batch, numbers: HParams
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        def softened(
            key: jax.Array, images: jax.Array, targets: jax.Array
        ) -> tuple[jax.Array, jax.Array]:
            images, targets = augment(key, images, targets)
            return images, smooth_labels(targets, numbers.label_smoothing)

        single = make_train_step(
            replace(network, noise=numbers.noise),
            task,
            scale_updates(optimizer(numbers.weight_decay), numbers.learning_rate),
            softened,
            seed=numbers.seed,
            ema_decay=ema_decay,
            dtype=dtype,
        )
        return single(state, batch)

    def update_all(
        state: TrainState, batch: Batch, numbers: HParams
    ) -> tuple[TrainState, list[dict[str, jax.Array]]]:
        members = len(numbers.seed)
        batch = {name: rows.reshape(members, -1, *rows.shape[1:]) for name, rows in batch.items()}
        state, sums = jax.vmap(update)(state, batch, numbers)
        return state, [tree_index(sums, number) for number in range(members)]

    return update_all


def scale_updates(
    optimizer: optax.GradientTransformation, factor: jax.Array
) -> optax.GradientTransformation:
    """`optimizer` at `factor` times its learning rate, which is the last thing that it multiplies by."""

    def update(updates: Tree, state: Tree, params: Tree | None = None) -> tuple[Tree, Tree]:
        updates, state = optimizer.update(updates, state, params)
        return jax.tree.map(lambda leaf: leaf * factor, updates), state

    return optax.GradientTransformation(optimizer.init, update)


def fit_population(
    states: Sequence[TrainState],
    update: Callable[[TrainState, Batch], tuple[TrainState, list[dict[str, Any]]]],
    batch_at: Callable[[int], Batch],
    trainings: Sequence[RunTracker],
) -> list[tuple[dict[str, Any], Progress] | UserError]:
    """Trains `states` to the end of their common plan; of each the weights to keep and its progress.

    All begin at the same step. A member whose loss is no longer finite is left behind: of it, the error. Raises
    Interrupted when every member is saved.
    """
    lost: dict[int, UserError] = {}
    with PreemptionGuard() as interruption, ExitStack() as stacked:
        opened = []
        for training, state in zip(trainings, states, strict=True):
            opened.append(training.open(state))
            stacked.callback(training.close)
        steps = range(trainings[0].progress.step, trainings[0].plan.steps)
        for current, metrics in iterate(tree_stack(opened), update, map(batch_at, steps)):
            requested, stopped = interruption.requested, None
            for number, training in enumerate(trainings):
                if number in lost:
                    continue
                try:
                    training.after(
                        metrics[number],
                        lambda number=number, current=current: tree_index(current, number),
                        requested,
                    )
                except InterruptedRun as stop:
                    stopped = stop
                except UserError as error:
                    lost[number] = error
            if stopped is not None:
                raise stopped
            if len(lost) == len(trainings):
                break
    return [
        lost.get(number) or (training.best, training.progress)
        for number, training in enumerate(trainings)
    ]
