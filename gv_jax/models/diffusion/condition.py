"""Times, class and tiling of noisy images as one vector, and how it modulates features."""

import math

import jax.numpy as jnp
from flax import nnx
from jax import Array

from gv_jax.models.diffusion.flow_inputs import FlowInputs
from gv_jax.models.layers import Dense, small_normal
from gv_jax.models.ops.silu import silu
from gv_jax.models.ops.xla_cpu import scale_each, shift_each

WAVES = 64  # of the time: half sines, half cosines
MAX_PERIOD = 10_000.0  # of the slowest wave, in thousandths of the time


class Condition(nnx.Module):
    """fc2(silu(fc1(waves of both times))) + vectors of class and tiling.  # [n width]"""

    def __init__(self, num_classes: int, width: int, *, rngs: nnx.Rngs):
        self.fc1 = Dense(2 * WAVES, width, kernel_init=nnx.initializers.lecun_normal(), rngs=rngs)
        self.fc2 = Dense(width, width, kernel_init=nnx.initializers.lecun_normal(), rngs=rngs)
        # One more row than classes: that of an image without a class.
        self.classes = nnx.Param(
            nnx.initializers.normal(1.0)(rngs.params(), (num_classes + 1, width))
        )
        self.tiling = nnx.Param(small_normal(rngs.params(), (1, width)))

    def __call__(self, inputs: FlowInputs) -> Array:
        dtype = inputs.images.dtype
        waves = [time_waves(inputs.times), time_waves(inputs.layout_times)]
        vector = self.fc2(silu(self.fc1(jnp.concatenate(waves, 1).astype(dtype))))
        vector = vector + self.classes[...].astype(dtype)[inputs.labels]
        return vector + self.tiling[...].astype(dtype) * inputs.wraps.astype(dtype)[:, None]


def time_waves(times: Array) -> Array:
    """Sines and cosines of times in [0, 1], float32 [n WAVES]; Vaswani et al. 2017, section 3.5."""
    steps = jnp.arange(WAVES // 2, dtype=jnp.float32) / (WAVES // 2)
    angles = 1000 * times[:, None] * jnp.exp(-math.log(MAX_PERIOD) * steps)[None]
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], 1)


class Modulation(nnx.Module):
    """`count` vectors [n c] of a condition [n width], all 0 at first.

    Peebles & Xie 2023, arXiv:2212.09748, "adaLN-Zero".
    """

    def __init__(self, width: int, num_features: int, count: int, *, rngs: nnx.Rngs):
        zeros = nnx.initializers.zeros_init()
        self.fc = Dense(width, count * num_features, kernel_init=zeros, rngs=rngs)
        self.count = count

    def __call__(self, condition: Array) -> list[Array]:
        return jnp.split(self.fc(silu(condition)), self.count, axis=-1)


def modulate(x: Array, scales: Array, shifts: Array) -> Array:
    """(1 + scale) * x + shift for each image and channel, [n h w c] and [n c]."""
    return shift_each(scale_each(x, 1 + scales), shifts)
