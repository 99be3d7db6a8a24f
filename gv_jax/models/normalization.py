"""Batch normalisation, [n h w c]: Ioffe & Szegedy 2015, arXiv:1502.03167."""

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from gv_jax.models.ops.xla_cpu import broadcast_channels, sum_pixels


class BatchNorm(nnx.Module):
    """Statistics in float32, the result in the precision of what comes in.

    `momentum` is the share of the running statistics that is kept. `nnx.view(model, use_running_average=True)`
    switches to them, and leaves them as they are. A bool array [] may be given there too, inside of a compiled step
    that decides it.
    """

    def __init__(self, features: int, *, momentum: float, epsilon: float):
        self.scale = nnx.Param(jnp.ones(features))
        self.bias = nnx.Param(jnp.zeros(features))
        self.mean = nnx.BatchStat(jnp.zeros(features))
        self.var = nnx.BatchStat(jnp.ones(features))
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
        # The mean of the centred values is zero, so that no gradient passes through the mean that is subtracted
        # for the variance; for the result it passes through the bias. That saves a sum over all pixels.
        pixels = wide.size // wide.shape[-1]
        mean = self.chosen(self.mean, sum_pixels(wide) / pixels)
        fixed = lax.stop_gradient(mean)
        centred = wide - fixed.reshape(1, 1, 1, -1)
        var = self.chosen(self.var, sum_pixels(centred * centred) / pixels)
        gain = scale * lax.rsqrt(var + self.epsilon)
        self.mean[...] = self.chosen(self.mean, self.running(self.mean[...], mean))
        self.var[...] = self.chosen(self.var, self.running(self.var[...], var))
        y = centred * broadcast_channels(gain, wide) + broadcast_channels(
            bias + (fixed - mean) * gain, wide
        )
        return y.astype(x.dtype)

    def chosen(self, stored: nnx.BatchStat, new: Array) -> Array:
        """What is stored, where the step decides so, else `new`."""
        if self.use_running_average is False:
            return new
        return jnp.where(self.use_running_average, stored[...].astype(new.dtype), new)

    def running(self, old: Array, new: Array) -> Array:
        new = lax.stop_gradient(new).astype(old.dtype)
        return self.momentum * old + (1 - self.momentum) * new


def batch_norm(features: int, epsilon: float = 1e-5, *, rngs: nnx.Rngs | None = None) -> BatchNorm:
    """Batch normalisation with PyTorch's momentum (0.1 there is 0.9 here) and, by default, its epsilon."""
    del rngs  # ones and zeros; taken so that every layer is made the same way
    return BatchNorm(features, momentum=0.9, epsilon=epsilon)
