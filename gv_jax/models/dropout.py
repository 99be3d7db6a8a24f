"""Dropout whose rate is a variable, so that one compiled step trains networks of several rates."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array


class DropRate(nnx.Variable):
    """A dropout rate, float32 []."""


class Dropout(nnx.Module):
    """Zeroes each value with probability `rate`, divides the others by 1 - rate.

    Srivastava et al. 2014. `nnx.view(model, deterministic=True)` disables it. Not `nnx.Dropout`,
    whose rate is a constant of the compiled step.
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
        keep_prob = 1 - self.rate[...]
        mask = jax.random.bernoulli(self.rngs(), keep_prob, x.shape)
        return jnp.where(mask, x / keep_prob.astype(x.dtype), jnp.zeros((), x.dtype))


class StochasticDepth(nnx.Module):
    """Zeroes each sample with probability `rate`, divides the others by 1 - rate.

    Huang et al. 2016, arXiv:1603.09382. `nnx.view(model, deterministic=True)` disables it.
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
        mask = jax.random.bernoulli(self.rngs(), 1 - self.rate, (len(x), 1, 1, 1))
        return x * (mask.astype(x.dtype) / (1 - self.rate))
