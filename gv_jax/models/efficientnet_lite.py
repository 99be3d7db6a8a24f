"""EfficientNet-Lite: EfficientNet without squeeze-excitation and with ReLU6, for small devices.

Tan & Le 2019, arXiv:1905.11946; github.com/tensorflow/tpu, efficientnet/lite.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from flax import nnx
from jax import Array

from gv_jax.errors import unknown
from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout, StochasticDepth
from gv_jax.models.efficientnet import add_residual
from gv_jax.models.layers import ConvNorm, DepthwiseConv, Lambda, Linear
from gv_jax.models.normalization import BatchNorm
from gv_jax.models.ops.convolution import pad_same
from gv_jax.models.ops.pooling import global_pool

STEM_FEATURES, HEAD_FEATURES = 32, 1280  # of every scale
DROP_PATH_RATE = 0.2  # stochastic depth of the last block; proportionally less in earlier ones
FEATURE_MULTIPLE = 8  # of the features of a block
EPSILONS = {"same": 1e-3, "symmetric": 1e-5}  # of the norms, by padding: TensorFlow's, and timm's


class Scale(NamedTuple):
    """Multipliers of the features and of the number of blocks of each stage; `size` in pixels."""

    width: float
    depth: float
    size: int


LITE0, LITE1, LITE2 = Scale(1.0, 1.0, 224), Scale(1.0, 1.1, 240), Scale(1.1, 1.2, 260)


class LiteStage(NamedTuple):
    """`count` blocks; only the first has the strides."""

    kernel_size: int
    expansion: int
    strides: int
    features: int
    count: int


LITE_STAGES = (  # table 1 of the paper
    LiteStage(3, 1, 1, 16, 1),
    LiteStage(3, 6, 2, 24, 2),
    LiteStage(5, 6, 2, 40, 2),
    LiteStage(3, 6, 2, 80, 3),
    LiteStage(5, 6, 1, 112, 3),
    LiteStage(5, 6, 2, 192, 4),
    LiteStage(3, 6, 1, 320, 1),
)


def scale_stages(scale: Scale) -> tuple[LiteStage, ...]:
    """The stages of one scale; the first and the last keep their single block."""
    last = len(LITE_STAGES) - 1
    return tuple(
        stage._replace(
            features=round_features(scale.width * stage.features),
            count=stage.count if index in (0, last) else math.ceil(scale.depth * stage.count),
        )
        for index, stage in enumerate(LITE_STAGES)
    )


def round_features(features: float) -> int:
    """The closest multiple of FEATURE_MULTIPLE that is at least 90 % of `features`."""
    half = FEATURE_MULTIPLE / 2
    rounded = max(FEATURE_MULTIPLE, int(features + half) // FEATURE_MULTIPLE * FEATURE_MULTIPLE)
    return rounded + FEATURE_MULTIPLE if rounded < 0.9 * features else rounded


def relu6(x: Array) -> Array:
    """The minimum of relu(x) and 6; its gradient at 0 is 0."""
    return jnp.minimum(nnx.relu(x), 6)


class StridedPad(nnx.Module):
    """Zeros around the input of a strided convolution.

    Attributes:
        inside: padding that the convolution adds itself, None for its own default.
    """

    def __init__(self, kernel_size: int, strides: int, padding: str):
        is_same = padding == "same" and strides > 1  # equal at stride 1
        self.inside = 0 if is_same else None
        self.pad = (
            Lambda(pad_same, kernel_size=kernel_size, strides=strides)
            if is_same
            else Lambda(nnx.identity)
        )

    def __call__(self, x: Array) -> Array:
        return self.pad(x)


class Stem(nnx.Module):
    """relu6(norm(conv(x))), conv 3x3 with strides of 2."""

    def __init__(self, in_features: int, padding: str, *, rngs: nnx.Rngs):
        self.pad = StridedPad(3, 2, padding)
        self.conv = ConvNorm(
            in_features,
            STEM_FEATURES,
            3,
            2,
            padding=self.pad.inside,
            epsilon=EPSILONS[padding],
            rngs=rngs,
        )

    def __call__(self, x: Array) -> Array:
        return relu6(self.conv(self.pad(x)))


class DepthwiseNorm(nnx.Module):
    """norm(conv(x)), conv a depthwise convolution."""

    def __init__(
        self, num_features: int, kernel_size: int, strides: int, padding: str, *, rngs: nnx.Rngs
    ):
        self.pad = StridedPad(kernel_size, strides, padding)
        self.conv = DepthwiseConv(
            num_features, kernel_size, strides, padding=self.pad.inside, rngs=rngs
        )
        self.norm = BatchNorm(num_features, epsilon=EPSILONS[padding])

    def __call__(self, x: Array) -> Array:
        return self.norm(self.conv(self.pad(x)))


class SeparableConv(nnx.Module):
    """x + project(relu6(depthwise(x))): a block without expansion."""

    def __init__(
        self,
        in_features: int,
        stage: LiteStage,
        strides: int,
        drop_path_rate: float,
        padding: str,
        *,
        rngs: nnx.Rngs,
    ):
        epsilon = EPSILONS[padding]
        self.depthwise = DepthwiseNorm(in_features, stage.kernel_size, strides, padding, rngs=rngs)
        self.project = ConvNorm(in_features, stage.features, 1, epsilon=epsilon, rngs=rngs)
        self.drop_path = StochasticDepth(drop_path_rate, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return add_residual(x, self.project(relu6(self.depthwise(x))), self.drop_path)


class LiteMBConv(nnx.Module):
    """x + project(relu6(depthwise(relu6(expand(x))))); Sandler et al. 2018, arXiv:1801.04381."""

    def __init__(
        self,
        in_features: int,
        stage: LiteStage,
        strides: int,
        drop_path_rate: float,
        padding: str,
        *,
        rngs: nnx.Rngs,
    ):
        width, epsilon = stage.expansion * in_features, EPSILONS[padding]
        self.expand = ConvNorm(in_features, width, 1, epsilon=epsilon, rngs=rngs)
        self.depthwise = DepthwiseNorm(width, stage.kernel_size, strides, padding, rngs=rngs)
        self.project = ConvNorm(width, stage.features, 1, epsilon=epsilon, rngs=rngs)
        self.drop_path = StochasticDepth(drop_path_rate, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = relu6(self.depthwise(relu6(self.expand(x))))
        return add_residual(x, self.project(y), self.drop_path)


class EfficientNetLite(nnx.Module):
    """Stem, seven stages of blocks, a 1x1 convolution ("top"), mean over pixels, linear head.

    For images of any size. As TensorFlow's, which pads strided convolutions unevenly ("same"), or
    as timm's own `efficientnet_lite0` ("symmetric").
    """

    min_size = 1

    def __init__(
        self,
        scale: Scale,
        *,
        in_features: int,
        out_features: int,
        dropout: float = 0.2,
        last_stage: str = "",
        padding: str = "same",
        rngs: nnx.Rngs,
    ):
        if padding not in EPSILONS:
            raise unknown("padding (config.model.padding)", padding, EPSILONS)
        self.scale, self.padding = scale, padding
        self.stage_configs = scale_stages(scale)
        names = ["stem", *(f"stage{number + 1}" for number in range(len(LITE_STAGES))), "top"]
        self.stage_names = backbone.truncate_stages(names, last_stage)
        width = STEM_FEATURES
        self.stage_layers = nnx.List()
        self.stage_layers.append(nnx.List([Stem(in_features, padding, rngs=rngs)]))
        total, before = sum(stage.count for stage in self.stage_configs), 0
        for stage in self.stage_configs[: len(self.stage_names) - 1]:
            block = LiteMBConv if stage.expansion > 1 else SeparableConv
            blocks = nnx.List()
            for index in range(stage.count):
                strides, rate = 1 if index else stage.strides, DROP_PATH_RATE * before / total
                blocks.append(block(width, stage, strides, rate, padding, rngs=rngs))
                width, before = stage.features, before + 1
            self.stage_layers.append(blocks)
        if self.stage_names[-1] == "top":
            top = ConvNorm(width, HEAD_FEATURES, 1, epsilon=EPSILONS[padding], rngs=rngs)
            self.stage_layers.append(nnx.List([top, Lambda(relu6)]))
            width = HEAD_FEATURES
        self.mean = Lambda(global_pool)
        self.dropout = Dropout(dropout, rngs=rngs)
        self.head = Linear(width, out_features, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The feature maps after "stem", "stage1" to "stage7" and "top"."""
        return backbone.stage_outputs(self.stage_names, self.stage_layers, x)

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        return backbone.stage_modules(self.stage_names)

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.stage_names[-1]]
        return self.head(self.dropout(self.mean(last)))
