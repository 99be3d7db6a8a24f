"""A diffusion transformer: Peebles & Xie 2023, arXiv:2212.09748, with fewer and narrower blocks."""

import math

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from gv_jax.models.diffusion.condition import Condition, Modulation, modulate
from gv_jax.models.diffusion.flow_inputs import FlowInputs, append_layouts
from gv_jax.models.layers import Conv, Dense, Lambda, pixel_shuffle
from gv_jax.models.normalization import LayerNorm
from gv_jax.models.ops.xla_cpu import scale_each
from gv_jax.models.vit import Attention, Mlp

PATCH_SIZE = 4  # side of the patches, in pixels

xavier = nnx.initializers.xavier_uniform()


class ModulatedBlock(nnx.Module):
    """A block of a vision transformer whose two layers are scaled, shifted and gated."""

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        self.norm1, self.norm2 = LayerNorm(width), LayerNorm(width)
        self.attn = Attention(width, rngs=rngs)
        self.mlp = Mlp(width, rngs=rngs)
        self.modulation = Modulation(width, width, 6, rngs=rngs)

    def __call__(self, x: Array, condition: Array) -> Array:
        scale1, shift1, gate1, scale2, shift2, gate2 = self.modulation(condition)
        x = x + scale_tokens(self.attn(modulate_tokens(self.norm1(x), scale1, shift1)), gate1)
        return x + scale_tokens(self.mlp(modulate_tokens(self.norm2(x), scale2, shift2)), gate2)


class DiT(nnx.Module):
    """Predicts the velocity [n h w c] of `FlowInputs`; h and w are multiples of 4.

    It knows of tiling from its condition and from training images that are rolled.
    """

    multiple = PATCH_SIZE

    def __init__(
        self, width: int, depth: int, *, in_features: int, num_classes: int, rngs: nnx.Rngs
    ):
        """Draws the weights.

        Args:
            width: features of a token.
            depth: number of blocks.
            in_features: channels of the images.
            num_classes: classes of the images.
            rngs: random streams.
        """
        self.condition = Condition(num_classes, width, rngs=rngs)
        self.patch_embed = Conv(
            2 * in_features,
            width,
            PATCH_SIZE,
            PATCH_SIZE,
            padding=0,
            use_bias=True,
            kernel_init=xavier,
            rngs=rngs,
        )
        self.blocks = nnx.List(ModulatedBlock(width, rngs=rngs) for _ in range(depth))
        self.norm = LayerNorm(width)
        self.modulation = Modulation(width, width, 2, rngs=rngs)
        zeros = nnx.initializers.zeros_init()
        self.head = Dense(width, in_features * PATCH_SIZE**2, kernel_init=zeros, rngs=rngs)
        self.unfold = Lambda(pixel_shuffle, scale=PATCH_SIZE)

    def __call__(self, inputs: FlowInputs) -> Array:
        condition = self.condition(inputs)
        patches = self.patch_embed(append_layouts(inputs))
        n, h, w, width = patches.shape
        x = patches.reshape(n, h * w, width) + jnp.asarray(
            wave_positions(h, w, width), patches.dtype
        )
        for block in self.blocks:
            x = block(x, condition)
        x = self.head(modulate_tokens(self.norm(x), *self.modulation(condition)))
        return self.unfold(x.reshape(n, h, w, -1))


def modulate_tokens(x: Array, scales: Array, shifts: Array) -> Array:
    """`modulate` for tokens [n t c]."""
    return modulate(x[:, None], scales, shifts).reshape(x.shape)


def scale_tokens(x: Array, gates: Array) -> Array:
    """Multiplies the channels of each image's tokens, [n t c] and [n c]."""
    return scale_each(x[:, None], gates).reshape(x.shape)


def wave_positions(height: int, width: int, num_features: int) -> np.ndarray:
    """Sines and cosines of the rows and columns of a grid, float32 [1 height*width features]."""
    count = num_features // 4
    frequencies = np.exp(-math.log(10_000) * np.arange(count) / count)
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    angles = [axis.reshape(-1, 1) * frequencies for axis in (rows, columns)]
    waves = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    return np.concatenate(waves, 1)[None].astype(np.float32)
