"""Normalization, [n h w c]: over the batch, or over the channels of each pixel."""

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
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        scale, bias = self.scale[...].astype(wide.dtype), self.bias[...].astype(wide.dtype)
        if self.use_running_average is True:
            gain = scale * lax.rsqrt(self.var[...].astype(wide.dtype) + self.epsilon)
            shift = bias - self.mean[...].astype(wide.dtype) * gain
            return (wide * gain.reshape(1, 1, 1, -1) + shift.reshape(1, 1, 1, -1)).astype(x.dtype)
        # Centered values have mean zero, so the gradient through the mean in the variance is zero
        # and is not computed. The gradient through the mean in the output passes through the bias.
        # This saves a sum over all pixels.
        pixels = wide.size // wide.shape[-1]
        mean = self._select(self.mean, sum_pixels(wide) / pixels)
        constant_mean = lax.stop_gradient(mean)
        centered = wide - constant_mean.reshape(1, 1, 1, -1)
        var = self._select(self.var, sum_pixels(centered * centered) / pixels)
        gain = scale * lax.rsqrt(var + self.epsilon)
        # Not `self.mean[...] = ...`: it reads the `sharding` of a tracer, for which JAX composes an
        # error message from all operations so far (tracing Inception-v3 takes 5 times longer).
        self.mean.set_value(self._select(self.mean, self._update_running(self.mean[...], mean)))
        self.var.set_value(self._select(self.var, self._update_running(self.var[...], var)))
        y = centered * broadcast_channels(gain, wide) + broadcast_channels(
            bias + (constant_mean - mean) * gain, wide
        )
        return y.astype(x.dtype)

    def _select(self, stored: nnx.BatchStat, batch: Array) -> Array:
        """`stored` where the running statistics are in use, else `batch`."""
        if self.use_running_average is False:
            return batch
        return jnp.where(self.use_running_average, stored[...].astype(batch.dtype), batch)

    def _update_running(self, old: Array, batch: Array) -> Array:
        batch = lax.stop_gradient(batch).astype(old.dtype)
        return self.momentum * old + (1 - self.momentum) * batch


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
        shape = (1,) * (x.ndim - 1) + (-1,)
        scale, bias = (v[...].astype(wide.dtype).reshape(shape) for v in (self.scale, self.bias))
        centered = wide - wide.mean(-1, keepdims=True)
        var = (centered * centered).mean(-1, keepdims=True)
        return (centered * lax.rsqrt(var + self.epsilon) * scale + bias).astype(x.dtype)
