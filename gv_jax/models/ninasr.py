"""Super-resolution: NinaSR, https://github.com/Coloquinte/torchSR, torchsr/models/ninasr.py.

An EDSR (Lim et al. 2017, arXiv:1707.02921) without normalisation whose units carry a local attention: means over
overlapping windows of 31x31 pixels, one for every 16x16, weigh the features. Layers, scales and order of the channels
are torchSR's, so that its weights fit (`pretrained.py`). Its network is told pictures in [0, 1].
"""

import math
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from gv_jax.image.resample import apply_separable
from gv_jax.models.layers import Lambda, conv, pixel_shuffle, relu

SCALE = 2  # how much larger pictures get
NINASR_EXPANSION = 2  # times as many features inside a unit
WINDOW_STRIDE = 16  # pixels between the windows of the local attention, which see 2 * 16 - 1
DIV2K_MEANS = {
    1: (0.4371,),
    3: (0.4488, 0.4371, 0.4040),
    4: (0.4488, 0.4371, 0.4040, 1.0),
}  # DIV2K's mean colour


@lru_cache(maxsize=16)
def window_mean_matrix(size: int) -> np.ndarray:
    """float32 [ceil(size/16) size]: the mean over what each window sees of the picture.

    Window i is centred on pixel 16 i; what lies outside the picture doesn't count.
    """
    distance = np.abs(
        np.arange(size) - WINDOW_STRIDE * np.arange(-(-size // WINDOW_STRIDE))[:, None]
    )
    seen = (distance < WINDOW_STRIDE).astype(np.float32)
    return seen / seen.sum(1, keepdims=True)


@lru_cache(maxsize=16)
def window_index_matrix(size: int) -> np.ndarray:
    """float32 [size ceil(size/16)]: 1 where a pixel takes its weight from."""
    return np.asarray(
        np.arange(size)[:, None] // WINDOW_STRIDE == np.arange(-(-size // WINDOW_STRIDE)),
        np.float32,
    )


class LocalAttention(nnx.Module):
    """x times sigmoid(W2 relu(W1 m)), m the local means of x; squeeze-and-excitation (Hu et al. 2018) by region."""

    def __init__(self, features: int, *, rngs: nnx.Rngs):
        self.squeeze = conv(features, features // 4, 1, bias=True, rngs=rngs)
        self.excite = conv(features // 4, features, 1, bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        _, h, w, _ = x.shape
        means = apply_separable(x, window_mean_matrix(h), window_mean_matrix(w))  # [n h/16 w/16 c]
        weights = jax.nn.sigmoid(self.excite(relu(self.squeeze(means))))
        return x * apply_separable(weights, window_index_matrix(h), window_index_matrix(w))


class AttentionBlock(nnx.Module):
    """x + scale_out f(scale_in x), f two 3x3 convolutions around the attention, twice as wide inside."""

    def __init__(self, features: int, scale_in: float, scale_out: float, *, rngs: nnx.Rngs):
        self.conv1 = conv(features, NINASR_EXPANSION * features, 3, bias=True, rngs=rngs)
        self.attention = LocalAttention(NINASR_EXPANSION * features, rngs=rngs)
        self.conv2 = conv(NINASR_EXPANSION * features, features, 3, rngs=rngs)
        self.scale_in = scale_in
        self.scale_out = scale_out

    def __call__(self, x: Array) -> Array:
        y = self.attention(relu(self.conv1(x * self.scale_in)))
        return x + self.conv2(y) * self.scale_out


class NinaSR(nnx.Module):
    """Head, `units` attention units with a shortcut around them all, pixel shuffle: [n h w c] -> [n 2h 2w c].

    Units are scaled so that the variance at the start stays near 1. The mean colour is taken off and put back;
    torchSR keeps it twice, as parameters that are not trained.
    """

    def __init__(self, units: int, features: int, *, inputs: int, rngs: nnx.Rngs):
        self.head_mean = nnx.BatchStat(-jnp.array(DIV2K_MEANS[inputs]))
        self.head = conv(inputs, features, 3, rngs=rngs)
        self.units = nnx.List()
        share, variance = 4 / units, 1.0
        for _ in range(units):
            self.units.append(
                AttentionBlock(features, 1 / math.sqrt(variance), 2 * share, rngs=rngs)
            )
            variance += share**2
        self.tail = conv(features, inputs * SCALE**2, 3, bias=True, rngs=rngs)
        self.tail.kernel[...] *= math.sqrt(
            SCALE**2 * inputs / (6 * features)
        )  # as small as PyTorch draws it
        self.shuffle = Lambda(pixel_shuffle, times=SCALE)
        self.tail_mean = nnx.BatchStat(jnp.array(DIV2K_MEANS[inputs]))

    def __call__(self, x: Array) -> Array:
        x = self.head(x + expand_mean(self.head_mean, x))
        y = x
        for unit in self.units:
            y = unit(y)
        y = self.shuffle(self.tail(x + y))
        return y + expand_mean(self.tail_mean, y)  # [n 2h 2w c]


def expand_mean(mean: nnx.BatchStat, x: Array) -> Array:
    """A colour [c], ready to be added to all pixels of `x`."""
    return mean[...].astype(x.dtype).reshape(1, 1, 1, -1)
