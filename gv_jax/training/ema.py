"""Exponential moving average (EMA) of the weights, which often evaluates better than they do."""

from typing import Any

import jax
import jax.numpy as jnp


def update_ema(old: Any, new: Any, decay: float, step: int | jax.Array) -> Any:
    """rate * old + (1 - rate) * new, where rate = min(decay, (1 + step) / (10 + step)).

    The smaller rate of the first steps forgets the initial weights; it is that of TensorFlow's
    `tf.train.ExponentialMovingAverage(num_updates)`. Written here because `optax.ema` lacks it, and
    because rounding must not change frozen weights: where `old` and `new` are equal, the average is
    too, to the bit.

    Args:
        old: the average before, a tree of float arrays.
        new: the weights, a tree of the same structure, shapes and dtypes.
        decay: the largest rate; 0 gives `new`.
        step: of the training, from 0.

    Returns:
        The average, each array in its own dtype.
    """
    step = jnp.asarray(step, jnp.float32)
    rate = jnp.minimum(decay, (1 + step) / (10 + step))

    def average(before: jax.Array, after: jax.Array) -> jax.Array:
        weight = rate.astype(after.dtype)
        return jnp.where(before == after, after, weight * before + (1 - weight) * after)

    return jax.tree.map(average, old, new)
