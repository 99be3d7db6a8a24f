"""Cures for what XLA's CPU backend is slow at; on other backends all of these are the plain operation."""

import jax
import jax.numpy as jnp
from jax import Array, lax


def on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def materialize(y: Array) -> Array:
    """`y`, computed once: cheap operations are repeated in every place that uses their result, in whatever order it
    reads, but never a division."""
    return y / lax.optimization_barrier(jnp.ones((), y.dtype)) if on_cpu() else y


def sum_pixels(x: Array) -> Array:
    """The sum over all pixels, [n h w c] -> [c].

    As a product with ones, 20 times as fast as the sum: 128x30x30x64 take 0.8 ms instead of 23.
    """
    if not on_cpu():
        return x.sum((0, 1, 2))
    n, h, w, c = x.shape
    rows = jnp.ones((1, n * h), x.dtype) @ x.reshape(n * h, w * c)
    return rows.reshape(w, c).sum(0)


@jax.custom_vjp
def broadcast_channels(v: Array, x: Array) -> Array:
    """`v` [c] for every pixel of `x` [n h w c]; its gradient is a `pixel_sum`."""
    return jnp.broadcast_to(v.reshape(1, 1, 1, -1), x.shape)


def _broadcast_forward(v: Array, x: Array) -> tuple[Array, Array]:
    return broadcast_channels(v, x), x


def _broadcast_backward(x: Array, g: Array) -> tuple[Array, Array]:
    return sum_pixels(g), jnp.zeros_like(x)


broadcast_channels.defvjp(_broadcast_forward, _broadcast_backward)


@jax.custom_vjp
def materialize_grad(y: Array) -> Array:
    """`y`, whose gradient is computed once."""
    return y


materialize_grad.defvjp(lambda y: (y, None), lambda _, g: (materialize(g),))
