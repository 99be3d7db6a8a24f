"""Normalization, [n h w c]: over the batch, or over the channels of each pixel."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from gv_jax.models.ops.xla_cpu import broadcast_channels, sum_pixels


class BatchNorm(nnx.Module):
    """Batch normalization with statistics in float32 and outputs in the dtype of the input.

    Ioffe & Szegedy 2015, arXiv:1502.03167.
    `momentum` is the weight of the old running statistics (PyTorch's 0.1 is 0.9 here).
    `nnx.view(model, use_running_average=True)` normalizes by the running statistics and stops
    updating them. There a bool array [] is valid too: a compiled step can compute it.

    Not `nnx.BatchNorm`, which takes no such array and whose sums over pixels are slow on a CPU.
    """

    def __init__(self, num_features: int, *, momentum: float = 0.9, epsilon: float = 1e-5):
        self.scale = nnx.Param(jnp.ones(num_features))
        self.bias = nnx.Param(jnp.zeros(num_features))
        self.mean = nnx.BatchStat(jnp.zeros(num_features))
        self.var = nnx.BatchStat(jnp.ones(num_features))
        self.momentum = momentum
        self.epsilon = epsilon
        self.use_running_average: bool | Array = False

    def set_view(self, use_running_average: bool | Array | None = None) -> None:
        """Called by `nnx.view`."""
        if use_running_average is not None:
            self.use_running_average = use_running_average

    def __call__(self, x: Array) -> Array:
        running = Running(self.mean[...], self.var[...])
        if self.use_running_average is True:
            return normalize_by_running(x, self.scale[...], self.bias[...], running, self.epsilon)
        y, (mean, var) = normalize_by_batch(
            x,
            self.scale[...],
            self.bias[...],
            running,
            None if self.use_running_average is False else self.use_running_average,
            self.momentum,
            self.epsilon,
        )
        # Not `self.mean[...] = ...`: it reads the `sharding` of a tracer, for which JAX composes an
        # error message from all operations so far (tracing Inception-v3 takes 5 times longer).
        self.mean.set_value(mean)
        self.var.set_value(var)
        return y


class Running(NamedTuple):
    """Running statistics of `BatchNorm`, both [c]."""

    mean: Array
    var: Array


@partial(jax.jit, static_argnums=4)
def normalize_by_running(
    x: Array, scale: Array, bias: Array, running: Running, epsilon: float
) -> Array:
    """`x` [n h w c] normalized by running statistics; `scale` and `bias` are [c]."""
    wide, scale, bias, mean, var = widen(x, scale, bias, *running)
    gain = scale * lax.rsqrt(var + epsilon)
    shift = bias - mean * gain
    return (wide * gain.reshape(1, 1, 1, -1) + shift.reshape(1, 1, 1, -1)).astype(x.dtype)


@partial(jax.jit, static_argnums=(5, 6))
def normalize_by_batch(
    x: Array,
    scale: Array,
    bias: Array,
    running: Running,
    use_running: Array | None,
    momentum: float,
    epsilon: float,
) -> tuple[Array, Running]:
    """Normalizes `x` by its own statistics; traced once for all layers of one shape.

    Args:
        x: [n h w c].
        scale: [c].
        bias: [c].
        running: the statistics before this batch.
        use_running: bool []: whether `running` is used, and kept, after all.
        momentum: weight of `running` in the new statistics.
        epsilon: added to the variance.

    Returns:
        The normalized images and the new running statistics.
    """

    def select(stored: Array, batch: Array) -> Array:
        return batch if use_running is None else jnp.where(use_running, stored, batch)

    def update(old: Array, batch: Array) -> Array:
        batch = lax.stop_gradient(batch).astype(old.dtype)
        return select(old, momentum * old + (1 - momentum) * batch)

    wide, scale, bias, stored_mean, stored_var = widen(x, scale, bias, *running)
    # Centered values have mean zero, so the gradient through the mean in the variance is zero
    # and is not computed. The gradient through the mean in the output passes through the bias.
    # This saves a sum over all pixels.
    pixels = wide.size // wide.shape[-1]
    mean = select(stored_mean, sum_pixels(wide) / pixels)
    constant_mean = lax.stop_gradient(mean)
    centered = wide - constant_mean.reshape(1, 1, 1, -1)
    var = select(stored_var, sum_pixels(centered * centered) / pixels)
    gain = scale * lax.rsqrt(var + epsilon)
    y = centered * broadcast_channels(gain, wide) + broadcast_channels(
        bias + (constant_mean - mean) * gain, wide
    )
    return y.astype(x.dtype), Running(update(running.mean, mean), update(running.var, var))


def widen(x: Array, *arrays: Array) -> tuple[Array, ...]:
    """`x` and `arrays` in the dtype of `x`, or in float32 if that is wider."""
    dtype = jnp.promote_types(x.dtype, jnp.float32)
    return tuple(array.astype(dtype) for array in (x, *arrays))


class LayerNorm(nnx.Module):
    """Normalizes the last axis, with statistics in float32 and outputs in the dtype of the input.

    Ba et al. 2016, arXiv:1607.06450. `epsilon` is that of timm's networks.
    """

    def __init__(self, num_features: int, *, epsilon: float = 1e-6):
        self.scale = nnx.Param(jnp.ones(num_features))
        self.bias = nnx.Param(jnp.zeros(num_features))
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        wide = x.astype(jnp.float32) if x.dtype.itemsize < 4 else x
        wide = wide.reshape(*(1,) * (4 - x.ndim), *x.shape)  # [n h w c], also of tokens [n t c]
        scale, bias = (
            broadcast_channels(v[...].astype(wide.dtype), wide) for v in (self.scale, self.bias)
        )
        centered = wide - wide.mean(-1, keepdims=True)
        var = (centered * centered).mean(-1, keepdims=True)
        y = centered * lax.rsqrt(var + self.epsilon) * scale + bias
        return y.astype(x.dtype).reshape(x.shape)
