"""ConvNeXt: Liu et al. 2022, "A ConvNet for the 2020s". arXiv:2201.03545."""

from typing import NamedTuple

import jax.numpy as jnp
from flax import nnx
from jax import Array

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout, StochasticDepth
from gv_jax.models.layers import Conv, Dense, DepthwiseConv, Lambda, Linear, gelu, small_normal
from gv_jax.models.normalization import LayerNorm
from gv_jax.models.ops.pooling import global_pool

KERNEL_SIZE = 7  # of the depthwise convolutions
PATCH_SIZE = 4  # of the stem
MLP_RATIO = 4  # features of the hidden layer of a block
LAYER_SCALE = 1e-6  # at first


class ConvNeXtConfig(NamedTuple):
    """One published size.

    Attributes:
        depths: blocks of each stage.
        widths: features of each stage.
        drop_path_rate: stochastic depth of the last block; proportionally less in earlier ones.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    drop_path_rate: float


CONVNEXT_TINY = ConvNeXtConfig((3, 3, 9, 3), (96, 192, 384, 768), 0.1)
CONVNEXT_SMALL = ConvNeXtConfig((3, 3, 27, 3), (96, 192, 384, 768), 0.4)


def patch_conv(in_features: int, out_features: int, patch_size: int, *, rngs: nnx.Rngs) -> Conv:
    """A convolution of patches that do not overlap."""
    return Conv(
        in_features,
        out_features,
        patch_size,
        patch_size,
        padding=0,
        use_bias=True,
        kernel_init=small_normal,
        rngs=rngs,
    )


class Stem(nnx.Module):
    """norm(conv(x)), conv 4x4 with strides of 4."""

    def __init__(self, in_features: int, out_features: int, *, rngs: nnx.Rngs):
        self.conv = patch_conv(in_features, out_features, PATCH_SIZE, rngs=rngs)
        self.norm = LayerNorm(out_features)

    def __call__(self, x: Array) -> Array:
        return self.norm(self.conv(x))


class Downsample(nnx.Module):
    """conv(norm(x)), conv 2x2 with strides of 2; an odd last row or column is left out."""

    def __init__(self, in_features: int, out_features: int, *, rngs: nnx.Rngs):
        self.norm = LayerNorm(in_features)
        self.conv = patch_conv(in_features, out_features, 2, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.conv(self.norm(x))


class ConvNeXtBlock(nnx.Module):
    """x + scale * fc2(gelu(fc1(norm(depthwise(x))))), depthwise 7x7; fig. 4 right."""

    def __init__(self, num_features: int, drop_path_rate: float, *, rngs: nnx.Rngs):
        self.depthwise = DepthwiseConv(
            num_features, KERNEL_SIZE, 1, use_bias=True, kernel_init=small_normal, rngs=rngs
        )
        self.norm = LayerNorm(num_features)
        self.fc1 = Dense(num_features, MLP_RATIO * num_features, rngs=rngs)
        self.fc2 = Dense(MLP_RATIO * num_features, num_features, rngs=rngs)
        self.scale = nnx.Param(jnp.full(num_features, LAYER_SCALE))
        self.drop_path = StochasticDepth(drop_path_rate, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = self.fc2(gelu(self.fc1(self.norm(self.depthwise(x)))))
        scale = self.scale[...].astype(x.dtype).reshape(1, 1, 1, -1)
        return x + self.drop_path(y * scale)


class ConvNeXt(nnx.Module):
    """Stem, four stages of blocks, mean over pixels, norm, linear head.

    The norm belongs to the last stage and is left out with it. Fewer stages take smaller images
    than `min_size`.
    """

    min_size = 32

    def __init__(
        self,
        config: ConvNeXtConfig,
        *,
        in_features: int,
        out_features: int,
        dropout: float = 0.0,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        """Draws the weights.

        Args:
            config: the published size.
            in_features: channels of the images.
            out_features: number of classes.
            dropout: rate before the head.
            last_stage: the stage before the head; empty: the last one. Later ones are left out.
            rngs: random streams.
        """
        names = ["stem", *(f"stage{number + 1}" for number in range(len(config.depths)))]
        self.config = config
        self.stage_names = backbone.truncate_stages(names, last_stage)
        width, before, last = config.widths[0], 0, sum(config.depths) - 1
        self.stage_layers = nnx.List()
        self.stage_layers.append(nnx.List([Stem(in_features, width, rngs=rngs)]))
        for stage in range(len(self.stage_names) - 1):
            layers = nnx.List()
            if stage:
                layers.append(Downsample(width, config.widths[stage], rngs=rngs))
                width = config.widths[stage]
            for _ in range(config.depths[stage]):
                rate = config.drop_path_rate * before / last
                layers.append(ConvNeXtBlock(width, rate, rngs=rngs))
                before += 1
            self.stage_layers.append(layers)
        self.mean = Lambda(global_pool)
        is_complete = self.stage_names[-1] == names[-1]
        self.norm = LayerNorm(width) if is_complete else nnx.identity
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = Linear(width, out_features, kernel_init=small_normal, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The feature maps after "stem" and "stage1" to "stage4"."""
        missing = len(self.config.depths) + 1 - len(self.stage_names)
        backbone.check_min_size(x, self.min_size >> missing, "ConvNeXt")
        return backbone.stage_outputs(self.stage_names, self.stage_layers, x)

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        modules = backbone.stage_modules(self.stage_names)
        last = f"stage{len(self.config.depths)}"
        return modules | ({last: (*modules[last], "norm")} if last in modules else {})

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.stage_names[-1]]
        return self.head(self.dropout(self.norm(self.mean(last))))
