"""EfficientNetV2: Tan & Le 2021, "EfficientNetV2: smaller models and faster training".

arXiv:2104.00298.
"""

from functools import partial
from typing import NamedTuple

import jax
from flax import nnx
from jax import Array

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout, StochasticDepth
from gv_jax.models.layers import Conv, ConvNorm, DepthwiseConv, Lambda, Linear
from gv_jax.models.normalization import BatchNorm
from gv_jax.models.ops.pooling import global_pool
from gv_jax.models.ops.silu import silu
from gv_jax.models.ops.xla_cpu import scale_each

BN_EPSILON = 1e-3  # of every norm, as in torchvision
DROP_PATH_RATE = 0.2  # stochastic depth of the last block; proportionally less in earlier ones
STEM_FEATURES, HEAD_FEATURES = 24, 1280  # features of the first and of the last convolution

make_conv_norm = partial(ConvNorm, epsilon=BN_EPSILON)


class DepthwiseNorm(nnx.Module):
    """norm(conv(x)), conv a depthwise 3x3 convolution."""

    def __init__(self, num_features: int, strides: int, *, rngs: nnx.Rngs):
        self.conv = DepthwiseConv(num_features, 3, strides, rngs=rngs)
        self.norm = BatchNorm(num_features, epsilon=BN_EPSILON)

    def __call__(self, x: Array) -> Array:
        return self.norm(self.conv(x))


class SqueezeExcite(nnx.Module):
    """x sigmoid(W2 silu(W1 m)), m the mean over pixels; Hu et al. 2018, arXiv:1709.01507."""

    def __init__(self, num_features: int, squeezed: int, *, rngs: nnx.Rngs):
        self.squeeze = Conv(num_features, squeezed, 1, use_bias=True, rngs=rngs)
        self.excite = Conv(squeezed, num_features, 1, use_bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        mean = global_pool(x)[:, None, None, :]
        gates = jax.nn.sigmoid(self.excite(silu(self.squeeze(mean))))
        return scale_each(x, gates.squeeze((1, 2)))


class ConvBlock(nnx.Module):
    """x + silu(conv(x)): a FusedMBConv without expansion."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        expansion: int,
        strides: int,
        drop_path_rate: float,
        *,
        rngs: nnx.Rngs,
    ):
        del expansion  # 1: the argument of the other blocks
        self.conv = make_conv_norm(in_features, out_features, 3, strides, rngs=rngs)
        self.drop_path = StochasticDepth(drop_path_rate, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return add_residual(x, silu(self.conv(x)), self.drop_path)


class FusedMBConv(nnx.Module):
    """x + project(silu(expand(x))), expand a 3x3 convolution; fig. 2 right."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        expansion: int,
        strides: int,
        drop_path_rate: float,
        *,
        rngs: nnx.Rngs,
    ):
        width = expansion * in_features
        self.expand = make_conv_norm(in_features, width, 3, strides, rngs=rngs)
        self.project = make_conv_norm(width, out_features, 1, rngs=rngs)
        self.drop_path = StochasticDepth(drop_path_rate, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return add_residual(x, self.project(silu(self.expand(x))), self.drop_path)


class MBConv(nnx.Module):
    """x + project(excite(silu(depthwise(silu(expand(x)))))), depthwise 3x3; fig. 2 left."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        expansion: int,
        strides: int,
        drop_path_rate: float,
        *,
        rngs: nnx.Rngs,
    ):
        width = expansion * in_features
        self.expand = make_conv_norm(in_features, width, 1, rngs=rngs)
        self.depthwise = DepthwiseNorm(width, strides, rngs=rngs)
        self.squeeze_excite = SqueezeExcite(width, in_features // 4, rngs=rngs)
        self.project = make_conv_norm(width, out_features, 1, rngs=rngs)
        self.drop_path = StochasticDepth(drop_path_rate, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = silu(self.depthwise(silu(self.expand(x))))
        return add_residual(x, self.project(self.squeeze_excite(y)), self.drop_path)


def add_residual(x: Array, y: Array, drop_path: StochasticDepth) -> Array:
    """x + y where they have the same shape, else y: the block changes the shape."""
    return x + drop_path(y) if x.shape == y.shape else y


class StageConfig(NamedTuple):
    """`count` blocks of one class; only the first has the strides."""

    block: type[ConvBlock] | type[FusedMBConv] | type[MBConv]
    expansion: int
    strides: int
    features: int
    count: int


EFFICIENTNETV2_S = (  # table 4
    StageConfig(ConvBlock, 1, 1, 24, 2),
    StageConfig(FusedMBConv, 4, 2, 48, 4),
    StageConfig(FusedMBConv, 4, 2, 64, 4),
    StageConfig(MBConv, 4, 2, 128, 6),
    StageConfig(MBConv, 6, 1, 160, 9),
    StageConfig(MBConv, 6, 2, 256, 15),
)


class EfficientNetV2(nnx.Module):
    """Stem, stages of blocks, a 1x1 convolution ("top"), mean over pixels, linear head.

    As torchvision's, for images of any size.
    """

    min_size = 1

    def __init__(
        self,
        stage_configs: tuple[StageConfig, ...],
        *,
        in_features: int,
        out_features: int,
        dropout: float = 0.2,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        names = ["stem", *(f"stage{number + 1}" for number in range(len(stage_configs))), "top"]
        self.stage_names = backbone.truncate_stages(names, last_stage)
        self.stage_configs = stage_configs
        width = STEM_FEATURES
        stem = make_conv_norm(in_features, width, 3, 2, rngs=rngs)
        self.stage_layers = nnx.List([nnx.List([stem, Lambda(silu)])])
        total, before = sum(stage.count for stage in stage_configs), 0
        for stage in stage_configs[: len(self.stage_names) - 1]:
            blocks = nnx.List()
            for index in range(stage.count):
                strides, rate = 1 if index else stage.strides, DROP_PATH_RATE * before / total
                blocks.append(
                    stage.block(width, stage.features, stage.expansion, strides, rate, rngs=rngs)
                )
                width, before = stage.features, before + 1
            self.stage_layers.append(blocks)
        if self.stage_names[-1] == "top":
            top = make_conv_norm(width, HEAD_FEATURES, 1, rngs=rngs)
            self.stage_layers.append(nnx.List([top, Lambda(silu)]))
            width = HEAD_FEATURES
        self.mean = Lambda(global_pool)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = Linear(width, out_features, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The feature maps after "stem", "stage1" to "stage6" and "top"."""
        return backbone.stage_outputs(self.stage_names, self.stage_layers, x)

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        return backbone.stage_modules(self.stage_names)

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.stage_names[-1]]
        return self.head(self.dropout(self.mean(last)))
