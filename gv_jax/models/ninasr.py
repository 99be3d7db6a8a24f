"""NinaSR, super-resolution: https://github.com/Coloquinte/torchSR, torchsr/models/ninasr.py.

An EDSR (Lim et al. 2017, arXiv:1707.02921) without normalization whose blocks have local attention:
means over overlapping windows of 31x31 pixels, one for every 16x16, weight the features. Layers,
scales and the order of channels are torchSR's, so that its weights fit. Images are in [0, 1].
"""

import math
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from gv_jax.image.resample import apply_separable
from gv_jax.models.layers import Conv, Lambda, pixel_shuffle, relu
from gv_jax.models.ops.platform import is_plain
from gv_jax.models.ops.pooling import sum_windows

SCALE = 2  # upscaling factor
NINASR_EXPANSION = 2  # features inside of a block, relative to those outside
WINDOW_STRIDE = 16  # pixels between windows of the local attention; their side is 2 * 16 - 1
DIV2K_MEANS = {  # mean color of DIV2K by number of channels
    1: (0.4371,),
    3: (0.4488, 0.4371, 0.4040),
    4: (0.4488, 0.4371, 0.4040, 1.0),
}


@lru_cache(maxsize=16)
def window_mean_matrix(size: int) -> np.ndarray:
    """float32 [ceil(size/16) size]: means over the windows along one axis.

    Window i is centered on pixel 16 i. Pixels outside of the image do not count.
    """
    distance = np.abs(
        np.arange(size) - WINDOW_STRIDE * np.arange(-(-size // WINDOW_STRIDE))[:, None]
    )
    inside = (distance < WINDOW_STRIDE).astype(np.float32)
    return inside / inside.sum(1, keepdims=True)


@lru_cache(maxsize=16)
def window_index_matrix(size: int) -> np.ndarray:
    """float32 [size ceil(size/16)]: one-hot index of the window that weights each pixel."""
    return np.asarray(
        np.arange(size)[:, None] // WINDOW_STRIDE == np.arange(-(-size // WINDOW_STRIDE)),
        np.float32,
    )


def window_means(x: Array) -> Array:
    """The same means along both axes, for images whose sides may be symbolic."""
    window = (2 * WINDOW_STRIDE - 1, WINDOW_STRIDE, WINDOW_STRIDE - 1)
    return sum_windows(x, *window) / sum_windows(jnp.ones_like(x[:1, :, :, :1]), *window)


def repeat_windows(weights: Array, height: int, width: int) -> Array:
    """The value of the window that weights each pixel, [n h/16 w/16 c] -> [n h w c]."""
    for axis, size in ((1, height), (2, width)):
        index = jnp.arange(size, dtype=jnp.int32) // WINDOW_STRIDE
        weights = weights.take(index, axis, mode="clip")
    return weights


class LocalAttention(nnx.Module):
    """x sigmoid(W2 relu(W1 m)), m local means of x: squeeze-and-excitation by region."""

    def __init__(self, num_features: int, *, rngs: nnx.Rngs):
        self.squeeze = Conv(num_features, num_features // 4, 1, use_bias=True, rngs=rngs)
        self.excite = Conv(num_features // 4, num_features, 1, use_bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        _, h, w, _ = x.shape
        if is_plain():
            return x * repeat_windows(self.window_weights(window_means(x)), h, w)
        means = apply_separable(x, window_mean_matrix(h), window_mean_matrix(w))  # [n h/16 w/16 c]
        weights = self.window_weights(means)
        return x * apply_separable(weights, window_index_matrix(h), window_index_matrix(w))

    def window_weights(self, means: Array) -> Array:
        """Weights in [0, 1] of the features in each window."""
        return jax.nn.sigmoid(self.excite(relu(self.squeeze(means))))


class AttentionBlock(nnx.Module):
    """x + scale_out f(scale_in x), f two 3x3 convolutions with local attention between them."""

    def __init__(self, num_features: int, scale_in: float, scale_out: float, *, rngs: nnx.Rngs):
        width = NINASR_EXPANSION * num_features
        self.conv1 = Conv(num_features, width, 3, use_bias=True, rngs=rngs)
        self.attention = LocalAttention(width, rngs=rngs)
        self.conv2 = Conv(width, num_features, 3, rngs=rngs)
        self.scale_in = scale_in
        self.scale_out = scale_out

    def __call__(self, x: Array) -> Array:
        y = self.attention(relu(self.conv1(x * self.scale_in)))
        return x + self.conv2(y) * self.scale_out


class NinaSR(nnx.Module):
    """A convolution, attention blocks with a shortcut around them, pixel shuffle.

    [n h w c] -> [n 2h 2w c]. The scales of the blocks keep the variance near 1 at initialization.
    The mean color is subtracted from the input and added to the output. torchSR stores it twice,
    as parameters that are not trained.
    """

    def __init__(self, num_blocks: int, num_features: int, *, in_features: int, rngs: nnx.Rngs):
        self.head_mean = nnx.BatchStat(-jnp.array(DIV2K_MEANS[in_features]))
        self.head = Conv(in_features, num_features, 3, rngs=rngs)
        self.blocks = nnx.List()
        step, variance = 4 / num_blocks, 1.0
        for _ in range(num_blocks):
            block = AttentionBlock(num_features, 1 / math.sqrt(variance), 2 * step, rngs=rngs)
            self.blocks.append(block)
            variance += step**2
        self.tail = Conv(num_features, in_features * SCALE**2, 3, use_bias=True, rngs=rngs)
        # PyTorch's initial standard deviation
        self.tail.kernel[...] *= math.sqrt(SCALE**2 * in_features / (6 * num_features))
        self.shuffle = Lambda(pixel_shuffle, scale=SCALE)
        self.tail_mean = nnx.BatchStat(jnp.array(DIV2K_MEANS[in_features]))

    def __call__(self, x: Array) -> Array:
        x = self.head(x + expand_mean(self.head_mean, x))
        y = x
        for block in self.blocks:
            y = block(y)
        y = self.shuffle(self.tail(x + y))
        return y + expand_mean(self.tail_mean, y)  # [n 2h 2w c]


def expand_mean(mean: nnx.BatchStat, x: Array) -> Array:
    """Reshapes a color [c] to [1 1 1 c], in the dtype of `x`."""
    return mean[...].astype(x.dtype).reshape(1, 1, 1, -1)
