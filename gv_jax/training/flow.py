"""Flow matching: straight lines from noise (time 0) to images (time 1), and their velocities.

Lipman et al. 2023, arXiv:2210.02747; Liu et al. 2023, "rectified flow", arXiv:2209.03003.
"""

import jax
import jax.numpy as jnp
from jax import Array

from gv_jax.models.diffusion.flow_inputs import FlowInputs


def draw_times(key: Array, count: int, mean: float, std: float) -> Array:
    """Times whose logit is normal, one from each of `count` equally likely intervals, shuffled.

    Esser et al. 2024, arXiv:2403.03206, section 3.1; the intervals lower the variance of the loss.
    """
    order_key, offset_key = jax.random.split(key)
    offsets = jax.random.uniform(offset_key, (count,), minval=1e-4, maxval=1 - 1e-4)
    strata = jax.random.permutation(order_key, count).astype(jnp.float32)
    normal = jax.scipy.special.ndtri((strata + offsets) / count)
    return jax.nn.sigmoid(mean + std * normal)


def interpolate(images: Array, noise: Array, times: Array) -> tuple[Array, Array]:
    """The points at `times` [n] between noise and images, and the velocities, both [n h w c]."""
    weights = times.reshape(-1, 1, 1, 1)
    return (1 - weights) * noise + weights * images, images - noise


def roll_each(images: Array, rows: Array, columns: Array) -> Array:
    """Rolls each image [n h w c] by its own number of pixels down and across, int [n]."""
    return jax.vmap(lambda image, down, across: jnp.roll(image, (down, across), (0, 1)))(
        images, rows, columns
    )


def drop_labels(key: Array, labels: Array, rate: float, missing: int) -> Array:
    """Replaces each label by `missing` with probability `rate`; Ho & Salimans 2022, 2207.12598."""
    dropped = jax.random.bernoulli(key, rate, labels.shape)
    return jnp.where(dropped, jnp.int32(missing), labels)


def join_inputs(*parts: FlowInputs) -> FlowInputs:
    """Concatenates batches."""
    return jax.tree.map(lambda *arrays: jnp.concatenate(arrays), *parts)
