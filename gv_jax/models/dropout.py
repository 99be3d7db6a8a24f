"""Dropout whose rate is a number of the network's state, so that networks of other rates can be trained in one step."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array


class DropRate(nnx.Variable):
    """The share of units that is dropped."""


class Dropout(nnx.Module):
    """Zeros for a share `rate` of all numbers, the others divided by 1 - rate; Srivastava et al. 2014.

    `nnx.view(model, deterministic=True)` switches it off.
    """

    def __init__(self, rate: float, *, rngs: nnx.Rngs):
        self.rate = DropRate(jnp.float32(rate))
        self.rngs = rngs.dropout.fork()
        self.deterministic = False

    def set_view(self, deterministic: bool | None = None) -> None:
        """Called by `nnx.view`."""
        if deterministic is not None:
            self.deterministic = deterministic

    def __call__(self, x: Array) -> Array:
        if self.deterministic:
            return x
        kept = 1 - self.rate[...]
        mask = jax.random.bernoulli(self.rngs(), kept, x.shape)
        return jnp.where(mask, x / kept.astype(x.dtype), jnp.zeros((), x.dtype))


class StochasticDepth(nnx.Module):
    """Zeros for a share `rate` of the samples, the others divided by 1 - rate; Huang et al. 2016, arXiv:1603.09382.

    `nnx.view(model, deterministic=True)` switches it off.
    """

    def __init__(self, rate: float, *, rngs: nnx.Rngs):
        self.rate = rate
        self.rngs = rngs.dropout.fork()
        self.deterministic = False

    def set_view(self, deterministic: bool | None = None) -> None:
        """Called by `nnx.view`."""
        if deterministic is not None:
            self.deterministic = deterministic

    def __call__(self, x: Array) -> Array:
        if self.deterministic or not self.rate:
            return x
        kept = jax.random.bernoulli(self.rngs(), 1 - self.rate, (len(x), 1, 1, 1))
        return x * (kept.astype(x.dtype) / (1 - self.rate))
