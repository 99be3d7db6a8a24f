"""A moving average of the weights, which often evaluates better than the weights themselves."""

import jax
import jax.numpy as jnp


def update_ema(old, new, decay: float, step):
    """rate * old + (1 - rate) * new with rate = min(decay, (1 + step) / (10 + step)), step from 0.

    The smaller rate at the start forgets the initial weights; it is that of TensorFlow's
    `tf.train.ExponentialMovingAverage(num_updates)`. A decay of 0 gives `new`. `old` and `new` are trees of
    float arrays alike in shapes and types; each leaf is averaged in its own type. Where both are equal, so is the
    average, to the bit: what is frozen is not moved by rounding.
    """
    step = jnp.asarray(step, jnp.float32)
    rate = jnp.minimum(decay, (1 + step) / (10 + step))

    def average(before, after):
        share = rate.astype(after.dtype)
        return jnp.where(before == after, after, share * before + (1 - share) * after)

    return jax.tree.map(average, old, new)
