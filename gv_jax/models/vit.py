"""Vision transformers.

Dosovitskiy et al. 2021, "An image is worth 16x16 words", arXiv:2010.11929; with LayerScale and
registers DINOv2: Oquab et al. 2023, arXiv:2304.07193, Darcet et al. 2023, arXiv:2309.16588.
"""

from typing import NamedTuple

import jax.numpy as jnp
from flax import nnx
from jax import Array

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import Conv, Dense, Lambda, Linear, gelu, small_normal
from gv_jax.models.normalization import LayerNorm
from gv_jax.models.ops.attention import attend
from gv_jax.models.ops.pooling import global_pool, pad_edges
from gv_jax.models.position_table import resample_positions

NUM_STAGES = 4  # quarters of the blocks
HEAD_FEATURES = 64  # of each head of the attention, in every published size
MLP_RATIO = 4  # features of the hidden layer of a block
LAYER_SCALE = 1e-5  # at first: DINOv2's


class ViTConfig(NamedTuple):
    """One published size.

    Attributes:
        width: features of a token.
        patch_size: side of the square patches, in pixels.
        grid: patches along each side of the images that the position table is for.
        depth: number of blocks.
        num_registers: further tokens that no output depends on directly.
    """

    width: int
    patch_size: int = 16
    grid: int = 14
    depth: int = 12
    num_registers: int = 0


VIT_TINY, VIT_SMALL, VIT_BASE = ViTConfig(192), ViTConfig(384), ViTConfig(768)
DINOV2_SMALL = ViTConfig(384, patch_size=14, grid=37)
DINOV2_SMALL_REG = DINOV2_SMALL._replace(num_registers=4)


class Attention(nnx.Module):
    """proj(attention(qkv(x))), all tokens attending to all."""

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        self.num_heads = width // HEAD_FEATURES
        self.qkv = Dense(width, 3 * width, rngs=rngs)
        self.proj = Dense(width, width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        n, tokens, width = x.shape
        qkv = self.qkv(x).reshape(n, tokens, 3, self.num_heads, -1)
        return self.proj(attend(qkv).reshape(n, tokens, width))


class Mlp(nnx.Module):
    """fc2(gelu(fc1(x)))."""

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        self.fc1 = Dense(width, MLP_RATIO * width, rngs=rngs)
        self.fc2 = Dense(MLP_RATIO * width, width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.fc2(gelu(self.fc1(x)))


class LayerScale(nnx.Module):
    """x times one factor for each feature; Touvron et al. 2021, arXiv:2103.17239."""

    def __init__(self, num_features: int):
        self.gamma = nnx.Param(jnp.full(num_features, LAYER_SCALE))

    def __call__(self, x: Array) -> Array:
        return x * self.gamma[...].astype(x.dtype).reshape(1, 1, -1)


class Block(nnx.Module):
    """y = x + attn(norm1(x)), y + mlp(norm2(y)): norms before the layers."""

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        self.norm1 = LayerNorm(width)
        self.attn = Attention(width, rngs=rngs)
        self.norm2 = LayerNorm(width)
        self.mlp = Mlp(width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ScaledBlock(Block):
    """y = x + ls1(attn(norm1(x))), y + ls2(mlp(norm2(y))), with LayerScale."""

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        super().__init__(width, rngs=rngs)
        self.ls1, self.ls2 = LayerScale(width), LayerScale(width)

    def __call__(self, x: Array) -> Array:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class Embedding(nnx.Module):
    """Patches [n h w c] -> tokens [n 1+r+hw c]: a class token, r registers, patches + positions.

    The table of positions is interpolated where the patches are not those of its own grid.
    """

    def __init__(self, config: ViTConfig, *, rngs: nnx.Rngs):
        width, self.grid = config.width, config.grid
        shape = (1, 1 + self.grid**2, width)
        self.pos_embed = nnx.Param(small_normal(rngs.params(), shape))
        self.cls_token = nnx.Param(nnx.initializers.normal(1e-6)(rngs.params(), (1, 1, width)))
        shape = (1, config.num_registers, width)
        self.registers = (
            nnx.Param(nnx.initializers.normal(1e-6)(rngs.params(), shape))
            if config.num_registers
            else None
        )

    def __call__(self, x: Array) -> Array:
        n, h, w, width = x.shape
        positions = resample_positions(self.pos_embed[...], (h, w)).astype(x.dtype)
        class_token = self.cls_token[...].astype(x.dtype) + positions[:, :1]
        registers = [] if self.registers is None else [self.registers[...].astype(x.dtype)]
        prefix = jnp.concatenate([class_token, *registers], 1)
        prefix = jnp.broadcast_to(prefix, (n, *prefix.shape[1:]))
        return jnp.concatenate([prefix, x.reshape(n, h * w, width) + positions[:, 1:]], 1)


class VisionTransformer(nnx.Module):
    """Patches as tokens, four stages of blocks, a norm ("top"), linear head of the class token.

    For images of any size, padded with zeros at the bottom and right to whole patches. Where the
    last stages are left out, the head takes the mean over the patches, after a norm of its own.
    """

    min_size = 1
    block = Block

    def __init__(
        self,
        config: ViTConfig,
        *,
        in_features: int,
        out_features: int,
        dropout: float = 0.0,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        names = ["stem", *(f"stage{number + 1}" for number in range(NUM_STAGES)), "top"]
        self.stage_names = backbone.truncate_stages(names, last_stage)
        self.config, width, patch = config, config.width, config.patch_size
        self.pad = Lambda(pad_to_patches, patch_size=patch)
        self.patch_embed = Conv(
            in_features,
            width,
            patch,
            patch,
            padding=0,
            use_bias=True,
            kernel_init=nnx.initializers.lecun_normal(),
            rngs=rngs,
        )
        self.embedding = Embedding(config, rngs=rngs)
        self.stage_layers = nnx.List()
        for _ in self.block_stages:
            count = config.depth // NUM_STAGES
            blocks = [self.block(width, rngs=rngs) for _ in range(count)]
            self.stage_layers.append(nnx.List(blocks))
        self.norm = LayerNorm(width)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = Linear(width, out_features, kernel_init=small_normal, rngs=rngs)

    @property
    def has_top(self) -> bool:
        """Whether no stage is left out."""
        return self.stage_names[-1] == "top"

    @property
    def block_stages(self) -> list[str]:
        """Names of the stages of blocks."""
        return [name for name in self.stage_names if name.startswith("stage")]

    def features(self, x: Array) -> dict[str, Array]:
        """The patches after "stem" and "stage1" to "stage4" [n h/p w/p c].

        "top" is the normalized class token [n 1 1 c].
        """
        patches = self.patch_embed(self.pad(x))
        tokens, shape = self.embedding(patches), patches.shape
        count = 1 + self.config.num_registers
        prefix, x = tokens[:, :count], tokens[:, count:].reshape(shape)
        maps = {"stem": x}
        for name, blocks in zip(self.block_stages, self.stage_layers, strict=True):
            tokens = jnp.concatenate([prefix, x.reshape(shape[0], -1, shape[-1])], 1)
            for block in blocks:
                tokens = block(tokens)
            prefix, x = tokens[:, :count], tokens[:, count:].reshape(shape)
            maps[name] = x
        if self.has_top:
            maps["top"] = self.norm(prefix[:, :1, None])
        return maps

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        modules = {"stem": ("patch_embed", "embedding")}
        modules |= {name: (f"stage_layers.{i}",) for i, name in enumerate(self.block_stages)}
        if self.has_top:
            return {**modules, "top": ("norm",), "head": ("head",)}
        return {**modules, "head": ("norm", "head")}

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.stage_names[-1]]
        vector = global_pool(last if self.has_top else self.norm(last))
        return self.head(self.dropout(vector))


class DinoV2(VisionTransformer):
    """A vision transformer with LayerScale, and registers where its configuration has them."""

    block = ScaledBlock


def pad_to_patches(x: Array, patch_size: int) -> Array:
    """Pads with zeros at the bottom and right to sides that are multiples of `patch_size`."""
    _, h, w, _ = x.shape
    return pad_edges(x, (0, -h % patch_size), (0, -w % patch_size))
