"""EfficientNetV2: Tan & Le 2021, "EfficientNetV2: smaller models and faster training", arXiv:2104.00298."""

from typing import NamedTuple

import jax
from flax import nnx
from jax import Array

from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout, StochasticDepth
from gv_jax.models.layers import DepthwiseConv, Lambda, conv, dense, silu
from gv_jax.models.normalization import batch_norm
from gv_jax.models.ops.pooling import global_pool

BN_EPSILON = 1e-3  # of every norm
DROP_PATH_RATE = 0.2  # share of samples for which the last unit is left out in training; earlier ones in proportion
STEM_FEATURES, HEAD_FEATURES = 24, 1280  # features of the stem and of the last 1x1 convolution


class ConvNorm(nnx.Module):
    """norm(conv(x)), the size kept at stride 1."""

    def __init__(self, inputs: int, features: int, size: int, strides: int = 1, *, rngs: nnx.Rngs):
        self.conv = conv(inputs, features, size, strides, rngs=rngs)
        self.norm = batch_norm(features, BN_EPSILON, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.norm(self.conv(x))


class DepthwiseNorm(nnx.Module):
    """norm(conv(x)), every channel by itself."""

    def __init__(self, features: int, strides: int, *, rngs: nnx.Rngs):
        self.conv = DepthwiseConv(features, 3, strides, rngs=rngs)
        self.norm = batch_norm(features, BN_EPSILON, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.norm(self.conv(x))


class SqueezeExcite(nnx.Module):
    """x sigmoid(W2 silu(W1 m)), m the mean of x over all pixels: Hu et al. 2018, arXiv:1709.01507."""

    def __init__(self, features: int, squeezed: int, *, rngs: nnx.Rngs):
        self.squeeze = conv(features, squeezed, 1, bias=True, rngs=rngs)
        self.excite = conv(squeezed, features, 1, bias=True, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        mean = global_pool(x)[:, None, None, :]
        return x * jax.nn.sigmoid(self.excite(silu(self.squeeze(mean))))


class ConvBlock(nnx.Module):
    """x + silu(conv(x)): a fused unit that doesn't expand."""

    def __init__(
        self,
        inputs: int,
        features: int,
        expansion: int,
        strides: int,
        skip: float,
        *,
        rngs: nnx.Rngs,
    ):
        self.conv = ConvNorm(inputs, features, 3, strides, rngs=rngs)
        self.skip = StochasticDepth(skip, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return add_residual(x, silu(self.conv(x)), self.skip)


class FusedMBConv(nnx.Module):
    """x + project(silu(expand(x))), expand a 3x3 convolution; fig. 2 right."""

    def __init__(
        self,
        inputs: int,
        features: int,
        expansion: int,
        strides: int,
        skip: float,
        *,
        rngs: nnx.Rngs,
    ):
        self.expand = ConvNorm(inputs, expansion * inputs, 3, strides, rngs=rngs)
        self.project = ConvNorm(expansion * inputs, features, 1, rngs=rngs)
        self.skip = StochasticDepth(skip, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return add_residual(x, self.project(silu(self.expand(x))), self.skip)


class MBConv(nnx.Module):
    """x + project(excite(silu(spatial(silu(expand(x)))))), spatial a depthwise 3x3 convolution; fig. 2 left."""

    def __init__(
        self,
        inputs: int,
        features: int,
        expansion: int,
        strides: int,
        skip: float,
        *,
        rngs: nnx.Rngs,
    ):
        width = expansion * inputs
        self.expand = ConvNorm(inputs, width, 1, rngs=rngs)
        self.spatial = DepthwiseNorm(width, strides, rngs=rngs)
        self.excitation = SqueezeExcite(width, inputs // 4, rngs=rngs)
        self.project = ConvNorm(width, features, 1, rngs=rngs)
        self.skip = StochasticDepth(skip, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = silu(self.spatial(silu(self.expand(x))))
        return add_residual(x, self.project(self.excitation(y)), self.skip)


def add_residual(x: Array, y: Array, skip: StochasticDepth) -> Array:
    """x + y where they have one shape, y alone where the unit changes it."""
    return x + skip(y) if x.shape == y.shape else y


class StageConfig(NamedTuple):
    """`count` units of one kind; `strides` is of the first."""

    unit: type[ConvBlock] | type[FusedMBConv] | type[MBConv]
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
    """Stem, stages of units, a 1x1 convolution ("top"), mean, linear head; torchvision's, for pictures of any size."""

    smallest = 1

    def __init__(
        self,
        stages: tuple[StageConfig, ...],
        *,
        inputs: int,
        classes: int,
        dropout: float = 0.2,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        names = ["stem", *(f"stage{number}" for number in range(1, len(stages) + 1)), "top"]
        self.names = tuple(backbone.truncate_stages(names, last_stage))
        self.plan = stages
        self.stages = nnx.List(
            [nnx.List([ConvNorm(inputs, STEM_FEATURES, 3, 2, rngs=rngs), Lambda(silu)])]
        )
        width, total, before = STEM_FEATURES, sum(stage.count for stage in stages), 0
        for stage in stages[: len(self.names) - 1]:
            units = nnx.List()
            for index in range(stage.count):
                strides, skip = 1 if index else stage.strides, DROP_PATH_RATE * before / total
                units.append(
                    stage.unit(width, stage.features, stage.expansion, strides, skip, rngs=rngs)
                )
                width, before = stage.features, before + 1
            self.stages.append(units)
        if self.names[-1] == "top":
            self.stages.append(
                nnx.List([ConvNorm(width, HEAD_FEATURES, 1, rngs=rngs), Lambda(silu)])
            )
            width = HEAD_FEATURES
        self.mean = Lambda(global_pool)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = dense(width, classes, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The maps after the stem, after every stage and after the last convolution: "stem", "stage1" …, "top"."""
        return backbone.stage_outputs(self.names, self.stages, x)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Which modules make each stage, from input to output."""
        return backbone.stage_modules(self.names)

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.names[-1]]
        return self.head(self.dropout(self.mean(last)))
