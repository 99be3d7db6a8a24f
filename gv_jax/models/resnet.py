"""Residual networks: He et al. 2016, "Deep residual learning for image recognition".

arXiv:1512.03385.
"""

from collections.abc import Callable, Sequence

from flax import nnx
from jax import Array

from gv_jax.errors import unknown
from gv_jax.models import backbone
from gv_jax.models.dropout import Dropout
from gv_jax.models.layers import Conv, ConvNorm, Lambda, Linear, relu
from gv_jax.models.normalization import BatchNorm
from gv_jax.models.ops.pooling import global_pool, max_pool


def make_shortcut(
    in_features: int, out_features: int, strides: int, *, rngs: nnx.Rngs
) -> Callable[[Array], Array]:
    """The identity, or a strided 1x1 convolution and norm where the shape changes."""
    if strides == 1 and in_features == out_features:
        return nnx.identity
    return ConvNorm(in_features, out_features, 1, strides, rngs=rngs)


class BasicBlock(nnx.Module):
    """relu(shortcut(x) + f(x)), f two 3x3 convolutions; fig. 5 left."""

    expansion = 1
    num_convs = 2

    def __init__(self, in_features: int, features: int, strides: int = 1, *, rngs: nnx.Rngs):
        self.conv1 = Conv(in_features, features, 3, strides, rngs=rngs)
        self.norm1 = BatchNorm(features)
        self.conv2 = Conv(features, features, 3, rngs=rngs)
        self.norm2 = BatchNorm(features)
        self.shortcut = make_shortcut(in_features, features, strides, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return relu(self.shortcut(x) + y)  # [n h/s w/s f]


class Bottleneck(nnx.Module):
    """relu(shortcut(x) + f(x)), f a 1x1, 3x3, 1x1 bottleneck; fig. 5 right.

    The 3x3 convolution has the stride, as in torchvision ("v1.5"); in the paper the first 1x1 has.
    """

    expansion = 4
    num_convs = 3

    def __init__(self, in_features: int, features: int, strides: int = 1, *, rngs: nnx.Rngs):
        out_features = self.expansion * features
        self.conv1 = Conv(in_features, features, 1, rngs=rngs)
        self.norm1 = BatchNorm(features)
        self.conv2 = Conv(features, features, 3, strides, rngs=rngs)
        self.norm2 = BatchNorm(features)
        self.conv3 = Conv(features, out_features, 1, rngs=rngs)
        self.norm3 = BatchNorm(out_features)
        self.shortcut = make_shortcut(in_features, out_features, strides, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = relu(self.norm1(self.conv1(x)))
        y = relu(self.norm2(self.conv2(y)))
        y = self.norm3(self.conv3(y))
        return relu(self.shortcut(x) + y)  # [n h/s w/s 4f]


RESNET_STEMS = {"imagenet": (7, 2), "small": (3, 1)}  # kernel size and strides of the first conv


class ResNet(nnx.Module):
    """Stem, four stages of residual blocks, mean over pixels, linear head.

    Each stage after the first halves the resolution and doubles the features.
    """

    min_size = 1

    def __init__(
        self,
        stage_sizes: Sequence[int],
        block: type[BasicBlock] | type[Bottleneck],
        *,
        in_features: int,
        out_features: int,
        stem: str = "imagenet",
        dropout: float = 0.0,
        last_stage: str = "",
        rngs: nnx.Rngs,
    ):
        """Draws the weights.

        Args:
            stage_sizes: blocks per stage.
            block: their class.
            in_features: channels of the images.
            out_features: number of classes.
            stem: "imagenet" (7x7/2 convolution, 3x3/2 max-pooling) or "small" (3x3, for images of
                about 32 pixels).
            dropout: rate before the head.
            last_stage: the stage before the head; empty: the last one. Later ones are left out.
            rngs: random streams.
        """
        if stem not in RESNET_STEMS:
            raise unknown("stem", stem, RESNET_STEMS)
        names = ["stem", *(f"stage{number}" for number in range(1, len(stage_sizes) + 1))]
        self.stage_names = backbone.truncate_stages(names, last_stage)
        self.stage_sizes = tuple(stage_sizes)
        self.block = block
        width = 64
        self.conv1 = Conv(in_features, width, *RESNET_STEMS[stem], rngs=rngs)
        self.norm1 = BatchNorm(width)
        pool = Lambda(max_pool, kernel_size=3, strides=2, padding=1)
        self.pool = pool if stem == "imagenet" else nnx.identity
        self.stage_layers = nnx.List()
        for stage, count in enumerate(stage_sizes[: len(self.stage_names) - 1]):
            features, blocks = 64 * 2**stage, nnx.List()
            for index in range(count):
                blocks.append(block(width, features, 2 if stage and not index else 1, rngs=rngs))
                width = features * block.expansion
            self.stage_layers.append(blocks)
        self.mean = Lambda(global_pool)
        self.head = Linear(width, out_features, rngs=rngs)
        self.dropout = Dropout(dropout, rngs=rngs)

    def features(self, x: Array) -> dict[str, Array]:
        """The feature maps after "stem" and "stage1" to "stage4"."""
        x = self.pool(relu(self.norm1(self.conv1(x))))
        return {"stem": x, **backbone.stage_outputs(self.stage_names[1:], self.stage_layers, x)}

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The modules of each stage, from input to output."""
        return {"stem": ("conv1", "norm1"), **backbone.stage_modules(self.stage_names[1:])}

    def __call__(self, x: Array) -> Array:
        last = self.features(x)[self.stage_names[-1]]
        return self.head(self.dropout(self.mean(last)))  # [n classes]
