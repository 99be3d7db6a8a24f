"""One training step and one evaluation step as pure functions of nested dicts of arrays.

The only file that splits, merges and views `nnx` modules. Randomness is `fold_in(seed, step)`: a
run that is resumed at any step continues with the stream that it would have had.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from gv_jax.data.augment.base import Augmentation
from gv_jax.data.augment.tta import Transform
from gv_jax.models.stages import is_under
from gv_jax.training.cast import cast_floats, cast_images
from gv_jax.training.ema import update_ema
from gv_jax.training.task import Batch, Task

Tree = Any  # nested dicts of arrays


class TrainState(NamedTuple):
    """All that training changes. `ema` is {"params", "batch_stats"} of the EMA, or {}."""

    step: jax.Array  # int32 []
    params: Tree
    batch_stats: Tree
    opt_state: Tree
    ema: Tree

    @property
    def eval_weights(self) -> tuple[Tree, Tree]:
        """The (params, batch_stats) to evaluate: those of the EMA if there is one."""
        if self.ema:
            return self.ema["params"], self.ema["batch_stats"]
        return self.params, self.batch_stats


class Frozen(NamedTuple):
    """Frozen modules (dotted paths): evaluation mode (running statistics, no dropout), no gradient.

    until_step: the first trained step, from 0; None: never trained.
    """

    modules: tuple[str, ...]
    until_step: int | None


@dataclass(frozen=True)
class SplitModule:
    """A module split into its graph definitions, in training and in evaluation, and its arrays.

    Attributes:
        rng_state: random streams and dropout rates.
        frozen: modules that are never, or not yet, trained.
        freeze_bn: whether batch normalization uses its running statistics everywhere.
    """

    train_graphdef: nnx.GraphDef
    eval_graphdef: nnx.GraphDef
    params: Tree
    batch_stats: Tree
    rng_state: Tree
    frozen: tuple[Frozen, ...] = ()
    freeze_bn: bool = False

    @staticmethod
    def from_module(
        model: nnx.Module, frozen: Sequence[Frozen] = (), freeze_bn: bool = False
    ) -> "SplitModule":
        """Splits `model`; its weights become `params` and `batch_stats`."""
        switch = {"raise_if_not_found": False}
        trained = nnx.view(model, deterministic=False, use_running_average=freeze_bn, **switch)
        for part in frozen:
            if part.until_step is None:
                only = module_filter(part.modules)
                trained = nnx.view(
                    trained, only=only, deterministic=True, use_running_average=True, **switch
                )
        evaluated = nnx.view(model, deterministic=True, use_running_average=True, **switch)
        graphdef, *states = nnx.split(trained, nnx.Param, nnx.BatchStat, ...)
        params, batch_stats, rng_state = (nnx.to_pure_dict(state) for state in states)
        return SplitModule(
            graphdef,
            nnx.graphdef(evaluated),
            params,
            batch_stats,
            rng_state,
            tuple(frozen),
            freeze_bn,
        )

    def apply_train(
        self, params: Tree, batch_stats: Tree, key: jax.Array, inputs: Tree, step: jax.Array
    ) -> tuple[jax.Array, Tree]:
        """(outputs, new batch statistics) in training mode; dropout draws from `key`."""
        rng_state = reseed_rngs(self.rng_state, key)
        is_frozen = {
            part.modules: step < part.until_step
            for part in self.frozen
            if part.until_step is not None
        }
        for modules, _ in self.frozen:
            params = freeze_params(params, modules, is_frozen.get(modules, True))
        for modules, now in is_frozen.items():
            rng_state = disable_dropout(rng_state, modules, now)
        model = nnx.merge(self.train_graphdef, params, batch_stats, rng_state, copy=True)
        for modules, now in is_frozen.items():
            model = nnx.view(
                model,
                only=module_filter(modules),
                use_running_average=self.freeze_bn or now,
                raise_if_not_found=False,
            )
        outputs = model(inputs)
        return outputs, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))

    def apply_eval(self, params: Tree, batch_stats: Tree, inputs: Tree) -> jax.Array:
        """The outputs in evaluation mode: no dropout, running statistics."""
        return self.merge_eval(params, batch_stats)(inputs)

    def merge_eval(self, params: Tree, batch_stats: Tree) -> Any:
        """The module in evaluation mode, with these weights."""
        return nnx.merge(self.eval_graphdef, params, batch_stats, self.rng_state, copy=True)


def reseed_rngs(rng_state: Tree, key: jax.Array) -> Tree:
    """Restarts every random stream from its own fold of `key`; dropout rates are unchanged."""

    def restart(index: int, leaf: jax.Array) -> jax.Array:
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return jax.random.fold_in(key, index) if is_key else leaf * 0

    leaves, structure = jax.tree.flatten(rng_state)
    return jax.tree.unflatten(structure, [restart(*pair) for pair in enumerate(leaves)])


def module_filter(modules: Sequence[str]) -> Callable[[Sequence[Any], Any], bool]:
    """An nnx filter for what is in `modules`."""
    return lambda path, value: is_under(path, modules)


def freeze_params(params: Tree, modules: Sequence[str], is_frozen: bool | jax.Array) -> Tree:
    """Stops the gradient of what is in `modules` where `is_frozen`; if it is True, statically."""

    def freeze(path: Sequence[Any], leaf: jax.Array) -> jax.Array:
        if not is_under([key.key for key in path], modules):
            return leaf
        constant = jax.lax.stop_gradient(leaf)
        return constant if is_frozen is True else jnp.where(is_frozen, constant, leaf)

    return jax.tree.map_with_path(freeze, params)


def disable_dropout(rng_state: Tree, modules: Sequence[str], is_frozen: jax.Array) -> Tree:
    """Sets the dropout rates in `modules` to 0 where `is_frozen`."""

    def disable(path: Sequence[Any], leaf: jax.Array) -> jax.Array:
        is_rate = jnp.issubdtype(leaf.dtype, jnp.floating)
        if not is_rate or not is_under([key.key for key in path], modules):
            return leaf
        return jnp.where(is_frozen, jnp.zeros_like(leaf), leaf)

    return jax.tree.map_with_path(disable, rng_state)


def init_train_state(
    network: SplitModule, optimizer: optax.GradientTransformation, *, ema: bool
) -> TrainState:
    """The state before the first step; `ema`: whether it holds a moving average."""
    weights = {"params": network.params, "batch_stats": network.batch_stats}
    state = TrainState(
        step=jnp.int32(0),
        **weights,
        opt_state=optimizer.init(network.params),
        ema=weights if ema else {},
    )
    return jax.tree.map(jnp.array, state)  # buffers of its own: the step donates them


def make_train_step(
    network: SplitModule,
    task: Task,
    optimizer: optax.GradientTransformation,
    augment: Augmentation,
    *,
    seed: int | jax.Array,
    ema_decay: float = 0.0,
    dtype: Any = jnp.float32,
) -> Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]:
    """The training step: (state, batch) -> (state, sums of all metrics over the batch and "count").

    Args:
        network: what is trained.
        task: inputs, loss and metrics.
        optimizer: of the parameters.
        augment: (key, images, targets) -> (images, targets).
        seed: of augmentation and dropout.
        ema_decay: per step, if the state holds an EMA.
        dtype: what the network computes in; weights, statistics, loss and optimizer stay float32.
    """

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        step_key = jax.random.fold_in(jax.random.key(seed), state.step)
        augment_key, dropout_key, input_key = jax.random.split(step_key, 3)
        images, targets = augment(augment_key, *task.prepare_batch(batch))
        inputs, targets = task.make_inputs(input_key, images, targets)

        def loss_fn(params: Tree) -> tuple[jax.Array, tuple[dict[str, jax.Array], Tree]]:
            outputs, batch_stats = network.apply_train(
                cast_floats(params, dtype),
                state.batch_stats,
                dropout_key,
                cast_images(inputs, dtype),
                state.step,
            )
            metrics = task.metrics(outputs.astype(jnp.float32), targets)
            return metrics["loss"].mean(), (metrics, batch_stats)

        (_, (metrics, batch_stats)), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        weights = {
            "params": optax.apply_updates(state.params, updates),
            "batch_stats": batch_stats,
        }
        ema = update_ema(state.ema, weights, ema_decay, state.step) if state.ema else state.ema
        sums = {name: values.sum() for name, values in metrics.items()}
        sums["count"] = jnp.float32(len(metrics["loss"]))
        return TrainState(state.step + 1, **weights, opt_state=opt_state, ema=ema), sums

    return train_step


def eval_key() -> jax.Array:
    """The key of every evaluation: an image at one index of a batch always has the same inputs."""
    return jax.random.key(0)


def make_predict(
    network: SplitModule, *, dtype: Any = jnp.float32
) -> Callable[[Tree, Tree, Tree], jax.Array]:
    """The network in evaluation mode: (params, batch_stats, inputs) -> outputs float32."""

    def predict(params: Tree, batch_stats: Tree, inputs: Tree) -> jax.Array:
        params = cast_floats(params, dtype)
        return network.apply_eval(params, batch_stats, cast_images(inputs, dtype)).astype(
            jnp.float32
        )

    return predict


def transform_inputs(task: Task, batch: Batch, transforms: Sequence[Transform]) -> jax.Array:
    """Network inputs of all transforms of a batch, one after the other.  # [t·n ...]"""
    images, targets = task.prepare_batch(batch)
    return jnp.concatenate(
        [task.make_inputs(eval_key(), transform(images), targets)[0] for transform in transforms]
    )


def make_eval_step(
    network: SplitModule,
    task: Task,
    *,
    transforms: Sequence[Transform] = (),
    dtype: Any = jnp.float32,
) -> Callable[[Tree, Tree, Batch], tuple[Tree, dict[str, jax.Array]]]:
    """The evaluation step: (params, batch_stats, batch) -> (eval outputs, metrics by name [n]).

    Args:
        network: in evaluation mode.
        task: inputs, metrics and eval outputs.
        transforms: of test-time augmentation: outputs (of classifiers: logits) are averaged.
        dtype: what the network computes in.
    """
    predict = make_predict(network, dtype=dtype)

    def eval_step(params: Tree, batch_stats: Tree, batch: Batch) -> tuple[Tree, dict]:
        inputs, targets = task.make_inputs(eval_key(), *task.prepare_batch(batch))
        if len(transforms) > 1:
            inputs = transform_inputs(task, batch, transforms)
        outputs = predict(params, batch_stats, inputs)
        if len(transforms) > 1:
            outputs = outputs.reshape(len(transforms), -1, *outputs.shape[1:]).mean(0)
        return task.eval_outputs(outputs, targets), task.metrics(outputs, targets)

    return eval_step
