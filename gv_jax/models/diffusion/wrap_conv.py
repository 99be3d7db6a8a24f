"""Convolutions whose padding is the opposite side of an image that tiles, and zeros elsewhere."""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from gv_jax.models.layers import Conv, he_fan_in
from gv_jax.models.ops.convolution import convolve


class WrapConv(Conv):
    """A 3x3 convolution that keeps the size; `wraps` [n] is 1 for images that tile, else 0."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        kernel_init: nnx.Initializer = he_fan_in,
        rngs: nnx.Rngs,
    ):
        super().__init__(
            in_features, out_features, 3, use_bias=True, kernel_init=kernel_init, rngs=rngs
        )

    # It takes one argument more than `Conv`, whose weights and initialization it shares.
    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Array, wraps: Array
    ) -> Array:
        assert self.bias is not None
        kernel, bias = (value[...].astype(x.dtype) for value in (self.kernel, self.bias))
        return convolve(pad_wrapped(x, wraps), kernel, bias)


def pad_wrapped(x: Array, wraps: Array) -> Array:
    """Adds a pixel on every side: the opposite border times `wraps` [n].  # [n h+2 w+2 c]"""
    factor = wraps.astype(x.dtype).reshape(-1, 1, 1, 1)
    x = jnp.concatenate([x[:, -1:] * factor, x, x[:, :1] * factor], 1)
    return jnp.concatenate([x[:, :, -1:] * factor, x, x[:, :, :1] * factor], 2)
