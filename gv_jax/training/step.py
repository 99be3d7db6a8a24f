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

from gv_jax.data.views import View
from gv_jax.models.layers import Conv
from gv_jax.models.summary import observe
from gv_jax.models.transfer import given, inside
from gv_jax.training.ema import ema
from gv_jax.training.tasks import Task

Tree = Any  # nested dicts of arrays
Batch = dict[str, jax.Array]
Augmentation = Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]


class State(NamedTuple):
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


class Held(NamedTuple):
    """Modules, by dotted path, that training passes through as evaluation does, with no gradient for their weights:
    stored statistics, which stay, and no dropout. until: the step, from 0, that ends this; None for the last."""

    modules: tuple[str, ...]
    until: int | None


@dataclass(frozen=True)
class Network:
    """A module taken apart into what it is in training, what it is in evaluation, and its arrays.

    noise: random streams and the rates of dropout. held: parts that do not learn, or not yet. fixed_statistics: batch
    normalisation keeps and uses the stored ones everywhere.
    """

    training: nnx.GraphDef
    evaluation: nnx.GraphDef
    params: Tree
    stats: Tree
    noise: Tree
    held: tuple[Held, ...] = ()
    fixed_statistics: bool = False

    @staticmethod
    def of(model: nnx.Module, held: Sequence[Held] = (), fixed_statistics: bool = False) -> "Network":
        """Takes `model` apart; its weights become `params` and `stats`."""
        switch = {"raise_if_not_found": False}
        training = nnx.view(model, deterministic=False, use_running_average=fixed_statistics, **switch)
        for part in held:
            if part.until is None:
                chosen = within(part.modules)
                training = nnx.view(training, only=chosen, deterministic=True, use_running_average=True, **switch)
        evaluation = nnx.view(model, deterministic=True, use_running_average=True, **switch)
        graph, *parts = nnx.split(training, nnx.Param, nnx.BatchStat, ...)
        params, stats, noise = (nnx.to_pure_dict(part) for part in parts)
        return Network(graph, nnx.graphdef(evaluation), params, stats, noise, tuple(held), fixed_statistics)

    def train(
        self, params: Tree, stats: Tree, key: jax.Array, inputs: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, Tree]:
        """(outputs, new batch statistics) of the network in training; dropout draws from `key`."""
        noise = reseeded(self.noise, key)
        asleep = {part.modules: step < part.until for part in self.held if part.until is not None}
        for modules, _ in self.held:
            params = unmoved(params, modules, asleep.get(modules, True))
        for modules, yet in asleep.items():
            noise = silent(noise, modules, yet)
        model = nnx.merge(self.training, params, stats, noise, copy=True)
        for modules, yet in asleep.items():
            stored = self.fixed_statistics or yet
            model = nnx.view(model, only=within(modules), use_running_average=stored, raise_if_not_found=False)
        outputs = model(inputs)
        return outputs, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))

    def evaluate(self, params: Tree, stats: Tree, inputs: jax.Array) -> jax.Array:
        """The outputs of the network in evaluation: no dropout, stored statistics."""
        return nnx.merge(self.evaluation, params, stats, self.noise, copy=True)(inputs)


def reseeded(noise: Tree, key: jax.Array) -> Tree:
    """Every random stream of a network started again from its own fold of `key`; rates as they are."""

    def fresh(number: int, leaf: jax.Array) -> jax.Array:
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        return jax.random.fold_in(key, number) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf * 0

    leaves, structure = jax.tree.flatten(noise)
    return jax.tree.unflatten(structure, [fresh(number, leaf) for number, leaf in enumerate(leaves)])


def within(modules: Sequence[str]) -> Callable[[Sequence[Any], Any], bool]:
    """A filter of what is in `modules`, for nnx."""
    return lambda path, value: inside(path, modules)


def unmoved(params: Tree, modules: Sequence[str], asleep: bool | jax.Array) -> Tree:
    """`params` with no gradient for those in `modules` where `asleep`, and none computed where that is always so."""

    def hold(path: Sequence[Any], leaf: jax.Array) -> jax.Array:
        if not inside([key.key for key in path], modules):
            return leaf
        constant = jax.lax.stop_gradient(leaf)
        return constant if asleep is True else jnp.where(asleep, constant, leaf)

    return jax.tree.map_with_path(hold, params)


def silent(noise: Tree, modules: Sequence[str], asleep: bool | jax.Array) -> Tree:
    """`noise` with nothing dropped in `modules` where `asleep`."""

    def hush(path: Sequence[Any], leaf: jax.Array) -> jax.Array:
        rate = jnp.issubdtype(leaf.dtype, jnp.floating) and inside([key.key for key in path], modules)
        return jnp.where(asleep, jnp.zeros_like(leaf), leaf) if rate else leaf

    return jax.tree.map_with_path(hush, noise)


def start(network: Network, optimizer: optax.GradientTransformation, average: bool) -> State:
    """The state before the first step."""
    copy = {"params": network.params, "stats": network.stats} if average else {}
    state = State(jnp.int32(0), network.params, network.stats, optimizer.init(network.params), copy)
    return jax.tree.map(jnp.array, state)  # buffers of its own: the step donates them


def cast(tree: Tree, dtype: Any) -> Tree:
    """`tree` with its floating-point arrays in `dtype`."""
    return jax.tree.map(lambda a: a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree)


def make_update(
    network: Network,
    task: Task,
    optimizer: optax.GradientTransformation,
    augment: Augmentation,
    *,
    seed: int,
    ema_decay: float = 0.0,
    dtype: Any = jnp.float32,
) -> Callable[[State, Batch], tuple[State, dict[str, jax.Array]]]:
    """The training step: (state, batch) -> (state, sums of every metric over the batch, and their "count").

    `dtype` is what the network computes in; weights, statistics, loss and optimizer stay float32.
    """

    def update(state: State, batch: Batch) -> tuple[State, dict[str, jax.Array]]:
        augment_key, noise_key, encode_key = jax.random.split(jax.random.fold_in(jax.random.key(seed), state.step), 3)
        images, targets = augment(augment_key, *task.unpack(batch))
        inputs, targets = task.encode(encode_key, images, targets)

        def loss(params: Tree) -> tuple[jax.Array, tuple[dict[str, jax.Array], Tree]]:
            outputs, stats = network.train(
                cast(params, dtype), state.stats, noise_key, inputs.astype(dtype), state.step
            )
            scores = task.scores(outputs.astype(jnp.float32), targets)
            return scores["loss"].mean(), (scores, stats)

        (_, (scores, stats)), gradients = jax.value_and_grad(loss, has_aux=True)(state.params)
        updates, opt = optimizer.update(gradients, state.opt, state.params)
        params = optax.apply_updates(state.params, updates)
        average = state.average
        if average:
            average = ema(average, {"params": params, "stats": stats}, ema_decay, state.step)
        sums = {name: score.sum() for name, score in scores.items()}
        sums["count"] = jnp.float32(inputs.shape[0])
        return State(state.step + 1, params, stats, opt, average), sums

    return update


def same_key() -> jax.Array:
    """What an evaluation draws from: a picture at one place of a batch is always told in the same way."""
    return jax.random.key(0)


def make_answer(network: Network, *, dtype: Any = jnp.float32) -> Callable[[Tree, Tree, jax.Array], jax.Array]:
    """The network in use: (params, stats, inputs) -> outputs float32."""

    def answer(params: Tree, stats: Tree, inputs: jax.Array) -> jax.Array:
        return network.evaluate(cast(params, dtype), stats, inputs.astype(dtype)).astype(jnp.float32)

    return answer


def make_features(
    network: Network, task: Task, layer: str, views: Sequence[View], *, dtype: Any = jnp.float32
) -> Callable[[Tree, Tree, Batch], tuple[jax.Array, jax.Array]]:
    """What the layer at a dotted path is given: (params, stats, batch) -> its mean over pixels, for v `views` of every
    picture, float32 [n v f], and the length of the longest vector of a pixel [n]."""

    def features(params: Tree, stats: Tree, batch: Batch) -> tuple[jax.Array, jax.Array]:
        images, labels = task.unpack(batch)
        inputs = jnp.concatenate([task.encode(same_key(), view(images), labels)[0] for view in views]).astype(dtype)
        model = nnx.merge(network.evaluation, cast(params, dtype), stats, network.noise, copy=True)
        vectors = given(model, layer, inputs).astype(jnp.float32)
        vectors = vectors.reshape(len(views), len(images), -1, vectors.shape[-1])  # [v n pixels f]
        return vectors.mean(2).swapaxes(0, 1), jnp.sqrt((vectors**2).sum(-1)).max((0, 2))

    return features


def make_maps(network: Network, task: Task, count: int = 2) -> Callable[[Tree, Tree, Batch], dict[str, jax.Array]]:
    """What the first layers with convolutions see: (params, stats, batch) -> their names and outputs [n h w c]."""

    def maps(params: Tree, stats: Tree, batch: Batch) -> dict[str, jax.Array]:
        inputs, _ = task.encode(same_key(), *task.unpack(batch))
        model = nnx.merge(network.evaluation, params, stats, network.noise, copy=True)
        found = {name: y for name, layer, y in observe(model, inputs) if convolves(layer)}
        return dict(list(found.items())[:count])

    return maps


def convolves(layer: nnx.Module) -> bool:
    """Whether it is, or has in it, a convolution."""
    return any(isinstance(module, Conv) for _, module in nnx.iter_modules(layer))


def make_examine(
    network: Network, task: Task, *, views: Sequence[View] = (), dtype: Any = jnp.float32
) -> Callable[[Tree, Tree, Batch], tuple[Tree, dict[str, jax.Array]]]:
    """The evaluation step: (params, stats, batch) -> (what the task keeps of every sample, scores by name [n]).

    views: of every picture; what is kept and scored is the mean of the outputs for them (of classifiers: of logits).
    """
    answer = make_answer(network, dtype=dtype)

    def examine(params: Tree, stats: Tree, batch: Batch) -> tuple[Tree, dict[str, jax.Array]]:
        images, labels = task.unpack(batch)
        inputs, targets = task.encode(same_key(), images, labels)
        if len(views) > 1:
            inputs = jnp.concatenate([task.encode(same_key(), view(images), labels)[0] for view in views])
        outputs = answer(params, stats, inputs)
        if len(views) > 1:
            outputs = outputs.reshape(len(views), -1, *outputs.shape[1:]).mean(0)
        return task.record(outputs, targets), task.scores(outputs, targets)

    return examine
