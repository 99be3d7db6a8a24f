"""SiLU, x / (1 + exp(-x)): Elfwing et al. 2018, arXiv:1702.03118."""

import jax
import jax.numpy as jnp
from jax import Array

from gv_jax.models.ops.platform import choose_by_platform


def silu(x: Array) -> Array:
    """x times the logistic function of x."""
    return choose_by_platform(x, cpu=silu_by_tanh, default=jax.nn.silu)


@jax.custom_vjp
def silu_by_tanh(x: Array) -> Array:
    """`silu` by the hyperbolic tangent, of which only the input is kept for the gradient.

    On 2 CPU cores, forward / gradient 2.5 / 2.0 times as fast as by the exponential function
    ([25088 192]), within 2e-7 of the largest output.
    """
    half = x / 2
    return half * jnp.tanh(half) + half


def _silu_forward(x: Array) -> tuple[Array, Array]:
    return silu_by_tanh(x), x


def _silu_backward(x: Array, g: Array) -> tuple[Array]:
    logistic = jnp.tanh(x / 2) / 2 + x.dtype.type(0.5)
    return (g * logistic * (x * (1 - logistic) + 1),)


silu_by_tanh.defvjp(_silu_forward, _silu_backward)
