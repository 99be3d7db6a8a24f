"""Arithmetic of covering and mixing samples: rectangles, shares, soft targets."""

import jax.numpy as jnp
from jax import Array, random


def box_mask(
    rows: int, columns: int, top: Array, left: Array, height: Array, width: Array
) -> Array:
    """Where a pixel's centre is inside; the last four [m] or scalars, in pixels.  # [m rows columns 1]"""
    y = (jnp.arange(rows, dtype=jnp.float32) + 0.5).reshape(1, rows, 1, 1)
    x = (jnp.arange(columns, dtype=jnp.float32) + 0.5).reshape(1, 1, columns, 1)
    top, left, height, width = (edge.reshape(-1, 1, 1, 1) for edge in (top, left, height, width))
    return (y >= top) & (y < top + height) & (x >= left) & (x < left + width)


def symmetric_beta(key: Array, alpha: float) -> Array:
    """One number from Beta(alpha, alpha), without the loop of `random.beta`, which compiles for seconds.

    Bailey 1994, "Polar generation of random variates with the t-distribution": t with 2 alpha degrees of
    freedom is sqrt(2 alpha (u^(-1/alpha) - 1)) cos(2 pi v); then 1/2 + t / (2 sqrt(2 alpha + t^2)) is the
    beta variate.
    """
    draws = random.uniform(key, (2,))
    rest, cos = draws[0] ** (1 / alpha), jnp.cos(2 * jnp.pi * draws[1])
    centred = jnp.sqrt(1 - rest) * cos / jnp.sqrt(rest + (1 - rest) * cos**2)
    return jnp.clip(
        0.5 + 0.5 * centred, 0, 1
    )  # rounding can pass the ends, often reached when alpha is small


def smooth_labels(targets, share):
    """`targets` [n k] with `share` of each spread over all k classes; `share` may be an array []."""
    return (1 - share) * targets + share / targets.shape[-1]
