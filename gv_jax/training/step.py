"""One training step and one evaluation step as pure functions of nested dicts of arrays.

The only file that splits, merges and views `nnx` modules. Randomness is `fold_in(seed, step)`: a run that is
resumed at any step goes on with the stream that it would have had.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from gv_jax.data.augment.tta import Transform
from gv_jax.models.layers import Conv
from gv_jax.models.stages import capture_input, is_under
from gv_jax.models.summary import layer_outputs
from gv_jax.training.ema import update_ema
from gv_jax.training.task import Task

Tree = Any  # nested dicts of arrays
Batch = dict[str, jax.Array]
Augmentation = Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]


class TrainState(NamedTuple):
    """All that training changes. `average` is {"params", "stats"} of the moving average, or {} without one."""

    step: jax.Array  # int32 []
    params: Tree
    stats: Tree
    opt: Tree
    average: Tree

    @property
    def weights(self) -> tuple[Tree, Tree]:
        """The (params, stats) to evaluate: the moving average where there is one."""
        if self.average:
            return self.average["params"], self.average["stats"]
        return self.params, self.stats


class Frozen(NamedTuple):
    """Modules, by dotted path, that training passes through as evaluation does, with no gradient for their weights:
    stored statistics, which stay, and no dropout. until: the step, from 0, that ends this; None for the last."""

    modules: tuple[str, ...]
    until: int | None


@dataclass(frozen=True)
class SplitModule:
    """A module taken apart into what it is in training, what it is in evaluation, and its arrays.

    noise: random streams and the rates of dropout. held: parts that do not learn, or not yet. freeze_bn: batch
    normalisation keeps and uses the stored ones everywhere.
    """

    training: nnx.GraphDef
    evaluation: nnx.GraphDef
    params: Tree
    stats: Tree
    noise: Tree
    held: tuple[Frozen, ...] = ()
    freeze_bn: bool = False

    @staticmethod
    def of(
        model: nnx.Module, held: Sequence[Frozen] = (), freeze_bn: bool = False
    ) -> "SplitModule":
        """Takes `model` apart; its weights become `params` and `stats`."""
        switch = {"raise_if_not_found": False}
        training = nnx.view(model, deterministic=False, use_running_average=freeze_bn, **switch)
        for part in held:
            if part.until is None:
                chosen = module_filter(part.modules)
                training = nnx.view(
                    training, only=chosen, deterministic=True, use_running_average=True, **switch
                )
        evaluation = nnx.view(model, deterministic=True, use_running_average=True, **switch)
        graph, *parts = nnx.split(training, nnx.Param, nnx.BatchStat, ...)
        params, stats, noise = (nnx.to_pure_dict(part) for part in parts)
        return SplitModule(
            graph, nnx.graphdef(evaluation), params, stats, noise, tuple(held), freeze_bn
        )

    def train(
        self, params: Tree, stats: Tree, key: jax.Array, inputs: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, Tree]:
        """(outputs, new batch statistics) of the network in training; dropout draws from `key`."""
        noise = reseed_rngs(self.noise, key)
        asleep = {part.modules: step < part.until for part in self.held if part.until is not None}
        for modules, _ in self.held:
            params = freeze_params(params, modules, asleep.get(modules, True))
        for modules, yet in asleep.items():
            noise = disable_dropout(noise, modules, yet)
        model = nnx.merge(self.training, params, stats, noise, copy=True)
        for modules, yet in asleep.items():
            stored = self.freeze_bn or yet
            model = nnx.view(
                model,
                only=module_filter(modules),
                use_running_average=stored,
                raise_if_not_found=False,
            )
        outputs = model(inputs)
        return outputs, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))

    def evaluate(self, params: Tree, stats: Tree, inputs: jax.Array) -> jax.Array:
        """The outputs of the network in evaluation: no dropout, stored statistics."""
        return nnx.merge(self.evaluation, params, stats, self.noise, copy=True)(inputs)


def reseed_rngs(noise: Tree, key: jax.Array) -> Tree:
    """Every random stream of a network started again from its own fold of `key`; rates as they are."""

    def fresh(number: int, leaf: jax.Array) -> jax.Array:
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        return (
            jax.random.fold_in(key, number)
            if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            else leaf * 0
        )

    leaves, structure = jax.tree.flatten(noise)
    return jax.tree.unflatten(
        structure, [fresh(number, leaf) for number, leaf in enumerate(leaves)]
    )


def module_filter(modules: Sequence[str]) -> Callable[[Sequence[Any], Any], bool]:
    """A filter of what is in `modules`, for nnx."""
    return lambda path, value: is_under(path, modules)


def freeze_params(params: Tree, modules: Sequence[str], asleep: bool | jax.Array) -> Tree:
    """`params` with no gradient for those in `modules` where `asleep`, and none computed where that is always so."""

    def hold(path: Sequence[Any], leaf: jax.Array) -> jax.Array:
        if not is_under([key.key for key in path], modules):
            return leaf
        constant = jax.lax.stop_gradient(leaf)
        return constant if asleep is True else jnp.where(asleep, constant, leaf)

    return jax.tree.map_with_path(hold, params)


def disable_dropout(noise: Tree, modules: Sequence[str], asleep: bool | jax.Array) -> Tree:
    """`noise` with nothing dropped in `modules` where `asleep`."""

    def hush(path: Sequence[Any], leaf: jax.Array) -> jax.Array:
        rate = jnp.issubdtype(leaf.dtype, jnp.floating) and is_under(
            [key.key for key in path], modules
        )
        return jnp.where(asleep, jnp.zeros_like(leaf), leaf) if rate else leaf

    return jax.tree.map_with_path(hush, noise)


def init_train_state(
    network: SplitModule, optimizer: optax.GradientTransformation, average: bool
) -> TrainState:
    """The state before the first step."""
    copy = {"params": network.params, "stats": network.stats} if average else {}
    state = TrainState(
        jnp.int32(0), network.params, network.stats, optimizer.init(network.params), copy
    )
    return jax.tree.map(jnp.array, state)  # buffers of its own: the step donates them


def cast_floats(tree: Tree, dtype: Any) -> Tree:
    """`tree` with its floating-point arrays in `dtype`."""
    return jax.tree.map(
        lambda a: a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree
    )


def make_train_step(
    network: SplitModule,
    task: Task,
    optimizer: optax.GradientTransformation,
    augment: Augmentation,
    *,
    seed: int,
    ema_decay: float = 0.0,
    dtype: Any = jnp.float32,
) -> Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]:
    """The training step: (state, batch) -> (state, sums of every metric over the batch, and their "count").

    `dtype` is what the network computes in; weights, statistics, loss and optimizer stay float32.
    """

    def update(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        augment_key, noise_key, encode_key = jax.random.split(
            jax.random.fold_in(jax.random.key(seed), state.step), 3
        )
        images, targets = augment(augment_key, *task.unpack(batch))
        inputs, targets = task.encode(encode_key, images, targets)

        def loss(params: Tree) -> tuple[jax.Array, tuple[dict[str, jax.Array], Tree]]:
            outputs, stats = network.train(
                cast_floats(params, dtype), state.stats, noise_key, inputs.astype(dtype), state.step
            )
            scores = task.scores(outputs.astype(jnp.float32), targets)
            return scores["loss"].mean(), (scores, stats)

        (_, (scores, stats)), gradients = jax.value_and_grad(loss, has_aux=True)(state.params)
        updates, opt = optimizer.update(gradients, state.opt, state.params)
        params = optax.apply_updates(state.params, updates)
        average = state.average
        if average:
            average = update_ema(average, {"params": params, "stats": stats}, ema_decay, state.step)
        sums = {name: score.sum() for name, score in scores.items()}
        sums["count"] = jnp.float32(inputs.shape[0])
        return TrainState(state.step + 1, params, stats, opt, average), sums

    return update


def eval_key() -> jax.Array:
    """What an evaluation draws from: a picture at one place of a batch is always told in the same way."""
    return jax.random.key(0)


def make_predict(
    network: SplitModule, *, dtype: Any = jnp.float32
) -> Callable[[Tree, Tree, jax.Array], jax.Array]:
    """The network in use: (params, stats, inputs) -> outputs float32."""

    def answer(params: Tree, stats: Tree, inputs: jax.Array) -> jax.Array:
        return network.evaluate(cast_floats(params, dtype), stats, inputs.astype(dtype)).astype(
            jnp.float32
        )

    return answer


def make_features(
    network: SplitModule,
    task: Task,
    layer: str,
    views: Sequence[Transform],
    *,
    dtype: Any = jnp.float32,
) -> Callable[[Tree, Tree, Batch], tuple[jax.Array, jax.Array]]:
    """What the layer at a dotted path is given: (params, stats, batch) -> its mean over pixels, for v `views` of every
    picture, float32 [n v f], and the length of the longest vector of a pixel [n]."""

    def features(params: Tree, stats: Tree, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images, labels = task.unpack(batch)
        inputs = jnp.concatenate(
            [task.encode(eval_key(), view(images), labels)[0] for view in views]
        ).astype(dtype)
        model = nnx.merge(
            network.evaluation, cast_floats(params, dtype), stats, network.noise, copy=True
        )
        vectors = capture_input(model, layer, inputs).astype(jnp.float32)
        vectors = vectors.reshape(len(views), len(images), -1, vectors.shape[-1])  # [v n pixels f]
        return vectors.mean(2).swapaxes(0, 1), jnp.sqrt((vectors**2).sum(-1)).max((0, 2))

    return features


def make_feature_maps(
    network: SplitModule, task: Task, count: int = 2
) -> Callable[[Tree, Tree, Batch], dict[str, jax.Array]]:
    """What the first layers with convolutions see: (params, stats, batch) -> their names and outputs [n h w c]."""

    def maps(params: Tree, stats: Tree, batch: Batch) -> dict[str, jax.Array]:
        inputs, _ = task.encode(eval_key(), *task.unpack(batch))
        model = nnx.merge(network.evaluation, params, stats, network.noise, copy=True)
        found = {name: y for name, layer, y in layer_outputs(model, inputs) if has_conv(layer)}
        return dict(list(found.items())[:count])

    return maps


def has_conv(layer: nnx.Module) -> bool:
    """Whether it is, or has in it, a convolution."""
    return any(isinstance(module, Conv) for _, module in nnx.iter_modules(layer))


def make_eval_step(
    network: SplitModule, task: Task, *, views: Sequence[Transform] = (), dtype: Any = jnp.float32
) -> Callable[[Tree, Tree, Batch], tuple[Tree, dict[str, jax.Array]]]:
    """The evaluation step: (params, stats, batch) -> (what the task keeps of every sample, scores by name [n]).

    views: of every picture; what is kept and scored is the mean of the outputs for them (of classifiers: of logits).
    """
    answer = make_predict(network, dtype=dtype)

    def examine(params: Tree, stats: Tree, batch: Batch) -> tuple[Tree, dict[str, jax.Array]]:
        images, labels = task.unpack(batch)
        inputs, targets = task.encode(eval_key(), images, labels)
        if len(views) > 1:
            inputs = jnp.concatenate(
                [task.encode(eval_key(), view(images), labels)[0] for view in views]
            )
        outputs = answer(params, stats, inputs)
        if len(views) > 1:
            outputs = outputs.reshape(len(views), -1, *outputs.shape[1:]).mean(0)
        return task.record(outputs, targets), task.scores(outputs, targets)

    return examine
