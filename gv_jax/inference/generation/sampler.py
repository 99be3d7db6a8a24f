"""Solves the flow from noise to images, step by step, with classifier-free guidance."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gv_jax.distributed import compiler_options
from gv_jax.models.diffusion.flow_inputs import FlowInputs
from gv_jax.training.flow import join_inputs

PARALLEL = 0.5  # factor of the part of the guidance that is parallel to the image

Velocity = Callable[[Array, Array], Array]  # images [n h w c] and a time [] -> velocity [n h w c]
Predict = Callable[[Any, Any, Any], Array]  # params, batch_stats, FlowInputs -> velocity


class Conditions(NamedTuple):
    """What each image of a batch is to show.

    Attributes:
        labels: int32 [n].
        layouts: [n l l c], as of `FlowInputs`.
        layout_times: float32 [n], as of `FlowInputs`.
        wraps: float32 [n], 1 for images that repeat without a seam.
        guidance: float32 [], the weight of the class.
    """

    labels: Array
    layouts: Array
    layout_times: Array
    wraps: Array
    guidance: Array


def guide(predict: Predict, weights: Any, conditions: Conditions, missing: int) -> Velocity:
    """The velocity towards an image that is more typical of its class.

    With D the image that a velocity leads to, premultiplied and 0 where transparent:
    D(class) + (guidance - 1) * (D(class) - D(none)), with PARALLEL times the part of the difference
    that is parallel to D(class). That part saturates colors and alpha at high guidance.
    Classifier-free guidance, Ho & Salimans 2022, arXiv:2207.12598; the projection is of Sadat et
    al. 2024, arXiv:2410.02416, where PARALLEL is eta; they center images at gray.

    Args:
        predict: the network.
        weights: its (params, batch_stats).
        conditions: of the batch.
        missing: the label that stands for no class.
    """

    def velocity(images: Array, time: Array) -> Array:
        times = jnp.broadcast_to(time, conditions.labels.shape)
        inputs = FlowInputs(
            images,
            times,
            conditions.labels,
            conditions.layouts,
            conditions.layout_times,
            conditions.wraps,
        )
        plain = inputs._replace(
            labels=jnp.full_like(inputs.labels, missing),
            layouts=jnp.zeros_like(inputs.layouts),
            layout_times=jnp.zeros_like(inputs.layout_times),
        )
        params, batch_stats = weights
        outputs = predict(params, batch_stats, join_inputs(inputs, plain))
        with_class, without = jnp.split(outputs, 2)
        image = images + (1 - time) * with_class + 1  # of [-1, 1]
        change = weaken_parallel(with_class - without, image)
        return with_class + (conditions.guidance - 1) * change

    return velocity


def weaken_parallel(vectors: Array, directions: Array) -> Array:
    """Vectors [n h w c], with PARALLEL times their part along their direction [n h w c]."""
    axes = (1, 2, 3)
    products = (vectors * directions).sum(axes, keepdims=True)
    squares = jnp.square(directions).sum(axes, keepdims=True)
    return vectors - (1 - PARALLEL) * products / jnp.maximum(squares, 1e-6) * directions


def step_euler(velocity: Velocity, images: Array, time: Array, end: Array) -> Array:
    """One step of Euler's method from `time` to `end`."""
    return images + (end - time) * velocity(images, time)


def step_heun(velocity: Velocity, images: Array, time: Array, end: Array) -> Array:
    """One step of Heun's method: the mean of the velocities at its two ends."""
    first = velocity(images, time)
    second = velocity(images + (end - time) * first, end)
    return images + (end - time) * (first + second) / 2


def make_sampler(
    predict: Predict, sampler: str, missing: int
) -> Callable[[Any, Array, np.ndarray, Conditions], Array]:
    """A function (weights, images at the first time, times [steps + 1], conditions) -> images.

    Each step is a call of a program that is compiled once, not a round of a compiled loop: XLA's
    CPU backend runs convolutions in loops several times slower. The last step is Euler's, as
    training has few examples of times near 1.

    Args:
        predict: the network.
        sampler: "euler" or "heun".
        missing: the label that stands for no class.
    """

    def compile_step(step: Callable[..., Array]) -> Callable[..., Array]:
        def take_step(
            weights: Any, images: Array, time: Array, end: Array, conditions: Conditions
        ) -> Array:
            return step(guide(predict, weights, conditions, missing), images, time, end)

        return jax.jit(take_step, compiler_options=compiler_options())

    last = compile_step(step_euler)
    inner = compile_step(step_heun) if sampler == "heun" else last

    def sample(weights: Any, images: Array, times: np.ndarray, conditions: Conditions) -> Array:
        for index in range(len(times) - 1):
            step = last if index == len(times) - 2 else inner
            images = step(weights, images, times[index], times[index + 1], conditions)
        return images

    return sample


def draw_noise(
    seed: int, labels: np.ndarray, indices: np.ndarray, shape: tuple[int, ...], stream: int = 0
) -> Array:
    """Normal noise [n *shape], for each image a function of (seed, label, index, stream) alone."""
    return _draw_noise(jnp.uint32(seed), jnp.asarray(labels), jnp.asarray(indices), shape, stream)


@partial(jax.jit, static_argnums=(3, 4))
def _draw_noise(
    seed: Array, labels: Array, indices: Array, shape: tuple[int, ...], stream: int
) -> Array:
    def draw(label: Array, index: Array) -> Array:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), label), index)
        key = jax.random.fold_in(key, stream) if stream else key
        return jax.random.normal(key, shape)

    return jax.vmap(draw)(labels, indices)
